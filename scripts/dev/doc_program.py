# SPDX-License-Identifier: MIT
"""What the program itself says to the documents: its help, its keys, its opinion of a block of YAML. For check_docs.py."""
import functools
import pathlib
import re
import shutil
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


@functools.lru_cache(maxsize=None)
def answer(*command, cwd=None):
    """(exit code, what it printed)."""
    try:
        done = subprocess.run(command, cwd=cwd or ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return 127, str(error)
    return done.returncode, done.stdout


class Program:
    def __init__(self, path):
        self.path = path
        self.commands = set(re.findall(r"^  ([a-z]+)  ", answer(path, "--help")[1].split("Subcommands:")[1], re.MULTILINE))
        self.keys, self.sections = self._schema()

    def _schema(self):
        """Every key of `config reference`; of a section that is null by default the keys stand in its comment."""
        keys, sections, above, waiting = set(), set(), [], []
        for line in answer(self.path, "config", "reference")[1].splitlines():
            if match := re.match(r" *#   ([a-z_]+): ", line):
                waiting.append(match[1])
            if match := re.match(r"( *)([a-z][a-z0-9_]*):(.*)", line):
                above = [*above[:len(match[1]) // 2], match[2]]
                name = ".".join(above)
                (keys if match[3].strip() else sections).add(name)
                keys.update(f"{name}.{key}" for key in waiting)
                waiting = []
        return keys, sections | {key.rpartition(".")[0] for key in keys}

    def knows(self, key):
        return key in self.keys or key in self.sections

    @functools.lru_cache(maxsize=None)
    def refuses(self, yaml):
        """The program's own words about a block of YAML, or nothing."""
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(ROOT / "configs", f"{folder}/configs")
            file = pathlib.Path(folder, "configs/studies/block.yaml")  # where a relative base is found
            file.write_text(yaml, encoding="utf-8")
            is_sweep = re.search(r"^(base|grid|cases|random|seeds):", yaml, re.MULTILINE)
            arguments = ["sweep", str(file), "--dry-run"] if is_sweep else ["config", "show", str(file)]
            code, text = answer(self.path, *arguments, cwd=folder)
            said = [line for line in text.splitlines() if line.startswith("dropmuon: ")] or [f"exit code {code}"]
            return said[-1].replace(str(file), "block") if code else None
