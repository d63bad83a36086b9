#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scripts/gpu_bundle_run.sh in a folder with a stand-in for the program: which program it starts where another was
unpacked before, where the folder is read-only, and where somebody else has put something in the way."""
import io
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOBODY = 65534


class Bundle(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = pathlib.Path(temporary.name)
        self.root.chmod(0o755)
        self.home, self.temp = self.root / "bundle", self.root / "temp"
        self.home.mkdir()
        self.temp.mkdir()
        self.temp.chmod(0o1777)
        shutil.copy(ROOT / "scripts/gpu_bundle_run.sh", self.home / "run")
        (self.home / "versions.txt").write_text("made for a test\n")
        self.pack("first")
        self.user = None

    def pack(self, word):
        """A new archive, and nothing else: what was unpacked before stays, as where a folder is copied over another."""
        with tarfile.open(self.home / "files.tar.gz", "w:gz") as archive:
            text = f"#!/bin/bash\necho the {word} program, $*\n".encode()
            for name, content in (("bin/dropmuon", text), ("lib/nothing", b"")):
                info = tarfile.TarInfo(name)
                info.size, info.mode = len(content), 0o755
                archive.addfile(info, io.BytesIO(content))

    def read_only(self):
        """For root nothing is, so it becomes somebody else."""
        self.home.chmod(0o555)
        self.addCleanup(self.home.chmod, 0o755)
        self.user = NOBODY if os.getuid() == 0 else None
        return self.temp / f"dropmuon-{self.user or os.getuid()}"

    def start(self, code=0):
        done = subprocess.run([self.home / "run", "dropmuon", "info"], capture_output=True, text=True, user=self.user,
                              env={**os.environ, "TMPDIR": str(self.temp)})
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout if code == 0 else done.stderr

    def unpacked(self):
        return [file.name for file in self.home.iterdir() if file.is_dir()]

    def test_the_program_is_that_of_the_archive(self):
        (self.home / "files/bin").mkdir(parents=True)  # where an older version of the script unpacked
        (self.home / "files/bin/dropmuon").write_text("#!/bin/bash\necho the oldest program\n")
        (self.home / "files/bin/dropmuon").chmod(0o755)
        self.assertEqual(self.start(), "the first program, info\n")
        first = self.unpacked()
        self.assertEqual(self.start(), "the first program, info\n")
        self.assertEqual(self.unpacked(), first)
        self.pack("second")
        self.assertEqual(self.start(), "the second program, info\n")
        self.assertEqual(len(self.unpacked()), 1)
        self.assertNotEqual(self.unpacked(), first)

    def test_a_damaged_archive_leaves_nothing(self):
        (self.home / "files.tar.gz").write_bytes(b"no archive")
        self.assertRegex(self.start(code=73), r"\Arun: cannot unpack [^\n]*\n\Z")
        self.assertEqual(self.unpacked(), [])
        (self.home / "files.tar.gz").unlink()
        self.assertRegex(self.start(code=66), r"\Arun: cannot read [^\n]*\n\Z")

    def test_a_read_only_folder_is_unpacked_where_nobody_else_may_write(self):
        place = self.read_only()
        for word in ("first", "second"):
            self.pack(word)
            for _ in range(2):
                self.assertEqual(self.start(), f"the {word} program, info\n")
        self.assertEqual(place.stat().st_mode & 0o777, 0o700)

    def test_what_lies_in_the_predictable_place_is_not_started(self):
        place = self.read_only()
        versions = subprocess.run("cksum <versions.txt | tr ' ' -", shell=True, cwd=self.home, capture_output=True,
                                  text=True, check=True).stdout.strip()
        planted = self.temp / f"{place.name}-{versions}/bin/dropmuon"  # that of the first versions of the script
        planted.parent.mkdir(parents=True)
        planted.write_text("#!/bin/bash\necho planted\n")
        planted.chmod(0o755)
        self.assertEqual(self.start(), "the first program, info\n")

    def test_a_place_that_others_may_write_to_is_refused(self):
        place = self.read_only()
        expected = r"\Arun: [^\n]*expected a folder of yours with mode 700[^\n]*\n\Z"
        place.mkdir()
        place.chmod(0o777)
        if self.user:
            os.chown(place, self.user, self.user)
        self.assertRegex(self.start(code=73), expected)
        place.chmod(0o700)
        self.start()
        if self.user:  # only root can give it to another
            os.chown(place, 0, 0)
            place.chmod(0o755)
            self.assertRegex(self.start(code=73), expected)
        place.rename(self.temp / "another")
        place.symlink_to(self.temp / "another")
        self.assertRegex(self.start(code=73), expected)
        place.unlink()
        place.write_text("")
        self.assertRegex(self.start(code=73), expected)


if __name__ == "__main__":
    unittest.main()
