"""``flask shop``: the catalogue from the operator's side."""

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

shop = Group("shop", help="The shop's catalogue.")


@shop.command("load-products", short_help="Load a catalogue, again and again without doubling.")
@click.argument("file", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@with_appcontext
def load_products(file: str | None, as_json: bool) -> None:
    """Load a catalogue from FILE (JSON or CSV; - is standard input), again and again without doubling.

    Products are known by their sku; those that FILE does not name stay as they are. FILE is loaded as a whole or not
    at all: a bad row, an error or Ctrl-C leaves the catalogue as it was. It may have 128 MiB and 1,000,000 products.
    Without FILE the sample catalogue is loaded.
    """
    import msgspec
    from sqlalchemy.exc import DBAPIError

    from clerk_sync import extensions
    from clerk_sync.cli.database_faults import sentence_of
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
        _fail("Another process changes the catalogue: try again." if is_locked else f"Failed: {sentence_of(cause)}.")
    except KeyboardInterrupt:
        _fail("Interrupted.", exit_code=INTERRUPTED)
    if as_json:
        click.echo(msgspec.json.encode(loaded).decode())
    else:
        click.echo(f"{loaded.inserted} inserted, {loaded.updated} updated, {loaded.unchanged} unchanged")


def _open(name: str) -> AbstractContextManager[BinaryIO]:
    """Return the file. A device may have no end, and a named pipe may have no writer: opening it would wait for one."""
    if name != "-" and not stat.S_ISREG(Path(name).stat().st_mode):
        raise OSError(errno.EINVAL, "not a file; what comes from a pipe is read with - instead of FILE")
    return cast("AbstractContextManager[BinaryIO]", click.open_file(name, "rb"))


def _with_progress(products: Iterable[T]) -> Iterator[T]:
    """Yield ``products``, and print a line every few seconds."""
    said_at = time.monotonic()
    for number, product in enumerate(products, start=1):
        yield product
        if time.monotonic() - said_at >= EVERY_S:
            said_at = time.monotonic()
            click.echo(f"{number:,} products", err=True)


def _fail(*problems: str, exit_code: int = 1) -> NoReturn:
    for problem in (*problems, "Nothing was loaded."):
        click.echo(problem, err=True)
    sys.exit(exit_code)
