#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""scripts/report.py where the system refuses an answer: one line and the documented exit code, and no run left out.

    tests/report/report_unreadable_test.py PROGRAM    # exit 77: skipped, there is no matplotlib
"""
import os
import subprocess
import sys
import unittest

import report_test


class Unreadable(report_test.Base):
    def test_what_cannot_be_read(self):
        folder = self.copy("unreadable")
        names = sorted(entry.name for entry in folder.iterdir())
        user = {"user": 65534} if os.getuid() == 0 else {}  # for root everything is readable
        self.root.chmod(0o755)
        try:
            report_test.run(report_test.PROGRAM, "--version", **user).check_returncode()
            report_test.run(report_test.REPORT, "--help", **user).check_returncode()
        except (OSError, subprocess.CalledProcessError):
            self.skipTest("another user cannot start the programs here")
        for bad, arguments in ((folder / names[-1], [folder / names[0], folder / names[-1]]), (folder / names[-1], [folder]),
                               (folder, [folder]), (next((folder / names[0]).iterdir()), [folder])):
            is_run = (bad / "config.yaml").exists()  # which nobody has to list
            for mode in (0o000, 0o400) if is_run else (0o000, 0o400, 0o100):
                before = bad.stat().st_mode
                bad.chmod(mode)
                if user:
                    os.chown(bad, user["user"], -1)
                done = report_test.run(report_test.REPORT, *arguments, "--program", report_test.PROGRAM,
                                       "-o", self.root / "page.html", **user)
                bad.chmod(before)
                self.assertRegex(f"{done.returncode} {done.stderr}", r"\A66 report: [^\n]+\n\Z", (bad, oct(mode)))

    def test_other_answers_of_the_system(self):
        self.assertIn("too long", self.report(self.root / ("x" * 300), self.runs, code=66))
        (self.root / "loop").symlink_to("loop")
        self.report(self.root / "loop", self.runs, code=66)
        done = report_test.run("sh", "-c", 'mkdir gone && cd gone && rmdir ../gone && exec "$@"', "sh", report_test.REPORT,
                   self.runs, "--program", report_test.PROGRAM, "-o", "page.html", cwd=self.root)
        self.assertRegex(f"{done.returncode} {done.stderr}", r"\A(66|73) report: [^\n]+\n\Z")


if __name__ == "__main__":
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        print("skipped: no matplotlib for this Python (package python3-matplotlib)")
        sys.exit(77)
    report_test.PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=1)
