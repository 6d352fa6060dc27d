"""Every link of a document has a target, and every document is linked."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conftest import ROOT
from tests.docs.documents import name_of, paths

_CODE = re.compile(r"^ *```.*?^ *```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def links_of(path: Path) -> list[tuple[Path, str]]:
    """Return the links of a document to files of the project: the file, and the heading in it, if any."""
    text = _CODE.sub("", path.read_text())
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"^\[[^\]]+\]: (\S+)$", text, re.MULTILINE)
    local = [target for target in targets if not re.match(r"[a-z]+:", target)]
    return [
        ((path.parent / name).resolve() if name else path, heading)
        for name, _, heading in (target.partition("#") for target in local)
    ]


def headings_of(path: Path) -> set[str]:
    """Return the anchors of a document's headings."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_link_has_a_target() -> None:
    for path in paths():
        for target, heading in links_of(path):
            assert target.exists(), f"{name_of(path)} leads to {target}"
            assert not heading or heading in headings_of(target), f"{name_of(path)} leads to #{heading}"


def test_every_document_can_be_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        path = waiting.pop()
        if path.suffix == ".md" and path not in reached:
            reached.add(path)
            waiting += [target for target, _ in links_of(path)]
    assert {name_of(path) for path in paths()} == {name_of(path) for path in reached}
