"""Clerk's list of users over a population: which users a query selects, and their bytes.

It supports the parameters that sync sends. It refuses all others, because an ignored filter would give wrong pages.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from bench.population import Population
from clerk_sync.emulator.backend_api.params import Params, read_integer, read_values
from clerk_sync.emulator.backend_api.query import read_limit, read_offset
from clerk_sync.emulator.errors import ClerkApiError, invalid_value, user_not_found

WINDOW = frozenset({"created_at_after", "created_at_before"})
SUPPORTED = WINDOW | {"limit", "offset", "order_by", "starting_after", "user_id"}

Body = list[bytes | memoryview]


class Listing:
    """The queries about users. Each returns the pieces of its body, or raises ClerkApiError as Clerk would answer."""

    def __init__(self, population: Population) -> None:
        self._population = population

    def page(self, params: Params) -> tuple[int, Body]:
        """Return the number of users on the page that ``params`` select, and the page."""
        limit, offset = read_limit(params), read_offset(params)
        positions = self._behind_cursor(params, offset)
        chosen = positions[offset : offset + limit]
        if isinstance(chosen, range) and chosen.step == 1:
            return len(chosen), [b"[", self._population.text(chosen.start, chosen.stop), b"]"]
        separated = [piece for position in chosen for piece in (b",", self._population.text(position, position + 1))]
        return len(chosen), [b"[", *separated[1:], b"]"]

    def count(self, params: Params) -> Body:
        """Return the number of users in the window."""
        low, high = self._window(params)
        return [b'{"object":"total_count","total_count":%d}' % max(high - low, 0)]

    def one(self, user_id: str) -> Body:
        """Return the user."""
        position = self._population.positions.get(user_id)
        if position is None:
            raise user_not_found(user_id)
        return [self._population.text(position, position + 1)]

    def _behind_cursor(self, params: Params, offset: int) -> Sequence[int]:
        """Return all positions that the query selects, in its order, before limit and offset apply."""
        low, high = self._window(params)
        descending = _is_descending(params)
        cursor = params.get("starting_after")
        if cursor is not None:
            position = self._position_of(cursor, offset)
            low, high = (low, min(high, position)) if descending else (max(low, position + 1), high)
        wanted = read_values(params, "user_id")
        if any(user_id.startswith(("+", "-")) for user_id in wanted):
            raise invalid_value("user_id", "signs are not supported here")
        if wanted:
            known = {self._population.positions.get(user_id, -1) for user_id in wanted}
            return sorted((position for position in known if low <= position < high), reverse=descending)
        return range(high - 1, low - 1, -1) if descending else range(low, max(low, high))

    def _position_of(self, cursor: str, offset: int) -> int:
        if offset:
            raise invalid_value("starting_after", "it cannot be combined with offset")
        position = self._population.positions.get(cursor)
        if position is None:
            raise invalid_value("starting_after", "it names no user")
        return position

    def _window(self, params: Params) -> tuple[int, int]:
        """Return the first position of the window and the position after its last one. The times are exclusive."""
        created_at_ms = self._population.created_at_ms
        after, before = read_integer(params, "created_at_after"), read_integer(params, "created_at_before")
        low = 0 if after is None else bisect_right(created_at_ms, after)
        high = len(created_at_ms) if before is None else bisect_left(created_at_ms, before)
        return low, high


def refuse_unknown(names: set[str], supported: frozenset[str]) -> None:
    """Raise ClerkApiError if a parameter is not supported."""
    for name in sorted(names - supported):
        raise ClerkApiError(422, "form_param_unknown", "is unknown", f"{name} is not supported here.", param=name)


def _is_descending(params: Params) -> bool:
    order = params.get("order_by") or "-created_at"
    if order not in ("created_at", "+created_at", "-created_at"):
        raise invalid_value("order_by", "it must be created_at, with + or - before it")
    return order.startswith("-")
