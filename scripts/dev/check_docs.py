#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds the documents to the tree and to the program.

    scripts/dev/check_docs.py [--program build/release/dropmuon]
    scripts/dev/check_docs.py --self-test      # breaks a copy of the documents in each way, and must notice

Links and anchors lead somewhere; names of files in backticks and blocks are there; commands and scripts answer --help
and know the options written; keys of configurations are in the schema, and YAML blocks are taken by the program; the
exit codes are those of --help; the tests of docs/algorithm.md are there, and it lists all that bear an oracle's number;
README.md has its length. Prints `file:line: message` for each breach and exits 1 if there is any.
"""
import argparse
import fnmatch
import functools
import os
import pathlib
import posixpath
import re
import sys

from doc_page import Page
from doc_program import Program, answer

ROOT = pathlib.Path(__file__).resolve().parents[2]
README_LINES = range(110, 141)
ORACLES = range(1, 26)
CODE = r"\.(?:h|cpp|cu|cuh|py|sh|cmake)"
TOPS = ("cmake", "configs", "docs", "include", "kernels", "scripts", "src", "tests")
PLACEHOLDER = re.compile(r"[<>\[\]$]|^[A-Z_]+(\.\w+)?$|^\.+$")
KEYED = re.compile(r"([a-z_][a-z0-9_.]*)(?:=|: \S)")
DOTTED = re.compile(r"[a-z_]+(?:\.[a-z0-9_]+)+")
TEST_CASE = re.compile(r'TEST_CASE(?:_METHOD)?\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)')
ORACLE = re.compile(r"^### (\d+)\. .*?(?=^##|\Z)", re.DOTALL | re.MULTILINE)


def tree_files():
    found = set()
    for folder, folders, names in os.walk(ROOT):
        here = pathlib.Path(folder).relative_to(ROOT).as_posix()
        folders[:] = [name for name in folders if name not in (".git", "__pycache__", "runs") and
                      not name.startswith("build") and here != "data"]
        found.update(posixpath.normpath(f"{here}/{name}") for name in names)
    return frozenset(found)


def with_folders(files):
    folders = {"."}
    for file in files:
        while file := posixpath.dirname(file):
            folders.add(file)
    return files | folders


def pages_of(files):
    return {path: Page(path, (ROOT / path).read_text(encoding="utf-8")) for path in sorted(files) if path.endswith(".md")}


# --- the checks: each yields (page, line, kind, message) ---------------------------------------------
def check_links(page, pages, places, _):
    for line, target in page.links:
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        place = posixpath.normpath(posixpath.join(posixpath.dirname(page.path), name)) if name else page.path
        if place not in places:
            yield line, "link", f"{target} leads nowhere"
        elif anchor and (place not in pages or anchor not in pages[place].anchors):
            yield line, "anchor", f"{place} has no heading #{anchor}"


def expand(name):
    """The names that `a/{b,c}.h` stands for."""
    match = re.search(r"\{([^{}]*,[^{}]*)\}", name)
    if not match:
        return [name]
    return [each for part in match[1].split(",") for each in expand(name[:match.start()] + part + name[match.end():])]


def is_there(name, folder, places):
    if "*" in name:
        return any(fnmatch.fnmatchcase(place, pattern) for place in places for pattern in (name, f"*/{name}"))
    near = posixpath.normpath(posixpath.join(folder, name))
    return name in places or near in places or any(place.endswith("/" + name) for place in places)


def check_files(page, _, places, __):
    words = [(line, word) for line, text in page.spans for word in text.split()]
    words += [(block.line + number, word) for block in page.blocks for number, text in enumerate(block.text.split("\n"))
              for word in text.split()]
    for line, word in words:
        word = re.sub(r":\d+$", "", word.removeprefix("./").strip("'\"(),;:"))
        is_path = word.split("/")[0] in TOPS and "/" in word
        if not is_path and not re.fullmatch(rf"[\w./*{{}},-]+{CODE}", word):
            continue
        for name in expand(word):
            parts = name.rstrip("/").split("/")
            known = next((i for i, part in enumerate(parts) if PLACEHOLDER.search(part)), len(parts))
            name = "/".join(parts[:known])  # as far as it is no placeholder
            if name and not is_there(name, posixpath.dirname(page.path), places):
                yield line, "file", f"there is no {word}"


def command_of(words, program):
    """(command line to ask for help, the rest of the words), or nothing if it is none of ours."""
    first = words[0].removeprefix("./")
    if first.startswith("scripts/") and re.search(r"\.(sh|py)$", first):
        return [str(ROOT / first)], words[1:]
    if first in program.commands and words[1:] and words[1].startswith("--"):  # `plan --json`
        return [program.path, first], words[1:]
    if posixpath.basename(first) not in ("dropmuon", "dropmuon_simt") or "=" in first:
        return None
    depth = 1
    while depth < min(len(words), 3 if words[1:2] == ["config"] else 2) and re.fullmatch("[a-z]+", words[depth]):
        depth += 1
    return [program.path, *words[1:depth]], words[depth:]


def knows_option(text, option):
    return re.search(rf"(?<![\w-]){option}(?![\w-])", text)


def check_commands(page, _, places, program):
    helps = [answer(program.path, command, "--help")[1] for command in sorted(program.commands)]
    for line, words in page.commands():
        found = command_of(words, program)
        if not found or (found[0][0] != program.path and words[0].removeprefix("./") not in places):
            continue  # a missing script is a missing file
        command, rest = found
        called = " ".join([posixpath.basename(command[0]), *command[1:]])
        code, text = answer(*command, "--help")
        if code != 0:
            yield line, "command", f"`{called} --help` ends with {code}"
            continue
        helps.append(text)
        for word in rest:
            option = word.strip("[]").partition("=")[0]
            if re.fullmatch(r"--[a-z][a-z-]*|-[a-z]", option) and not knows_option(text, option):
                yield line, "option", f"{called} has no option {option}"
            key = re.match(r"([a-z_][a-z0-9_.]*)=", word)
            if key and (command[0] == program.path or called == "wallclock.sh") and not program.knows(key[1]):
                yield line, "key", f"no key {key[1]}"
    for line, text in page.spans:  # an option by itself is of a command of this program or of this page
        option = re.match(r"--[a-z][a-z-]*", text)
        if option and not any(knows_option(help_text, option[0]) for help_text in helps):
            yield line, "option", f"nothing here has an option {option[0]}"


def check_keys(page, _, __, program):
    for line, text in page.spans:
        match = KEYED.match(text) or (DOTTED.fullmatch(text) if text.split(".")[0] in program.sections else None)
        key = match and (match[1] if match.lastindex else match[0])
        if key and not re.search(r"\.(txt|csv|json|yaml|safetensors|py|cpp|h)$", key) and not program.knows(key):
            yield line, "key", f"no key {key}"
    for block in page.blocks:
        problem = program.refuses(block.text) if block.language == "yaml" else None
        if problem:
            yield block.line, "yaml", problem


@functools.lru_cache(maxsize=None)
def tests_of(path):
    names = [re.findall(r'"((?:[^"\\]|\\.)*)"', match[1]) for match in TEST_CASE.finditer((ROOT / path).read_text("utf-8"))]
    return frozenset("".join(parts) for parts in names)


def check_oracles(page, _, places, __):
    if page.path != "docs/algorithm.md":
        return
    listed, numbers = set(), []
    for section in ORACLE.finditer(page.text):
        start = page.text.count("\n", 0, section.start()) + 1
        numbers.append(int(section[1]))
        tests = re.findall(r"^- `(tests/\S+)`: `(.+)`$", section[0], re.MULTILINE)
        if not tests and "\nNo test: " not in section[0]:
            yield start, "oracle", f"oracle {section[1]} has no test and does not say so"
        for file, name in tests:
            listed.add((numbers[-1], file, name))
            if file in places and name not in tests_of(file):
                yield start, "oracle", f"{file} has no test '{name}'"
    if numbers != list(ORACLES):
        yield 1, "oracle", f"the oracles are numbered {numbers}, not 1 to {ORACLES[-1]}"
    for file in sorted(place for place in places if re.fullmatch(r"tests/.*_test\.cpp", place)):
        for name in sorted(tests_of(file)):
            number = re.match(r"oracle (\d+)\b", name)
            if number and (int(number[1]), file, name) not in listed:
                yield 1, "oracle", f"oracle {number[1]} does not list {file}: '{name}'"


def check_exit_codes(page, _, __, program):
    row = re.compile(r"^\| (\d+(?:, \d+)*) \| (.*) \|$", re.MULTILINE)
    if page.path != "docs/command_line.md":
        return
    start = page.text.index("## Exit codes")
    listed = row.findall(page.text[start:page.text.index("\n## ", start)])
    shown = re.findall(r"^ {2}(\d+(?:, \d+)*) +(.*)$", answer(program.path, "--help")[1].partition("Exit codes:")[2], re.MULTILINE)
    if listed != shown:
        yield page.text.count("\n", 0, start) + 1, "exit code", f"not the list of --help: {sorted(set(listed) ^ set(shown))}"


def check_length(page, _, __, ___):
    count = page.text.count("\n")
    if page.path == "README.md" and count not in README_LINES:
        yield count, "length", f"{count} lines; {README_LINES[0]} to {README_LINES[-1]} are meant"


CHECKS = (check_links, check_files, check_commands, check_keys, check_oracles, check_exit_codes, check_length)


def check(pages, places, program):
    return [(path, *breach) for path, page in pages.items() for each in CHECKS
            for breach in each(page, pages, places, program)]


# --- the check of the check --------------------------------------------------------------------------
BREACHES = [  # page, what to find in it, what to make of it, the kind of breach
    ("README.md", r"\]\(docs/", "](dox/", "link"),
    ("README.md", r"!\[([^\]]*)\]\(docs/\w+/", r"![\1](docs/figures/", "link"),
    ("docs/results.md", r"\.md#", ".md#not-", "anchor"),
    ("docs/command_line.md", r"\.md#", ".md#not-", "anchor"),
    ("docs/design.md", r"`src/engine/network\.cpp`", "`src/engine/net_work.cpp`", "file"),
    ("kernels/README.md", r"`reduce\.h`", "`produce.h`", "file"),
    ("README.md", r"src/optim/muon\.cpp", "src/optim/muons.cpp", "file"),
    ("docs/command_line.md", r"plan configs/[a-z/-]+\.yaml", "plan configs/mnist/none.yaml", "file"),
    ("docs/comparing.md", r"`scripts/wallclock\.sh", "`scripts/race.sh", "file"),
    ("docs/command_line.md", r"dropmuon plan", "dropmuon plot", "command"),
    ("README.md", r"dropmuon sweep", "dropmuon sweeps", "command"),
    ("docs/sweeps.md", r"sampling_small\.yaml --dry-run", "sampling_small.yaml --dry-walk", "option"),
    ("docs/sweeps.md", r"sampling_small\.yaml -j", "sampling_small.yaml -k", "option"),
    ("docs/checkpoints.md", r"test\.sh --long", "test.sh --longer", "option"),
    ("docs/sweeps.md", r"`--emit slurm", "`--omit slurm", "option"),
    ("CONTRIBUTING.md", r"kernel_costs\.py --write", "kernel_costs.py --print", "option"),
    ("docs/command_line.md", r"optimizer\.lr=0\.05 seed", "optimizer.rate=0.05 seed", "key"),
    ("docs/results.md", r"train\.epochs=5", "train.rounds=5", "key"),
    ("docs/sampling.md", r"`sampling\.truncate: false`", "`sampling.truncated: false`", "key"),
    ("docs/checkpoints.md", r"`train\.max_seconds`", "`train.most_seconds`", "key"),
    ("README.md", r"channels: \[", "channel: [", "yaml"),
    ("docs/sweeps.md", r"(?m)^seeds: 3", "sedes: 3", "yaml"),
    ("docs/sweeps.md", r"optimizer\.lr: \{log", "optimizer.rate: {log", "yaml"),
    ("docs/algorithm.md", r"`oracle 23: an exact", "`oracle 23: an inexact", "oracle"),
    ("docs/algorithm.md", r"- `tests/[\w/.]+`: `oracle 21: [^\n]*\n", "", "oracle"),
    ("docs/algorithm.md", r"### 22\.", "### 26.", "oracle"),
    ("docs/algorithm.md", r"\nNo test: ", "\nNone: ", "oracle"),
    ("docs/command_line.md", r"\| 73 \|", "| 74 |", "exit code"),
    ("docs/command_line.md", r"second signal", "a signal", "exit code"),
    ("README.md", r"\Z", "\n" * 40, "length"),
    ("README.md", r"(?s)\n## How a step goes.*", "\n", "length"),
]


def self_test(pages, places, program):
    failures = [f"the documents as they stand: {breach}" for breach in check(pages, places, program)]
    for path, pattern, replacement, kind in BREACHES:
        text, count = re.subn(pattern, replacement, pages[path].text, count=1)
        broken = {**pages, path: Page(path, text)}
        found = {(breach[0], breach[2]) for breach in check(broken, places, program)}
        if count != 1 or found != {(path, kind)}:
            failures.append(f"{path}: {pattern} -> {replacement!r:.40}, {count} places: expected '{kind}', found {found}")
    for failure in failures:
        print(failure)
    print(f"check_docs self-test: {len(BREACHES)} broken documents, {len(failures)} problems")
    return 1 if failures else 0


def main():
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--program", default=str(ROOT / "build/release/dropmuon"))
    cli.add_argument("--self-test", action="store_true")
    options = cli.parse_args()
    if not os.access(options.program, os.X_OK):
        print(f"check_docs: no program at {options.program}; run scripts/build.sh or name it with --program", file=sys.stderr)
        return 66
    files = tree_files()
    pages, places, program = pages_of(files), with_folders(files), Program(os.path.abspath(options.program))
    if options.self_test:
        return self_test(pages, places, program)
    breaches = check(pages, places, program)
    for path, line, _, message in breaches:
        print(f"{path}:{line}: {message}")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
