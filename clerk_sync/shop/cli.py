"""``flask shop``: commands for the catalogue."""

from __future__ import annotations

import errno
import signal
import stat
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NoReturn, TypeVar, cast

import click
from flask import current_app
from flask.cli import AppGroup

from clerk_sync.shop.backend import find_backend

if TYPE_CHECKING:
    import psycopg2

T = TypeVar("T")

INTERRUPTED = 130  # 128 + SIGINT
PROGRESS_EVERY_S = 5.0
_LOCK_NOT_AVAILABLE = "55P03"

shop = AppGroup("shop", help="Load the shop's catalogue.")


@shop.command("load-products", short_help="Load a catalogue. Repeating it creates no duplicates.")
@click.argument("file", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def load_products(file: str | None, as_json: bool) -> None:
    """Load a catalogue from FILE (JSON or CSV; - is standard input).

    Products are inserted or updated by sku, so repeating a load creates no duplicates. Products that are not in FILE
    stay unchanged. FILE is loaded completely or not at all: after an invalid row, an error or Ctrl-C the catalogue is
    unchanged. FILE may have 128 MiB and 1,000,000 products. Without FILE the sample catalogue is loaded.
    """
    import msgspec
    from sqlalchemy.exc import DBAPIError

    from clerk_sync.shop import db
    from clerk_sync.shop.catalogue import load_products as load
    from clerk_sync.shop.catalogue_import import SAMPLE, read_catalogue
    from clerk_sync.shop.errors import CatalogueInvalidError

    app = current_app._get_current_object()  # type: ignore[attr-defined]  # a method of the proxy
    db.install(app)
    name = str(SAMPLE) if file is None else file
    try:
        with _sigterm_as_interrupt(), _open(name) as stream:
            products = _with_progress(read_catalogue(stream, name, loads=app.json.loads))
            loaded = load(db.db.session(), products)
            db.db.session.commit()
    except OSError as error:
        _fail(f"{name}: {error.strerror}.")
    except CatalogueInvalidError as error:
        _fail(*error.problems)
    except DBAPIError as error:
        cause = cast("psycopg2.Error", error.orig)
        is_locked = cause.pgcode == _LOCK_NOT_AVAILABLE
        if is_locked:
            _fail("Another process is loading a catalogue. Try again.")
        _fail(f"Failed: {find_backend(app).describe_error(cause)}.")
    except KeyboardInterrupt:
        _fail("Interrupted.", exit_code=INTERRUPTED)
    if as_json:
        click.echo(msgspec.json.encode(loaded).decode())
    else:
        click.echo(f"{loaded.inserted} inserted, {loaded.updated} updated, {loaded.unchanged} unchanged")


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """Raise KeyboardInterrupt on SIGTERM, with which hosting platforms stop a process."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _open(name: str) -> AbstractContextManager[BinaryIO]:
    """Return the open file. Only regular files: a device may never end, and a named pipe may block for ever."""
    if name != "-" and not stat.S_ISREG(Path(name).stat().st_mode):
        raise OSError(errno.EINVAL, "not a regular file; use - to read from a pipe")
    return cast("AbstractContextManager[BinaryIO]", click.open_file(name, "rb"))


def _with_progress(products: Iterable[T]) -> Iterator[T]:
    """Yield ``products`` and print a progress line every few seconds."""
    printed_at = time.monotonic()
    for number, product in enumerate(products, start=1):
        yield product
        if time.monotonic() - printed_at >= PROGRESS_EVERY_S:
            printed_at = time.monotonic()
            click.echo(f"{number:,} products", err=True)


def _fail(*problems: str, exit_code: int = 1) -> NoReturn:
    for problem in (*problems, "Nothing was loaded."):
        click.echo(problem, err=True)
    sys.exit(exit_code)
