"""The output of ``flask shop load-products``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from msgspec import Raw

from clerk_sync.db.connect import ConnectionFactory
from clerk_sync.db.transaction import TransactionalConnection
from clerk_sync.shop.catalogue import BATCH_SIZE
from clerk_sync.shop.catalogue_import import SAMPLE
from tests.conftest import IN_CI, ROOT
from tests.hostile_json import ODD_VALUES, UNREADABLE_VALUES, encode
from tests.settings.environments import WITHOUT_RIGHTS_OF_ROOT

Query = Callable[..., list[tuple[Any, ...]]]

CSV = "sku,name,price_minor,currency\nTEA,Tea,1290,EUR\nCUP,Cup,2400,EUR\n"
MANY = 300_000 if IN_CI else 60_000  # several batches


@pytest.fixture
def load(app: Flask) -> Callable[..., tuple[int, str, str]]:
    """Run the command and return its exit code, stdout and stderr."""

    def run(*arguments: object, stdin: str | None = None) -> tuple[int, str, str]:
        done = app.test_cli_runner().invoke(args=["shop", "load-products", *map(str, arguments)], input=stdin)
        return done.exit_code, done.stdout, done.stderr

    return run


def test_loading_the_sample_again_changes_nothing(load: Any, query: Query) -> None:
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


def test_standard_input_works_like_a_file(load: Any) -> None:
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


@pytest.mark.parametrize("kind", ["device", "pipe", "directory", "missing", "empty name"])
def test_a_path_that_is_not_a_file_is_refused_in_a_sentence(load: Any, tmp_path: Path, kind: str) -> None:
    names: dict[str, object] = {
        "device": "/dev/zero",
        "pipe": tmp_path / "pipe",
        "directory": tmp_path,
        "missing": tmp_path / "none.csv",
        "empty name": "",
    }
    os.mkfifo(tmp_path / "pipe")
    code, stdout, stderr = load(names[kind])
    assert (code, stdout) == (1, "")
    told, last = stderr.splitlines()
    assert told.startswith(f"{names[kind]}: ")
    assert last == "Nothing was loaded."


def test_a_file_that_may_not_be_read_is_refused_in_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "products.csv"
    file.touch(mode=0)
    command = [*WITHOUT_RIGHTS_OF_ROOT, sys.executable, "-m", "flask", "shop", "load-products", str(file)]
    ran = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert ran.stderr == f"{file}: Permission denied.\nNothing was loaded.\n"


def test_many_rows_are_loaded_as_one(load: Any, tmp_path: Path, query: Query) -> None:
    file = tmp_path / "products.csv"
    rows = "".join(f"SKU-{number},Product {number},{number},EUR\n" for number in range(MANY))
    file.write_text("sku,name,price_minor,currency\n" + rows)
    assert load(file)[:2] == (0, f"{MANY} inserted, 0 updated, 0 unchanged\n")
    assert query("SELECT count(*), sum(price_minor) FROM products") == [(MANY, sum(range(MANY)))]


def test_a_bad_row_at_the_end_of_a_long_file_undoes_what_was_written(load: Any, tmp_path: Path, query: Query) -> None:
    rows = "".join(f"SKU-{number},x,1,EUR\n" for number in range(BATCH_SIZE * 2))
    (tmp_path / "products.csv").write_text("sku,name,price_minor,currency\n" + rows + "BAD,x,dear,EUR\n")
    assert load(tmp_path / "products.csv")[0] == 1
    assert query("SELECT count(*) FROM products") == [(0,)]


def test_a_catalogue_that_another_process_loads_is_said_to_be_locked(load: Any, connect: ConnectionFactory) -> None:
    with TransactionalConnection(connect) as other:
        other.fetch_all("SELECT pg_advisory_xact_lock(hashtext('clerk_sync.products'))")
        assert load()[2] == "Another process is loading a catalogue. Try again.\nNothing was loaded.\n"
