"""docs/clerk-contract.md: every fact has a linked source and an existing test."""

from __future__ import annotations

import re

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "clerk-contract.md").read_text()
FACTS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.splitlines()
    if line.startswith("|") and not line.startswith(("| ---", "| fact"))
]


def test_every_fact_has_a_source_and_a_test() -> None:
    assert len(FACTS) > 50
    for fact in FACTS:
        assert len(fact) == 3, fact
        assert re.fullmatch(r"(\[[\w-]+\]|inferred)(, (\[[\w-]+\]|inferred))*", fact[1]), fact


def test_every_source_is_linked_and_every_link_is_a_source() -> None:
    named = {name for fact in FACTS for name in re.findall(r"\[([\w-]+)\]", fact[1])}
    assert named == set(re.findall(r"^\[([\w-]+)\]: https://\S+$", PAGE, re.MULTILINE))


def test_every_named_test_exists() -> None:
    for fact in FACTS:
        tests = re.findall(r"`([\w/]+)::(test_\w+)`", fact[2])
        assert tests, fact
        for path, name in tests:
            assert f"def {name}(" in (ROOT / "tests" / f"{path}.py").read_text(), f"{path}::{name}"
