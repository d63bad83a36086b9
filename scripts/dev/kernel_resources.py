#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the compiler gave each CUDA kernel: registers, shared memory, spills, and the occupancy that follows.

    scripts/dev/kernel_resources.py            # compile kernels/**/*.cu for every architecture, print the table
    scripts/dev/kernel_resources.py --write    # the same into kernels/resources.txt
    scripts/dev/kernel_resources.py --check    # one line per breach of the bars or of that file, exit 1

Needs nvcc and c++filt, no GPU. The bars: no spills, no stack frame, at most 128 registers a thread and 32768 a
block, at most 48 KiB of static shared memory, explicit launch bounds, no warnings. Against kernels/resources.txt:
no kernel is missing, stale or worse; figures are compared only if the same nvcc wrote them. Exit code 69: no nvcc.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from typing import NamedTuple

from ptxas import MULTIPROCESSORS, Occupancy, occupancy, parse_ptx, parse_ptxas, short_name

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = ROOT / "kernels/resources.txt"
ARCHITECTURES = ("sm_80", "sm_90", "sm_120")

MAX_REGISTERS = 128
MAX_REGISTERS_A_BLOCK = 128 * 256
MAX_STATIC = 48 * 1024

# Dynamic shared memory is the launcher's choice and not in the compiler's output. A file whose kernels use
# it names the limit that its launcher sets for them (cudaFuncAttributeMaxDynamicSharedMemorySize).
MOST_DYNAMIC = re.compile(r"^constexpr [\w:]+ kMostDynamic = ([\d\s()*+-]+);", re.MULTILINE)


class Kernel(NamedTuple):
    name: str
    arch: str
    threads: int  # 0: no launch bounds
    registers: int
    static: int
    dynamic: int
    stack: int    # not in the table: it is 0
    spill_stores: int
    spill_loads: int


def fit(kernel):
    return occupancy(kernel.arch, kernel.threads, kernel.registers, kernel.static + kernel.dynamic)


# --- nvcc ----------------------------------------------------------------------------------------
def enumerators():
    """{enum name: [enumerators]} of the kernels' headers, for readable template arguments."""
    found = {}
    for header in sorted((ROOT / "kernels").rglob("*.h")):
        for name, body in re.findall(r"enum class (\w+)[^{;]*\{([^}]*)\}", header.read_text(encoding="utf-8")):
            body = re.sub(r"//.*", "", body)
            found[name] = [word.split("=")[0].strip() for word in body.split(",") if word.strip()]
    return found


def demangle(names):
    if not names:
        return {}
    done = subprocess.run(["c++filt"], input="\n".join(names), stdout=subprocess.PIPE, text=True, check=True)
    return dict(zip(names, done.stdout.splitlines()))


def compile_file(nvcc, path, architectures):
    """(output, {mangled name: PTX facts}) or (output, None) if it does not compile without a warning."""
    with tempfile.TemporaryDirectory() as folder:
        command = [nvcc, "-std=c++20", "-O3", "-Werror", "all-warnings", "-Xptxas", "-v", "-Iinclude", "-Ikernels", "-I.",
                   "-fatbin", "--keep", "--keep-dir", folder, "-o", f"{folder}/out.fatbin", path]
        for arch in architectures:
            command += ["-gencode", f"arch=compute_{arch[3:]},code={arch}"]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            return done.stdout, None
        facts = {}
        for ptx in sorted(pathlib.Path(folder).glob("*.ptx")):
            facts.update(parse_ptx(ptx.read_text()))
        return done.stdout, facts


def most_dynamic(source):
    """Bytes, or None if the source does not say."""
    match = MOST_DYNAMIC.search(source)
    return eval(match[1], {"__builtins__": {}}) if match else None  # digits and operators only


def kernels_of(path, source, output, facts, enums):
    """(kernels, breaches) of one compiled file."""
    found = parse_ptxas(output)
    readable = demangle(sorted({mangled for mangled, _ in found}))
    kernels, breaches = [], []
    stem = path.removeprefix("kernels/").removesuffix(".cu")
    for (mangled, arch), (registers, static, stack, stores, loads) in found.items():
        short = short_name(readable[mangled], enums)
        threads, wants_dynamic = facts.get(mangled, (0, False))
        dynamic = most_dynamic(source) if wants_dynamic else 0
        if dynamic is None:
            breaches.append(f"{path}: {short} uses dynamic shared memory, and the file has no constant kMostDynamic")
            dynamic = 0
        kernels.append(Kernel(f"{stem}: {short}", arch, threads, registers, static, dynamic, stack, stores, loads))
    return kernels, breaches


