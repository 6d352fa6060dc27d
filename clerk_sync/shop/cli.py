"""``flask shop``: commands for the catalogue."""

from __future__ import annotations

import errno
import stat
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NoReturn, TypeVar, cast

import click
from flask.cli import with_appcontext

from clerk_sync.cli.group import INTERRUPTED, Group
from clerk_sync.cli.sync.progress import EVERY_S

if TYPE_CHECKING:
    import psycopg2

T = TypeVar("T")

_LOCK_NOT_AVAILABLE = "55P03"

shop = Group("shop", help="Load the shop's catalogue.")


@shop.command("load-products", short_help="Load a catalogue. Repeating it creates no duplicates.")
@click.argument("file", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@with_appcontext
def load_products(file: str | None, as_json: bool) -> None:
    """Load a catalogue from FILE (JSON or CSV; - is standard input).

    Products are inserted or updated by sku, so repeating a load creates no duplicates. Products that are not in FILE
    stay unchanged. FILE is loaded completely or not at all: after an invalid row, an error or Ctrl-C the catalogue is
    unchanged. FILE may have 128 MiB and 1,000,000 products. Without FILE the sample catalogue is loaded.
    """
    import msgspec
    from sqlalchemy.exc import DBAPIError

    from clerk_sync import extensions
    from clerk_sync.cli.database_faults import describe
    from clerk_sync.shop.catalogue import load_products as load
    from clerk_sync.shop.catalogue_import import SAMPLE, read_catalogue
    from clerk_sync.shop.errors import CatalogueInvalidError

    name = str(SAMPLE) if file is None else file
    try:
        with _open(name) as stream:
            session = extensions.session()
            loaded = load(session, _with_progress(read_catalogue(stream, name)))
        session.commit()
    except OSError as error:
        _fail(f"{name}: {error.strerror}.")
    except CatalogueInvalidError as error:
        _fail(*error.problems)
    except DBAPIError as error:
        cause = cast("psycopg2.Error", error.orig)
        is_locked = cause.pgcode == _LOCK_NOT_AVAILABLE
        _fail("Another process is loading a catalogue. Try again." if is_locked else f"Failed: {describe(cause)}.")
    except KeyboardInterrupt:
        _fail("Interrupted.", exit_code=INTERRUPTED)
    if as_json:
        click.echo(msgspec.json.encode(loaded).decode())
    else:
        click.echo(f"{loaded.inserted} inserted, {loaded.updated} updated, {loaded.unchanged} unchanged")


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
        if time.monotonic() - printed_at >= EVERY_S:
            printed_at = time.monotonic()
            click.echo(f"{number:,} products", err=True)


def _fail(*problems: str, exit_code: int = 1) -> NoReturn:
    for problem in (*problems, "Nothing was loaded."):
        click.echo(problem, err=True)
    sys.exit(exit_code)
