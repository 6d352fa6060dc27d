"""Reads catalogue files, JSON or CSV.

Memory is bounded: CSV is read line by line, and a file may have MAX_BYTES.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import msgspec

from clerk_sync.shop.catalogue import ProductEntry
from clerk_sync.shop.errors import CatalogueInvalidError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_BYTES = 128 * 1024 * 1024
MAX_PRODUCTS = 1_000_000
MAX_LINE_LENGTH = 64 * 1024  # characters
MAX_PROBLEMS = 20

SAMPLE = Path(__file__).with_name("sample_products.json")


def read_catalogue(stream: BinaryIO, name: str = "", *, loads: Callable[[bytes], Any]) -> Iterator[ProductEntry]:
    """Yield the products of a JSON or CSV file; raise CatalogueInvalidError at the end if there were problems.

    After the first problem it yields no more products, and after MAX_PROBLEMS it stops reading. The suffix of ``name``
    decides the format; without a known suffix, the first character does. Unknown keys and columns are ignored. A CSV
    file must be UTF-8. ``loads`` decodes JSON, and raises ValueError if it is none.
    """
    file = io.BufferedReader(_Bounded(stream))
    first = file.peek().removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    if name.endswith(".json") or (not name.endswith(".csv") and first in (b"[", b"{")):
        return _checked(_json_rows(file.read().removeprefix(codecs.BOM_UTF8), loads))
    return _checked(_csv_rows(file), strict=False)


class _Bounded(io.RawIOBase):
    """``stream``, limited to MAX_BYTES; longer streams raise CatalogueInvalidError."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._left = MAX_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        chunk = self._stream.read(len(view))
        self._left -= len(chunk)
        if self._left < 0:
            raise CatalogueInvalidError([f"more than {MAX_BYTES // 1024**2} MiB: split the file"])
        view[: len(chunk)] = chunk
        return len(chunk)


class _Row(NamedTuple):
    """One row of a file: its place, its fields, and a problem of its format."""

    place: str
    fields: object
    problem: str | None = None


def _checked(rows: Iterable[_Row], *, strict: bool = True) -> Iterator[ProductEntry]:
    """Yield the entries of ``rows``. If not ``strict``, numbers and booleans may be text."""
    skus: set[str] = set()
    problems: list[str] = []
    for row in rows:
        try:
            entry = _entry_of(row, skus, strict=strict)
        except msgspec.ValidationError as error:
            problems.append(f"{row.place}: {error}")
            if len(problems) == MAX_PROBLEMS:
                problems.append("There may be more problems: the rest was not read.")
                break
            continue
        skus.add(entry.sku)
        if not problems:
            yield entry
    if not skus and not problems:
        problems.append("the file contains no products")
    if problems:
        raise CatalogueInvalidError(problems)


def _entry_of(row: _Row, skus: set[str], *, strict: bool) -> ProductEntry:
    """Return the product of ``row``; raise ValidationError if it is invalid or its sku is in ``skus``."""
    if row.problem:
        raise msgspec.ValidationError(row.problem)
    entry = msgspec.convert(row.fields, ProductEntry, strict=strict)
    if entry.sku in skus:
        raise msgspec.ValidationError(f"sku {entry.sku} occurs twice")
    if len(skus) == MAX_PRODUCTS:
        raise CatalogueInvalidError([f"more than {MAX_PRODUCTS:,} products: split the file"])
    return entry


def _json_rows(data: bytes, loads: Callable[[bytes], Any]) -> Iterator[_Row]:
    try:
        parsed = loads(data)
    except ValueError as error:
        raise CatalogueInvalidError([str(error)]) from None
    products = parsed.get("products") if isinstance(parsed, dict) else parsed
    if not isinstance(products, list):
        raise CatalogueInvalidError(['expected a list of products, or {"products": […]}'])
    for index, fields in enumerate(products):
        yield _Row(f"products[{index}]", fields)


_REQUIRED = {field.name for field in msgspec.structs.fields(ProductEntry) if field.required}
_BEYOND = "beyond the header"

_NO_TEXT = re.compile("[\0\udc80-\udcff]")  # NUL, and bytes that are not UTF-8 after surrogateescape


def _lines(file: io.BufferedReader[_Bounded]) -> Iterator[str]:
    text = io.TextIOWrapper(file, "utf-8-sig", "surrogateescape", newline="")
    for number, line in enumerate(iter(partial(text.readline, MAX_LINE_LENGTH + 1), ""), start=1):
        if _NO_TEXT.search(line):
            raise CatalogueInvalidError([f"line {number}: not UTF-8 text"])
        if len(line) > MAX_LINE_LENGTH:
            raise CatalogueInvalidError([f"line {number}: longer than {MAX_LINE_LENGTH:,} characters"])
        yield line


def _csv_rows(file: io.BufferedReader[_Bounded]) -> Iterator[_Row]:
    lines = _lines(file)
    header = next(lines, "")
    # Spreadsheets use semicolons in languages with a decimal comma.
    delimiter = ";" if ";" in header and "," not in header else ","
    lines = chain([header], lines)
    reader = csv.DictReader(lines, restkey=_BEYOND, delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        missing = _REQUIRED - {column.strip() for column in reader.fieldnames or _REQUIRED}
        if missing:
            raise CatalogueInvalidError([f"line 1: the header has no {', '.join(sorted(missing))}"])
        for cells in reader:
            # An unquoted comma shifts the following columns.
            problem = "more cells than the header has columns" if cells.pop(_BEYOND, None) else None
            fields = {column.strip(): cell.strip() for column, cell in cells.items() if cell and cell.strip()}
            yield _Row(f"line {reader.line_num}", fields, problem)
    except csv.Error as error:
        yield _Row(f"line {reader.reader.line_num}", None, str(error))