def compile_all(nvcc, jobs):
    known = subprocess.run([nvcc, "--list-gpu-code"], stdout=subprocess.PIPE, text=True).stdout.split()
    architectures = [arch for arch in ARCHITECTURES if arch in known]
    files = [file.relative_to(ROOT).as_posix() for file in sorted((ROOT / "kernels").rglob("*.cu"))]
    kernels, breaches, enums = [], [], enumerators()
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for path, (output, facts) in zip(files, pool.map(lambda f: compile_file(nvcc, f, architectures), files)):
            if facts is None:
                breaches.append(f"{path}: does not compile without warnings:\n{output.strip()}")
                continue
            source = (ROOT / path).read_text(encoding="utf-8")
            some, more = kernels_of(path, source, output, facts, enums)
            kernels += some
            breaches += more
    order = {arch: i for i, arch in enumerate(ARCHITECTURES)}
    return sorted(kernels, key=lambda k: (k.name, order[k.arch])), breaches


def nvcc_version(nvcc):
    text = subprocess.run([nvcc, "--version"], stdout=subprocess.PIPE, text=True).stdout
    match = re.search(r"V(\d+\.\d+\.\d+)", text)
    return match[1] if match else "unknown"


# --- the table ------------------------------------------------------------------------------------
HEADER = ["kernel", "arch", "threads", "registers", "static", "dynamic", "spills", "blocks", "warps", "%", "limited by"]


def to_text(kernels, version):
    rows = [HEADER]
    for kernel in kernels:
        place = fit(kernel)
        rows.append([kernel.name, kernel.arch, kernel.threads, kernel.registers, kernel.static, kernel.dynamic,
                     f"{kernel.spill_stores}/{kernel.spill_loads}", *place])
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(HEADER))]
    lines = [f"# nvcc {version}. Written by scripts/dev/kernel_resources.py --write. In bytes: static shared memory,",
             "# the most dynamic shared memory a launch may ask for, spills (stores/loads). Blocks and warps that fit",
             "# a multiprocessor at once, % of its warps."]
    for row in rows:
        cells = [str(cell).ljust(width) if i in (0, 1, len(HEADER) - 1) else str(cell).rjust(width)
                 for i, (cell, width) in enumerate(zip(row, widths))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines) + "\n"


def from_text(text):
    """(nvcc version, {(name, arch): kernel})"""
    version = re.search(r"^# nvcc (\S+)\.", text)
    kernels = {}
    for line in text.splitlines():
        cells = re.split(r"\s{2,}", line.strip())
        if len(cells) != len(HEADER) or cells == HEADER:
            continue
        numbers = [int(cell) for cell in cells[2:6]] + [0] + [int(cell) for cell in cells[6].split("/")]
        kernels[cells[0], cells[1]] = Kernel(cells[0], cells[1], *numbers)
    return version[1] if version else "", kernels


def bar_breaches(kernel):
    if kernel.spill_stores or kernel.spill_loads:
        yield f"spills {kernel.spill_stores} bytes, {kernel.spill_loads} loaded"
    if kernel.stack:
        yield f"has a stack frame of {kernel.stack} bytes"
    if kernel.threads == 0:
        yield "has no __launch_bounds__"
    elif kernel.threads % 32 != 0:
        yield f"has {kernel.threads} threads, not a multiple of 32"
    if kernel.registers > MAX_REGISTERS or kernel.registers * kernel.threads > MAX_REGISTERS_A_BLOCK:
        yield f"uses {kernel.registers} registers at {kernel.threads} threads"
    if kernel.static > MAX_STATIC:
        yield f"has {kernel.static} bytes of static shared memory; at most {MAX_STATIC}"
    if kernel.static + kernel.dynamic > MULTIPROCESSORS[kernel.arch].block_shared:
        yield f"has {kernel.static + kernel.dynamic} bytes of shared memory, more than a block can have"


def table_breaches(kernel, old):
    if kernel.registers > old.registers:
        yield f"{kernel.registers} registers, {old.registers} in the table"
    if kernel.static + kernel.dynamic > old.static + old.dynamic:
        yield f"{kernel.static + kernel.dynamic} bytes of shared memory, {old.static + old.dynamic} in the table"
    if fit(kernel).warps < fit(old).warps:
        yield f"{fit(kernel).warps} warps fit, {fit(old).warps} in the table"


