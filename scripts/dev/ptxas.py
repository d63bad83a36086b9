# SPDX-License-Identifier: MIT
"""Reads what nvcc says of a kernel, and the rules of CUDA's occupancy calculator: how many of its blocks
fit a multiprocessor."""
import re
from typing import NamedTuple


class Multiprocessor(NamedTuple):
    warps: int
    blocks: int
    shared: int        # bytes
    block_shared: int  # the most that one block may have


# CUDA C++ Programming Guide, "Technical Specifications per Compute Capability".
MULTIPROCESSORS = {
    "sm_80": Multiprocessor(64, 32, 164 * 1024, 163 * 1024),
    "sm_90": Multiprocessor(64, 32, 228 * 1024, 227 * 1024),
    "sm_120": Multiprocessor(48, 24, 100 * 1024, 99 * 1024),
}
REGISTERS = 65536    # of a multiprocessor, a quarter in each of its four parts
PARTS = 4
REGISTER_UNIT = 256  # registers are given to a warp in such pieces
SHARED_UNIT = 128
RESERVED_SHARED = 1024  # per block, by the system


class Occupancy(NamedTuple):
    blocks: int
    warps: int
    percent: int
    limit: str


def round_up(value, unit):
    return -(-value // unit) * unit


def occupancy(arch, threads, registers, shared_bytes):
    """Blocks that fit at once, and what keeps out the next one."""
    sm = MULTIPROCESSORS[arch]
    warps = -(-max(threads, 1) // 32)
    per_warp = round_up(max(registers, 1) * 32, REGISTER_UNIT)
    shared = round_up(shared_bytes, SHARED_UNIT) + RESERVED_SHARED
    limits = {"blocks": sm.blocks,
              "warps": sm.warps // warps,
              "registers": REGISTERS // PARTS // per_warp * PARTS // warps,
              "shared memory": sm.shared // shared}
    limit = min(limits, key=limits.get)
    blocks = limits[limit]
    return Occupancy(blocks, blocks * warps, 100 * blocks * warps // sm.warps, limit)


# --- the compiler's output ----------------------------------------------------------------------
ENTRY = re.compile(r"Compiling entry function '(\w+)' for '(sm_\d+)a?'")
STACK = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
USED = re.compile(r"Used (\d+) registers")
STATIC = re.compile(r"(\d+) bytes smem")
PTX_ENTRY = re.compile(r"^(?:\.visible |\.weak )?\.entry (\w+)\(", re.MULTILINE)
MAX_THREADS = re.compile(r"^\.maxntid (\d+)(?:, (\d+))?(?:, (\d+))?", re.MULTILINE)


def parse_ptxas(text):
    """{(mangled name, arch): [registers, static, stack frame, spill stores, spill loads]}; stack and spills of
    functions that a kernel calls are printed below it and count as its own."""
    kernels, current = {}, None
    for line in text.splitlines():
        if entry := ENTRY.search(line):
            current = kernels.setdefault(entry.groups(), [0, 0, 0, 0, 0])
        elif current is None:
            continue
        elif stack := STACK.search(line):
            current[2:] = [had + int(more) for had, more in zip(current[2:], stack.groups())]
        elif used := USED.search(line):
            current[0] = max(current[0], int(used[1]))
            if static := STATIC.search(line):
                current[1] = int(static[1])
    return kernels


def parse_ptx(text):
    """{mangled name: (threads a block, uses dynamic shared memory)}"""
    dynamic = re.findall(r"^\.extern \.shared .*? (\w+)\[\]", text, re.MULTILINE)
    starts = [(match.start(), match[1]) for match in PTX_ENTRY.finditer(text)]
    kernels = {}
    for (start, name), (end, _) in zip(starts, starts[1:] + [(len(text), "")]):
        body = text[start:end]
        threads = 0
        if bounds := MAX_THREADS.search(body):
            threads = 1
            for extent in bounds.groups(default="1"):
                threads *= int(extent)
        kernels[name] = threads, any(array in body for array in dynamic)
    return kernels


def short_name(demangled, enums):
    """`void n::(anonymous namespace)::f<(n::E)1, 4>(..)` -> `f<E::second, 4>`"""
    text = demangled.replace("(anonymous namespace)::", "")
    text = re.sub(r"\b\w+::(?=\w)", "", text)
    text = re.sub(r"\((\w+)\)(\d+)",
                  lambda m: f"{m[1]}::{enums[m[1]][int(m[2])]}" if m[1] in enums else f"({m[1]}){m[2]}", text)
    text = re.sub(r"\((?:int|unsigned int|bool)\)", "", text)
    end = re.search(r"\((?!\w+\)\d)", text)  # the arguments, but not a cast
    return re.sub(r"^void ", "", text[:end.start()] if end else text).strip()
