"""Catalogue files: JSON or CSV becomes a list of products, or one report of all that is wrong with it."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from clerk_sync.clerk.decoding import JsonDecoder
from clerk_sync.clerk.errors import NotJsonError
from clerk_sync.shop.catalogue import ProductEntry
from clerk_sync.shop.errors import CatalogueInvalid

SAMPLE = Path(__file__).with_name("sample_products.json")


def parse_catalogue(data: bytes, name: str = "") -> list[ProductEntry]:
    """Return the products of a JSON or CSV file; raise CatalogueInvalid with the place of everything that is wrong.

    The ending of ``name`` says which of the two it is; if it does not, the first character does. Keys and columns
    that a product does not have are passed over. A CSV file has to be UTF-8: JsonDecoder's rule is for JSON.
    """
    data = data.removeprefix(codecs.BOM_UTF8)
    is_json = name.endswith(".json") or (not name.endswith(".csv") and data.lstrip().startswith((b"[", b"{")))
    return _checked(_json_rows(data)) if is_json else _checked(_csv_rows(data), strict=False)


class _Row(NamedTuple):
    """One row of a file: where it stands, what it says, and what is wrong with its form."""

    place: str
    fields: object
    problem: str | None = None


def _checked(rows: Iterable[_Row], *, strict: bool = True) -> list[ProductEntry]:
    """Return the entries of ``rows``; not ``strict`` takes numbers and booleans that are written as text."""
    entries: dict[str, ProductEntry] = {}
    problems: list[str] = []
    for row in rows:
        try:
            entry = _entry_of(row, strict=strict)
        except msgspec.ValidationError as error:
            problems.append(f"{row.place}: {error}")
            continue
        if entry.sku in entries:
            problems.append(f"{row.place}: sku {entry.sku} is in the file already")
        entries[entry.sku] = entry
    if not entries and not problems:
        problems.append("there are no products in it")
    if problems:
        raise CatalogueInvalid(problems)
    return list(entries.values())


def _entry_of(row: _Row, *, strict: bool) -> ProductEntry:
    if row.problem:
        raise msgspec.ValidationError(row.problem)
    return msgspec.convert(row.fields, ProductEntry, strict=strict)


class _Wrapped(Struct):
    products: list[object]


_products = JsonDecoder(list[object] | _Wrapped)


def _json_rows(data: bytes) -> Iterator[_Row]:
    try:
        parsed = _products.decode(data)
    except msgspec.ValidationError:
        raise CatalogueInvalid(['a list of products is expected, or {"products": […]}']) from None
    except NotJsonError as error:
        raise CatalogueInvalid([str(error)]) from None
    products = parsed.products if isinstance(parsed, _Wrapped) else parsed
    for index, fields in enumerate(products):
        yield _Row(f"products[{index}]", fields)


_NEEDED = {field.name for field in msgspec.structs.fields(ProductEntry) if field.required}
_BEYOND = "beyond the header"


def _csv_rows(data: bytes) -> Iterator[_Row]:
    try:
        content = data.decode()
    except UnicodeDecodeError as error:
        raise CatalogueInvalid([f"byte {error.start}: not UTF-8"]) from None
    header = content.partition("\n")[0]
    # Where the comma is the decimal mark, spreadsheets save semicolons.
    delimiter = ";" if ";" in header and "," not in header else ","
    lines = io.StringIO(content, newline="")
    reader = csv.DictReader(lines, restkey=_BEYOND, delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        lacking = _NEEDED - {column.strip() for column in reader.fieldnames or _NEEDED}
        if lacking:
            raise CatalogueInvalid([f"line 1: the header lacks {', '.join(sorted(lacking))}"])
        for cells in reader:
            # A comma that should have been quoted: the columns behind it have moved.
            problem = "more cells than the header has columns" if cells.pop(_BEYOND, None) else None
            fields = {column.strip(): cell.strip() for column, cell in cells.items() if cell and cell.strip()}
            yield _Row(f"line {reader.line_num}", fields, problem)
    except csv.Error as error:
        yield _Row(f"line {reader.reader.line_num}", None, str(error))
