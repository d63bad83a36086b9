# SPDX-License-Identifier: MIT
"""How the figures of scripts/report.py look, and how they become files. Every group has a colour, a line style, a
marker and a hatch of its own: they read in black and white, and for colour-blind people (palette: Okabe and Ito)."""
import io
import logging
import math
import re

import matplotlib

logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it tells when it builds its cache of fonts
matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402  (after the choice of the back end)

STYLES = [("#000000", "-", "o", ""), ("#0072B2", (0, (5, 2)), "s", "///"), ("#D55E00", (0, (1, 1)), "^", "..."),
          ("#009E73", (0, (6, 2, 1, 2)), "D", "\\\\\\"), ("#CC79A7", (0, (3, 1, 1, 1, 1, 1)), "v", "xxx"),
          ("#E69F00", (0, (8, 3)), "P", "++"), ("#56B4E9", (0, (2, 2)), "X", "oo")]
BAR_COLOURS = {"#000000": "#444444"}  # large black areas are glaring
OTHER = ("#999999", "-", "", "")
FEW = 5        # groups that stand out when there are more than styles
WIDTH = 4.6
matplotlib.rcParams.update({
    "font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#DDDDDD",
    "axes.axisbelow": True, "axes.edgecolor": "#444444", "legend.frameon": False, "figure.constrained_layout.use": True,
    "svg.hashsalt": "dropmuon", "hatch.linewidth": 0.7, "figure.labelsize": 9,
    "axes.formatter.useoffset": False, "text.parse_math": False})  # a label may hold any letter, $ too


def styles(section):
    """The style of each group. When there are too many, the baseline and those that were soonest (or ended
    best) have one of their own, and the rest is grey."""
    def rank(group):
        cost = group.cost("seconds")["median"] if section.target else 0.0
        return (not group.is_baseline, cost, -group.facts["final_test_accuracy"]["mean"])
    most = len(STYLES) if len(section.groups) <= len(STYLES) else FEW
    chosen = {group.label for group in sorted(section.groups, key=rank)[:most]}
    order = [group for group in sorted(section.groups, key=lambda g: not g.is_baseline) if group.label in chosen]
    own = {group.label: style for group, style in zip(order, STYLES)}
    return {group.label: own.get(group.label, OTHER) for group in section.groups}


def add_legend(figure, handles, columns=None):
    """Above the axes; the figure becomes as much taller as that needs."""
    if not handles:
        return
    longest = max(len(tag) for _, tag in handles)
    columns = columns or (1 if longest > 24 else 2)
    extra = 0.19 * math.ceil(len(handles) / columns) + 0.12
    height = figure.get_figheight() + extra
    figure.set_figheight(height)
    figure.get_layout_engine().set(rect=(0, 0, 1, 1 - extra / height))
    lines = [handle for handle, _ in handles]
    legend = figure.legend(lines, ["?"] * len(lines), loc="upper left", ncol=columns, fontsize=8, borderaxespad=0.2,
                           columnspacing=1.2, handlelength=1.6 if columns > 2 else 4)
    for text, (_, tag) in zip(legend.get_texts(), handles):
        text.set_text(tag)  # as a label, "_x" would hide its line


def svg_text(figure):
    """The drawing alone, for use inside a page: no XML head, no metadata, nothing that names an address."""
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    pyplot.close(figure)
    text = out.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg"):], flags=re.DOTALL)
    text = re.sub(r'\sxmlns(:xlink)?="[^"]*"', "", text).replace("xlink:href", "href")
    return re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, 1), 1)


def sample(style):
    """A piece of a group's line, for the legend of a page."""
    colour, line, marker, _ = style
    figure = pyplot.figure(figsize=(0.5, 0.16), constrained_layout=False)
    axis = figure.add_axes((0, 0, 1, 1))
    axis.plot([0, 1, 2], [0, 0, 0], color=colour, linestyle=line, lw=1.6, marker=marker or None, ms=5, markevery=[1],
              markerfacecolor="white")
    axis.set_axis_off()
    return figure


def save(figure, path):
    """`path`.svg and `path`.png."""
    for suffix, options in ((".svg", {"metadata": {"Date": None}}), (".png", {"dpi": 160})):
        figure.savefig(f"{path}{suffix}", **options)
    pyplot.close(figure)
