"""``flask shop``: the catalogue from the operator's side."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn, cast

import click
from flask.cli import AppGroup

if TYPE_CHECKING:
    import psycopg2

shop = AppGroup("shop", help="The shop's catalogue.")


@shop.command("load-products", short_help="Load a catalogue, again and again without doubling.")
@click.argument("file", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def load_products(file: str | None, as_json: bool) -> None:
    """Load a catalogue from FILE (JSON or CSV; - is standard input), again and again without doubling.

    Products are known by their sku; those that FILE does not name stay as they are. A FILE with a bad row is not
    loaded at all. Without FILE the sample catalogue is loaded.
    """
    import msgspec
    from sqlalchemy.exc import DBAPIError

    from clerk_sync import orm
    from clerk_sync.cli.database_faults import sentence_of
    from clerk_sync.shop.catalogue import load_products as load
    from clerk_sync.shop.catalogue_files import SAMPLE, parse_catalogue
    from clerk_sync.shop.errors import CatalogueInvalid

    try:
        with click.open_file(file or str(SAMPLE), "rb") as stream:
            data = stream.read()
        session = orm.session()
        loaded = load(session, parse_catalogue(data, file or SAMPLE.name))
        session.commit()
    except OSError as error:
        _fail(f"{file}: {error.strerror}.")
    except CatalogueInvalid as error:
        _fail(*error.problems)
    except DBAPIError as error:
        _fail(f"Failed: {sentence_of(cast('psycopg2.Error', error.orig))}.")
    if as_json:
        click.echo(msgspec.json.encode(loaded))
    else:
        click.echo(f"{loaded.inserted} inserted, {loaded.updated} updated, {loaded.unchanged} unchanged")


def _fail(*problems: str) -> NoReturn:
    for problem in (*problems, "Nothing was loaded."):
        click.echo(problem, err=True)
    sys.exit(1)
