"""Parses query parameters as Clerk does. An invalid one gets Clerk's 422."""

from __future__ import annotations

from typing import Protocol

from clerk_sync.emulator.errors import invalid_value

MOST_VALUES = 100


class Params(Protocol):
    """The query string, decoded: a ``+`` in it has become a space."""

    def get(self, key: str, /) -> str | None:
        """Return the first value."""

    def getlist(self, key: str, /) -> list[str]:
        """Return all values."""


def read_integer(params: Params, name: str) -> int | None:
    """Return the integer, or None if the parameter is absent or empty."""
    text = params.get(name)
    if not text:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 19):
        raise invalid_value(name, "it must be an integer")
    return int(text)


def read_boolean(params: Params, name: str) -> bool | None:
    """Return the flag, or None if the parameter is absent or empty."""
    text = params.get(name)
    if not text:
        return None
    if text not in ("true", "false"):
        raise invalid_value(name, "it must be true or false")
    return text == "true"


def read_values(params: Params, name: str) -> list[str]:
    """Return the values of a parameter that may be repeated a hundred times."""
    values = params.getlist(name)
    if len(values) > MOST_VALUES:
        raise invalid_value(name, f"at most {MOST_VALUES} values are accepted")
    return values


def read_signed_values(params: Params, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the included values (``+`` or no sign) and the excluded ones (``-``)."""
    values = read_values(params, name)
    excluded = tuple(value[1:] for value in values if value.startswith("-"))
    return tuple(value.removeprefix("+") for value in values if not value.startswith("-")), excluded
