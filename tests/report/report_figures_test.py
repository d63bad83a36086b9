#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What the parts of scripts/report.py make of made-up comparisons: verdicts, labels, and figures in which no two
labels overlap and none is cut off. Exit 77: skipped, there is no matplotlib."""
import math
import pathlib
import sys
import unittest
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "scripts"))
try:
    from report import figures
    from report import style
    from matplotlib import text as mpl_text
except ImportError:
    print("skipped: no matplotlib for this Python (package python3-matplotlib)")
    sys.exit(77)
from report import words
from report.data import Group, Run, Section, by_data_set, numbers, tags

INF = math.inf
MACHINE = ["cpu: one"]


def make_run(seed, cost, best, diverged=False, depth=4):
    """`cost`: steps to the target; the accuracy rises to `best` in 200 steps."""
    rows = []
    for step in range(0, 201, 20):
        accuracy = best * (1 - math.exp(-step / 30)) if not diverged or step < 100 else 0.1
        rows.append({"step": step, "time/train_s": 0.01 * (step + seed), "perf/flops": 1e9 * step,
                     "test/accuracy": accuracy, "train/accuracy": accuracy, "test/loss": 2 - accuracy})
    facts = {"folder": f"runs/{seed}", "name": "n", "seed": seed, "status": "done", "to_target": {"seconds": cost / 100}}
    summary = {"layer_updates": list(range(50, 50 + depth)), "start_counts": [200 // depth] * depth, "time/train_s": 2.0,
               "time/forward_s": 0.5, "time/backward_s": 1.0, "time/optimizer_s": 0.2}
    return Run(facts["folder"], facts, rows, summary, {}, {})


def make_group(tag, costs, ratio, interval, best=0.95, baseline=False, depth=4, no_claim=()):
    median = sorted(costs)[len(costs) // 2]
    cost = {"median": median / 100, "interval": [min(costs) / 100, max(costs) / 100] if len(costs) > 1 else None,
            "ratio": None if baseline else ratio, "ratio_interval": None if baseline else interval}
    facts = {"reached": sum(math.isfinite(c) for c in costs), "total": len(costs), "diverged": 0, "pairing": "by_seed",
             "no_claim": list(no_claim),
             "to_target": {"seconds": cost, "steps": {**cost, "median": median}, "samples": cost, "flops": cost},
             "seconds_per_step": 0.01, "final_test_accuracy": {"mean": best, "std": 0.01 if len(costs) > 1 else None},
             "best_test_accuracy": {"mean": best, "std": None}}
    runs = [make_run(seed, cost, best, depth=depth) for seed, cost in enumerate(costs)]
    return Group(f"label={tag}", tag, baseline, facts, runs)


def make_section(*groups, target="test/accuracy >= 0.9", machines=None):
    return Section("mnist", target, list(groups), machines or MACHINE, [])


def stopped_at_once(group, count, status="diverged"):
    """`count` of its runs have one evaluation only."""
    runs = [run._replace(rows=run.rows[:1], facts={**run.facts, "status": status}) for run in group.runs[:count]]
    return group._replace(runs=runs + group.runs[count:])


BASE = make_group("full", [100, 110, 120, 130, 140], None, None, baseline=True)


class Verdicts(unittest.TestCase):
    def says(self, expected, ratio, interval, costs=(90, 100, 110, 120, 130), base=BASE, **more):
        group = make_group("uniform", list(costs), ratio, interval, **more)
        text = words.answer(make_section(base, group))
        self.assertRegex(text, expected)
        return text

    def test_claims_only_what_the_interval_allows(self):
        self.says(r"time ratio 0.9 \(95 % interval 0.8 .. 0.99\): uniform is faster\.$", 0.9, [0.8, 0.99])
        self.says(r"uniform is slower\.$", 1.1, [1.01, 1.2])
        self.says(r"1.1\): no difference can be claimed\.$", 0.98, [0.9, 1.1])
        self.says(r"no difference can be claimed\.$", 0.9, [0.8, 1.0])
        self.says(r"no difference can be claimed\.$", 1.1, [1.0, 1.2])

    def test_what_compare_doubts_is_no_claim_whatever_the_interval_says(self):
        for interval in ([0.4, 0.6], [0.9, 1.1], [1.1, 1.2]):
            self.says(r" .. [\d.]+\): no difference can be claimed \(too few; other builds\)\.$", 0.5, interval,
                      no_claim=["too few", "other builds"])
        self.says(r"time ratio 0.5: no difference can be claimed \(1 seed\)\.$", 0.5, None, costs=(50,), no_claim=["1 seed"])

    def test_misses(self):
        text = self.says("uniform does not reach test accuracy ≥ 0.9 in half or more of its runs", INF, [2, INF],
                         costs=(90, INF, INF, INF, 100))
        self.assertIn("reached by 2 of 5 runs", text)
        never = make_group("full", [INF] * 5, None, None, baseline=True)
        self.says("the baseline full does not in half or more of its runs", 0.0, [0.0, 0.0], base=never)
        both = make_section(never, make_group("uniform", [INF] * 5, None, None))
        self.assertEqual(words.answer(both), "No run reached test accuracy ≥ 0.9: nothing can be said about the time to it.")

    def test_one_sentence_more_for_the_best_of_many(self):
        slow = make_group("slow", [300] * 5, 2.5, [2, 3])
        quick = make_group("quick", [50] * 5, 0.45, [0.4, 0.5])
        text = words.answer(make_section(slow, BASE, quick))
        self.assertRegex(text, "^quick reaches .* quick is faster. quick is the soonest of 2 groups beside the baseline")

    def test_without_target_or_contender(self):
        alone = words.answer(make_section(BASE))
        self.assertRegex(alone, r"^full reaches test accuracy ≥ 0.9 in 1.2 s \(median; reached by 5 of 5 runs\)\.$")
        text = words.answer(make_section(BASE, make_group("uniform", [1, 2], 1, [1, 1]), target=None))
        self.assertRegex(text, "^uniform ends at 95.00 ± 1.00 % .* the baseline full at 95.00 .* nothing is said about time")

    def test_accuracies_of_diverged_runs_are_marked(self):
        wild = make_group("wild", [1, 2], 1, [1, 1], best=0.99)
        wild.facts["diverged"] = 1
        self.assertIn("(mean of 2 runs; 1 of 2 diverged), the baseline", words.answer(make_section(BASE, wild, target=None)))
        base = BASE._replace(facts={**BASE.facts, "diverged": 2})
        self.assertRegex(words.answer(make_section(base, wild, target=None)), r"full at [^(]* % \(2 of 5 diverged\);")

    def test_why(self):
        section = make_section(BASE, make_group("uniform", [90, 100], 1.5, [1, 2]))
        self.assertIn("1.5 × 1 = 1.5. Its time ratio is 1.5", words.why(section.groups[1], section))
        never = make_group("uniform", [INF, INF], INF, [2, INF])
        self.assertIsNone(words.why(never, make_section(BASE, never)))


class Labels(unittest.TestCase):
    def of(self, *labels, names=None):
        names = names or ["run"] * len(labels)
        return tags([{"label": label, "runs": [{"name": name}]} for label, name in zip(labels, names)])

    def test_shortest_that_tells_groups_apart(self):
        self.assertEqual(self.of("sampling.scheme=full", "sampling.scheme=tau_nice"), ["full", "tau_nice"])
        self.assertEqual(self.of("a.truncate=true", "a.truncate=false"), ["truncate=true", "truncate=false"])
        self.assertEqual(self.of("optimizer.lr=0.1 data.root=a b", "optimizer.lr=0.2 data.root=c"),
                         ["lr=0.1, root=a b", "lr=0.2, root=c"])
        long = " ".join(f"section.some_key_{i}=value" for i in range(9))
        self.assertEqual(self.of(long + "0", long + "1", names=["one", "two"]), ["one", "two"])
        self.assertEqual(self.of(long + "0", long + "1"), ["A", "B"])

    def test_infinity_and_unknown_folders(self):
        names = {"name": "inf", "folder": "inf", "settings": {"b": "inf"}, "warnings": ["inf"]}
        costs = {"seconds": {"median": "inf", "interval": [1, "inf"]}}
        self.assertEqual(numbers({"groups": [{**names, "to_target": costs, "runs": [{**names, "to_target": {"steps": "inf"}}]}]}),
                         {"groups": [{**names, "to_target": {"seconds": {"median": INF, "interval": [1, INF]}},
                                      "runs": [{**names, "to_target": {"steps": INF}}]}]})
        self.assertEqual(by_data_set(["/absent/1", "/absent/2"]), [("", ["/absent/1", "/absent/2"])])


class Figures(unittest.TestCase):
    def texts(self, figure):
        """Boxes of all texts that are drawn, but for the inner ones of ticks outside of the view."""
        renderer = figure.canvas.get_renderer()
        hidden = set()
        for axes in figure.axes:
            for axis, (low, high) in ((axes.xaxis, sorted(axes.get_xlim())), (axes.yaxis, sorted(axes.get_ylim()))):
                slack = 1e-9 * (high - low)
                hidden |= {label for tick in axis.get_major_ticks() for label in (tick.label1, tick.label2)
                           if not low - slack <= tick.get_loc() <= high + slack}
                hidden |= {label for tick in axis.get_minor_ticks() for label in (tick.label1, tick.label2)}
        return [(text.get_text(), text.get_window_extent(renderer)) for text in figure.findobj(mpl_text.Text)
                if text.get_visible() and text.get_text() and text not in hidden]

    def least_height(self, name, section):
        rows = len(section.groups) - (name == "ratios")
        return 0.25 * rows if name in ("time-to-target", "ratios", "phases") else 1.8

    def check(self, section):
        style.matplotlib.use("agg")  # has a renderer to ask
        drawn = {}
        for figure in figures.figures(section):
            picture = figure.draw(True)
            picture.canvas.draw()
            boxes = self.texts(picture)
            drawn[figure.name] = [text for text, _ in boxes]
            for i, (text, box) in enumerate(boxes):
                inside = picture.bbox.padded(2)
                self.assertTrue(inside.contains(box.x0, box.y0) and inside.contains(box.x1, box.y1),
                                f"{figure.name}: '{text}' is cut off")
                for other, another in boxes[:i]:
                    self.assertFalse(box.overlaps(another), f"{figure.name}: '{text}' over '{other}'")
            for axes in picture.axes:
                box = axes.get_window_extent(picture.canvas.get_renderer())
                self.assertGreater(box.height / picture.dpi, self.least_height(figure.name, section), figure.name)
                for legend in picture.legends:
                    self.assertFalse(legend.get_window_extent().overlaps(box), f"{figure.name}: the legend is over it")
            style.pyplot.close(picture)
        return drawn

    def test_two_groups(self):
        drawn = self.check(make_section(BASE, make_group("uniform", [90, 95, 150, INF, 100], 0.9, [0.8, INF])))
        self.assertIn("1 missed", drawn["time-to-target"])
        self.assertIn("target", drawn["test-accuracy-steps"])
        self.assertNotIn("target", drawn["train-accuracy-steps"])
        self.assertEqual(len(drawn), 11)

    def test_many_groups_with_long_names_and_depths(self):
        many = [make_group(f"scheme=epoch_shift, alpha=0.{i:02}, lr=0.00{i:02}", [100 + 7 * i, 130 + i, INF], 0.02 * (i + 1),
                           [0.01 * (i + 1), 1 + i], depth=3 + i % 9) for i in range(20)]
        drawn = self.check(make_section(BASE, *many))
        self.assertEqual(sum("alpha" in text for text in drawn["test-accuracy-steps"]), style.FEW - 1)
        self.assertEqual(sum("alpha" in text for text in drawn["phases"]), 20)

    def test_a_group_far_below_is_named(self):
        drawn = self.check(make_section(BASE, make_group("hopeless", [INF, INF], INF, [3, INF], best=0.1)))
        self.assertIn("below: hopeless", drawn["test-accuracy-steps"])

    def test_runs_that_are_not_drawn_are_named(self):
        wild = make_group("wild", [INF] * 5, INF, [3, INF], best=0.1)
        late = make_group("hopeless", [INF] * 2, INF, [3, INF], best=0.1)
        some = self.check(make_section(BASE, stopped_at_once(wild, 2), late))["test-accuracy-steps"]
        before = "not drawn, diverged before a second evaluation:\n"
        self.assertIn(f"{before}2 of 5 runs of wild\nbelow: wild, hopeless", some)
        drawn = self.check(make_section(BASE, stopped_at_once(wild, 5), target="test/loss <= 1.2"))
        for name, texts in drawn.items():  # no curve, no line in the legend
            self.assertEqual(f"{before}5 of 5 runs of wild" in texts, "accuracy-" in name or "loss-" in name, name)
            self.assertEqual("wild" in texts, name in ("time-to-target", "ratios", "phases", "layer-updates", "start-layers"))
        ended = self.check(make_section(BASE, stopped_at_once(wild, 1, "done"), stopped_at_once(late, 1)))
        self.assertIn("not drawn, without a second evaluation:\n1 of 5 runs of wild, 1 of 2 runs of hopeless\n"
                      "below: wild, hopeless", ended["train-accuracy-flops"])
        longest = [stopped_at_once(wild._replace(
            tag=f"later_layers_first_alpha_0.75_and_cosin{i}", label=str(i)), 2) for i in range(3)]
        self.assertIn(f"{before}2 of 5 runs of {longest[0].tag}\nbelow: {longest[0].tag}",
                      self.check(make_section(longest[0], BASE))["test-accuracy-steps"])
        merged = self.check(make_section(BASE, *longest))["test-accuracy-steps"]
        self.assertIn(f"{before}6 runs in 3 groups\nbelow: 3 groups", merged)
        self.assertNotIn("not drawn", str(self.check(make_section(BASE))))

    def test_labels_are_no_formulas(self):
        names = ["w$x_{/w$.st", "_$\\frac$", r"a\$b$c$"]
        groups = [make_group(name, [INF] * 5, INF, [2, INF], best=0.1) for name in names]
        groups.append(make_group("quick$", [90] * 5, 0.9, [0.8, 1]))
        drawn = self.check(make_section(make_group("$^$", [100] * 5, None, None, baseline=True), *groups))
        for name in [*names, "quick$"]:
            for figure in ("time-to-target", "ratios", "phases", "test-accuracy-steps", "start-layers"):
                self.assertIn(name, drawn[figure])
        self.assertIn("ratio to $^$; left of 1 is less", drawn["ratios"])
        self.assertIn("below: " + ", ".join(names), drawn["test-accuracy-flops"])
        self.assertIn("100 G", drawn["test-accuracy-flops"])

    def test_a_missing_ratio_is_said(self):
        never = make_group("never", [INF] * 5, INF, [2, INF])
        drawn = self.check(make_section(BASE, never, make_group("uniform", [90, 95], 0.9, [0.8, 1])))
        self.assertEqual([text for text in drawn["ratios"] if "\n" in text], ["target\nnot reached"])
        at_once = make_group("at_once", [0] * 5, 0.0, [0, 0])
        drawn = self.check(make_section(BASE, at_once, make_group("uniform", [90, 95], 0.9, [0.8, 1])))
        self.assertIn("time ratio\n0", drawn["ratios"])
        self.assertNotIn("ratios", self.check(make_section(never, make_group("full", [90], None, None, baseline=True))))

    def test_a_target_out_of_reach_takes_no_room(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # matplotlib warns when the axes have no room
            drawn = self.check(make_section(make_group("full", [INF] * 2, None, None, best=0.1, baseline=True)))
            near = self.check(make_section(make_group("full", [INF] * 2, None, None, best=0.8, baseline=True)))
        self.assertIn("above: target", drawn["test-accuracy-steps"])
        self.assertIn("target", near["test-accuracy-steps"])

    def test_a_run_that_went_on_after_its_last_evaluation(self):
        def early(run):
            run.summary.update({"start_counts": [4, 8], "layer_updates": [4, 12]})
            return run._replace(rows=run.rows[:1])
        group = make_group("wild", [INF] * 3, None, None, baseline=True)
        section = make_section(group._replace(runs=[early(run) for run in group.runs]))
        self.assertEqual({run.steps for run in section.groups[0].runs}, {12})
        bars = figures.draw_layers(section, "start_counts", False).axes[0].patches
        self.assertAlmostEqual(sum(bar.get_height() for bar in bars), 100)

    def test_the_bar_of_a_steps_time_ends_at_its_label(self):
        group = make_group("wild", [100] * 3, None, None, baseline=True)
        group.facts["seconds_per_step"] = 0.1273
        for run, part in zip(group.runs, ("forward", "backward", "optimizer")):
            run.summary[f"time/{part}_s"] += 5
        axes = figures.draw_phases(make_section(group), None).axes[0]
        self.assertEqual([text.get_text() for text in axes.texts], ["127.3"])
        self.assertAlmostEqual(sum(bar.get_width() for bar in axes.patches), 127.3)

    def test_a_loss_as_target_is_drawn_too(self):
        drawn = self.check(make_section(BASE, make_group("uniform", [90, 95], 0.9, None), target="test/loss <= 1.2"))
        self.assertIn("target", drawn["test-loss-seconds"])

    def test_nothing_reached_and_no_target(self):
        never = make_group("full", [INF, INF], None, None, baseline=True)
        self.assertNotIn("time-to-target", self.check(make_section(never)))
        self.assertNotIn("ratios", self.check(make_section(BASE, target=None)))

    def test_styles_differ_without_colour(self):
        looks = style.STYLES
        for part in (1, 2, 3):
            self.assertEqual(len({str(look[part]) for look in looks}), len(looks))


if __name__ == "__main__":
    unittest.main()
