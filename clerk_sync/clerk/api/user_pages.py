"""One page of Clerk's list of users: decoded as a whole, or user by user if that fails."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Raw, Struct, ValidationError

from clerk_sync.clerk.decoding import JsonDecoder
from clerk_sync.clerk.errors import ApiProtocolError, UnusableUserError
from clerk_sync.clerk.users import ClerkUser, UserId, UserSnapshot, parse_user, snapshot_of


class UnusableUser(Struct, frozen=True):
    """A user that cannot be mapped; ``clerk_id`` is None if not even the id can be read."""

    clerk_id: str | None
    reason: str


class UserPage(Struct, frozen=True):
    """One page. ``last_id`` is the cursor to the next; None on an empty page, or if the last id cannot be read."""

    users: list[UserSnapshot]
    unmappable: list[UnusableUser]
    last_id: str | None

    @property
    def count(self) -> int:
        """The number of users on the page, mappable or not."""
        return len(self.users) + len(self.unmappable)

    @property
    def first_ms(self) -> int | None:
        """The first known creation time on the page."""
        return _first_known(self.users)

    @property
    def last_ms(self) -> int | None:
        """The last known creation time on the page."""
        return _first_known(reversed(self.users))


def _first_known(users: Iterable[UserSnapshot]) -> int | None:
    return next((user.clerk_created_at for user in users if user.clerk_created_at), None)


class _Wrapped(Struct):
    data: list[ClerkUser]


class _WrappedRaw(Struct):
    data: list[Raw]


class _OnlyId(Struct):
    id: UserId


# Clerk sends a bare array today. Its other lists are {"data": […]}, and this one may follow.
_page = JsonDecoder(list[ClerkUser] | _Wrapped)
_raw_page = JsonDecoder(list[Raw] | _WrappedRaw)
_only_id = JsonDecoder(_OnlyId)


def parse_users(raw: bytes) -> UserPage:
    """Return one page of users. A user that cannot be mapped does not affect the others.

    Raises NotJsonError for a body that was cut off, ApiProtocolError for JSON that is not a list.
    """
    try:
        page = _page.decode(raw)
        users = [snapshot_of(user) for user in (page.data if isinstance(page, _Wrapped) else page)]
    except (ValidationError, UnusableUserError):
        return _parse_one_by_one(raw)
    return UserPage(users, [], users[-1].clerk_id if users else None)


def _parse_one_by_one(raw: bytes) -> UserPage:
    try:
        page = _raw_page.decode(raw)
    except ValidationError as error:
        raise ApiProtocolError(f"the list of users is not a list: {error}") from None
    elements = page.data if isinstance(page, _WrappedRaw) else page
    users: list[UserSnapshot] = []
    unmappable: list[UnusableUser] = []
    for element in elements:
        try:
            users.append(parse_user(element))
        except UnusableUserError as error:
            unmappable.append(UnusableUser(_find_id(element), str(error)))
    return UserPage(users, unmappable, _find_id(elements[-1]) if elements else None)


def _find_id(element: Raw) -> str | None:
    try:
        return _only_id.decode(element).id
    except ValidationError:
        return None
