"""The calls to Clerk's Backend API that a mirror needs, with typed results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeVar

from msgspec import Meta, Struct, ValidationError

from clerk_sync.clerk.api.transport import Parameters, Transport
from clerk_sync.clerk.api.user_pages import UserPage, parse_users
from clerk_sync.clerk.decoding import JsonDecoder
from clerk_sync.clerk.errors import ApiProtocolError, ApiRefusedError, CursorRefusedError
from clerk_sync.clerk.jwks.fetch import parse_key_set
from clerk_sync.clerk.users import UserSnapshot, parse_user, parse_user_id

T = TypeVar("T")

LARGEST_PAGE = 500  # Clerk answered a larger limit with 10 users and no error
MOST_IDS = 100


class Instance(Struct, frozen=True):
    """The Clerk instance of the secret key; ``environment_type`` is empty if only its id is known."""

    id: Annotated[str, Meta(min_length=1)]
    environment_type: str


class _TotalCount(Struct):
    total_count: Annotated[int, Meta(ge=0, le=2**53)]


_instance = JsonDecoder(Instance)
_total_count = JsonDecoder(_TotalCount)


class ClerkApi:
    """A client of the Backend API. Every call raises ApiError if it gets no usable response."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list_users(
        self,
        *,
        limit: int = LARGEST_PAGE,
        starting_after: str | None = None,
        offset: int | None = None,
        created_at_after: int | None = None,
        created_at_before: int | None = None,
    ) -> UserPage:
        """Return a page of users, the oldest first; raise CursorRefusedError if the server refuses the cursor.

        Times are Clerk's milliseconds. Clerk does not say whether they are inclusive.
        """
        if not 1 <= limit <= LARGEST_PAGE:
            raise ValueError(f"a page has 1 to {LARGEST_PAGE} users, not {limit}")
        parameters = _given(
            limit=limit,
            # Ascending: users who sign up meanwhile come last. A leading + would arrive as a space.
            order_by="created_at",
            starting_after=starting_after,
            offset=offset,
            created_at_after=created_at_after,
            created_at_before=created_at_before,
        )
        try:
            return self._transport.get("/users", parameters, parse=parse_users)
        except ApiRefusedError as error:
            if starting_after is not None and error.status == 422:
                raise CursorRefusedError(error.status, error.code, error.detail) from error
            raise

    def count_users(self, *, created_at_after: int | None = None, created_at_before: int | None = None) -> int:
        """Return the number of users at Clerk, or of those created in the window."""
        window = _given(created_at_after=created_at_after, created_at_before=created_at_before)
        return self._transport.get("/users/count", window, parse=_parse_total_count)

    def find_user(self, clerk_id: str) -> UserSnapshot | None:
        """Return the user, or None if Clerk has none; raise UnusableUserError as parse_user does."""
        try:
            return self._transport.get(f"/users/{parse_user_id(clerk_id)}", parse=parse_user)
        except ApiRefusedError as error:
            # The code matters: a 404 of a proxy, or of a wrong address, says nothing about the user.
            if error.status == 404 and error.code == "resource_not_found":
                return None
            raise

    def find_users(self, clerk_ids: Sequence[str]) -> UserPage:
        """Return those of up to 100 users that Clerk has; raise ApiProtocolError if it returns others as well."""
        if not 1 <= len(clerk_ids) <= MOST_IDS:
            raise ValueError(f"Clerk looks up 1 to {MOST_IDS} ids at once, not {len(clerk_ids)}")
        parameters: Parameters = [
            ("limit", MOST_IDS),
            *(("user_id", parse_user_id(clerk_id)) for clerk_id in clerk_ids),
        ]
        page = self._transport.get("/users", parameters, parse=parse_users)
        if others := {user.clerk_id for user in page.users} - set(clerk_ids):
            raise ApiProtocolError(f"requested {len(clerk_ids)} users by id, Clerk also returned {len(others)} others")
        return page

    def get_instance(self) -> Instance:
        """Return the instance of the secret key."""
        try:
            return self._transport.get("/instance", parse=_parse_instance)
        except ApiRefusedError as error:
            if error.status != 404:
                raise
        # A server without this endpoint still publishes its key set, and Clerk names the key after the instance.
        return Instance(self._transport.get("/jwks", parse=parse_key_set)[0].kid, "")


def _given(**parameters: str | int | None) -> Parameters:
    return [(name, value) for name, value in parameters.items() if value is not None]


def _parse_total_count(raw: bytes) -> int:
    return _decode(_total_count, raw).total_count


def _parse_instance(raw: bytes) -> Instance:
    return _decode(_instance, raw)


def _decode(decoder: JsonDecoder[T], raw: bytes) -> T:
    try:
        return decoder.decode(raw)
    except ValidationError as error:
        raise ApiProtocolError(str(error)) from None
