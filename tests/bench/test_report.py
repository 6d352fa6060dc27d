"""Figures as text and as Markdown."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass

import pytest

from bench.report import Table, number, print_figures


@dataclass
class Figures:
    peer: str = "no other stack"


@pytest.fixture
def table() -> Table:
    table = Table("Speeds", ["", "per second", "ratio"])
    table.add("one", 12345.6, 0.5)
    table.add("another", None, 12.34)
    return table


@pytest.mark.parametrize(
    ("value", "shown"),
    [(12345.6, "12,346"), (99.94, "99.9"), (1.234, "1.23"), (1234, "1,234"), (None, "–"), ("text", "text")],
)
def test_figures_show_about_three_digits(value: object, shown: str) -> None:
    assert number(value) == shown


def test_columns_of_figures_are_aligned_to_the_right(table: Table, capsys: pytest.CaptureFixture[str]) -> None:
    print_figures(Figures(), [table], Namespace(json=False, markdown=False))

    assert capsys.readouterr().out.splitlines() == [
        "Speeds",
        "           per second  ratio",
        "  one          12,346   0.50",
        "  another           –   12.3",
        "",
        "no other stack",
    ]


def test_markdown_is_a_table_with_a_title(table: Table, capsys: pytest.CaptureFixture[str]) -> None:
    print_figures(Figures(), [table], Namespace(json=False, markdown=True))

    assert capsys.readouterr().out.splitlines()[:5] == [
        "**Speeds**",
        "",
        "|  | per second | ratio |",
        "| --- | ---: | ---: |",
        "| one | 12,346 | 0.50 |",
    ]
