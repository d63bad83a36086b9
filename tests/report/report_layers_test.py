#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What scripts/report.py says about layers, on made-up runs: medians, remarks, warnings, older versions.

    tests/report/report_layers_test.py    # exit 77: skipped, there is no matplotlib
"""
import importlib.util
import pathlib
import sys
import unittest

if importlib.util.find_spec("matplotlib") is None:
    print("skipped: matplotlib is missing (scripts/install_packages.sh plot)")
    sys.exit(77)
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "scripts"))
from report import layers as report_layers
from report import page as report_page
from report.data import BAD_DATA, Group, ReportError, Run, Section


def run(updates, **lists):
    return Run("runs/a", {}, [], {"layer_updates": updates, **lists}, {}, {})


def group(tag, *runs):
    return Group(f"label={tag}", tag, tag == "full", {}, list(runs))


def section(*groups):
    return Section("mnist", None, list(groups), [], [])


def whole(ratios, unmoved=(), silent=()):
    return run([30, 30, 30], update_ratios=ratios, steps_since_update=[0, 4, None], unmoved_layers=list(unmoved),
               silent_layers=list(silent))


class Layers(unittest.TestCase):
    def test_medians_are_over_the_runs_that_tell(self):
        runs = (whole([0.1, 0.5, None]), whole([0.2, None, None]), whole([0.4, 0.25, None]))
        rows = report_layers.rows(section(group("full", *runs)))
        self.assertEqual([cells for _, cells in rows],
                         [["1", "30", "0.2", "0", ""], ["2", "30", "0.375", "4", ""], ["3", "30", "-", "-", ""]])

    def test_layers_that_took_no_part_are_counted_over_the_runs(self):
        several = group("uniform", whole([1, 1, 1], [2], [1]), whole([1, 1, 1], [2, 3], [1]), whole([1, 1, 1], [], [1]))
        mine = section(group("full", whole([1, 1, 1], [3])), several, group("fine", whole([1, 1, 1])))
        self.assertEqual(report_layers.warnings(mine), [
            "full: layer 3 never moved",
            "uniform: layer 1 put out nothing but zeros on the test set (3 of 3 runs), layer 2 never moved (2 of 3 runs), "
            "layer 3 never moved (1 of 3 runs)"])
        page = report_page.layers(mine)
        self.assertEqual(page.count("<tr>"), 1 + 9)
        self.assertIn("never moved (2 of 3 runs)", page)
        self.assertIn("full <small>(baseline)</small>", page)

    def test_runs_of_an_older_version_have_their_updates_alone(self):
        old = section(group("full", run([7, 9])))
        self.assertEqual([cells for _, cells in report_layers.rows(old)], [["1", "7", "-", "-", ""], ["2", "9", "-", "-", ""]])
        self.assertEqual(report_layers.warnings(old), [])

    def test_runs_of_different_depth_and_stopped_ones(self):
        mixed = section(group("full", whole([1, 2, 3]), run([5], update_ratios=[4], steps_since_update=[1], unmoved_layers=[])))
        self.assertEqual([cells[1] for _, cells in report_layers.rows(mixed)], ["17.5", "30", "30"])

    def test_damaged_lists_are_refused_by_name(self):
        for key in ("update_ratios", "steps_since_update", "unmoved_layers", "silent_layers"):
            for value in (3, "many", [1, "two"], {"a": 1}):
                with self.assertRaisesRegex(ReportError, f"runs/a: summary.json: no list of numbers '{key}'") as caught:
                    mine = section(group("full", run([1, 2], **{key: value})))
                    report_layers.rows(mine)
                    report_layers.warnings(mine)
                self.assertEqual(caught.exception.code, BAD_DATA)


if __name__ == "__main__":
    unittest.main()
