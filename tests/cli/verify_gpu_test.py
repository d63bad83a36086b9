#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scripts/verify_gpu.sh --program, with stand-ins for the GPU, its tools and every program: what it runs, what it
writes down, and that it goes on after a kill, a failure, a step over its limit and the end of its time."""
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts/verify_gpu.sh"

# Writes down what it was called with; then does what the file behaviour/<first word> says, if there is one.
RUN = """#!/bin/bash
cd "$(dirname "$0")"
echo "${DROPMUON_UNDER:-} $*" >>calls
[ "$2" != -# ] || [ "$3" != --list-tags ] || { printf '  2  [#bias_test]\\n  1  [#momentum_test]\\n'; exit; }
[ ! -e "behaviour/$1" ] || . "behaviour/$1"
echo 'All tests passed (12 assertions in 5 test cases)'
"""
STUBS = {
    "run": RUN,
    "dropmuon": '#!/bin/bash\necho "dropmuon $*" >>"$(dirname "$0")/calls"; echo "{}"\n',
    "scripts/wallclock.sh": "#!/bin/bash\nexit 0\n",
    "scripts/dev/kernel_costs.py": "#!/bin/bash\nexit 0\n",
    "bin/nvidia-smi": "#!/bin/bash\necho 'Stand-in GPU, 9.0'\n",
    "bin/compute-sanitizer": "#!/bin/bash\nexit 0\n",
    "versions.txt": "made for a test\n",
}


class Folder(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.home = pathlib.Path(self.temporary.name)
        for folder in ("bin", "scripts/dev", "behaviour", "data/mnist"):
            (self.home / folder).mkdir(parents=True)
        for name, text in STUBS.items():
            (self.home / name).write_text(text)
            (self.home / name).chmod(0o755)

    def behave(self, program, script):
        (self.home / "behaviour" / program).write_text(script)

    def start(self, *arguments, **environment):
        path = f"{self.home}/bin:{os.environ['PATH']}"
        return subprocess.Popen(
            [SCRIPT, "--program", self.home, "--skip-training", *arguments], text=True,
            env={**os.environ, "PATH": path, **environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True)

    def verify(self, *arguments, code, **environment):
        process = self.start(*arguments, **environment)
        output = process.communicate(timeout=120)[0]
        self.assertEqual(process.returncode, code, output)
        return output

    def calls(self):
        return (self.home / "calls").read_text().splitlines()

    def state(self, step):
        return (self.home / "results/steps" / f"{step}.state").read_text().split(" ", 2)

    def test_everything_runs_once_and_is_in_the_report(self):
        output = self.verify(code=0)
        report = (self.home / "results/report.txt").read_text()
        self.assertIn("0 failed; not run: training", output)
        self.assertIn("made for a test", report)
        self.assertIn("## tests of kernels: passed", report)
        self.assertIn("5 tests, 0 failed, 0 skipped", report)
        pieces = [call for call in self.calls() if "--tool racecheck" in call]
        self.assertEqual(len(pieces), 4, pieces)  # two files of tests for the kernels, two for the backend
        self.assertIn("test_kernels -# [#bias_test]", pieces[0])
        self.assertFalse([call for call in self.calls() if "initcheck" in call and "test_cuda" in call])
        before = [call for call in self.calls() if "--list-tags" not in call]
        self.verify(code=0)
        self.assertEqual(before, [call for call in self.calls() if "--list-tags" not in call])
        self.assertNotIn("todo", self.verify("--list", code=0))
        self.verify("--again", code=0)
        self.assertGreater(len([call for call in self.calls() if "--list-tags" not in call]), len(before))

    def test_a_failing_step_is_told_and_the_others_go_on(self):
        self.behave("test_backend", "echo 'test cases: 5 | 3 passed | 2 failed'; exit 2")
        output = self.verify("--stage", "tests", code=75)
        self.assertIn("1 failed: tests of backend", output)
        self.assertEqual(self.state("tests-of-backend")[0], "failed")
        self.assertEqual(self.state("tests-of-cuda")[0], "passed")
        self.assertIn("5 tests, 2 failed", (self.home / "results/report.txt").read_text())
        self.assertIn("1 failed: tests of backend", self.verify(code=1))

    def test_what_a_kill_cut_is_done_again_and_what_was_done_is_not(self):
        self.behave("test_engine", "sleep 20")
        process = self.start("--stage", "next")
        file = self.home / "results/steps/tests-of-engine.state"
        deadline = time.time() + 60
        while not file.exists():
            self.assertLess(time.time(), deadline)
            time.sleep(0.02)
        self.assertEqual(self.state("tests-of-engine")[0], "running")
        children = subprocess.run(["pgrep", "-g", str(process.pid)], capture_output=True, text=True, check=False)
        os.killpg(process.pid, signal.SIGKILL)  # as a scheduler does; timeout and its step are in another group
        process.communicate()
        self.assertTrue(children.stdout)
        done = len([call for call in self.calls() if "test_kernels ~[cpu]" in call])
        (self.home / "behaviour/test_engine").unlink()
        self.verify(code=0)
        self.assertEqual(self.state("tests-of-engine")[0], "passed")
        self.assertEqual(done, len([call for call in self.calls() if "test_kernels ~[cpu]" in call]))

    def test_a_step_that_is_killed_with_its_pipeline_twice_is_a_failure(self):
        steps = self.home / "results/steps"
        steps.mkdir(parents=True)
        (steps / "tests-of-engine.state").write_text("running 0 \n")
        (steps / "tests-of-engine.tries").write_text("2\n")
        self.verify("--stage", "tests", code=75)
        self.assertEqual(self.state("tests-of-engine")[2].strip(), "it was killed from outside twice")

    def test_the_end_of_the_time_cuts_a_step_which_goes_on_the_next_time(self):
        self.behave("test_engine", "[ -e slept ] || { touch slept; sleep 60; }")
        began = time.time()
        output = self.verify("--stage", "next", code=75, VERIFY_GPU_STAGE_SECONDS="9")
        self.assertLess(time.time() - began, 30)
        self.assertIn("left: the same command goes on", output)
        self.assertEqual(self.state("tests-of-engine")[0], "cut")
        self.verify(code=0)

    def test_a_step_over_its_limit_is_a_failure(self):
        text = (ROOT / "scripts/verify_gpu.sh").read_text().replace("add system 60 80 system", "add system 1 80 sleep 9")
        for name in ("verify_gpu_steps.sh", "verify_gpu_run.sh"):
            (self.home / "scripts" / name).write_text((ROOT / "scripts" / name).read_text())
        copy = self.home / "scripts/verify_gpu.sh"
        copy.write_text(text)
        subprocess.run(["bash", copy, "--program", self.home, "--stage", "start"], check=False, capture_output=True,
                       env={**os.environ, "PATH": f"{self.home}/bin:{os.environ['PATH']}"})
        self.assertEqual(self.state("system")[2].strip(), "killed at its limit of 1 s")

    def test_what_is_missing_is_told(self):
        (self.home / "bin/nvidia-smi").unlink()
        (self.home / "bin/nvidia-smi").symlink_to("/bin/false")
        self.assertIn("no GPU", self.verify(code=69))
        self.assertIn("expected next or one of", self.verify("--stage", "tset", code=2))
        (self.home / "run").unlink()
        self.assertIn("no program in", self.verify(code=66))


if __name__ == "__main__":
    unittest.main()
