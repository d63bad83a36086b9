# SPDX-License-Identifier: MIT
"""A page of the documents taken apart: links, anchors, code spans, fenced blocks, commands. For check_docs.py."""
import re
import shlex
from typing import NamedTuple

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SPAN = re.compile(r"(?<!`)`((?:[^`\n]|\n(?!\n))+)`(?!`)")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
SHELL = {"sh", "bash", "console"}


class Block(NamedTuple):
    line: int
    language: str
    text: str


class Piece(NamedTuple):
    line: int
    text: str


def blank(match):
    """As many lines and letters, none of them to be read."""
    return re.sub(r"[^\n]", " ", match.group(0))


def slug(heading):
    """The anchor that GitHub gives a heading."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def split_commands(text):
    """The words of each command in a line of shell; none where a quotation is left open."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars="&|;")
    lexer.whitespace_split = True
    commands = [[]]
    try:
        for word in lexer:
            if re.fullmatch(r"[&|;]+", word):
                commands.append([])
            else:
                commands[-1].append(word)
    except ValueError:
        return []
    for words in commands:
        while words and re.match(r"[A-Z_]+=", words[0]):  # environment
            words.pop(0)
    return [words for words in commands if words]


class Page:
    def __init__(self, path, text):
        self.path, self.text = path, text
        prose = FENCE.sub(blank, text)
        self.blocks = [Block(self._line(m.start()) + 1, m[1], m[2]) for m in FENCE.finditer(text)]
        self.spans = [Piece(self._line(m.start()), " ".join(m[1].split())) for m in SPAN.finditer(prose)]
        self.links = [Piece(self._line(m.start()), m[1]) for m in LINK.finditer(SPAN.sub(blank, prose))]
        self.anchors = set()
        for match in HEADING.finditer(prose):
            name, same = slug(match[1]), 0
            while (anchor := f"{name}-{same}" if same else name) in self.anchors:
                same += 1
            self.anchors.add(anchor)

    def _line(self, offset):
        return self.text.count("\n", 0, offset) + 1

    def shell_lines(self):
        """Every line a reader may type, continued ones as one."""
        for block in self.blocks:
            if block.language not in SHELL:
                continue
            joined = re.sub(r"\\\n", lambda _: "\\\f", block.text)  # keeps the count of lines
            for number, line in enumerate(joined.splitlines() if "\f" not in joined else joined.split("\n")):
                line = line.replace("\\\f", " ")
                if block.language != "console" or line.startswith("$ "):
                    yield Piece(block.line + number, line.removeprefix("$ "))

    def commands(self):
        for piece in [*self.shell_lines(), *self.spans]:
            for words in split_commands(piece.text):
                yield piece.line, words
