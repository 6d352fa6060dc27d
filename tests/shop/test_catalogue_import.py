"""Catalogue files: JSON or CSV, loaded completely or not at all, each problem named by its place."""

from __future__ import annotations

import io
import itertools
import tracemalloc
from contextlib import suppress

import msgspec
import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from clerk_sync.json_provider import JsonProvider
from clerk_sync.shop.catalogue import ProductEntry
from clerk_sync.shop.catalogue_import import MAX_BYTES, MAX_LINE_LENGTH, MAX_PROBLEMS, SAMPLE, read_catalogue
from clerk_sync.shop.errors import CatalogueInvalidError
from tests.hostile_json import BROKEN_TEXTS, ODD_VALUES, UNREADABLE_VALUES, each, encode, texts

loads = JsonProvider(Flask(__name__)).loads


def parse_catalogue(data: bytes, name: str = "") -> list[ProductEntry]:
    return list(read_catalogue(io.BytesIO(data), name, loads=loads))


TEA = ProductEntry("TEA", "Tea, loose", 1290, "EUR", "Malty.", True)
CUP = ProductEntry("CUP", "Cup", 2400, "EUR", "", False)

JSON = b"""[
  {"sku": "TEA", "name": " Tea, loose ", "price_minor": 1290, "currency": "EUR", "description": "Malty.", "kg": 0.25},
  {"sku": "CUP", "name": "Cup", "price_minor": 2400, "currency": "EUR", "active": false}
]"""
CSV = b"""sku,name,price_minor,currency,description,active,kg
TEA,"Tea, loose",1290,EUR,Malty.,true,0.25
CUP,Cup,2400,EUR,,false,
"""
SEMICOLONS = b"""sku;name;price_minor;currency;description;active
TEA;Tea, loose;1290;EUR;Malty.;TRUE
CUP;Cup;2400;EUR;;0"""

BAD_JSON = b"""[
  {"sku": "a b", "name": "x", "price_minor": 1, "currency": "EUR"},
  {"sku": "A", "name": "x"},
  {"sku": "A", "name": "x", "price_minor": "1", "currency": "EUR"}
]"""
BAD_CSV = b"""sku,name,price_minor,currency
A,x,12.5,EUR
B,x,-1,EUR
C,x,1,euro
D,Tea, loose,1,EUR
E,x,1,EUR
E,x,1,EUR
"""


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (JSON, "products.json"),
        (JSON, "<stdin>"),
        (b'{"products": ' + JSON + b"}", "products.json"),
        (CSV, "products.csv"),
        (CSV, "<stdin>"),
        (b"\xef\xbb\xbf" + CSV.replace(b"\n", b"\r\n"), "from a spreadsheet.csv"),
        (
            SEMICOLONS,
            "",
        ),
    ],
)
def test_the_forms_of_a_catalogue(data: bytes, name: str) -> None:
    assert parse_catalogue(data, name) == [TEA, CUP]


@pytest.mark.parametrize(
    ("data", "problems"),
    [
        (b"\xff\xfe", ["line 1: not UTF-8 text"]),
        (b"", ["the file contains no products"]),
        (b"[]", ["the file contains no products"]),
        (b"[1", ["Input data was truncated"]),
        (b'{"products": 1}', ['expected a list of products, or {"products": […]}']),
        (b"[1]", ["products[0]: Expected `object`, got `int`"]),
        (
            BAD_JSON,
            [
                "products[0]: Expected `str` matching regex '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$(?!\\\\n)' - at `$.sku`",
                "products[1]: Object missing required field `price_minor`",
                "products[2]: Expected `int`, got `str` - at `$.price_minor`",
            ],
        ),
        (
            BAD_CSV,
            [
                "line 2: Expected `int`, got `str` - at `$.price_minor`",
                "line 3: Expected `int` >= 0 - at `$.price_minor`",
                "line 4: Expected `str` matching regex '^[A-Z]{3}$(?!\\\\n)' - at `$.currency`",
                "line 5: more cells than the header has columns",
                "line 7: sku E occurs twice",
            ],
        ),
        (
            b'sku,name,price_minor,currency\nA,x,,EUR\nB,"x,1,EUR\n',
            ["line 2: Object missing required field `price_minor`", "line 3: unexpected end of data"],
        ),
        (b"name,price\nx,1\n", ["line 1: the header has no currency, price_minor, sku"]),
    ],
)
def test_everything_wrong_with_a_file_is_named_by_its_place(data: bytes, problems: list[str]) -> None:
    with pytest.raises(CatalogueInvalidError) as raised:
        parse_catalogue(data)
    assert list(raised.value.problems) == problems


