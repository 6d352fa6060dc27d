"""``flask shop load-products``: what an operator sees."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from msgspec import Raw

from clerk_sync.shop.catalogue_files import SAMPLE
from tests.hostile_json import ODD_VALUES, UNREADABLE_VALUES, encode

Query = Callable[..., list[tuple[Any, ...]]]

CSV = "sku,name,price_minor,currency\nTEA,Tea,1290,EUR\nCUP,Cup,2400,EUR\n"


@pytest.fixture
def load(app: Flask) -> Callable[..., tuple[int, str, str]]:
    """Run the command and return its exit code, what it printed and what it complained about."""

    def run(*arguments: object, stdin: str | None = None) -> tuple[int, str, str]:
        done = app.test_cli_runner().invoke(args=["shop", "load-products", *map(str, arguments)], input=stdin)
        return done.exit_code, done.stdout, done.stderr

    return run


def test_the_sample_is_loaded_once_however_often_it_is_loaded(load: Any, query: Query) -> None:
    count = len(json.loads(SAMPLE.read_text())["products"])
    assert load() == (0, f"{count} inserted, 0 updated, 0 unchanged\n", "")
    assert load() == (0, f"0 inserted, 0 updated, {count} unchanged\n", "")
    assert query("SELECT count(*) FROM products") == [(count,)]


def test_a_file_is_loaded_and_counted_for_programs(load: Any, tmp_path: Path) -> None:
    file = tmp_path / "products.csv"
    file.write_text(CSV)
    load(file)
    file.write_text(CSV.replace("1290", "1390"))
    code, stdout, _ = load(file, "--json")
    assert (code, json.loads(stdout)) == (0, {"inserted": 0, "updated": 1, "unchanged": 1})


def test_a_file_with_odd_values_is_loaded_or_refused_in_sentences(load: Any, query: Query, tmp_path: Path) -> None:
    file = tmp_path / "products.json"
    product = {"sku": "TEA", "name": Raw(b'"T\\ud83d\xff"'), "price_minor": 1290, "currency": "EUR"}
    for name, odd in ODD_VALUES.items():
        file.write_bytes(encode([product | {"unread": Raw(odd)}]))
        assert load(file)[0] == 0, name
    assert query("SELECT name FROM products") == [("T\ufffd\ufffd",)]
    for name, odd in UNREADABLE_VALUES.items():
        file.write_bytes(encode([product | {"price_minor": Raw(odd)}]))
        code, stdout, stderr = load(file)
        assert (code, stdout, stderr.splitlines()[1:]) == (1, "", ["Nothing was loaded."]), name
        assert "price_minor" in stderr


def test_standard_input_is_a_file_too(load: Any) -> None:
    assert load("-", stdin=CSV)[:2] == (0, "2 inserted, 0 updated, 0 unchanged\n")


def test_one_bad_row_and_nothing_is_loaded(load: Any, query: Query) -> None:
    code, stdout, stderr = load("-", stdin=CSV + "HAT,Hat,dear,EUR\n,Nameless,1,EUR\n")
    assert (code, stdout) == (1, "")
    assert stderr.splitlines() == [
        "line 4: Expected `int`, got `str` - at `$.price_minor`",
        "line 5: Object missing required field `sku`",
        "Nothing was loaded.",
    ]
    assert query("SELECT count(*) FROM products") == [(0,)]


def test_a_database_that_was_never_migrated_is_said_in_a_sentence(
    new_database: Callable[[], str], make_app: Callable[..., Flask]
) -> None:
    app = make_app(database_url=new_database())
    done = app.test_cli_runner().invoke(args=["shop", "load-products"])
    assert done.exit_code == 1
    assert "flask db upgrade" in done.stderr
