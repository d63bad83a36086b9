# SPDX-License-Identifier: MIT
"""The figures of scripts/report.py: how fast, why, the curves, where the time goes, which layers moved."""
import math
import statistics
from typing import NamedTuple

import numpy

from report.style import BAR_COLOURS, OTHER, WIDTH, add_legend, pyplot, styles  # before matplotlib: its back end
from report.words import ratio_cell, runs_word, step_ratio, target_words
from matplotlib import ticker

PHASES = [("forward", "#FFFFFF", ""), ("backward", "#56B4E9", "///"), ("optimizer", "#E69F00", "\\\\\\"),
          ("other", "#666666", "")]
AXES = {"seconds": ("time/train_s", "seconds of training"), "steps": ("step", "steps"),
        "flops": ("perf/flops", "FLOP")}
GRID = 160
SPAN = 30.0    # percentage points that a plot of accuracies shows at most, below the best


class Figure(NamedTuple):
    name: str      # of its files
    caption: str
    draw: object   # draw(legend) -> matplotlib figure


# --- curves -----------------------------------------------------------------------------------------
def curve(run, x, y):
    points = [(row[x], row[y]) for row in run.rows if row.get(x) is not None and row.get(y) is not None]
    return [list(side) for side in zip(*points)] if points else [[], []]


def draw_group(axis, curves, style, scale, band):
    """The median of the runs with a band from lowest to highest as far as all of them go, then each run."""
    colour, line, marker, _ = style
    curves = [(numpy.array(xs), scale * numpy.array(ys)) for xs, ys in curves]
    if not curves:
        return None
    end = min(xs[-1] for xs, _ in curves)
    grid = numpy.linspace(max(xs[0] for xs, _ in curves), end, GRID)
    values = numpy.array([numpy.interp(grid, xs, ys) for xs, ys in curves])
    middle = numpy.median(values, axis=0)
    front = 2 if style is OTHER else 3
    if style is not OTHER:
        axis.fill_between(grid, values.min(axis=0), values.max(axis=0), color=colour, alpha=band, lw=0, zorder=front)
        for xs, ys in curves:
            late = numpy.concatenate([[end], xs[xs > end]])
            axis.plot(late, numpy.interp(late, xs, ys), color=colour, linestyle=line, lw=0.7, zorder=front)
    handle, = axis.plot(grid, middle, color=colour, linestyle=line, lw=1.6 if style is not OTHER else 0.8,
                        marker=marker or None, ms=4.5, markevery=(GRID // 16, GRID // 8), zorder=front,
                        markerfacecolor="white")
    return handle


def limit_accuracies(axis, curves, target):
    """Leaves out the steep beginning, which would press everything else together; tells what is then gone.
    `curves`: {tag: [(xs, ys)]}, accuracies as fractions."""
    finite = {tag: [(x, 100 * y, xs[-1]) for xs, ys in pairs for x, y in zip(xs, ys) if math.isfinite(y)]
              for tag, pairs in curves.items()}
    every = [point for points in finite.values() for point in points]
    if not every:
        return []
    high = max(y for _, y, _ in every)
    low = min(y for x, y, end in every if x >= 0.15 * end)
    low = min(max(low, high - SPAN), high if target is None else 100 * target)
    if target is not None and 100 * target <= high + SPAN:
        high = max(high, 100 * target)
    margin = max(0.06 * (high - low), 0.1)
    axis.set_ylim(low - margin, min(100.5, high + margin))
    gone = [tag for tag, points in finite.items() if points and max(y for _, y, _ in points) < low]
    return ["below: " + listed(gone, f"{len(gone)} groups")] if gone else []


def listed(items, otherwise):
    """As many letters as fit into the axes."""
    text = ", ".join(items)
    return text if len(text) < 50 or len(items) == 1 else otherwise


def undrawn(short):
    """Medians and bands are those of the other runs. `short`: [(group, its runs with less than two points)]"""
    if not short:
        return []
    diverged = all(run.facts["status"] == "diverged" for _, runs in short for run in runs)
    why = "diverged before a second evaluation" if diverged else "without a second evaluation"
    each = [f"{len(runs)} of {runs_word(len(group.runs))} of {group.tag}" for group, runs in short]
    together = f"{sum(len(runs) for _, runs in short)} runs in {len(short)} groups"
    return [f"not drawn, {why}:", listed(each, together)]


def draw_target(axis, level):
    """Its label must not stand outside of the axes: the layout would make room for it until nothing is left of them."""
    axis.axhline(level, color="#444444", lw=0.9, linestyle=(0, (2, 2)), zorder=1)
    low, high = axis.get_ylim()
    if low <= level <= high:
        axis.text(1.01, level, "target", transform=axis.get_yaxis_transform(), va="center", fontsize=8)
    else:
        axis.text(0.99, 0.98, "above: target", transform=axis.transAxes, ha="right", va="top", fontsize=8,
                  bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5}, zorder=5)