def check(kernels, version, table):
    old_version, old = from_text(table)
    architectures = {kernel.arch for kernel in kernels}
    here = {(kernel.name, kernel.arch) for kernel in kernels}
    for kernel in kernels:
        problems = list(bar_breaches(kernel))
        before = old.get((kernel.name, kernel.arch))
        if before is None:
            problems.append("is not in kernels/resources.txt: run scripts/dev/kernel_resources.py --write")
        elif version == old_version:
            problems += table_breaches(kernel, before)
        yield from (f"{kernel.name} ({kernel.arch}): {problem}" for problem in problems)
    for name, arch in old:
        if arch in architectures and (name, arch) not in here:
            yield f"{name} ({arch}): in kernels/resources.txt, but there is no such kernel"


# --- the check of the check -----------------------------------------------------------------------
NAMED = "_ZN8dropmuon7kernels"
PTXAS = """ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '_ZN8dropmuon7kernels1aILi4EEEvPf' for 'sm_80'
ptxas info    : Function properties for _ZN8dropmuon7kernels1aILi4EEEvPf
    24 bytes stack frame, 24 bytes spill stores, 32 bytes spill loads
ptxas info    : Used 128 registers, used 1 barriers, 24 bytes cumulative stack size, 10624 bytes smem, 368 bytes cmem[0]
ptxas info    : Function properties for _ZN8dropmuon7kernels6helperEv
    8 bytes stack frame, 4 bytes spill stores, 4 bytes spill loads
ptxas info    : Compile time = 22.639 ms
ptxas info    : Compiling entry function '_ZN8dropmuon7kernels1aILi4EEEvPf' for 'sm_90a'
ptxas info    : Function properties for _ZN8dropmuon7kernels1aILi4EEEvPf
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 40 registers, used 0 barriers
"""
PTX = """.extern .shared .align 128 .b8 memory[];
.visible .entry a(
)
.maxntid 32, 8, 1
.minnctapersm 2
{ mov.b64 %rd1, memory; }
.entry b(
)
{ ret; }
"""
NAMES = {
    "void n::(anonymous namespace)::f<(n::Operand)1, 4, (bool)0>(int, void (*)(int))": "f<Operand::fp16, 4, 0>",
    "dropmuon::kernels::(anonymous namespace)::dual_norms_kernel(double*, unsigned int*)": "dual_norms_kernel",
}
# (arch, threads, registers, shared bytes): what the calculator in NVIDIA's cuda_occupancy.h gives
FITS = [(("sm_80", 256, 32, 0), Occupancy(8, 64, 100, "warps")),
        (("sm_80", 256, 33, 0), Occupancy(6, 48, 75, "registers")),
        (("sm_80", 256, 128, 0), Occupancy(2, 16, 25, "registers")),
        (("sm_80", 64, 32, 54954), Occupancy(2, 4, 6, "shared memory")),
        (("sm_90", 32, 16, 0), Occupancy(32, 32, 50, "blocks")),
        (("sm_90", 256, 64, 100 * 1024), Occupancy(2, 16, 25, "shared memory")),
        (("sm_90", 1024, 64, 0), Occupancy(1, 32, 50, "registers")),
        (("sm_90", 96, 168, 0), Occupancy(4, 12, 18, "registers")),
        (("sm_120", 256, 40, 0), Occupancy(6, 48, 100, "warps")),
        (("sm_120", 64, 32, 48 * 1024), Occupancy(2, 4, 8, "shared memory")),
        (("sm_120", 256, 32, 99 * 1024), Occupancy(1, 8, 16, "shared memory")),
        (("sm_120", 32, 32, 0), Occupancy(24, 24, 50, "blocks"))]


def breach_cases():
    """(words of the one breach, kernel, its row or None, whether the same nvcc wrote the table)"""
    sound = Kernel("k: f<4>", "sm_80", 256, 40, 2048, 0, 0, 0, 0)
    yield "", sound, sound, True
    yield "", sound, sound._replace(registers=48), True
    yield "", sound, sound._replace(registers=39), False
    yield "40 registers, 39 in the table", sound, sound._replace(registers=39), True
    yield "bytes of shared memory, 2047 in the table", sound, sound._replace(static=2047), True
    yield "45 warps fit, 48 in the table", sound._replace(threads=160), sound._replace(threads=192), True
    yield "is not in kernels/resources.txt", sound, None, True
    yield "is not in kernels/resources.txt", sound, None, False
    for words, change in [("spills 8 bytes", {"spill_stores": 8}), ("4 loaded", {"spill_loads": 4}),
                          ("a stack frame of 16 bytes", {"stack": 16}),
                          ("no __launch_bounds__", {"threads": 0}), ("not a multiple of 32", {"threads": 250}),
                          ("129 registers at 32", {"registers": 129, "threads": 32}),
                          ("65 registers at 512", {"registers": 65, "threads": 512}),
                          ("static shared memory", {"static": 49153}),
                          ("more than a block can have", {"dynamic": 163 * 1024})]:
        yield words, sound._replace(**change), sound._replace(**change), True


