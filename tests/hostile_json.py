"""JSON as no honest sender writes it. A ``Raw`` stands in any dictionary or list that ``encode`` is given."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import pytest
from hypothesis import strategies as st
from msgspec import Raw

# Inside a string: read with U+FFFD in the place of what is no text.
BROKEN_TEXTS = {
    "first half of a pair": rb'"a\ud83d b"',
    "second half of a pair": rb'"a\ude00 b"',
    "pair in the wrong order": rb'"a\ude00\ud83d b"',
    "byte of no character": b'"a\xff b"',
    "cut character": b'"a\xe2\x82 b"',
    "surrogate as UTF-8": b'"a\xed\xa0\xbd b"',
}
# Wrong values if they are read, and of no consequence if they are not.
UNREADABLE_VALUES = {
    "1e400": b"1e400",
    "-1e309": b"-1e309",
    "310 digits": b"9" * 310,
    "5,000 digits": b"9" * 5000,
    "minus 4,301 digits": b"-" + b"1" * 4301,
    "1,100 arrays": b"[" * 1100 + b"]" * 1100,
    "1,100 objects": b'{"":' * 1100 + b"1" + b"}" * 1100,
    "1,100 of both around a broken text": b"[" + b'[{"]}":' * 550 + rb'"\ud83d"' + b"}]" * 550 + b"]",
}
ODD_VALUES = BROKEN_TEXTS | UNREADABLE_VALUES


def each(values: dict[str, bytes]) -> Any:
    """Return the values as parameters of a test that takes ``odd``."""
    return pytest.mark.parametrize("odd", [pytest.param(Raw(raw), id=name) for name, raw in values.items()])


def encode(value: object) -> bytes:
    """Return ``value`` as JSON, with every Raw as it is and every lone surrogate as its escape."""
    match value:
        case Raw():
            return bytes(value)
        case dict():
            return b"{%b}" % b",".join(encode(name) + b":" + encode(inner) for name, inner in value.items())
        case list():
            return b"[%b]" % b",".join(map(encode, value))
        case _:
            return json.dumps(value).encode()


_ORDINARY = (b"null", b"true", b"0", b"-0", b"1", b"-1", b"1.5", b"1e3", b'""', b'"x"', b"[]", b"{}")
_TEXTS = (*BROKEN_TEXTS.values(), rb'"\u0000"', rb'"\\ud83d"', '"é👩\u200d🚀"'.encode(), b'"' + b"x" * 400 + b'"')
_NUMBERS = (b"18446744073709551616", b"-9223372036854775809", b"9007199254740993", b"1e-400", b"0.1e-5000")
_KEYS = (b'"a"', b'""', b'"\xff"', rb'"\ud83d"', rb'"\u0000"')


def json_texts(names: Collection[str], values: Collection[bytes] = ()) -> st.SearchStrategy[bytes]:
    """Return a strategy of JSON texts: objects with these names and ``values`` among others, or anything else."""
    keys = st.sampled_from([*(encode(name) for name in names), *_KEYS])
    leaves = st.sampled_from([*_ORDINARY, *_TEXTS, *_NUMBERS, *UNREADABLE_VALUES.values(), *values])
    anything = st.recursive(leaves, lambda inner: _arrays(inner) | _objects(keys, inner), max_leaves=8)
    # Names may repeat.
    return _objects(keys, anything) | anything


def texts(names: Collection[str], values: Collection[bytes] = ()) -> st.SearchStrategy[bytes]:
    """Return a strategy of bodies: JSON, JSON that is torn or has an odd byte in it, and bytes."""
    whole = json_texts(names, values)
    places = st.floats(0, 1)
    return whole | st.builds(_torn, whole, places) | st.builds(_spoiled, whole, places, st.binary(max_size=2))


def _arrays(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.lists(inner, max_size=3).map(lambda values: b"[%b]" % b",".join(values))


def _objects(keys: st.SearchStrategy[bytes], inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    members = st.builds(lambda key, value: key + b":" + value, keys, inner)
    return st.lists(members, max_size=6).map(lambda found: b"{%b}" % b",".join(found))


def _torn(text: bytes, at: float) -> bytes:
    return text[: int(len(text) * at)]


def _spoiled(text: bytes, at: float, inserted: bytes) -> bytes:
    place = int(len(text) * at)
    return text[:place] + inserted + text[place:]