@pytest.mark.parametrize("field", ["sku", "currency"])
def test_a_newline_does_not_slip_in_at_the_end(field: str) -> None:
    product = {"sku": "TEA", "name": "Tea", "price_minor": 1290, "currency": "EUR"}
    with pytest.raises(CatalogueInvalidError, match=field):
        parse_catalogue(msgspec.json.encode([product | {field: f"{product[field]}\n"}]))


@pytest.mark.parametrize("name", ["products.json", "<stdin>"])
@each(ODD_VALUES)
def test_an_odd_value_that_is_not_read_has_no_effect(odd: Raw, name: str) -> None:
    product = {"sku": "CUP", "name": "Cup", "price_minor": 2400, "currency": "EUR", "active": False, "unread": [odd]}
    for file in ([product], {"products": [product], "unread": odd}):
        assert parse_catalogue(encode(file), name) == [CUP]


@each(BROKEN_TEXTS)
def test_broken_text_is_read_with_replacement_characters(odd: Raw) -> None:
    product = {"sku": "CUP", "name": odd, "price_minor": 2400, "currency": "EUR", "description": odd}
    (entry,) = parse_catalogue(encode([product]))
    assert {text.replace("\ufffd", "") for text in (entry.name, entry.description)} == {"a b"}
    with pytest.raises(CatalogueInvalidError, match="sku"):
        parse_catalogue(encode([product | {"sku": odd}]))


@each(UNREADABLE_VALUES)
@pytest.mark.parametrize("field", ["sku", "name", "price_minor", "currency", "description", "active"])
def test_an_unreadable_value_is_named_by_its_place(field: str, odd: Raw) -> None:
    product = {"sku": "CUP", "name": "Cup", "price_minor": 2400, "currency": "EUR"}
    with pytest.raises(CatalogueInvalidError) as raised:
        parse_catalogue(encode([product, product | {"sku": "TEA", field: odd}]))
    (problem,) = raised.value.problems
    assert problem.startswith("products[1]: ")
    assert field in problem


@pytest.mark.parametrize("price", ["1e400", "9" * 5000, "-" + "9" * 5000, "1e309", "[" * 1100, "\\ud83d"])
def test_an_unreadable_number_in_a_table_is_named_by_its_line(price: str) -> None:
    with pytest.raises(CatalogueInvalidError, match=r"line 3: .*price_minor"):
        parse_catalogue(f"sku,name,price_minor,currency,unread\nA,x,1,EUR,{price}\nB,x,{price},EUR,\n".encode())


FIELDS = ["products", "sku", "name", "price_minor", "currency", "description", "active"]


@given(
    data=texts(FIELDS, [b'"A"', b'"EUR"', JSON]) | st.builds(lambda cells: CSV + cells, st.binary()),
    name=st.sampled_from(["", "a.json", "a.csv"]),
)
def test_any_bytes_are_a_catalogue_or_refused(data: bytes, name: str) -> None:
    with suppress(CatalogueInvalidError):
        for entry in parse_catalogue(data, name):
            assert msgspec.convert(msgspec.to_builtins(entry), ProductEntry) == entry


