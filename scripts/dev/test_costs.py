#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What each group of scripts/test.sh cost: builds and tests of each preset, and the tests by the
part of their names before the colon, which is a room, a mode of the host harness or a script.

    scripts/dev/test_costs.py [--folder build] release:build=312 release:tests=480 asan:build=200 ...

The seconds given are those of the clock. Those of the groups are from ctest's summaries,
FOLDER/PRESET.junit.xml, of the presets given; tests that run side by side make their sum the larger.
"""
import argparse
import pathlib
import sys
import tempfile
import xml.etree.ElementTree as ElementTree


def groups(summary):
    """{prefix: [tests, seconds]} of one of ctest's summaries."""
    found = {}
    for case in ElementTree.parse(summary).getroot().iter("testcase"):
        prefix, colon, _ = case.get("name").partition(":")
        row = found.setdefault(prefix + colon if colon else "(no prefix)", [0, 0.0])
        row[0] += 1
        row[1] += float(case.get("time"))
    if not found:
        raise ValueError("no test in it")
    return found


def table(folder, costs):
    """Lines; `costs` are (preset, part, seconds) in the order they were paid."""
    lines = [f"{'preset':8} {'what':36} {'tests':>6} {'seconds':>8}"]
    for preset, part, seconds in costs:
        lines.append(f"{preset:8} {part:36} {'':6} {seconds:8.0f}")
        summary = folder / f"{preset}.junit.xml"
        if part != "tests" or not summary.exists():
            continue
        try:
            found = groups(summary)
        except (ElementTree.ParseError, TypeError, ValueError, AttributeError, OSError) as error:
            sys.exit(f"test_costs: expected a JUnit summary of ctest in {summary}, found: {error}; "
                     "run the tests of this preset again")
        for prefix, (tests, spent) in sorted(found.items(), key=lambda row: -row[1][1]):
            lines.append(f"{preset:8}   {prefix:34} {tests:6} {spent:8.1f}")
    return lines


def cost(text):
    name, _, seconds = text.partition("=")
    preset, _, part = name.partition(":")
    if not preset or part not in ("build", "tests"):
        raise argparse.ArgumentTypeError(f"expected PRESET:build=SECONDS or PRESET:tests=SECONDS, found {text!r}")
    try:
        return preset, part, float(seconds)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected seconds, found {seconds!r} in {text!r}") from None


def self_test():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        summary = folder / "release.junit.xml"
        summary.write_text('<testsuite tests="4"><testcase name="core: a: b" time="0.5" status="run"/>'
                           '<testcase name="core: c" time="1.25" status="fail"/>'
                           '<testcase name="simt race build: cuda" time="9" status="run"/>'
                           '<testcase name="bare" time="0" status="notrun"/></testsuite>')
        costs = [cost("release:build=300"), cost("release:tests=7"), cost("asan:build=20"), cost("asan:tests=1")]
        rows = [line.split() for line in table(folder, costs)]
        assert rows[1:] == [["release", "build", "300"], ["release", "tests", "7"],
                            ["release", "simt", "race", "build:", "1", "9.0"],
                            ["release", "core:", "2", "1.8"], ["release", "(no", "prefix)", "1", "0.0"],
                            ["asan", "build", "20"], ["asan", "tests", "1"]], rows
        for broken in ("", "<testsuite>", "<testsuite/>", '<testsuite><testcase name="a"/></testsuite>',
                       '<testsuite><testcase time="1"/></testsuite>',
                       '<testsuite><testcase name="a" time="long"/></testsuite>'):
            summary.write_text(broken)
            try:
                table(folder, costs)
            except SystemExit as end:
                assert str(end).startswith("test_costs: expected") and "\n" not in str(end), end
            else:
                raise AssertionError(f"taken for a summary: {broken!r}")
    print("test_costs: all breaches noticed")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("costs", nargs="*", type=cost, metavar="PRESET:build|tests=SECONDS")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("build"))
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    if arguments.self_test:
        self_test()
    else:
        print("\n".join(table(arguments.folder, arguments.costs)))


if __name__ == "__main__":
    main()