def draw_curves(section, metric, axis_name, legend):
    x, x_label = AXES[axis_name]
    look = styles(section)
    is_accuracy = metric.endswith("accuracy")
    scale = 100.0 if is_accuracy else 1.0
    figure, axis = pyplot.subplots(figsize=(WIDTH, 3.1))
    handles, drawn, short = [], {}, []
    for group in section.groups:
        curves = [(run, curve(run, x, metric)) for run in group.runs]
        drawn[group.tag] = [points for _, points in curves if len(points[0]) > 1]
        if len(drawn[group.tag]) < len(curves):
            short.append((group, [run for run, points in curves if len(points[0]) < 2]))
        handle = draw_group(axis, drawn[group.tag], look[group.label], scale, 0.16 if len(section.groups) <= 3 else 0.1)
        if handle is not None and look[group.label] is not OTHER:
            handles.append((handle, group.tag))
    target = float(section.target.split()[2]) if section.target_metric == metric else None
    notes = undrawn(short) + (limit_accuracies(axis, drawn, target) if is_accuracy else [])
    if notes:
        axis.text(0.99, 0.02, "\n".join(notes), transform=axis.transAxes, ha="right", va="bottom", ma="right",
                  fontsize=8, bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1.5}, zorder=5)
    if target is not None:
        draw_target(axis, scale * target)
    axis.set_xlim(left=0)
    axis.set_xlabel(x_label)
    axis.set_ylabel(metric.replace("/", " ") + (", %" if is_accuracy else ""))
    axis.xaxis.set_major_locator(ticker.MaxNLocator(6, steps=[1, 2, 5, 10]))
    if axis_name == "flops":
        axis.xaxis.set_major_formatter(ticker.EngFormatter(sep=" "))
    if legend:
        add_legend(figure, handles)
    return figure


# --- a row for each group ---------------------------------------------------------------------------
def rows_figure(section, height=0.34):
    figure, axis = pyplot.subplots(figsize=(WIDTH, 0.75 + height * len(section.groups)))
    axis.set_yticks(range(len(section.groups)), [group.tag for group in section.groups])
    axis.set_ylim(len(section.groups) - 0.4, -0.6)
    axis.grid(False, axis="y")
    axis.tick_params(axis="y", length=0)
    return figure, axis


def draw_interval(axis, y, low, high, goes_on, **look):
    """A line, with an arrow where it leaves the figure."""
    axis.plot([low, high], [y, y], zorder=1, solid_capstyle="butt", **look)
    if goes_on:
        axis.plot([high], [y], marker=5, ms=6, clip_on=False, **look)  # matplotlib's CARETRIGHT: its tip is there


def draw_time_to_target(section, _):
    """Every run a dot, the median a bar, the interval a line; misses stand in a column of their own."""
    look = styles(section)
    figure, axis = rows_figure(section)
    costs = [[run.facts["to_target"]["seconds"] for run in group.runs] for group in section.groups]
    finite = [cost for group in costs for cost in group if math.isfinite(cost)]
    edge = 1.08 * max(finite)
    for row, (group, values) in enumerate(zip(section.groups, costs)):
        colour, _, marker, _ = look[group.label]
        summary = group.cost("seconds")
        if summary["interval"] and math.isfinite(summary["interval"][0]):
            low, high = summary["interval"]
            draw_interval(axis, row, low, min(high, edge), high > edge, color=colour, lw=2.2, alpha=0.55)
        hits = [value for value in values if math.isfinite(value)]
        axis.plot(hits, [row] * len(hits), marker=marker or "o", color=colour, lw=0, ms=5, markerfacecolor="white")
        if math.isfinite(summary["median"]):
            axis.plot([summary["median"]] * 2, [row - 0.28, row + 0.28], color=colour, lw=2.4)
        if len(hits) < len(values):
            axis.text(1.01, row, f"{len(values) - len(hits)} missed", transform=axis.get_yaxis_transform(), va="center",
                      fontsize=8)
    axis.set_xlim(0, edge)
    figure.supxlabel(f"seconds of training to {target_words(section.target)}")
    return figure


