#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The page of scripts/report.py in Chromium: it loads nothing, nothing sticks out of it in a wide window, a narrow
one or on paper, and it prints.

    tests/report/report_browser_test.py PROGRAM    # exit 77: skipped, there is no matplotlib or no Chromium
"""
import html
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
import report_test  # noqa: E402  makes the runs

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
WINDOWS = (1280, 800)
PAPER = 703  # CSS pixels: A4 but for the margins of the page's own print rules
LONGEST = "later_layers_first_alpha_0.75_and_cosine"  # 40 letters: a longer one is no label
PLANS = {
    LONGEST: ["sampling.scheme=epoch_shift", "sampling.alpha=0.75", "optimizer.momentum=0.85", "schedule.type=cosine"],
    "sgd_with_nesterov_momentum_and_decay": ["optimizer.type=sgd", "optimizer.nesterov=true", "optimizer.lr=0.0123456",
                                             "optimizer.weight_decay=0.00012345", "sampling.scheme=full"],
    "much_too_fast": ["optimizer.type=sgd", "optimizer.lr=1e6", "optimizer.weight_decay=1"],
    "more/uniform": ["optimizer.beta1=0.8", "sampling.scheme=bernoulli"],  # a name twice: groups become letters
}
# Boxes are those of elements and of the lines of their texts. Drawings clip what is in them.
MEASURE = """<script>
addEventListener("load", () => {
  const width = document.documentElement.clientWidth;
  const all = [...document.querySelectorAll("body, body *")].filter(e => !e.parentElement.closest("svg, script"));
  const range = document.createRange();
  const lines = node => { range.selectNodeContents(node); return [...range.getClientRects()]; };
  const texts = e => [...e.childNodes].filter(node => node.nodeType === Node.TEXT_NODE);
  const boxes = e => [e.getBoundingClientRect(), ...texts(e).flatMap(lines)].filter(box => box.width > 0);
  const may_scroll = e => /auto|scroll/.test(getComputedStyle(e).overflowX);
  const within_scroller = e => { while (e = e.parentElement) if (may_scroll(e)) return true; return false; };
  const named = e => `${e.localName} ${e.getAttribute("class") || e.id}: ${e.textContent.trim().slice(0, 30)}`;
  const sticks_out = e => boxes(e).some(box => box.right > width + 1 || box.left < -1);
  const fetched = /^(src|srcset|href|xlink:href|data|action|poster)$/;
  const addresses = e => [...e.attributes].filter(a => fetched.test(a.name) && !a.value.startsWith("#"))
      .map(a => `${e.localName} ${a.name}=${a.value}`);
  const found = {width,
    full_width: document.documentElement.scrollWidth,
    outside: all.filter(e => sticks_out(e) && !within_scroller(e)).map(named),
    scrolling: all.filter(e => may_scroll(e) && e.scrollWidth > e.clientWidth + 1).map(named),
    svg_texts: document.querySelectorAll("svg text").length,
    addresses: [...document.querySelectorAll("*")].flatMap(addresses),
    loaded: performance.getEntriesByType("resource").map(entry => entry.name)};
  const out = document.createElement("pre");
  out.id = "findings";
  out.textContent = JSON.stringify(found);
  document.body.append(out);
});
</script>
"""


def browse(*arguments):
    """What Chromium prints."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        done = subprocess.run([CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
                               "--disable-dev-shm-usage", "--hide-scrollbars", f"--user-data-dir={profile}",
                               *map(str, arguments)],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=180)
    if done.returncode != 0:
        raise RuntimeError(f"{CHROMIUM} ends with {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout.decode("utf-8", errors="replace")


class Browser(report_test.Base):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()  # three groups, one of which misses the target
        for name, settings in PLANS.items():
            folder = cls.runs.with_name("more") if "/" in name else cls.runs
            done = report_test.run(report_test.PROGRAM, "train", "-q", cls.root / "small.yaml", f"runs_dir={folder}",
                                   f"name={name.split('/')[-1]}", *settings)
            if done.returncode != (76 if name == "much_too_fast" else 0):
                raise RuntimeError(done.stderr)
        summary = next(cls.runs.glob("uniform/*/summary.json"))  # three columns more
        summary.write_text(json.dumps({**json.loads(summary.read_text()), "rollbacks": 2, "skipped_steps": 11}))
        cls.pages = {}
        for page, folders in (("names", [cls.runs]), ("letters", [cls.runs, cls.root / "more"])):
            cls.pages[page] = cls.root / f"{page}.html"
            done = report_test.run(report_test.REPORT, *folders, "--program", report_test.PROGRAM,
                                   "-o", cls.pages[page], "--title", f"A title of {'very-' * 40}long words")
            if done.returncode != 0:
                raise RuntimeError(done.stderr)

    def measure(self, page, width, media):
        """Findings in a copy of the page, for paper in one whose print rules hold everywhere."""
        text = self.pages[page].read_text(encoding="utf-8")
        if media == "print":
            self.assertEqual(text.count("@media print {"), 1)
            text = text.replace("@media print {", "@media all {")
        copy = self.root / f"{page}-{width}.html"
        copy.write_text(text.replace("</body>", MEASURE + "</body>"), encoding="utf-8")
        dom = browse("--dump-dom", f"--window-size={width},900", copy.as_uri())
        found = re.search('<pre id="findings">(.*?)</pre>', dom, re.DOTALL)
        self.assertIsNotNone(found, "the measuring script did not run")
        findings = json.loads(html.unescape(found.group(1)))
        self.assertEqual(findings["width"], width)
        return findings

    def check_layout(self, width, media):
        for page in self.pages:
            with self.subTest(page=page, width=width):
                found = self.measure(page, width, media)
                self.assertEqual(found["outside"], [])
                self.assertLessEqual(found["full_width"], width)
                if media == "print":
                    self.assertEqual(found["scrolling"], [])

    def test_labels_are_as_long_as_they_get(self):
        text = self.pages["names"].read_text(encoding="utf-8")
        for words in (LONGEST, "not reached", "1 of 1 diverged", "skipped steps"):
            self.assertIn(words, text)
        self.assertRegex(self.pages["letters"].read_text(encoding="utf-8"), "</svg>\\s*C: [^<]{60}")

    def test_nothing_outside_is_needed(self):
        for page, path in self.pages.items():
            with self.subTest(page=page):
                found = self.measure(page, WINDOWS[0], "screen")
                self.assertEqual(found["addresses"], [])
                self.assertEqual(found["loaded"], [])
                self.assertNotRegex(path.read_text(encoding="utf-8"),
                                    r"(?i)\b(https?|file|ftp):|@import|url\((?!\s*['\"]?#)")

    def test_nothing_sticks_out_of_a_window(self):
        for width in WINDOWS:
            self.check_layout(width, "screen")

    def test_nothing_sticks_out_of_a_sheet_and_nothing_scrolls(self):
        self.check_layout(PAPER, "print")

    def test_labels_of_figures_are_outlines(self):
        """So no font of the reader's can make them overlap: report_figures_test.py has judged what is drawn."""
        self.assertEqual(self.measure("names", WINDOWS[0], "screen")["svg_texts"], 0)

    def test_it_prints(self):
        for page, path in self.pages.items():
            with self.subTest(page=page):
                pdf = self.root / f"{page}.pdf"
                browse(f"--print-to-pdf={pdf}", "--no-pdf-header-footer", path.as_uri())
                content = pdf.read_bytes()
                self.assertTrue(content.startswith(b"%PDF-"))
                self.assertTrue(content.rstrip().endswith(b"%%EOF"))
                self.assertGreaterEqual(len(re.findall(rb"/Type\s*/Page\b", content)), 1)
                self.assertGreater(len(content), 50_000)  # two empty pages have 2000 bytes


if __name__ == "__main__":
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        print("skipped: no matplotlib for this Python (package python3-matplotlib)")
        sys.exit(77)
    if CHROMIUM is None:
        print("skipped: no Chromium (package chromium)")
        sys.exit(77)
    report_test.PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=1)
