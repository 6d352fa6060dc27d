"""The conformance table of docs/tokens.md names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = [ROOT / "tests" / "clerk", ROOT / "tests" / "web"]
CODE = {path.stem: path.read_text() for folder in FOLDERS for path in folder.rglob("test_*.py")}


def test_every_test_that_the_table_names_exists() -> None:
    named = set(re.findall(r"\btest_\w+", (ROOT / "docs" / "tokens.md").read_text()))
    written = {name for text in CODE.values() for name in re.findall(r"^def (test_\w+)", text, re.MULTILINE)}
    assert len(named) > 50
    assert named <= written | CODE.keys()


def test_every_token_edge_case_has_a_test_with_its_number() -> None:
    numbers = {int(number) for text in CODE.values() for number in re.findall(r"\bT(\d+)\b", text)}
    assert numbers >= set(range(1, 22))
