# SPDX-License-Identifier: MIT
"""Answers like a test program of Catch2, for tests of scripts: CASES PROGRAM [ARGUMENT...]. A line of the file CASES
is "PROGRAM [#file][tag].. NAME<tab>what the test does in Python". Knows what the scripts use of the specifications.
PRETENDED_CATCH=3 makes it Catch2's version 3, else it is version 2."""
import os
import re
import sys
import time  # noqa: F401  # for the tests

VERSION = os.environ.get("PRETENDED_CATCH", "2")
ALONE = ("-#", "--list-tags", "--list-tests", "--list-test-names-only")
WITH_VALUE = ("--warn", "--verbosity")


def fits(spec, name, tags):
    found = re.fullmatch(r"(~?)((?:\\.|[^\[])*)((?:\[[^]]*\])*)", spec)
    words, wanted = found.group(2), set(re.findall(r"\[[^]]*\]", found.group(3)))
    pattern = re.sub(r"\\(.)|(\*)|(.)", lambda part: ".*" if part.group(2) else re.escape(part.group(1) or part.group(3)),
                     words)
    return (re.fullmatch(pattern or ".*", name) is not None and wanted <= tags) != (found.group(1) == "~")


def main():
    cases, program, *arguments = sys.argv[1:]
    for option in WITH_VALUE:
        if option in arguments:
            at = arguments.index(option)
            del arguments[at:at + 2]
    specs = [argument for argument in arguments if argument not in ALONE]
    tests = []
    for line in open(cases, encoding="utf-8"):
        owner, tags, name, script = re.fullmatch(r"(\S+) (\S+) ([^\t]+)\t(.*)\n", line).groups()
        tags = set(re.findall(r"\[[^]]*\]", tags))
        if owner == program and all(fits(spec, name, tags) for spec in specs):
            tests.append((name, tags, script))
    if "--list-tags" in arguments:
        print("\n".join(sorted({f"  1  {tag}" for _, tags, _ in tests for tag in tags})))
    elif "--list-test-names-only" in arguments and VERSION == "3":
        print("Unrecognised token: --list-test-names-only", file=sys.stderr)
        return 1
    elif "--list-test-names-only" in arguments or "--list-tests" in arguments:
        print("\n".join(name for name, _, _ in tests))
        return len(tests) if VERSION == "2" else 0
    else:
        for _, _, script in tests:
            exec(script)  # pylint: disable=exec-used
        if not tests:
            print(f"No test cases matched {specs}")
            return 2
        print(f"All tests passed ({len(tests)} assertions in {len(tests)} test cases)")
    return 0


sys.exit(main())
