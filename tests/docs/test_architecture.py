"""Every module and name that documents mention exists in the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.conftest import PACKAGE, ROOT

PLACE = re.compile(r"`(?:clerk_sync/)?((?:\w+/)*\w+\.py)(?:: (\w+))?`")
TEST = re.compile(r"`((?:\w+/)?test_\w+)(?:::(test_\w+))?`")
PAGES = [ROOT / "docs" / "architecture.md", *sorted((ROOT / "docs" / "decisions").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_name_of_the_code_in_a_document_exists(page: Path) -> None:
    text = page.read_text()
    for path, name in PLACE.findall(text):
        source = (PACKAGE / path).read_text()
        assert not name or re.search(rf"^(def|class) {name}\b|^{name}\b.* = ", source, re.MULTILINE), (path, name)
    for path, name in TEST.findall(text):
        source = (ROOT / "tests" / f"{path}.py").read_text()
        assert not name or f"def {name}(" in source, (path, name)


def test_the_docstring_of_the_mirror_names_each_of_its_modules() -> None:
    docstring = ast.get_docstring(ast.parse((PACKAGE / "mirror" / "__init__.py").read_text())) or ""
    modules = {path.stem for path in (PACKAGE / "mirror").iterdir() if not path.name.startswith("__")}
    assert set(re.findall(r"``(\w+)``", docstring)) == modules