RATIOS = [("steps", "o", "#FFFFFF", "steps"), ("per step", "s", "#FFFFFF", "time per step"),
          ("time", "D", "#000000", "time")]

RATIO_TICKS = [(1.4, [0.75, 0.8, 0.85, 0.9, 0.95, 1, 1.05, 1.1, 1.15, 1.2, 1.3]),
               (2.6, [0.4, 0.5, 0.6, 0.7, 0.8, 1, 1.25, 1.5, 2, 2.5]),
               (6, [0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5]), (20, [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20]),
               (math.inf, [10.0 ** power for power in range(-6, 7)])]


def has_ratios(section):
    return section.target and any(group.cost("steps")["ratio"] not in (None, 0.0, math.inf)
                                  for group in section.groups if not group.is_baseline)


def no_ratio(group):
    """What stands for a time ratio that has no place on the axis; None if it has."""
    cost = group.cost("seconds")
    if cost["ratio"] and math.isfinite(cost["ratio"]):
        return None
    return "target\nnot reached" if math.isinf(cost["median"]) else f"time ratio\n{ratio_cell(cost)[0]}"


def draw_ratios(section, _):
    """Step ratio, ratio of the time per step, and the time ratio, which is about their product."""
    others = [group for group in section.groups if not group.is_baseline]
    figure, axis = rows_figure(section._replace(groups=others), height=0.6 if len(others) <= 6 else 0.42)
    values, lines = [1.0], []
    for row, group in enumerate(others):
        measured = {"steps": group.cost("steps"), "time": group.cost("seconds"),
                    "per step": {"ratio": step_ratio(group, section), "ratio_interval": None}}
        for offset, (name, marker, fill, _) in zip((-0.24, 0.0, 0.24), RATIOS):
            ratio, interval = measured[name]["ratio"], measured[name]["ratio_interval"]
            if not ratio or not math.isfinite(ratio):
                continue
            if interval and interval[0] > 0:
                lines.append((row + offset, interval))
                values += [end for end in interval if math.isfinite(end)]
            values.append(ratio)
            axis.plot([ratio], [row + offset], marker=marker, lw=0, ms=6, color="#000000", markerfacecolor=fill)
        if no_ratio(group):  # the time per step alone would look like the answer
            axis.text(1.01, row, no_ratio(group), transform=axis.get_yaxis_transform(), va="center", fontsize=8)
    left, right = min(values) / 1.12, max(values) * 1.12
    for y, (low, high) in lines:
        draw_interval(axis, y, low, min(high, right), high > right, color="#000000", lw=1.1)
    axis.axvline(1.0, color="#444444", lw=0.9)
    axis.set_xscale("log")
    axis.set_xlim(left, right)
    ticks = next(ticks for most, ticks in RATIO_TICKS if right / left < most)
    axis.xaxis.set_major_locator(ticker.FixedLocator(ticks))
    axis.xaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    axis.xaxis.set_minor_locator(ticker.NullLocator())
    figure.supxlabel(f"ratio to {section.baseline.tag}; left of 1 is less")
    add_legend(figure, [(axis.plot([], [], marker=marker, lw=0, ms=6, color="#000000", markerfacecolor=fill)[0], label)
                        for _, marker, fill, label in RATIOS], columns=len(RATIOS))
    return figure


def phase_times(run):
    """Milliseconds per step of each phase; `other` is what the clock has beside them."""
    steps = max(1, run.steps)
    times = [1e3 * run.summary.get(f"time/{phase}_s", 0.0) / steps for phase, _, _ in PHASES[:3]]
    whole = 1e3 * run.summary.get("time/train_s", 0.0) / steps
    return times + [max(0.0, whole - sum(times))]


