#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scripts/verify_gpu.sh --program, with stand-ins for the GPU, its tools and every program: what it runs, what it
writes down, and that it goes on after a kill, a failure, a step over its limit and the end of its time."""
import os
import pathlib
import re
import signal
import subprocess
import sys
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
    "dropmuon": '#!/bin/bash\necho "dropmuon $*" >>"$(dirname "$0")/calls"; echo "{\\"groups\\": []}"\n',
    "scripts/wallclock.sh": '#!/bin/bash\necho "wallclock $*" >>calls\n',
    "scripts/dev/kernel_costs.py": "#!/bin/bash\nexit 0\n",
    "bin/nvidia-smi": "#!/bin/bash\necho 'Stand-in GPU, 9.0'\n",
    "bin/compute-sanitizer": "#!/bin/bash\nexit 0\n",
    "versions.txt": "dropmuon, commit 0123abc, made for a test\n",
}
CATCH = ROOT / "tests/support/pretended_catch.py"


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
        training = [] if "--with-training" in arguments else ["--skip-training"]
        arguments = [argument for argument in arguments if argument != "--with-training"]
        return subprocess.Popen(
            [SCRIPT, "--program", self.home, *training, *arguments], text=True,
            env={**os.environ, "PATH": path, **environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True)

    def verify(self, *arguments, code, **environment):
        process = self.start(*arguments, **environment)
        output = process.communicate(timeout=120)[0]
        self.assertEqual(process.returncode, code, output)
        return output

    def calls(self, *words):
        lines = (self.home / "calls").read_text().splitlines()
        return [line for line in lines if all(word in line for word in words)]

    def wait_for(self, *words):
        deadline = time.time() + 60
        while not (self.home / "calls").exists() or not self.calls(*words):
            self.assertLess(time.time(), deadline)
            time.sleep(0.02)

    def tests(self, **cases):
        """test_<room> has these: name to what it does, in Python."""
        text = "\n".join(f"{program} {tags} {name}\t{script}" for program, tests in cases.items()
                         for name, (tags, script) in tests.items())
        (self.home / "cases").write_text(text + "\n")
        (self.home / "run").write_text(f'#!/bin/bash\ncd "$(dirname "$0")"\necho "${{DROPMUON_UNDER:-}} $*" >>calls\n'
                                       f'exec {sys.executable} {CATCH} cases "$@"\n')

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
        self.behave("test_engine", "sleep 60")
        for kills in (1, 2):
            process = self.start("--stage", "tests")
            while len(self.calls("test_engine ~[cpu]") if (self.home / "calls").exists() else []) < kills:
                time.sleep(0.02)
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        self.verify("--stage", "tests", code=75)
        self.assertEqual(self.state("tests-of-engine")[2].strip(), "it was killed from outside twice")
        self.assertEqual(len(self.calls("test_engine ~[cpu]")), 2)

    def test_cuts_by_the_time_are_no_kills(self):
        self.behave("test_engine", "[ -e slept ] || { touch slept; sleep 60; }")
        self.verify("--stage", "tests", code=75, VERIFY_GPU_STAGE_SECONDS="6")
        steps = self.home / "results/steps"
        self.assertEqual((steps / "tests-of-engine.tries").read_text(), "1\n")
        (steps / "tests-of-engine.tries").write_text("2\n")  # twice, and killed in the third try
        (steps / "tests-of-engine.state").write_text("running 0 \n")
        (self.home / "behaviour/test_engine").unlink()
        self.verify("--stage", "tests", code=75)
        self.assertEqual(self.state("tests-of-engine")[0], "passed")

    def test_a_program_that_is_killed_is_no_cut(self):
        self.behave("test_engine", "kill -KILL $$")
        self.verify("--stage", "tests", code=75)
        self.assertEqual(self.state("tests-of-engine")[::2], ["failed", "exit code 137\n"])

    def test_a_step_that_has_outlived_its_call_is_ended_first(self):
        self.behave("test_engine", "echo $$ >running; sleep 50; touch overtaken")
        process = self.start("--stage", "tests")
        self.wait_for("test_engine ~[cpu]")
        time.sleep(0.3)
        process.kill()
        process.communicate()
        step = int((self.home / "running").read_text())
        os.kill(step, 0)
        (self.home / "behaviour/test_engine").write_text(f"[ ! -e /proc/{step}/fd/1 ] || touch overtaken")
        output = self.verify("--stage", "tests", code=75)
        self.assertIn("ends the step that a killed call has left at work", output)
        self.assertFalse((self.home / "overtaken").exists())
        self.assertEqual(self.state("tests-of-engine")[0], "passed")

    def test_a_call_at_work_is_left_alone(self):
        self.behave("test_engine", "sleep 4")
        process = self.start("--stage", "tests")
        self.wait_for("test_engine ~[cpu]")
        self.assertIn("another verify_gpu.sh is at work", self.verify("--again", code=73))
        process.communicate()
        self.assertEqual(self.state("tests-of-engine")[0], "passed")
        self.assertEqual(len(self.calls("test_engine ~[cpu]")), 1)

    def test_a_polite_signal_ends_the_step_too(self):
        for signals, number in enumerate((signal.SIGTERM, signal.SIGINT, signal.SIGHUP), start=1):
            self.behave("test_engine", "echo $$ >running; sleep 50")
            process = self.start("--stage", "tests")
            while not (self.home / "running").exists():
                time.sleep(0.02)
            process.send_signal(number)
            output = process.communicate(timeout=20)[0]
            self.assertEqual(process.returncode, 75, output)
            self.assertIn("ended by a signal", output)
            self.assertFalse(pathlib.Path("/proc", (self.home / "running").read_text().strip(), "fd/1").exists())
            self.assertEqual(self.state("tests-of-engine")[0], "cut", signals)
            (self.home / "running").unlink()

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
        for part in (ROOT / "scripts").glob("verify_gpu_*.sh"):
            (self.home / "scripts" / part.name).write_text(part.read_text())
        copy = self.home / "scripts/verify_gpu.sh"
        copy.write_text(text)
        subprocess.run(["bash", copy, "--program", self.home, "--stage", "start"], check=False, capture_output=True,
                       env={**os.environ, "PATH": f"{self.home}/bin:{os.environ['PATH']}"})
        self.assertEqual(self.state("system")[2].strip(), "killed at its limit of 1 s")

    def test_every_step_of_the_plan_has_tests(self):
        rooms = {}
        for room in ("kernels", "backend", "engine", "optim", "training", "cuda"):
            rooms[f"test_{room}"] = tests = {}
            for file in sorted((ROOT / "tests" / room).glob("*_test.cpp")):
                for name, tags in re.findall(r'^TEST_CASE\(\s*"([^"]+)"(?:,\s*"([^"]*)")?', file.read_text(), re.MULTILINE):
                    tests[name] = f"[#{file.stem}]{tags}", "pass"
        self.tests(**rooms)
        self.verify(code=0)
        for tool in ("memcheck", "racecheck", "synccheck"):
            files = {call.split("*[#")[1].split("]")[0] for call in self.calls(f"--tool {tool}", "test_cuda -# CPU and")}
            self.assertEqual(files, {"network_agreement_test", "optimizer_agreement_test"})
            self.assertEqual(len(self.calls(f"--tool {tool}", "test_kernels -#")),
                             len(list((ROOT / "tests/kernels").glob("*_test.cpp"))))

    def test_a_file_of_tests_that_takes_too_long_goes_on_one_by_one(self):
        names = [f"takes, with [brackets], time {i}" for i in range(8)]
        self.tests(test_kernels={name: ("[#long_test]", "time.sleep(1)") for name in names})
        for calls in range(1, 9):
            self.start("--stage", "memcheck", VERIFY_GPU_STAGE_SECONDS="6").communicate()
            if self.state("memcheck-of-kernels-long_test")[0] != "cut":
                break
        self.assertEqual(self.state("memcheck-of-kernels-long_test")[0], "passed")
        self.assertIn(calls, range(3, 8))  # not in one go, but with one cut test per call at most
        cases = (self.home / "results/steps/memcheck-of-kernels-long_test.cases").read_text().splitlines()
        self.assertEqual([line for line in cases if not line.startswith("cut")], [f"passed {name}" for name in names])

    def test_a_test_that_never_ends_is_named_and_keeps_no_other_from_running(self):
        self.tests(test_kernels={"first": ("[#a_test]", "pass"), "endless": ("[#a_test]", "time.sleep(99)"),
                                 "wrong": ("[#a_test]", "sys.exit(9)"), "last": ("[#a_test]", "pass")})
        for _ in range(8):
            self.assertNotIn("Error", self.start(
                "--stage", "memcheck", VERIFY_GPU_STAGE_SECONDS="5", PRETENDED_CATCH="3").communicate()[0])
            if self.state("memcheck-of-kernels-a_test")[0] != "cut":
                break
        self.assertEqual(self.state("memcheck-of-kernels-a_test")[0], "failed")
        report = (self.home / "results/report.txt").read_text()
        self.assertIn("2 tests passed, one by one\nfailed endless\nfailed wrong\n", report)

    def test_a_quick_look_does_not_count_for_the_whole(self):
        self.assertIn("--quick, an incomplete look: ", self.verify("--quick", "--with-training", code=0))
        self.assertEqual(len(self.calls("wallclock", "train.epochs=1")), 2)
        self.assertFalse(self.calls("dropmuon bench configs/fashion-mnist/muon.yaml device=cuda"))
        kernels = len(self.calls("test_kernels ~[cpu]"))
        self.assertNotIn("quick", self.verify("--with-training", code=0))
        self.assertEqual(len(self.calls("wallclock", "train.epochs=5")), 2)
        self.assertTrue(self.calls("dropmuon bench configs/fashion-mnist/muon.yaml device=cuda"))
        self.assertEqual(len(self.calls("test_kernels ~[cpu]")), kernels)  # the same in both

    def test_results_of_another_program_commit_or_gpu_do_not_count(self):
        self.verify("--stage", "tests", code=75)
        changes = [("commit (0123abc, now 4567def), another program", "versions.txt", "dropmuon, commit 4567def, for a test\n"),
                   ("program", "files.tar.gz", "other files"),
                   ("GPU (Stand-in GPU, 9.0, now Other GPU, 8.0)", "bin/nvidia-smi", "#!/bin/bash\necho 'Other GPU, 8.0'\n")]
        for runs, (what, file, text) in enumerate(changes, start=2):
            (self.home / file).write_text(text)
            self.assertIn("tests of engine                               todo", self.verify("--list", code=0))
            output = self.verify("--stage", "tests", code=75)
            self.assertIn(f"verify_gpu: the steps that are there are of another {what}", output)
            self.assertEqual(len(self.calls("test_engine ~[cpu]")), runs)
            self.assertNotIn("are of another", self.verify("--stage", "tests", code=75))
            self.assertEqual(len(self.calls("test_engine ~[cpu]")), runs)
            time.sleep(1.1)  # for the name of the folder
        self.assertEqual(len(list((self.home / "results").glob("steps-*"))), 3)
        self.assertIn("GPU: Other GPU, 8.0\ncommit: 4567def\n", (self.home / "results/report.txt").read_text())

    def test_in_a_source_tree_sources_and_the_built_program_count(self):
        for file in ("CMakeLists.txt", *(f"{folder}/a" for folder in ("cmake", "configs", "include", "kernels", "src", "tests"))):
            (self.home / file).parent.mkdir(exist_ok=True)
            (self.home / file).write_text("1")

        def differs():
            script = '. "$0"; steps=results/steps; of_another; put_aside_what_is_of_another >/dev/null'
            return subprocess.run(
                ["bash", "-c", script, ROOT / "scripts/verify_gpu_owner.sh"], cwd=self.home, text=True, capture_output=True,
                env={**os.environ, "where": "tree", "gpu": "a", "program": "results/program"}, check=True).stdout

        self.assertEqual(differs(), "")
        self.assertEqual(differs(), "")
        (self.home / "results/program").write_text("1")
        (self.home / "results/program").chmod(0o755)
        self.assertEqual(differs(), "")
        for file in ("src/a", "results/program"):
            (self.home / file).write_text("2")
            self.assertIn({"src/a": "another sources", "results/program": "another program"}[file], differs())
            self.assertEqual(differs(), "")
            time.sleep(1.1)

    def test_what_is_missing_is_told(self):
        (self.home / "bin/nvidia-smi").unlink()
        (self.home / "bin/nvidia-smi").symlink_to("/bin/false")
        self.assertIn("no GPU", self.verify(code=69))
        self.assertIn("expected next or one of", self.verify("--stage", "tset", code=2))
        (self.home / "run").unlink()
        self.assertIn("no program in", self.verify(code=66))


if __name__ == "__main__":
    unittest.main()
