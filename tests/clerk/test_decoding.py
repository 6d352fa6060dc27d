"""One rule for JSON from outside: broken text is replaced, and unreadable values matter only if they are read."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Raw, Struct, ValidationError

from clerk_sync.clerk.decoding import JsonDecoder
from clerk_sync.clerk.errors import NotJsonError
from tests.hostile_json import BROKEN_TEXTS, ODD_VALUES, UNREADABLE_VALUES, each, encode, texts


class Inner(Struct):
    text: str | None = None


class Shape(Struct):
    number: Annotated[int, Meta(ge=0, le=2**53)]
    text: str | None = None
    flag: bool | None = None
    share: float | None = None
    items: list[Inner] | None = None
    inner: Inner | None = None
    names: dict[str, Any] | None = None
    anything: Any = None


FIELDS = {"number": 1, "text": "x", "flag": True, "share": 0.5, "items": [], "inner": {}, "names": {}, "anything": 1}

shape = JsonDecoder(Shape)
anything: JsonDecoder[Any] = JsonDecoder(Any)


def read(**changes: object) -> Shape:
    return shape.decode(encode(FIELDS | changes))


@each(BROKEN_TEXTS)
def test_broken_text_is_replaced_in_values_and_names(odd: Raw) -> None:
    found = read(text=odd, anything=[odd], names=Raw(b"{%b:%b}" % (bytes(odd), bytes(odd))))
    texts_found = {found.text, *found.anything, *(found.names or {}), *(found.names or {}).values()}
    assert {text.replace("\ufffd", "") for text in texts_found} == {"a b"}
    assert all("\ufffd" in text for text in texts_found)


@each(ODD_VALUES)
def test_a_field_that_is_not_read_is_of_no_consequence(odd: Raw) -> None:
    assert read(unread=odd, unread_too={"deep": [odd, {"deeper": odd}]}) == read()


@each(UNREADABLE_VALUES)
@pytest.mark.parametrize("field", ["number", "text", "flag", "share"])
def test_an_unreadable_value_is_wrong_in_a_field_that_is_read(field: str, odd: Raw) -> None:
    with pytest.raises(ValidationError, match=field):
        read(**{field: odd})


@each(UNREADABLE_VALUES)
def test_what_is_not_read_of_an_object_that_is_read_is_of_no_consequence(odd: Raw) -> None:
    assert read(inner={"text": "x", "unread": odd}, items=[{"unread": odd}]) == read(inner={"text": "x"}, items=[{}])


@each(UNREADABLE_VALUES)
def test_an_unreadable_value_is_no_text_number_or_absence_where_anything_may_stand(odd: Raw) -> None:
    found = read(anything=odd, unread=odd).anything
    assert found is not None
    assert not isinstance(found, str | bool)
    if isinstance(found, int | float):
        assert not -(10**300) < found < 10**300


def test_text_that_only_looks_odd_is_kept() -> None:
    kept = r"\ud83d" + "9" * 400 + "[" * 1100 + '"\\'
    found = read(
        text=kept, anything=[kept, "👩\u200d🚀"], unread=Raw(UNREADABLE_VALUES["5,000 digits"]), names={kept: 1}
    )
    assert (found.text, found.anything, found.names) == (kept, [kept, "👩\u200d🚀"], {kept: 1})
    assert anything.decode(rb'["\ud83d\ude00", "\ude00"]') == ["😀", "\ufffd"]


@pytest.mark.parametrize(
    "number", ["1" + "0" * 400 + "e-399", "0." + "1" * 400, "1e-" + "9" * 400, "-1." + "0" * 5000 + "e1", "9" * 300]
)
def test_a_number_with_many_digits_that_can_be_read_is_read(number: str) -> None:
    found = anything.decode(b'[%b, "\xff"]' % number.encode())
    assert found == [json.loads(number), "\ufffd"]


def test_of_a_name_that_occurs_twice_the_last_counts_even_if_it_cannot_be_read() -> None:
    with pytest.raises(ValidationError):
        shape.decode(b'{"number": 1, "number": 1e400}')
    assert shape.decode(b'{"number": 1, "anything": 1e400, "anything": 2}').anything == 2


@pytest.mark.parametrize(
    "text",
    [
        *(
            b"",
            b" ",
            b"{",
            b"{} {}",
            b"nul",
            b"NaN",
            b"-",
            b"01",
            b"1.",
            b'"\\x"',
            b'"\x01"',
            b'"\\ud83',
            b"\xef\xbb\xbf{}",
        ),
        *(b"\xff", b'{"number": 1, \xff}', b'"a', b'"\\', b'"' + b'\\"' * 1000, b"[" * 1100, b'{"a":' * 1100),
        *(b"[" * 1100 + b"x" + b"]" * 1100, b"[" * 1100 + b"]" * 1099, b"[" * 1100 + b"]" * 1101),
        *(b"[" * 1100 + b"{]" + b"]" * 1100, b"[" * 1100 + b"1," + b"]" * 1100, b'{"a"' * 1100 + b"}" * 1100),
        *(b"0" + b"9" * 400, b"9" * 400 + b"x", b'{"number": "wrong", 1}', b'{"number": "wrong", "a": 1e400'),
    ],
)
def test_what_is_not_json_is_told_apart_from_json_of_another_shape(text: bytes) -> None:
    for decoder in (shape, anything, JsonDecoder(dict[str, Any]), JsonDecoder(list[Raw])):
        with pytest.raises(NotJsonError):
            decoder.decode(text)


@given(text=texts(FIELDS))
def test_any_bytes_are_the_type_or_json_of_another_shape_or_not_json(text: bytes) -> None:
    """Python's own parser decides what JSON is. It reads surrogates, and any number of digits if allowed."""
    try:
        json.loads(text.decode(errors="replace"), parse_int=str, parse_constant=_refuse)
        is_json = True
    except RecursionError:
        is_json = None
    except ValueError:
        is_json = False
    for decoder in (shape, anything, JsonDecoder(dict[str, Any]), JsonDecoder(list[Any])):
        try:
            decoder.decode(text)
        except ValidationError:
            assert is_json is not False
        except NotJsonError:
            assert is_json is not True
        else:
            assert is_json is not False


def _refuse(constant: str) -> None:
    raise ValueError(constant)


@given(st.binary(max_size=40).map(lambda octets: b'"%b"' % octets.replace(b'"', b"").replace(b"\\", b"")))
def test_broken_utf8_is_replaced_as_python_replaces_it(text: bytes) -> None:
    try:
        found = anything.decode(text)
    except NotJsonError:
        assert any(octet < 0x20 for octet in text)
    else:
        assert found == text[1:-1].decode(errors="replace")