def draw_phases(section, _):
    figure, axis = rows_figure(section)
    widest = 0.0
    for row, group in enumerate(section.groups):
        left = 0.0
        whole = 1e3 * group.facts["seconds_per_step"]  # compare's: a sum of medians would differ from it
        middle = [statistics.median(times) for times in zip(*map(phase_times, group.runs))]
        middle = [whole * time / (sum(middle) or 1.0) for time in middle]
        for (phase, colour, hatch), width in zip(PHASES, middle):
            axis.barh(row, width, 0.62, left, color=colour, hatch=hatch, edgecolor="#222222", lw=0.7,
                      label=phase if row == 0 else None)
            left += width
        widest = max(widest, left)
        axis.annotate(f"{whole:.4g}", (left, row), (4, 0), va="center", fontsize=8,
                      textcoords="offset points")
    axis.set_xlim(0, 1.17 * widest or 1.0)
    figure.supxlabel("milliseconds per step (median of the runs)")
    add_legend(figure, list(zip(*axis.get_legend_handles_labels())), columns=len(PHASES))
    return figure


# --- layers -----------------------------------------------------------------------------------------
def draw_layers(section, key, legend):
    look = styles(section)
    shown = [group for group in section.groups if look[group.label] is not OTHER]
    depth = max(len(run.summary[key]) for group in shown for run in group.runs)
    figure, axis = pyplot.subplots(figsize=(WIDTH, 2.7))
    width, handles = 0.8 / len(shown), []
    for i, group in enumerate(shown):
        colour, _, _, hatch = look[group.label]
        scale = [100.0 / max(1, run.steps) if key == "start_counts" else 1.0 for run in group.runs]
        counts = [[factor * count for count in run.summary[key]] for factor, run in zip(scale, group.runs)]
        layers = list(zip(*counts))
        xs = [layer + 1 + (i - (len(shown) - 1) / 2) * width for layer in range(len(layers))]
        middle = [statistics.median(values) for values in layers]
        bars = axis.bar(xs, middle, 0.92 * width, color=BAR_COLOURS.get(colour, colour), hatch=hatch, edgecolor="white", lw=0)
        axis.errorbar(xs, middle, [[m - min(v) for m, v in zip(middle, layers)],
                                   [max(v) - m for m, v in zip(middle, layers)]], fmt="none", ecolor="#666666", lw=0.9)
        handles.append((bars, group.tag))
    axis.xaxis.set_major_locator(ticker.FixedLocator(range(1, depth + 1)))
    axis.set_xlabel("layer, from the input")
    axis.set_ylabel("updates in a run" if key == "layer_updates" else "first layer drawn, % of steps")
    axis.grid(False, axis="x")
    if legend:
        add_legend(figure, handles)
    return figure


# --- all --------------------------------------------------------------------------------------------
def figures(section):
    """The figures of a section, in the order of the page."""
    out = []
    if section.target and any(group.facts["reached"] for group in section.groups):
        out.append(Figure("time-to-target", "Every run is a mark, a bar their median, the line its 95 % interval.",
                          lambda legend: draw_time_to_target(section, legend)))
    if has_ratios(section):
        out.append(Figure("ratios", "Why: the time ratio is the ratio of the steps times that of the time per step.",
                          lambda legend: draw_ratios(section, legend)))
    metrics = ["test/accuracy", "train/accuracy"]
    if section.target_metric and section.target_metric not in metrics:
        metrics.append(section.target_metric)
    for metric in metrics:
        for axis in AXES:
            out.append(Figure(f"{metric.replace('/', '-')}-{axis}", "",
                              lambda legend, m=metric, a=axis: draw_curves(section, m, a, legend)))
    out.append(Figure("phases", "Where the time of a step goes; evaluation, logging and saving are not in it.",
                      lambda legend: draw_phases(section, legend)))
    out.append(Figure("layer-updates", "How often each layer moved; thin lines: lowest to highest of the runs.",
                      lambda legend: draw_layers(section, "layer_updates", legend)))
    out.append(Figure("start-layers", "Where backpropagation could stop.",
                      lambda legend: draw_layers(section, "start_counts", legend)))
    return out
