#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Keeps the house in order: who may include whom, and a few marks every file carries.

Prints `file:line: message` for each breach and exits 1 if there is any. `--self-test` builds a small
tree for every rule, breaks it, and demands that the rule (and no other) speaks up.
"""
import argparse
import pathlib
import re
import sys
import tempfile

# Each room, and the rooms its files may include besides their own. Arrows go down only.
ROOMS = {
    "ops": [],
    "core": ["ops"],
    "kernels": ["ops"],
    "backend": ["ops", "core", "kernels"],
    "engine": ["ops", "core", "backend"],
    "optim": ["ops", "core", "backend"],
    "dataset": ["ops", "core", "backend"],
    "training": ["ops", "core", "backend", "engine", "optim", "dataset"],
    "config": ["ops", "core", "backend", "engine", "optim", "dataset", "training"],
    "runner": ["ops", "core", "backend", "engine", "optim", "dataset", "training", "config"],
    "experiments": ["ops", "core", "backend", "engine", "optim", "dataset", "training", "config", "runner"],
    "cli": ["ops", "core", "backend", "engine", "optim", "dataset", "training", "config", "runner", "experiments"],
}

# Outside libraries: a pattern for the header, and the paths that may include it. Public headers
# are in none of them, so they stay free of everything but the standard library and fmt.
GPU = ("src/backend/cuda/", "kernels/")
LIBRARIES = [
    ("CLI11", r"CLI/", ("src/cli/",)),
    ("yaml-cpp", r"yaml-cpp/", ("src/config/",)),
    ("nlohmann-json", r"nlohmann/", ("src/training/", "src/runner/", "src/experiments/", "src/cli/")),
    ("oneDNN", r"(oneapi/dnnl/)?dnnl", ("src/backend/cpu/onednn/",)),
    ("spdlog", r"spdlog/", ("src/core/",)),
    ("OpenSSL", r"openssl/", ("src/core/",)),
    ("zlib", r"zlib\.h", ("src/dataset/",)),
    ("Catch2", r"catch2/", ()),
    ("Eigen", r"Eigen/", ()),
    ("CUDA", r"(cuda|cudnn|cublas|cub/|thrust/|cooperative_groups|mma\.h)", GPU),
    ("NVTX", r"nvtx3/", ("src/backend/cuda/",)),
]

# The arguments of operations are what kernels and everybody else share: plain structs.
STANDARD_HEADER = re.compile(r"[a-z_]+")

# Kernels see those, the standard library, each other, and CUDA through the one dual include, which
# takes CUDA's own headers under nvcc and those of the host harness elsewhere.
DUAL_INCLUDE = "kernels/device/language.h"
KERNEL_HEADER = re.compile(r"[a-z_]+|cuda_runtime_api\.h|cuda_bf16\.h|cuda_fp16\.h")
DUAL_HEADER = re.compile(r"cuda_runtime\.h|mma\.h")
WRAPPED_WORDS = [  # what the dual include wraps
    (re.compile(r"<<<"), "<<<>>>; use launch()"),
    (re.compile(r"\b__shared__\b"), "__shared__; use SHARED or DYN_SHARED"),
]
KERNEL_WORDS = [
    (re.compile(r"\basm\b"), "inline PTX"),
    (re.compile(r"\bprintf\b"), "printf"),
    (re.compile(r"\b__managed__\b"), "managed memory"),
    (re.compile(r"\b__constant__\b"), "constant memory; pass arguments"),
    (re.compile(r"\b__device__\b[^()]*[;={]"), "device globals; pass arguments"),
]

GPU_WORDS = re.compile(r"cuda|cudnn|cublas", re.IGNORECASE)
GPU_WORDS_ALLOWED = GPU + ("src/backend/factory.cpp", "src/backend/without_cuda.cpp",
                           "include/dropmuon/backend/factory.h")
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME)\b")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
CODE = {".h", ".cpp", ".cu", ".cuh"}
SCRIPTS = {".py", ".sh"}
MAX_LINES = 350


def room_of(path):
    """The room that a path from the root belongs to, or None (tests, scripts, loose files)."""
    parts = pathlib.PurePosixPath(path).parts
    if parts[0] == "kernels":
        return "kernels"
    if parts[0] == "src" and len(parts) > 2:
        return parts[1]
    if parts[:2] == ("include", "dropmuon") and len(parts) > 3:
        return parts[2]
    return None


def resolve(path, name):
    """The path from the root that `#include "name"` in `path` means; textual, nothing is opened."""
    parts = []
    for part in (pathlib.PurePosixPath(path).parent / name).parts:
        if part == ".." and parts:
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def check_room(path, room, bracket, name):
    """Yields (rule, message) if this include leads to a room that may not be entered."""
    if name.startswith("dropmuon/") or name.startswith("kernels/"):
        parts = name.split("/")
        target = parts[1] if parts[0] == "dropmuon" and len(parts) > 2 else parts[0]
    elif bracket == '"':
        target = room_of(resolve(path, name))
        if target is None:
            yield "room", f'"{name}" leads out of the rooms'
            return
        if target not in (room, "kernels"):
            yield "private", f"{name} is a private header of {target}; use its public headers"
            return
    else:
        return
    if target == room:
        return
    if target == "kernels" and not path.startswith("src/backend/cuda/"):
        yield "room", "only src/backend/cuda may include kernels"
    elif target not in ROOMS.get(room, []):
        yield "room", f"{room} may not include {target} ({name})"


def check_kernel_include(path, bracket, name):
    dual = path == DUAL_INCLUDE
    if bracket == '"' and name.startswith("simt/") and not dual:
        yield "kernel", f"only {DUAL_INCLUDE} may include the host harness"
    known = KERNEL_HEADER.fullmatch(name) or (dual and DUAL_HEADER.fullmatch(name))
    if bracket == "<" and not known and not name.startswith("dropmuon/"):
        yield "kernel", f"kernels may not include <{name}>; CUDA comes from device/language.h"


def check_kernel_line(path, line):
    code = line.split("//")[0]
    for pattern, what in KERNEL_WORDS + (WRAPPED_WORDS if path != DUAL_INCLUDE else []):
        if pattern.search(code):
            yield "kernel", f"kernels may not use {what}"


def check_ops_include(bracket, name):
    if bracket == "<" and not STANDARD_HEADER.fullmatch(name) and not name.startswith("dropmuon/"):
        yield "ops", f"arguments of operations may not include <{name}>, only the standard library"


def check_include(path, room, bracket, name):
    yield from check_room(path, room, bracket, name)
    if room == "ops":
        yield from check_ops_include(bracket, name)
    if room == "kernels":
        yield from check_kernel_include(path, bracket, name)
    for library, pattern, allowed in LIBRARIES:
        ours = bracket == '"' and name == "cuda/make_backend.h"
        if re.match(pattern, name) and not path.startswith(allowed) and not ours:
            places = " or ".join(allowed) or "tests/"
            yield "library", f"{library} headers belong in {places} only"
    if name == "iostream" and room != "cli":
        yield "iostream", "<iostream> belongs in src/cli only; use dropmuon::log"


def check_house_line(path, room, line):
    match = INCLUDE.match(line)
    if match:
        yield from check_include(path, room, *match.groups())
    if room == "kernels":
        yield from check_kernel_line(path, line)
    if GPU_WORDS.search(line) and not path.startswith(GPU_WORDS_ALLOWED):
        yield "gpu-word", "the GPU libraries are named only in " + ", ".join(GPU_WORDS_ALLOWED)


def check_file(path, text):
    """Yields (line number, rule, message)."""
    lines = text.splitlines()
    suffix = pathlib.PurePosixPath(path).suffix
    in_house = suffix in CODE and not path.startswith("tests/")
    room = room_of(path)
    if in_house and room not in ROOMS:
        yield 1, "room", "this file is in no room; the rooms are " + ", ".join(ROOMS)

    mark = "SPDX-License-Identifier: MIT"
    if suffix in CODE and lines[:1] != [f"// {mark}"]:
        yield 1, "spdx", f"the first line must be // {mark}"
    if suffix in SCRIPTS and f"# {mark}" not in lines[:2]:
        yield 1, "spdx", f"the first or second line must be # {mark}"
    if suffix in CODE | SCRIPTS and len(lines) > MAX_LINES:
        yield MAX_LINES + 1, "length", f"{len(lines)} lines; at most {MAX_LINES}: split the file"

    for number, line in enumerate(lines, start=1):
        if UNFINISHED.search(line):
            yield number, "unfinished", "finish it, or file an issue and leave no mark"
        if in_house:
            for rule, message in check_house_line(path, room, line):
                yield number, rule, message


def files_of(root):
    for top in ("include", "src", "kernels", "tests", "scripts", "cmake"):
        for file in sorted((root / top).rglob("*")):
            is_text = file.suffix in CODE | SCRIPTS | {".cmake"} or file.name == "CMakeLists.txt"
            if file.is_file() and is_text:
                yield file.relative_to(root).as_posix(), file


def check_tree(root):
    return [(path, number, rule, message) for path, file in files_of(root)
            for number, rule, message in check_file(path, file.read_text(encoding="utf-8"))]


# --- the check of the check --------------------------------------------------------------------
SPDX = "// SPDX-License-Identifier: MIT\n"
SOUND = {
    "include/dropmuon/ops/mode.h": SPDX + "enum class Mode { a, b };\n",
    "include/dropmuon/ops/pool.h": SPDX + "#include <cstddef>\n#include <span>\n#include <dropmuon/ops/mode.h>\n",
    "include/dropmuon/core/shape.h": SPDX + "#include <fmt/format.h>\n#include <dropmuon/ops/mode.h>\n",
    "include/dropmuon/backend/factory.h": SPDX + "// auto, cpu or cuda\n",
    "src/core/log.cpp": SPDX + "#include <spdlog/spdlog.h>\n#include <openssl/sha.h>\n",
    "src/backend/cpu/cpu_backend.cpp": SPDX + '#include "cpu_backend.h"\n',
    "src/backend/cpu/onednn/gemm.cpp": SPDX + '#include "../cpu_backend.h"\n#include <dnnl.hpp>\n',
    "src/backend/factory.cpp": SPDX + '#include "cuda/make_backend.h"\n',
    "src/backend/without_cuda.cpp": SPDX + '#include "cuda/make_backend.h"\n// without CUDA\n',
    "src/backend/cuda/conv.cpp": SPDX + '#include <cudnn.h>\n#include "kernels/a/pool.h"\n'
                                        '#include "../../../kernels/pool.h"\n#include <nvtx3/nvToolsExt.h>\n',
    "src/dataset/gzip.cpp": SPDX + "#include <zlib.h>\n#include <dropmuon/backend/backend.h>\n",
    "src/engine/conv.cpp": SPDX + '#include "layer_group.h"\n#include <dropmuon/core/shape.h>\n',
    "src/config/document.cpp": SPDX + "#include <yaml-cpp/yaml.h>\n",
    "src/experiments/sweep/run.cpp": SPDX + "#include <nlohmann/json.hpp>\n#include <dropmuon/runner/run_folder.h>\n",
    "src/cli/main.cpp": SPDX + "#include <CLI/CLI.hpp>\n#include <iostream>\n",
    "kernels/pool.cu": SPDX + '#include "pool.h"\n#include "device/language.h"\n#include <algorithm>\n'
                              "template <int N>\n__host__ __device__ constexpr int f(int n) { return n; }\n"
                              "__device__ inline void\nSHARED(float[8], tile);  // not __shared__, no printf\n"
                              "void k(const __grid_constant__ Group g);\n",
    "kernels/a/pool.h": SPDX + '#include "scratch.h"\n#include "a/product.h"\n#include <cuda_runtime_api.h>\n'
                               "#include <dropmuon/ops/pool.h>\n",
    "kernels/device/language.h": SPDX + "#include <cuda_bf16.h>\n#include <cuda_fp16.h>\n#include <mma.h>\n"
                                        '#include <cuda_runtime.h>\n#include "simt/device_language.h"\n'
                                        "#define SHARED(T, name) __shared__ T name\nk<<<1, 1>>>();\n",
    "tests/engine/a_test.cpp": SPDX + '#include "../../src/cli/x.h"\n#include <Eigen/SVD>\n// cuda\n',
    "scripts/run.sh": "#!/usr/bin/env bash\n# SPDX-License-Identifier: MIT\n",
    "cmake/cuda.cmake": "find_package(CUDAToolkit)\n",
}


def self_test_cases():
    """(rule, path, text after the SPDX line); the breach is on the file's last line."""
    floors = ["ops", "kernels core", "backend", "engine optim dataset", "training", "config", "runner", "experiments",
              "cli"]
    for height, floor in enumerate(floors):
        for room in floor.split():
            place = {"ops": "include/dropmuon/ops/a.h", "kernels": "kernels/a.cpp"}.get(room, f"src/{room}/a.cpp")
            for other in " ".join(floors[height:]).split():
                if other not in (room, "kernels"):
                    yield "room", place, f"#include <dropmuon/{other}/b.h>\n"
    yield "room", "include/dropmuon/optim/a.h", "#include <dropmuon/engine/layer.h>\n"
    yield "room", "src/backend/cpu/a.cpp", '#include "kernels/pool.h"\n'
    yield "room", "include/dropmuon/ops/a.h", '#include "kernels/pool.h"\n'
    yield "private", "kernels/a.h", '#include "../include/dropmuon/ops/pool.h"\n'
    for header in ("fmt/format.h", "unistd.h"):
        yield "ops", "include/dropmuon/ops/a.h", f"#include <{header}>\n"
    yield "room", "src/engine/a.cpp", '#include "../../scripts/b.h"\n'
    yield "room", "src/attic/a.cpp", ""
    yield "private", "src/training/a.cpp", '#include "../engine/conv_block.h"\n'
    yield "private", "src/cli/a.cpp", '#include "../runner/keys.h"\n'
    for header, place in [("CLI/CLI.hpp", "runner"), ("yaml-cpp/yaml.h", "runner"),
                          ("nlohmann/json.hpp", "engine"), ("dnnl.hpp", "backend/cpu"),
                          ("oneapi/dnnl/dnnl.h", "engine"), ("spdlog/spdlog.h", "backend"),
                          ("openssl/sha.h", "dataset"), ("zlib.h", "core"),
                          ("catch2/catch.hpp", "core"), ("Eigen/Core", "optim"),
                          ("thrust/sort.h", "optim"), ("mma.h", "backend/cpu"),
                          ("nvtx3/nvToolsExt.h", "backend")]:
        yield "library", f"src/{place}/a.cpp", f"#include <{header}>\n"
    yield "library", "include/dropmuon/core/a.h", "#include <spdlog/spdlog.h>\n"
    yield "gpu-word", "src/engine/a.cpp", '#include "cuda/make_backend.h"\n'
    for header in ("fmt/format.h", "cub/cub.cuh", "cuda_runtime.h", "mma.h", "stdio.h", "cooperative_groups.h"):
        yield "kernel", "kernels/a.cu", f"#include <{header}>\n"
        yield "kernel", "kernels/device/a.h", f"#include <{header}>\n"
    yield "kernel", "kernels/pool.h", '#include "simt/device_language.h"\n'
    yield "kernel", "kernels/device/language.h", "#include <cub/cub.cuh>\n"
    yield "kernel", "kernels/device/language.h", "asm(\"\");\n"
    for body in ("k<<<1, 2>>>(x);", "  __shared__ float t[8];", "extern __shared__ char m[];", 'asm volatile("");',
                 'printf("%d", i);', "__managed__ int n;", "__constant__ float c[3];", "__device__ int counter;",
                 "static __device__ float table[2] = {", "__device__ Pair p{};"):
        yield "kernel", "kernels/a.cu", f"{body}\n"
    yield "iostream", "src/training/a.cpp", "#include <iostream>\n"
    yield "gpu-word", "src/optim/a.cpp", "\nint n;  // as cuBLAS does\n"
    yield "gpu-word", "include/dropmuon/backend/backend.h", "int cudaStream;\n"
    yield "unfinished", "tests/core/a_test.cpp", "// TO" "DO later\n"
    yield "unfinished", "cmake/a.cmake", "# FIX" "ME\n"
    yield "length", "src/core/a.cpp", "int x;\n" * MAX_LINES
    yield "spdx", "src/core/a.cpp", None
    yield "spdx", "scripts/a.py", None


def write_tree(root, files):
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


def self_test():
    failures, count = [], 0
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        write_tree(root, SOUND)
        failures += [f"a sound tree is blamed: {breach}" for breach in check_tree(root)]
        for rule, path, body in self_test_cases():
            count += 1
            text = "int x;\n" if body is None else SPDX + body
            write_tree(root, {path: text})
            expected = [(path, len(text.splitlines()), rule)]
            found = [breach[:3] for breach in check_tree(root)]
            if found != expected:
                failures.append(f"expected {expected}, found {found}, for {body!r:.60}")
            if path in SOUND:
                write_tree(root, {path: SOUND[path]})
            else:
                (root / path).unlink()
    for failure in failures:
        print(failure)
    print(f"check_layout self-test: {count} broken trees, {len(failures)} problems")
    return 1 if failures else 0


def main():
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("--self-test", action="store_true", help="check that every rule fires")
    cli.add_argument("root", nargs="?", type=pathlib.Path,
                     default=pathlib.Path(__file__).resolve().parents[2])
    args = cli.parse_args()
    if args.self_test:
        return self_test()
    breaches = check_tree(args.root)
    for path, number, _, message in breaches:
        print(f"{path}:{number}: {message}")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