def test_a_price_that_no_total_could_hold_is_refused() -> None:
    with pytest.raises(CatalogueInvalidError, match="price_minor"):
        parse_catalogue(b'[{"sku": "A", "name": "x", "price_minor": 9000000000000000000, "currency": "EUR"}]')


def test_the_packaged_sample_is_a_catalogue() -> None:
    entries = parse_catalogue(SAMPLE.read_bytes(), SAMPLE.name)
    assert 10 <= len(entries) <= 20
    assert {entry.currency for entry in entries} == {"EUR"}
    assert all(entry.description for entry in entries)


HEADER = b"sku,name,price_minor,currency\n"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (CSV.decode().encode("utf-16"), "line 1: not UTF-8 text"),
        (CSV.decode().encode("utf-16-le"), "line 1: not UTF-8 text"),
        (CSV.decode().encode("utf-16-be"), "line 1: not UTF-8 text"),
        (CSV.decode().encode("utf-32"), "line 1: not UTF-8 text"),
        (HEADER + "A,Café,1,EUR\n".encode("latin-1"), "line 2: not UTF-8 text"),
        (HEADER + b"A,x\0,1,EUR\n", "line 2: not UTF-8 text"),
        (bytes(100), "line 1: not UTF-8 text"),
        (b"\x7fELF\2\1\1" + bytes(100), "line 1: not UTF-8 text"),
        (HEADER + b"A," + b"x" * MAX_LINE_LENGTH, "line 2: longer than 65,536 characters"),
        (HEADER + b'A,"' + b"x\n" * 100_000, "line 65538: field larger than field limit (131072)"),
    ],
)
def test_a_file_that_is_not_a_text_table_is_refused_with_its_line(data: bytes, problem: str) -> None:
    with pytest.raises(CatalogueInvalidError) as raised:
        parse_catalogue(data)
    assert list(raised.value.problems) == [problem]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_lines_end_as_on_any_system(end: bytes, mark: bytes) -> None:
    assert parse_catalogue(mark + CSV.replace(b"\n", end), "products.csv") == [TEA, CUP]


def test_a_report_names_the_first_problems_and_says_that_there_may_be_more() -> None:
    with pytest.raises(CatalogueInvalidError) as raised:
        parse_catalogue(HEADER + b"A,x,dear,EUR\n" * 1000)
    *problems, more = raised.value.problems
    assert len(problems) == MAX_PROBLEMS
    assert more == "There may be more problems: the rest was not read."


class Endless:
    """A stream without an end: ``head``, and then ``part`` repeatedly, each with a number."""

    def __init__(self, head: bytes, part: bytes = bytes(4096)) -> None:
        self.given = 0
        self._numbers = itertools.count()
        self._waiting = head
        self._part = part

    def read(self, size: int) -> bytes:
        while len(self._waiting) < size:
            self._waiting += self._part.replace(b"N", str(next(self._numbers)).encode())
        given, self._waiting = self._waiting[:size], self._waiting[size:]
        self.given += size
        return given


@pytest.mark.parametrize("head", [b"\0", HEADER, b'[{"sku": "A", "name": "'], ids=["zeros", "a table", "JSON"])
def test_a_stream_without_an_end_is_read_up_to_a_limit(head: bytes) -> None:
    stream = Endless(head)
    with pytest.raises(CatalogueInvalidError):
        list(read_catalogue(stream, loads=loads))  # type: ignore[arg-type]  # all that is needed of one
    assert stream.given <= MAX_BYTES + 64 * 1024


def test_a_table_is_read_line_by_line() -> None:
    stream = Endless(HEADER, b"SKU-N,x,1,EUR\n")
    products = read_catalogue(stream, loads=loads)  # type: ignore[arg-type]  # all that is needed of one
    tracemalloc.start()
    try:
        for _ in itertools.islice(products, 50_000):
            pass
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 10 * 1024**2  # the skus
    assert stream.given < 50_000 * 20