def self_test():
    failures = []

    def expect(what, found, expected):
        if found != expected:
            failures.append(f"{what}: expected {expected}, found {found}")

    mangled = NAMED + "1aILi4EEEvPf"
    expect("ptxas", parse_ptxas(PTXAS), {(mangled, "sm_80"): [128, 10624, 32, 28, 36],
                                         (mangled, "sm_90"): [40, 0, 0, 0, 0]})
    expect("no DYN_SHARED", kernels_of("kernels/d/k.cu", "", PTXAS, {mangled: (256, False)}, {}),
           ([Kernel("d/k: a<4>", "sm_80", 256, 128, 10624, 0, 32, 28, 36),
             Kernel("d/k: a<4>", "sm_90", 256, 40, 0, 0, 0, 0, 0)], []))
    source = "// text\nconstexpr int kMostDynamic = 99 * 1024 - (512);\n"
    kernels, breaches = kernels_of("kernels/k.cu", source, PTXAS, {mangled: (256, True)}, {})
    expect("DYN_SHARED", ([kernel.dynamic for kernel in kernels], breaches), ([100864, 100864], []))
    expect("DYN_SHARED without a limit", kernels_of("kernels/k.cu", "", PTXAS, {mangled: (256, True)}, {})[1],
           ["kernels/k.cu: a<4> uses dynamic shared memory, and the file has no constant kMostDynamic"] * 2)
    expect("a file with a warning", compile_file("false", "kernels/k.cu", [])[1], None)
    expect("PTX", parse_ptx(PTX), {"a": (256, True), "b": (0, False)})
    for name, short in NAMES.items():
        expect(name, short_name(name, {"Operand": ["fp32", "fp16"]}), short)
    for arguments, result in FITS:
        expect(f"occupancy{arguments}", occupancy(*arguments), result)
    for words, kernel, row, same in breach_cases():
        table = to_text([row] if row else [], "13.0.88")
        if row:
            expect("table", from_text(table), ("13.0.88", {(row.name, row.arch): row._replace(stack=0)}))
        found = list(check([kernel], "13.0.88" if same else "12.8.93", table))
        if len(found) != bool(words) or words not in "".join(found):
            failures.append(f"expected one breach '{words}', found {found}")
    gone = to_text([Kernel("k: g", arch, 256, 40, 0, 0, 0, 0, 0) for arch in ("sm_80", "sm_90")], "13.0.88")
    row = Kernel("k: f", "sm_80", 256, 40, 0, 0, 0, 0, 0)
    expect("a stale row", [line for line in check([row], "1", gone) if "no such kernel" in line],
           ["k: g (sm_80): in kernels/resources.txt, but there is no such kernel"])
    for failure in failures:
        print(failure)
    print(f"kernel_resources self-test: {len(failures)} problems")
    return 1 if failures else 0


def main():
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--check", action="store_true")
    cli.add_argument("--write", action="store_true")
    cli.add_argument("--self-test", action="store_true", help="check the parser, the rules and the breaches")
    cli.add_argument("--nvcc", default=shutil.which("nvcc") or "/usr/local/cuda/bin/nvcc")
    cli.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    arguments = cli.parse_args()
    if arguments.self_test:
        sys.exit(self_test())
    for tool in (arguments.nvcc, "c++filt"):
        if not shutil.which(tool):
            print(f"kernel_resources: no {tool} here", file=sys.stderr)
            sys.exit(69)
    kernels, breaches = compile_all(arguments.nvcc, arguments.jobs)
    version = nvcc_version(arguments.nvcc)
    if arguments.check:
        table = TABLE.read_text(encoding="utf-8") if TABLE.exists() else ""
        breaches += check(kernels, version, table)
    elif arguments.write and not breaches:
        TABLE.write_text(to_text(kernels, version), encoding="utf-8")
    else:
        print(to_text(kernels, version), end="")
    for breach in breaches:
        print(breach)
    sys.exit(1 if breaches else 0)


if __name__ == "__main__":
    main()
