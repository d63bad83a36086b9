# SPDX-License-Identifier: MIT
"""What scripts/report.py shows: numbers from `dropmuon compare --format json`, curves from the run folders."""
import json
import math
import os
import pathlib
import re
import subprocess
from typing import NamedTuple

MARKS = ("config.yaml", "provenance.json", "metrics.jsonl", "summary.json", "STATUS")
DEPTH = 3  # as `dropmuon compare` looks for runs
USAGE, BAD_DATA, MISSING, CANNOT_RUN, CANNOT_WRITE = 2, 65, 66, 69, 73
EVENTS = ("resumed", "rollbacks", "skipped_steps")


class ReportError(Exception):
    """One line for a person, and the exit code."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Run(NamedTuple):
    folder: str
    facts: dict        # of compare: seed, status, to_target, settings, ..
    rows: list         # evaluations, as in metrics.jsonl
    summary: dict
    provenance: dict
    events: dict       # how often each of EVENTS happened

    @property
    def steps(self):
        """All steps: a run that diverged went on after its last evaluation."""
        return int(sum(self.summary["start_counts"]))


class Group(NamedTuple):
    label: str         # compare's
    tag: str           # a shorter one
    is_baseline: bool
    facts: dict
    runs: list

    @property
    def no_claim(self):
        """Why no difference to the baseline can be claimed, whatever the interval says."""
        return self.facts["no_claim"]

    def cost(self, name):
        """Median, interval, ratio, ratio_interval of seconds, steps, samples or flops to the target."""
        return self.facts["to_target"][name]


class Section(NamedTuple):
    """The runs on one data set."""
    data: str
    target: str        # "test/accuracy >= 0.9" or None
    groups: list
    machines: list
    warnings: list

    @property
    def baseline(self):
        return next(group for group in self.groups if group.is_baseline)

    @property
    def target_metric(self):
        return self.target.split()[0] if self.target else None


# --- run folders ------------------------------------------------------------------------------------
def find_runs(path, depth=DEPTH):
    """Run folders at or below `path`, sorted; what cannot be looked into is among them, for compare to blame."""
    path = pathlib.Path(path)
    try:
        if sum((path / mark).exists() for mark in MARKS) >= 2:
            return [str(path)]
        below = sorted(entry for entry in path.iterdir() if entry.is_dir()) if depth else []
    except (OSError, RuntimeError):  # RuntimeError: a loop of links
        return [str(path)]
    return [run for entry in below for run in find_runs(entry, depth - 1)]


def data_set(folder):
    """The name in the resolved config, whose form is always the same; None if there is none."""
    try:
        text = pathlib.Path(folder, "config.yaml").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = re.search(r"^data:\n(?:  .*\n)*?  dataset: (\S+)$", text, re.MULTILINE)
    return found.group(1) if found else None


def by_data_set(paths):
    """[(data set, folders)]: targets and groups are found for each data set on its own."""
    folders, unknown = {}, []
    for path in paths:
        for folder in find_runs(path) or [path]:
            name = data_set(folder)
            unknown.append(folder) if name is None else folders.setdefault(name, []).append(folder)
    if not folders:
        return [("", unknown)]
    first = next(iter(folders))
    folders[first] += unknown  # compare blames them, or leaves them out
    return list(folders.items())


# --- compare ----------------------------------------------------------------------------------------
def call(program, arguments):
    try:
        done = subprocess.run([program, *arguments], capture_output=True, encoding="utf-8", errors="replace")
    except OSError as error:
        raise ReportError(CANNOT_RUN, f"cannot run {program}: {error.strerror}; scripts/build.sh builds it, "
                                      "--program names another") from error
    if done.returncode != 0:
        message = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise ReportError(done.returncode if done.returncode > 0 else 70, message[-1].removeprefix("dropmuon: "))
    return done.stdout


def numbers(value, is_cost=False):
    """JSON has no infinity: compare writes it as a text. Elsewhere "inf" is a name."""
    if isinstance(value, dict):
        return {key: numbers(item, is_cost or key == "to_target") for key, item in value.items()}
    if isinstance(value, list):
        return [numbers(item, is_cost) for item in value]
    return math.inf if is_cost and value == "inf" else value


def compare(program, folders, options, baseline):
    arguments = ["compare", "--format", "json"]
    for name, value in (("target", options.target), ("baseline", baseline)):
        if value:
            arguments.append(f"--{name}={value}")
    arguments += [flag for flag in ("--force", "--skip-bad") if getattr(options, flag[2:].replace("-", "_"))]
    return numbers(json.loads(call(program, [*arguments, "--", *folders])))


def compare_where_it_is(program, folders, options):
    """(comparison, None), or, where --baseline is no group, that of the default one and the error."""
    try:
        return compare(program, folders, options, options.baseline), None
    except ReportError as error:
        if error.code != USAGE or not options.baseline:
            raise
        facts = compare(program, folders, options, None)
        facts["warnings"].append(f"{error}; so the baseline here is '{facts['baseline']}'")
        return facts, error


# --- reading ----------------------------------------------------------------------------------------
def read_json(folder, name):
    try:
        return json.loads(pathlib.Path(folder, name).read_text(encoding="utf-8", errors="replace"))
    except (OSError, ValueError) as error:
        raise ReportError(BAD_DATA, f"bad run folder {folder}: {name}: {error}") from error


def real_folder(shown, folders):
    """The one of `folders` that compare means: it writes marks for bytes that are no UTF-8."""
    if shown in folders:
        return shown
    found = [folder for folder in folders if os.fsencode(folder).decode("utf-8", errors="replace") == shown]
    if len(found) > 1:
        raise ReportError(BAD_DATA, f"{len(found)} run folders read as {shown}, as their names are no UTF-8: rename "
                                    "all but one")
    return found[0] if found else shown


def read_run(facts, folders):
    folder = real_folder(facts["folder"], folders)
    path = pathlib.Path(folder, "metrics.jsonl")
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise ReportError(BAD_DATA, f"bad run folder {folder}: {path.name}: {error}") from error
    summary = read_json(folder, "summary.json")
    for key in ("layer_updates", "start_counts"):
        counts = summary.get(key)
        if not isinstance(counts, list) or not all(isinstance(count, (int, float)) for count in counts):
            raise ReportError(BAD_DATA, f"bad run folder {folder}: summary.json: no list of numbers '{key}'")
    evaluations = [row for row in rows if row.get("test/accuracy") is not None]
    events = {name: facts[name] for name in EVENTS}
    return Run(folder, facts, evaluations, summary, read_json(folder, "provenance.json"), events)


# --- labels -----------------------------------------------------------------------------------------
def shorter(label):
    """"sampling.scheme=full optimizer.lr=0.1" -> ["scheme=full", "lr=0.1"]"""
    return [part.split("=")[0].rsplit(".", 1)[-1] + "=" + part.split("=", 1)[1] if "=" in part else part
            for part in re.split(r" (?=[a-z_.]+=)", label)]


def tags(groups):
    """A short and unique name for each group: its values, its settings, its runs' name, or a letter."""
    labels = [shorter(group["label"]) for group in groups]
    words = [" ".join(part.split("=", 1)[-1] for part in parts) for parts in labels]
    plain = all(len(parts) == 1 and re.fullmatch(r"[a-z_]*", word) and word not in ("true", "false", "null")
                for parts, word in zip(labels, words))
    names = [{run["name"] for run in group["runs"]} for group in groups]
    choices = [words] if plain else []
    choices.append([", ".join(parts) for parts in labels])
    choices.append([min(name) if len(name) == 1 else "" for name in names])
    for choice in choices:
        if len(set(choice)) == len(groups) and all(0 < len(tag) <= 40 for tag in choice):
            return choice
    return [chr(ord("A") + i) if i < 26 else f"G{i + 1}" for i in range(len(groups))]


