"""Print figures: aligned columns on a terminal, Markdown for docs/performance.md, JSON for programs."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

Row = Sequence[str]


@dataclass
class Table:
    """Rows under a title. The first column is text; the others are figures."""

    title: str
    header: Row
    rows: list[Row] = field(default_factory=list)

    def add(self, *cells: object) -> None:
        """Add a row. ``number`` formats the cells; missing cells stay empty."""
        shown = [number(cell) for cell in cells]
        self.rows.append(shown + [""] * (len(self.header) - len(shown)))


def number(value: object) -> str:
    """Return a figure with about three significant digits, or a dash for None."""
    if value is None:
        return "–"
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else str(value)
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def print_figures(figures: Any, tables: Iterable[Table], chosen: Namespace) -> None:
    """Print the figures in the chosen format. JSON contains more than the tables."""
    if chosen.json:
        print(json.dumps(figures, default=_plain, indent=2))
        return
    form = _markdown if chosen.markdown else _aligned
    print("\n\n".join([*map(form, tables), figures.peer]))


def say(sentence: str) -> None:
    """Print progress to stderr."""
    print(sentence, file=sys.stderr, flush=True)


def _aligned(table: Table) -> str:
    lines = [table.header, *table.rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    first, *others = widths
    shown = [
        "  ".join([line[0].ljust(first), *(cell.rjust(width) for cell, width in zip(line[1:], others, strict=True))])
        for line in lines
    ]
    return "\n".join([table.title, *(f"  {line}".rstrip() for line in shown)])


def _markdown(table: Table) -> str:
    rule = ["---", *["---:"] * (len(table.header) - 1)]
    lines = ["| " + " | ".join(cells) + " |" for cells in (table.header, rule, *table.rows)]
    return "\n".join([f"**{table.title}**", "", *lines])


def _plain(value: object) -> dict[str, object]:
    """Return a dataclass's fields and properties."""
    if not is_dataclass(value) or isinstance(value, type):
        raise TypeError(f"{type(value).__name__} cannot be printed as JSON")
    computed = [name for name, each in vars(type(value)).items() if isinstance(each, property)]
    return {name: getattr(value, name) for name in [each.name for each in fields(value)] + computed}
