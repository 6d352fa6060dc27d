"""The documents, and the commands in them.

Commands are in fenced blocks with a language: ``sh`` (each command separately), ``console`` (the text after a ``$``),
``sql`` and ``python`` (the whole block). A command in another block is a mistake.
Commands in the text are mentions.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

PROGRAMS = ("flask", "make", "psql", "curl", "git", "heroku", "granian", "honcho", "python", "pip", "docker", "sudo")
SCRIPTS = ("sh", "console", "sql", "python")
DATA = (
    "",
    "text",
    "mermaid",
    "ini",
    "toml",
    "json",
    "yaml",
    "http",
    "html",
    "javascript",
    "js",
    "nginx",
    "diff",
    "cfg",
)

_FENCE = re.compile(r"^ *```(?P<language>\w*)[^\n]*\n(?P<body>.*?)^ *```$", re.MULTILINE | re.DOTALL)
_MENTION = re.compile(r"`((?:flask|make) [a-z][^`]*)`")


def paths() -> list[Path]:
    """Return every document of the project, the README first."""
    return [ROOT / "README.md", *sorted(ROOT.glob("[!R]*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def name_of(path: Path) -> str:
    """Return the document's path in the project."""
    return path.relative_to(ROOT).as_posix()


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the line on which it begins."""

    language: str
    body: str
    line: int


@dataclass(frozen=True)
class Command:
    """A command: its language, its text, and the line on which it begins."""

    language: str
    text: str
    line: int

    @property
    def bare(self) -> str:
        """The text without its comment."""
        return re.sub(r"\s+#\s.*$", "", self.text) if self.language in ("sh", "console") else self.text

    @property
    def program(self) -> str:
        """The program, without the variables set before it."""
        if self.language not in ("sh", "console"):
            return self.language
        words = shlex.split(self.bare.partition("\n")[0].split("<<")[0], comments=True, posix=False) or [""]
        return next((word for word in words if not re.match(r"[A-Z_]+=|sudo$|exec$", word)), "")


def blocks_of(path: Path) -> list[Block]:
    """Return the fenced blocks of a document in order."""
    text = path.read_text()
    return [
        Block(each["language"], each["body"], text.count("\n", 0, each.start()) + 2) for each in _FENCE.finditer(text)
    ]


def commands_of(path: Path) -> list[Command]:
    """Return the commands of a document in order."""
    return [command for block in blocks_of(path) for command in _commands_in(block)]


def mentions_of(path: Path) -> set[str]:
    """Return the commands of flask or make that the text of a document names outside its blocks."""
    return {mention.replace("\n", " ") for mention in _MENTION.findall(_FENCE.sub("", path.read_text()))}


def _commands_in(block: Block) -> Iterator[Command]:
    if block.language in ("sql", "python"):
        yield Command(block.language, block.body, block.line)
    elif block.language == "sh":
        yield from _split(block.body.splitlines(), block)
    elif block.language == "console":
        yield from _split([line[2:] if line.startswith("$ ") else "" for line in block.body.splitlines()], block)


def _split(lines: list[str], block: Block) -> Iterator[Command]:
    """Yield the commands of a shell block: one line, or as many as make a complete command."""
    gathered: list[str] = []
    for number, line in enumerate(lines, start=block.line):
        if not gathered and (not line.strip() or line.lstrip().startswith("#")):
            continue
        gathered.append(line)
        text = "\n".join(gathered)
        if _is_whole(text):
            yield Command(block.language, text, number - len(gathered) + 1)
            gathered = []
    assert not gathered, f"the block at line {block.line} breaks off in the middle of a command"


def _is_whole(text: str) -> bool:
    if text.endswith("\\"):
        return False
    read = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    return read.returncode == 0 and "here-document" not in read.stderr
