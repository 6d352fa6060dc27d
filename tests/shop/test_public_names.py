"""The shop is an ordinary business: it imports public names of ``clerk_sync`` only."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import clerk_sync
from tests.conftest import PACKAGE


def imported_names() -> Iterator[tuple[str, str, str]]:
    """Yield file, module and name of each import of our package in the shop."""
    for path in sorted((PACKAGE / "shop").rglob("*.py")):
        file = str(path.relative_to(PACKAGE))
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file} has a relative import"
                yield from ((file, node.module or "", alias.name) for alias in node.names)
            elif isinstance(node, ast.Import):
                yield from ((file, alias.name, "") for alias in node.names)


def is_allowed(module: str, name: str) -> bool:
    if module == "clerk_sync":
        return name in clerk_sync.__all__
    return f"{module}.".startswith("clerk_sync.shop.") or module.partition(".")[0] != "clerk_sync"


def test_the_shop_imports_public_names_only() -> None:
    found = list(imported_names())
    assert ("shop/db.py", "clerk_sync", "ClerkSync") in found
    assert [each for each in found if not is_allowed(*each[1:])] == []
