# SPDX-License-Identifier: MIT
"""The page that scripts/report.py writes: one HTML file that needs nothing beside it."""
import html
import json
import os
import re

from report import figures as report_figures
from report import layers as report_layers
from report import style as report_style
from report import words
from report.data import EVENTS, common_folder

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #111; background: #fff; max-width: 78rem; margin: 0 auto;
  padding: 1rem; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: .5rem 0; }
h2 { font-size: 1.3rem; margin: 2.2rem 0 .4rem; border-bottom: 2px solid #111; }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
p { margin: .4rem 0; max-width: 60rem; }
.answer { font-size: 1.12rem; border-left: 5px solid #0072B2; padding: .2rem 0 .2rem .8rem; }
.warnings { border: 1px solid #a33; padding: .3rem .8rem; }
.warnings ul { margin: .2rem 0; padding-left: 1.2rem; }
.note { color: #333; font-size: .88rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; margin: .4rem 0; }
.comparison { font-size: .79rem; }
th, td { padding: .25rem .4rem; text-align: right; vertical-align: top; border-bottom: 1px solid #bbb; white-space: nowrap; }
.settings-table td, .runs th, td code { white-space: normal; overflow-wrap: anywhere; }
thead th { border-bottom: 2px solid #111; vertical-align: bottom; }
th:first-child, td.text, th.text { text-align: left; }
.settings-table th, .settings-table td, .runs th, .runs td { text-align: left; }
td small { display: block; color: #333; white-space: nowrap; }
tbody th { font-weight: 600; min-width: 6rem; white-space: normal; }
.legend { display: flex; flex-wrap: wrap; gap: .1rem 1.4rem; padding: 0; margin: .4rem 0; list-style: none; font-size: .92rem; }
.legend svg { width: 48px; height: 15px; vertical-align: middle; margin-right: .3rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 23rem), 1fr)); gap: .6rem 1rem; align-items: start; }
figure { margin: 0; max-width: 34rem; break-inside: avoid; }
figure svg { width: 100%; height: auto; display: block; }
figcaption { font-size: .88rem; color: #333; }
svg * { stroke-linejoin: round; stroke-linecap: butt; }
.settings { columns: 17rem; font-size: .84rem; padding: 0; list-style: none; margin: .4rem 0; }
@media (min-width: 50rem) { thead th { white-space: normal; } }
code { font-family: ui-monospace, monospace; font-size: .92em; }
@media print {
  @page { margin: 12mm; }
  body { font-size: 9.5pt; max-width: none; padding: 0; }
  h2, h3, .lead { break-after: avoid; }
  table, .comparison { font-size: 7.2pt; }
  th, td { padding: .15rem .25rem; }
  th, td, td small { white-space: normal; }
  th small { white-space: nowrap; }
  tbody th { min-width: 0; }
  tbody th, td.text, .settings-table th { overflow-wrap: anywhere; }
  .wide { overflow: visible; }
  .figures { grid-template-columns: 1fr 1fr; }
  tr { break-inside: avoid; }
}
"""
COSTS = {"seconds": "seconds", "steps": "steps", "samples": "samples", "flops": "FLOP"}


def text(value):
    return html.escape(str(value))


def element(name, content, **attributes):
    marks = "".join(f' {key.rstrip("_")}="{html.escape(str(value))}"' for key, value in attributes.items())
    return f"<{name}{marks}>{content}</{name}>"


def table(header, rows, **attributes):
    """Cells are HTML; the first of a row is its heading."""
    head = "".join(element("th", cell, scope="col") for cell in header)
    body = "".join("<tr>" + element("th", row[0], scope="row", class_="text") + "".join(row[1:]) + "</tr>\n"
                   for row in rows)
    return element("div", element("table", f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>", **attributes),
                   class_="wide")


def number(cell):
    """(value, what belongs to it) as one cell of two lines."""
    value, extra = cell
    return element("td", text(value) + (element("small", text(extra)) if extra else ""))


def plain(value, kind="text"):
    return element("td", text(value), class_=kind)


def accuracy(group, which):
    """Mean and deviation; an accuracy of runs that diverged is where they stopped, not where they would have ended."""
    mean, deviation = words.percent_cell(group.facts[f"{which}_test_accuracy"])
    mark = element("small", text(words.diverged(group))) if group.facts["diverged"] else ""
    return element("td", text(mean) + (element("small", text(deviation)) if deviation else "") + mark)


def named(group):
    return text(group.tag) + (" <small>(baseline)</small>" if group.is_baseline else "")


def drawing(figure, prefix, label):
    """Ids are unique in a page, so every drawing has a prefix of its own."""
    svg = re.sub(r'(\bid="|url\(#|href="#)', lambda match: match.group(1) + prefix, report_style.svg_text(figure))
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)
    return svg.replace("<svg", f'<svg role="img" aria-label="{html.escape(label)}"', 1)


# --- the comparison ---------------------------------------------------------------------------------
def comparison_row(section, group):
    several = len(section.groups) > 1
    facts = group.facts
    cells = [named(group)]
    if section.target:
        cells.append(number((f"{facts['reached']} of {facts['total']}", "")))
        for cost in COSTS:
            cells.append(number(words.cost_cell(group.cost(cost), cost)))
            if several:
                cells.append(number(("1", "") if group.is_baseline else words.ratio_cell(group.cost(cost))))
    else:
        cells.append(number((facts["total"], "")))
    if any(other.facts["diverged"] for other in section.groups):
        cells.append(number((facts["diverged"], "")))
    cells.append(number((f"{1e3 * facts['seconds_per_step']:.4g}", "")))
    return cells + [accuracy(group, which) for which in ("final", "best")]


def comparison(section):
    header = ["group", "reached" if section.target else "runs"]
    for name in COSTS.values() if section.target else ():
        header += [name] + (["ratio"] if len(section.groups) > 1 else [])
    if any(group.facts["diverged"] for group in section.groups):
        header.append("diverged")
    header += ["ms / step", "final test %", "best test %"]
    out = table(header, [comparison_row(section, group) for group in section.groups], class_="comparison")
    notes = ["Accuracies: mean ± standard deviation over the runs."]
    if any(group.facts["diverged"] for group in section.groups):
        notes.append("A run that diverged counts with its last evaluation.")
    if section.target:
        pairings = {group.facts["pairing"] for group in section.groups if not group.is_baseline}
        notes.insert(0, f"Target: {words.target_words(section.target)}. Median of the runs and its bootstrap 95 % "
                        "interval; a miss counts as infinite. Seconds of training, without evaluation, logging and "
                        "saving.")
        if pairings:
            how = {"by_seed": "paired by seed", "independent": "not paired, as the seeds differ or repeat"}
            runs = how[min(pairings)] if len(pairings) == 1 else "paired by seed where the seeds agree"
            notes.append(f"Ratios are to {section.baseline.tag}, below 1 is less; runs are {runs}.")
    return out + element("p", text(" ".join(notes)), class_="note")


def legend(section, prefix):
    look = report_style.styles(section)
    items, others = [], 0
    for group in section.groups:
        if look[group.label] is report_style.OTHER:
            others += 1
            continue
        label = named(group)
        if group.tag != group.label and len(group.tag) <= 3:
            label += ": " + text(group.label)
        items.append((look[group.label], label))
    if others:
        items.append((report_style.OTHER, f"the other {others} groups"))
    items = [element("li", drawing(report_style.sample(style), f"{prefix}key{i}-", "line of") + label)
             for i, (style, label) in enumerate(items)]
    return element("ul", "".join(items), class_="legend")


# --- figures ----------------------------------------------------------------------------------------
def figure_block(figures, prefix):
    out = []
    for i, figure in enumerate(figures):
        picture = drawing(figure.draw(False), f"{prefix}{figure.name}-", figure.name.replace("-", " "))
        caption = element("figcaption", text(figure.caption)) if figure.caption else ""
        out.append(element("figure", picture + caption, id=f"{prefix}{figure.name}"))
    return element("div", "".join(out), class_="figures")


def figures_of(section, prefix):
    every = report_figures.figures(section)
    curves = [figure for figure in every if not figure.caption]
    first = [figure for figure in every if figure.name in ("time-to-target", "ratios")]
    rest = [figure for figure in every if figure not in curves and figure not in first]
    out = [legend(section, prefix)]
    if first:
        reasons = [words.why(group, section) for group in section.groups if not group.is_baseline]
        reasons = [reason for reason in reasons if reason]
        out += [element("h3", "Time to target, and why"), figure_block(first, prefix)]
        out += [element("p", text(reason)) for reason in (reasons if len(reasons) <= 3 else [])]
    out += [element("h3", "Accuracy against seconds, steps and FLOPs"),
            element("p", "Lines: median of the runs; bands: lowest to highest; thin lines: single runs, after the first "
                         "of their group has ended. Between evaluations, straight lines.", class_="note lead"),
            figure_block(curves, prefix), element("h3", "Time and layers"), figure_block(rest, prefix)]
    return "".join(out)


# --- settings and provenance ------------------------------------------------------------------------
def settings(section):
    """What differs, by group, and what all runs have in common."""
    every = [run.facts["settings"] for group in section.groups for run in group.runs]
    keys = list(dict.fromkeys(key for one in every for key in one))
    values = {key: {one.get(key, "-") for one in every} for key in keys}
    differing = [key for key in keys if len(values[key]) > 1]
    rows = []
    for key in differing:
        cells = []
        for group in section.groups:
            mine = list(dict.fromkeys(run.facts["settings"].get(key, "-") for run in group.runs))
            cells.append(plain(", ".join(mine) if len(mine) <= 12 else f"{len(mine)} values"))
        rows.append([element("code", text(key))] + cells)
    out = [element("h3", "Settings")]
    if rows:
        out.append(table(["what differs"] + [named(group) for group in section.groups], rows, class_="settings-table"))
    common = [element("li", element("code", f"{text(key)}: {text(next(iter(values[key])))}"))
              for key in keys if key not in differing]
    out += [element("p", "The same in all runs:", class_="note"), element("ul", "".join(common), class_="settings")]
    return "".join(out)


def provenance(section, root):
    rows, data = [], {}
    happened = [name for name in EVENTS if any(run.events[name] for group in section.groups for run in group.runs)]
    for group in section.groups:
        for run in group.runs:
            about = run.provenance
            machine, program = about.get("machine", {}), about.get("program", {})
            folder = os.path.relpath(run.folder, root)
            data.setdefault(json.dumps(about.get("data", {}), sort_keys=True), folder)
            rows.append([element("code", text(folder)), plain(group.tag), number((run.facts["seed"], "")),
                         plain(run.facts["status"]), plain(about.get("started_utc", "?")),
                         plain(machine.get("host", "?")), plain(program.get("commit", "?")), number((run.steps, "")),
                         number((f"{run.summary.get('time/train_s', 0):.4g}", "")),
                         *(number((run.events[name], "")) for name in happened)])
    header = ["run", "group", "seed", "status", "started (UTC)", "host", "commit", "steps", "seconds",
              *(name.replace("_", " ") for name in happened)]
    out = [element("h3", "Provenance"), *(element("p", "Machine: " + text(line)) for line in section.machines),
           element("p", text(f"Run folders below {root}:"), class_="note"), table(header, rows, class_="runs")]
    for described, folder in data.items():
        about = json.loads(described)
        name = f"Data: {about.get('name', '?')} from {about.get('source', '?')}, {about.get('verdict', '?')}"
        out.append(element("p", text(name + (f" (first in {folder})" if len(data) > 1 else ""))))
        files = about.get("sha256") or {}
        if files:
            out.append(table(["file", "SHA-256"], [[text(file), element("td", element("code", text(files[file])),
                                                                        class_="text")] for file in sorted(files)],
                             class_="settings-table"))
    return "".join(out)


# --- layers -----------------------------------------------------------------------------------------
def layers(section):
    rows = [[named(group), *(number((value, "")) for value in cells[:-1]), plain(cells[-1])]
            for group, cells in report_layers.rows(section)]
    note = ("Medians over the runs of a group, at their ends: steps in which a layer moved, the Frobenius norm of its "
            "latest move over that of its weights, biases apart, and the steps since then.")
    return (element("h3", "Layers") + element("p", note, class_="note") +
            table(["group", "layer", "updates", "‖ΔW‖ / ‖W‖", "steps since", "remarks"], rows, class_="layers"))


# --- the page ---------------------------------------------------------------------------------------
def section_html(section, prefix, root):
    out = [element("h2", text(section.data)), element("p", text(words.answer(section)), class_="answer")]
    warnings = section.warnings + report_layers.warnings(section)
    if warnings:
        items = "".join(element("li", text(warning)) for warning in warnings)
        out.append(element("div", element("strong", "Mind:") + element("ul", items), class_="warnings"))
    out += [element("h3", "Comparison"), comparison(section), figures_of(section, prefix), layers(section),
            settings(section), provenance(section, root)]
    return element("section", "\n".join(out))


def page(sections, title, made):
    """`made`: when and with what."""
    root = common_folder(sections)
    body = [element("h1", text(title)), element("p", text(made), class_="note")]
    body += [section_html(section, f"s{i}-", root) for i, section in enumerate(sections, start=1)]
    return ('<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n" + "\n".join(body) +
            "\n</body>\n</html>\n")
