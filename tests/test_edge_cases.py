"""Every edge case of Clerk's deliveries (W), tokens (T) and API (S) has a test that says what it promises.

A test takes a case over by naming it at the start of its docstring.
"""

from __future__ import annotations

import ast
import re

from tests.conftest import ROOT

CASES = {f"{letter}{number}" for letter, last in (("W", 22), ("T", 21), ("S", 9)) for number in range(1, last + 1)}


def test_every_edge_case_has_a_test() -> None:
    taken: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                docstring = (ast.get_docstring(node) or "").partition("\n")[0]
                taken |= set(re.findall(r"\b[WTS]\d{1,2}\b", docstring))
    assert taken & CASES == CASES, f"without a test: {sorted(CASES - taken)}"
