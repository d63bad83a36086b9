# SPDX-License-Identifier: MIT
"""The layers of scripts/report.py: how often, how far and how lately each moved; which took no part."""
import math
import statistics
from typing import NamedTuple

from report import words
from report.data import BAD_DATA, ReportError

LISTS = ("update_ratios", "steps_since_update")      # of summary.json, with an entry or null per layer
IDLE = {"unmoved_layers": "never moved", "bias_only_layers": "moved in biases alone",
        "silent_layers": "put out nothing but zeros on the test set"}


class Layer(NamedTuple):
    """Medians over the runs of a group; None where no run tells."""
    number: int      # from the input, the first is 1
    updates: float
    ratio: float     # ||dW|| / ||W|| of the latest move
    age: float       # steps since then
    remarks: list


def entries(run, key):
    """The list `key` of a summary, empty in one of an older version."""
    found = run.summary.get(key, [])
    if not isinstance(found, list) or not all(entry is None or isinstance(entry, (int, float)) for entry in found):
        raise ReportError(BAD_DATA, f"bad run folder {run.folder}: summary.json: no list of numbers '{key}'")
    return found


def median(values):
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def nth(values, i):
    return values[i] if i < len(values) else None


def remarks(group, number):
    """ "never moved (2 of 3 runs)" """
    out = []
    for key, what in IDLE.items():
        runs = sum(number in entries(run, key) for run in group.runs)
        if runs:
            out.append(what if runs == len(group.runs) == 1 else f"{what} ({runs} of {words.runs_word(len(group.runs))})")
    return out


def layers(group):
    depth = max(len(run.summary["layer_updates"]) for run in group.runs)
    out = []
    for i in range(depth):
        ratio, age = (median(nth(entries(run, key), i) for run in group.runs) for key in LISTS)
        out.append(Layer(i + 1, median(nth(run.summary["layer_updates"], i) for run in group.runs), ratio, age,
                         remarks(group, i + 1)))
    return out


def warnings(section):
    """A line for each group with layers that took no part."""
    out = []
    for group in section.groups:
        idle = [f"layer {layer.number} {remark}" for layer in layers(group) for remark in layer.remarks]
        if idle:
            out.append(f"{group.tag}: {', '.join(idle)}")
    return out


def cell(value, form="{:g}"):
    return "-" if value is None else "inf" if math.isinf(value) else form.format(value)


def rows(section):
    """(group, cells) for each layer of each group."""
    return [(group, [str(layer.number), cell(layer.updates), cell(layer.ratio, "{:.3g}"), cell(layer.age),
                     "; ".join(layer.remarks)])
            for group in section.groups for layer in layers(group)]
