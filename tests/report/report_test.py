#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""scripts/report.py on real small runs: the page, its numbers, its figures, its errors.

    tests/report/report_test.py PROGRAM    # exit 77: skipped, there is no matplotlib
"""
import hashlib
import html.parser
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import unittest.mock
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
REPORT = ROOT / "scripts/report.py"
PROGRAM = "dropmuon"
VOID = {"meta", "br", "img", "link", "input", "hr"}
CONFIG = """runs_dir: {runs}
data: {{dataset: synthetic, train_limit: 400}}
model: {{channels: [4, 6]}}
optimizer: {{lr: 0.05}}
train: {{epochs: 3, batch_size: 40, eval_every_steps: 5, eval_train_images: 200, target: {{value: 0.5, stop_at_target: false}}}}
"""


class Page(html.parser.HTMLParser):
    """Demands balanced tags, unique ids and that nothing is fetched; keeps tables and texts."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.problems, self.tables, self.words = [], set(), [], [], []
        self.feed(text)
        self.close()
        if self.open:
            self.problems.append(f"left open: {self.open}")
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.handle_startendtag(tag, attributes)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        for name, value in attributes:
            if name in ("src", "href", "srcset", "data", "action", "poster") and not value.startswith("#"):
                self.problems.append(f"{tag} refers to {value}")
            if name == "id" and value in self.ids:
                self.problems.append(f"id {value} twice")
            self.ids.update([value] if name == "id" else [])
        if tag in ("script", "link", "iframe", "object", "base"):
            self.problems.append(f"a {tag}")
        if tag == "table":
            self.tables.append((dict(attributes).get("class"), []))
        elif tag == "tr":
            self.tables[-1][1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][1][-1].append("")

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data):
        self.words.append(data)
        if {"td", "th"} & set(self.open):
            cells = self.tables[-1][1][-1]
            cells[-1] = f"{cells[-1]} {data}".strip()

    def rows(self, kind):
        return next(rows for name, rows in self.tables if name == kind)


def run(*arguments, **options):
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive", "PYTHONIOENCODING": "utf-8:strict", "PYTHONUNBUFFERED": ""}
    return subprocess.run([str(argument) for argument in arguments], capture_output=True, encoding="utf-8",
                          errors="surrogateescape", env=environment, **options)


def forge_data_set(folder, name):
    """Makes a run look as if it had trained on another data set."""
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("dataset: synthetic", f"dataset: {name}"))
    provenance = folder / "provenance.json"
    facts = json.loads(provenance.read_text())
    facts["config_text_hash"] = hashlib.sha256(config.read_bytes()).hexdigest()[:8]
    facts["data"]["name"] = name
    provenance.write_text(json.dumps(facts))


class Base(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.root = pathlib.Path(cls.folder.name)
        cls.runs = cls.root / "runs"
        config = cls.root / "small.yaml"
        config.write_text(CONFIG.format(runs=cls.runs))
        plans = [(f"{scheme}", [f"sampling.scheme={scheme}", f"seed={seed}"])
                 for seed in range(3) for scheme in ("full", "uniform")]
        plans.append(("slow", ["sampling.scheme=full", "optimizer.lr=1e-9"]))  # one seed, and a miss
        for name, settings in plans:
            done = run(PROGRAM, "train", "-q", config, f"name={name}", *settings)
            if done.returncode != 0:
                raise RuntimeError(done.stderr)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def report(self, *arguments, code=0, page="page.html"):
        done = run(REPORT, *arguments, "--program", PROGRAM, "-o", self.root / page)
        self.assertEqual(done.returncode, code, done.stderr)
        if code == 0:
            self.assertFalse((self.root / f"{page}.tmp").exists())
            text = (self.root / page).read_text(encoding="utf-8")
            parsed = Page(text)
            self.assertEqual(parsed.problems, [])
            self.assertNotRegex(text, r"(?i)https?:|@import|url\((?!#)|xlink")
            return parsed
        self.assertRegex(done.stderr, r"\Areport: [^\n]+\n\Z")
        self.assertEqual(done.stdout, "")
        return done.stderr

    def baselines(self, page):
        rows = [row for kind, rows in page.tables if kind == "comparison" for row in rows]
        return {row[0].removesuffix(" (baseline)") for row in rows if row[0].endswith(" (baseline)")}

    def copy(self, name):
        target = self.root / "copies" / name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.runs, target)
        return target


