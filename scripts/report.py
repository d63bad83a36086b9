#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""One HTML page about finished runs: is one faster than the other, how sure is that, and why.

    scripts/report.py runs/mnist-muon runs/mnist-drop_muon -o report.html --target test/accuracy=0.99

RUNS are run folders or folders of runs, such as that of a sweep; each data set gets a part of its own. All
numbers are those of `dropmuon compare`. The page needs no network and no other file. Needs matplotlib
(scripts/install_packages.sh plot), hence Debian's python3. Exit codes: 0 done, 2 usage, 65 bad run, 66 no run
there, 69 matplotlib or the program is missing, 73 cannot write.
"""
import argparse
import contextlib
import datetime
import importlib.util
import os
import pathlib
import re
import sys

from report.data import CANNOT_RUN, CANNOT_WRITE, MISSING, USAGE, ReportError, call, load

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise ReportError(USAGE, f"{message}; --help shows the usage")


def parse_arguments(arguments):
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("runs", nargs="+", metavar="RUNS", help="run folders, or folders of runs up to 3 levels down")
    parser.add_argument("-o", "--output", default="report.html", metavar="FILE", help="default: report.html")
    parser.add_argument("--target", metavar="METRIC=VALUE", help="such as test/accuracy=0.9; else that of the configs")
    parser.add_argument("--baseline", metavar="GROUP", help="as for `dropmuon compare`, on the data sets that have "
                        "it; else the group of the first run, in a sweep that of its first case")
    parser.add_argument("--figures", metavar="DIR", help="write each figure as SVG and PNG too")
    parser.add_argument("--title", metavar="TEXT", help="default: the groups and the data sets")
    parser.add_argument("--force", action="store_true", help="compare runs of different machines and builds")
    parser.add_argument("--skip-bad", action="store_true", help="leave out damaged and unfinished runs")
    parser.add_argument("--program", default=str(ROOT / "build/release/dropmuon"), metavar="FILE",
                        help="default: build/release/dropmuon")
    return parser.parse_args(arguments)


def default_title(sections):
    data = ", ".join(section.data for section in sections)
    tags = [group.tag for group in sections[0].groups]
    if len(tags) == 1:
        return f"{tags[0]} on {data}"
    return f"{' and '.join(tags)} on {data}" if len(tags) == 2 else f"{len(tags)} groups of runs on {data}"


def write_page(text, path):
    """Beside the file, then over it: a page that was there stays whole if this fails. Names may hold any bytes;
    Python keeps those that are no UTF-8 as surrogates, which no page can hold."""
    beside = f"{path}.tmp"
    try:
        pathlib.Path(beside).write_text(re.sub("[\ud800-\udfff]", "\ufffd", text), encoding="utf-8")
        os.replace(beside, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise ReportError(CANNOT_WRITE, f"cannot write {path}: {error.strerror}") from error


def write_figures(sections, folder):
    from report import figures as report_figures
    from report import style as report_style
    try:
        os.makedirs(folder, exist_ok=True)
        for section in sections:
            prefix = f"{section.data}-" if len(sections) > 1 else ""
            for figure in report_figures.figures(section):
                report_style.save(figure.draw(True), os.path.join(folder, prefix + figure.name))
    except OSError as error:
        raise ReportError(CANNOT_WRITE, f"cannot write figures to {folder}: {error.strerror}") from error


def say(path):
    if sys.stdout is None:  # closed by whoever called
        return
    try:
        sys.stdout.reconfigure(errors="surrogateescape")
        print(path, flush=True)
    except OSError as error:
        sys.stdout = None  # or Python tries again at its end and complains
        raise ReportError(CANNOT_WRITE, f"cannot write to standard output: {error.strerror}") from error


def report(arguments):
    options = parse_arguments(arguments)
    if importlib.util.find_spec("matplotlib") is None:
        raise ReportError(CANNOT_RUN, f"matplotlib is missing for {sys.executable}: scripts/install_packages.sh plot "
                                      "installs it for Debian's /usr/bin/python3")
    sections = load(options.program, options)
    from report import page as report_page  # takes a second, which errors do not need
    now = datetime.datetime.now(datetime.timezone.utc)
    runs = sum(len(group.runs) for section in sections for group in section.groups)
    made = (f"{runs} runs. Written {now:%Y-%m-%d %H:%M} UTC by scripts/report.py with dropmuon "
            f"{call(options.program, ['--version']).strip()}.")
    write_page(report_page.page(sections, options.title or default_title(sections), made), options.output)
    if options.figures:
        write_figures(sections, options.figures)
    say(options.output)


def main():
    try:
        report(sys.argv[1:])
    except ReportError as error:
        print(f"report: {error}", file=sys.stderr)
        return error.code
    except OSError as error:  # such as a working directory that is gone
        place = f" {error.filename}" if error.filename is not None else ""
        print(f"report: cannot read{place}: {error.strerror}", file=sys.stderr)
        return MISSING
    return 0


if __name__ == "__main__":
    sys.exit(main())