# --- all together -----------------------------------------------------------------------------------
def make_section(data, facts, folders):
    groups = []
    for group, tag in zip(facts["groups"], tags(facts["groups"])):
        runs = [read_run(run, folders) for run in group["runs"]]
        if facts["target"] and not isinstance(group["no_claim"], list):
            raise ValueError(f"no_claim: {group['no_claim']!r}")
        groups.append(Group(group["label"], tag, group["label"] == facts["baseline"], group, runs))
    return Section(data or groups[0].runs[0].facts["settings"]["data.dataset"], facts["target"], groups,
                   facts["machines"], facts["warnings"])


def load(program, options):
    """The sections of the report. With --skip-bad a data set all of whose runs are bad is left out too."""
    sections, left_out, no_baseline = [], [], []
    for data, folders in by_data_set(options.runs):
        try:
            facts, error = compare_where_it_is(program, folders, options)
            sections.append(make_section(data, facts, folders))
            no_baseline += [error] if error else []
        except ReportError as error:
            if not options.skip_bad or error.code != BAD_DATA:
                raise
            left_out.append((data, error))
        except (KeyError, ValueError) as error:
            raise ReportError(70, f"{program} compare answers in another form ({error!r}): scripts/build.sh "
                                  "builds the one that belongs to this script") from error
    if not sections:
        raise left_out[0][1]
    if len(no_baseline) == len(sections):
        raise no_baseline[0]
    sections[0].warnings.extend(f"{data}: {error}" for data, error in left_out)
    return sections


def common_folder(sections):
    """What the paths of all runs begin with, for shorter tables."""
    folders = [os.path.abspath(run.folder) for section in sections for group in section.groups for run in group.runs]
    return os.path.dirname(folders[0]) if len(folders) == 1 else os.path.commonpath(folders)
