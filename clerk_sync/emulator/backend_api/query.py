"""``GET /v1/users`` and ``/v1/users/count``: ordering, pages by offset and by cursor, Clerk's quirks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from clerk_sync.emulator.backend_api.filters import Filter
from clerk_sync.emulator.backend_api.params import Params, read_integer
from clerk_sync.emulator.errors import invalid_value
from clerk_sync.emulator.instance import Quirks
from clerk_sync.emulator.users.schemas import User
from clerk_sync.emulator.users.user_store import Position, UserStore

DEFAULT_LIMIT = 10
LARGEST_LIMIT = 500

_ORDERINGS: dict[str, Callable[[User], Any]] = {
    "created_at": lambda user: user.created_at,
    "updated_at": lambda user: user.updated_at,
    "email_address": lambda user: user.primary_email,
    "web3wallet": lambda user: user.web3_wallets[0].web3_wallet if user.web3_wallets else None,
    "first_name": lambda user: user.first_name,
    "last_name": lambda user: user.last_name,
    "phone_number": lambda user: user.primary_phone,
    "username": lambda user: user.username,
    "last_active_at": lambda user: user.last_active_at,
    "last_sign_in_at": lambda user: user.last_sign_in_at,
}


@dataclass(frozen=True, slots=True)
class Page:
    """The requested part of a listing, and its order."""

    limit: int
    offset: int = 0
    order_by: str = "created_at"
    descending: bool = True
    after: Position | None = None


def parse_page(params: Params, user_store: UserStore, quirks: Quirks) -> Page:
    """Return the requested page; raise Clerk's 422 for an invalid cursor."""
    limit, offset = read_limit(params), read_offset(params)
    order_by, descending = _read_ordering(params)
    cursor = params.get("starting_after")
    if cursor is None:
        return Page(limit, offset, order_by, descending)
    if order_by != "created_at":
        raise invalid_value("starting_after", "it requires ordering by created_at")
    if offset:
        raise invalid_value("starting_after", "it cannot be combined with offset")
    position = user_store.position(cursor)
    if position is None or (user_store.was_deleted(cursor) and not quirks.deleted_cursor_works):
        raise invalid_value("starting_after", "it names no user")
    return Page(limit, 0, order_by, descending, position)


def read_limit(params: Params) -> int:
    """Return the limit. As at Clerk, 501 and more silently mean 10, the default."""
    limit = read_integer(params, "limit")
    if limit is None or limit > LARGEST_LIMIT:
        return DEFAULT_LIMIT
    if limit < 1:
        raise invalid_value("limit", "it must be 1 or more")
    return limit


def read_offset(params: Params) -> int:
    """Return the offset."""
    offset = read_integer(params, "offset") or 0
    if offset < 0:
        raise invalid_value("offset", "it must be 0 or more")
    return offset


def select(user_store: UserStore, wanted: Filter, page: Page) -> list[User]:
    """Return the page's users."""
    with user_store.lock:
        if page.order_by == "created_at" and not wanted.included_ids:
            return list(islice(_in_order(user_store, wanted, page), page.offset, page.offset + page.limit))
        found = list(_all_selected(user_store, wanted))
    found.sort(key=lambda user: _sort_key(user, page.order_by), reverse=page.descending)
    if page.after is not None:
        found = [user for user in found if _is_after(user, page.after, descending=page.descending)]
    return found[page.offset : page.offset + page.limit]


def count(user_store: UserStore, wanted: Filter) -> int:
    """Return how many users the filter selects."""
    with user_store.lock:
        if not wanted.included_ids and not wanted.predicates:
            return user_store.count(wanted.lowest, wanted.highest)
        return sum(1 for _ in _all_selected(user_store, wanted))


def _in_order(user_store: UserStore, wanted: Filter, page: Page) -> Iterator[User]:
    users = user_store.iterate(
        lowest=wanted.lowest, highest=wanted.highest, after=page.after, newest_first=page.descending
    )
    return filter(wanted.passes, users) if wanted.predicates else users


def _all_selected(user_store: UserStore, wanted: Filter) -> Iterator[User]:
    if not wanted.included_ids:
        return filter(wanted.passes, user_store.iterate(lowest=wanted.lowest, highest=wanted.highest))
    named = map(user_store.find, dict.fromkeys(wanted.included_ids))
    return (user for user in named if user and wanted.passes(user))


def _is_after(user: User, position: Position, *, descending: bool) -> bool:
    here = (user.created_at, user.id)
    return here < position if descending else here > position


def _sort_key(user: User, order_by: str) -> tuple[bool, Any, str]:
    value = _ORDERINGS[order_by](user)
    return value is None, 0 if value is None else value, user.id


def _read_ordering(params: Params) -> tuple[str, bool]:
    text = params.get("order_by") or "-created_at"
    name = text[1:] if text[0] in "+-" else text
    if name not in _ORDERINGS:
        # A bare + in a query string arrives as a space, and a space is no sign.
        raise invalid_value("order_by", f"it must be one of {', '.join(_ORDERINGS)}, with + or - before it")
    return name, text.startswith("-")