class Pages(Base):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.page = cls().report(cls.runs, "--title", "A <b> & C", "--figures", cls.root / "figures")

    def test_numbers_are_those_of_compare(self):
        page = self.page
        table = run(PROGRAM, "compare", self.runs, "--format", "markdown").stdout.split("\n\n")[0]
        expected = [[cell.strip().replace("+-", "±") for cell in line.strip("|").split("|")]
                    for line in table.splitlines() if not line.startswith("|---")]
        found = [[cell.replace(" (baseline)", "") for cell in row] for row in page.rows("comparison")]
        self.assertEqual([row[1:] for row in found[1:]], [row[1:] for row in expected[1:]])
        self.assertEqual(len(found), 4)
        self.assertEqual(len(found[0]), len(expected[0]))
        self.assertIn("not reached", found[2])  # the one run that misses: compare sorts by folder
        self.assertEqual([row[0] for row in found[1:]], ["lr=0.05, scheme=full", "lr=1e-09, scheme=full",
                                                         "lr=0.05, scheme=uniform"])

    def test_answer_figures_and_provenance(self):
        page = self.page
        self.assertIn("A <b> & C", page.text)
        self.assertIn("lr=0.05, scheme=uniform reaches test accuracy ≥ 0.5 in", page.text)
        facts = json.loads(run(PROGRAM, "compare", self.runs, "--format", "json").stdout)
        reasons = next(group["no_claim"] for group in facts["groups"] if "uniform" in group["label"])
        self.assertIn(f"no difference can be claimed ({'; '.join(reasons)}).", page.text)
        self.assertIn("5 are the least", str(reasons))
        self.assertRegex(page.text, r"needs [\d.]+ times the steps of lr=0.05, scheme=full, and a step of it takes")
        self.assertEqual((len(page.rows("runs")), len(page.rows("layers"))), (1 + 7, 1 + 3 * 3))
        settings = {row[0]: row[1:] for row in page.rows("settings-table")}
        self.assertEqual(settings["optimizer.lr"], ["0.05", "1e-09", "0.05"])
        self.assertEqual(settings["seed"], ["0, 1, 2", "0", "0, 1, 2"])
        self.assertIn("model.channels: [4, 6]", page.text)

    def test_what_happened_to_a_run_is_in_its_row(self):
        self.assertEqual(self.page.rows("runs")[0][-1], "seconds")
        folder = self.copy("eventful")
        one = sorted(folder.glob("uniform/*"))[0]
        summary = json.loads((one / "summary.json").read_text())
        (one / "summary.json").write_text(json.dumps({**summary, "rollbacks": 2, "skipped_steps": 11}))
        line = json.dumps(json.loads((one / "provenance.json").read_text())) + "\n"
        (one / "provenance_resume.jsonl").write_text(3 * line + line[:50])
        page = self.report(folder)
        header, *rows = page.rows("runs")
        self.assertEqual(header[-3:], ["resumed", "rollbacks", "skipped steps"])
        counts = {row[0]: row[-3:] for row in rows}
        self.assertEqual(counts.pop(f"uniform/{one.name}"), ["3", "2", "11"])
        self.assertEqual(set(map(tuple, counts.values())), {("0", "0", "0")})
        self.assertIn("went back to a checkpoint 2 times", page.text)

    def test_runs_of_a_sweep_are_in_the_order_of_its_file(self):
        folder = self.copy("swept")
        shutil.rmtree(folder / "slow")
        for run_folder in list(folder.glob("*/*")):
            seed = json.loads((run_folder / "provenance.json").read_text())["seed"]
            run_folder.rename(folder / f"{run_folder.parent.name}-seed={seed}")
        cases = "cases:\n  uniform: {}\n  full: {}\n"
        (folder / "sweep.yaml").write_text(f"base: a.yaml\n{cases}seeds: 3\n")
        page = self.report(folder)
        self.assertEqual([row[0] for row in page.rows("comparison")[1:]],
                         ["uniform (baseline)", "full"])

    def test_figures_as_files_are_those_of_the_page(self):
        names = {re.sub("^s1-", "", name) for name in self.page.ids}
        names = {name for name in names if (self.root / "figures" / f"{name}.svg").exists()}
        files = sorted(path.name for path in (self.root / "figures").iterdir())
        self.assertEqual(files, sorted(f"{name}.{kind}" for name in names for kind in ("svg", "png")))
        self.assertEqual(names, {"time-to-target", "ratios", "phases", "layer-updates", "start-layers",
                                 *(f"{which}-accuracy-{axis}" for which in ("test", "train")
                                   for axis in ("seconds", "steps", "flops"))})
        for name in names:
            path = self.root / "figures" / name
            self.assertTrue(xml.etree.ElementTree.parse(f"{path}.svg").getroot().tag.endswith("svg"))
            self.assertTrue(pathlib.Path(f"{path}.png").read_bytes().startswith(b"\x89PNG"))

    def test_no_target_and_a_single_run(self):
        page = self.report(*self.runs.glob("slow/*"))
        self.assertIn("No run reached test accuracy ≥ 0.5", page.text)
        self.assertNotIn("s1-time-to-target", page.ids)
        folder = self.copy("no-target")
        for config in folder.glob("full/*/config.yaml"):
            config.write_text(re.sub(r"  target:\n(    .*\n)+", "  target: null\n", config.read_text()))
            forge_data_set(config.parent, "synthetic")
        page = self.report(folder / "full")
        self.assertRegex(page.text, r"full ends at [\d.]+ ± [\d.]+ % test accuracy \(mean of 3 runs\); there is no target")
        self.assertEqual(len(page.rows("comparison")[0]), 5)

    def test_diverged_runs_are_marked(self):
        wild = self.root / "wild"
        for rate, seed in (("1e6", 0), ("1e6", 1), ("0.01", 0)):
            done = run(PROGRAM, "train", "-q", self.root / "small.yaml", f"seed={seed}", f"optimizer.lr={rate}",
                       f"runs_dir={wild}", f"name={rate}", "optimizer.type=sgd", "optimizer.weight_decay=1")
            self.assertEqual(done.returncode, 76 if rate == "1e6" else 0, done.stderr)
        page = self.report(wild, "--baseline", "optimizer.lr=0.01")
        header, *rows = page.rows("comparison")
        marked = {row[0].split()[0]: [cell.endswith(" 2 of 2 diverged") for cell in row] for row in rows}
        self.assertEqual(marked, {"lr=0.01": [False] * len(header), "lr=1000000": [False] * (len(header) - 2) + [True] * 2})
        header, *rows = page.rows("runs")
        for row in rows:
            last = (wild / row[0] / "metrics.jsonl").read_text().splitlines()[-1]
            self.assertEqual(row[header.index("steps")], str(json.loads(last)["step"]))

    def test_each_data_set_has_a_part(self):
        folder = self.copy("two")
        for other in folder.glob("*/*"):
            if json.loads((other / "provenance.json").read_text())["seed"] > 0:
                forge_data_set(other, "mnist")
        page = self.report(folder, "--figures", self.root / "both")
        self.assertEqual(sum(kind == "comparison" for kind, _ in page.tables), 2)
        self.assertEqual(self.baselines(page), {"lr=0.05, scheme=full", "full"})
        for name, found in (("optimizer.lr=1e-09", {"lr=1e-09, scheme=full", "full"}),
                            ("sampling.scheme=uniform", {"lr=0.05, scheme=uniform", "uniform"})):
            page = self.report(folder, "--baseline", name)
            self.assertEqual(self.baselines(page), found)
            self.assertEqual(f"--baseline '{name}' is no one group" in page.text, "full" in found)
        self.assertIn("so the baseline here is 'sampling.scheme=full'", self.report(folder, "--baseline", "slow").text)
        self.assertIn("baseline", self.report(folder, "--baseline", "nobody", code=2))
        self.assertIn("s2-ratios", page.ids)
        self.assertTrue((self.root / "both/mnist-ratios.png").exists())
        for status in folder.glob("*/*/STATUS"):
            if "dataset: mnist" in status.with_name("config.yaml").read_text():
                status.write_text("running\n")
        self.report(folder, code=65)
        page = self.report(folder, "--skip-bad")
        self.assertEqual(sum(kind == "comparison" for kind, _ in page.tables), 1)
        self.assertIn("mnist: no run is left to compare", page.text)


    def test_names_are_never_numbers_and_may_hold_any_bytes(self):
        folder = self.root / os.fsdecode(b"any-\xff\xc3\xa9\xff")
        for one in self.runs.glob("full/*"):
            shutil.copytree(one, folder / "inf" / one.name)
            config = folder / "inf" / one.name / "config.yaml"
            config.write_text(re.sub("(?m)^name: .*", "name: inf", config.read_text()))
            forge_data_set(config.parent, "synthetic")
        strange = os.fsdecode(b"one \xff\xc3\xa9")
        page = self.report(folder, "--title", strange, "--figures", self.root / strange, page=f"{strange}.html")
        self.assertIn("one \ufffdé", page.text)
        self.assertIn("any-\ufffdé\ufffd", page.text)
        self.assertEqual(len(page.rows("runs")), 1 + 3)
        self.assertEqual(len(list((self.root / strange).glob("*.svg"))), 10)
        one, other = sorted((folder / "inf").iterdir())[:2]
        one.rename(folder / os.fsdecode(b"twin-\xfe"))
        other.rename(folder / os.fsdecode(b"twin-\xff"))
        self.assertIn("2 run folders read as", self.report(folder, code=65))


class Errors(Base):
    def test_usage(self):
        self.report(code=2)
        self.report(self.runs, "--colour", code=2)
        self.assertIn("target", self.report(self.runs, "--target", "speed=3", code=2))
        self.assertIn("baseline", self.report(self.runs, "--baseline", "nobody", code=2))

    def test_missing(self):
        self.assertIn("absent", self.report(self.root / "absent", code=66))
        (self.root / "empty").mkdir(exist_ok=True)
        self.report(self.root / "empty", code=66)
        done = run(REPORT, self.runs, "--program", self.root / "no-program", "-o", self.root / "x.html")
        self.assertEqual(done.returncode, 69)
        self.assertRegex(done.stderr, r"\Areport: cannot run [^\n]+\n\Z")

    def test_a_program_that_does_not_say_what_it_doubts(self):
        old = self.root / "old-program"
        old.write_text(f'#!/bin/sh\n{PROGRAM} "$@" | sed s/no_claim/unclaimed/\n')
        old.chmod(0o755)
        with unittest.mock.patch(f"{__name__}.PROGRAM", old):
            self.assertRegex(self.report(self.runs, code=70), "answers in another form .*no_claim")

    def test_bad_runs(self):
        folder = self.copy("bad")
        bad = next(folder.glob("uniform/*"))
        (bad / "STATUS").write_text("running\n")
        self.assertIn(str(bad), self.report(folder, code=65))
        page = self.report(folder, "--skip-bad")
        self.assertIn("left out", page.text)
        self.assertEqual(len(page.rows("runs")), 1 + 6)
        (bad / "STATUS").write_text("done\n")
        summary = json.loads((bad / "summary.json").read_text())
        for counts in (None, "many", [1, "two"]):
            (bad / "summary.json").write_text(json.dumps({**summary, "layer_updates": counts}))
            self.assertIn("layer_updates", self.report(folder, code=65))

    def test_a_standard_output_that_is_closed_or_full(self):
        for to, code, words in ((">&-", 0, r"\Z"), (">/dev/full", 73, r"report: cannot write to .*\n\Z")):
            done = run("sh", "-c", f'"$@" {to}', "sh", REPORT, self.runs, "--program", PROGRAM, "-o", self.root / "page")
            self.assertRegex(f"{done.returncode} {done.stderr}", f"{code} {words}")

    def test_a_page_that_cannot_be_written_leaves_the_old_one(self):
        self.report(self.runs, code=73, page="absent/page.html")
        (self.root / "file").write_text("")
        self.report(self.runs, "--figures", self.root / "file", code=73)
        old = self.root / "old.html"
        old.write_text("old")
        self.report(self.root / "absent", code=66, page="old.html")
        self.assertEqual(old.read_text(), "old")
        old.with_name("old.html.tmp").mkdir()
        self.report(self.runs, code=73, page="old.html")
        self.assertEqual(old.read_text(), "old")


if __name__ == "__main__":
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        print("skipped: no matplotlib for this Python (package python3-matplotlib)")
        sys.exit(77)
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=1)
