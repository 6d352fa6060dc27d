"""The users of this instance, in the order of Clerk's listing."""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from operator import itemgetter

from clerk_sync.emulator.errors import ClerkApiError, user_not_found
from clerk_sync.emulator.users.schemas import User

Position = tuple[int, str]
"""A user's position in the listing: ``created_at``, then the id."""

_FIRST_AFTER = "\uffff"  # sorts after every id

_IDENTIFIER_PARAMS = {
    "email": "email_address",
    "phone": "phone_number",
    "wallet": "web3_wallet",
    "username": "username",
    "external": "external_id",
}


class UserStore:
    """Users by id, by position, and by identifiers that must be unique.

    Hold ``lock`` to make several calls atomic; every method also takes it.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._users: dict[str, User] = {}
        self._order: list[Position] = []
        self._owners: dict[tuple[str, str], str] = {}
        self._deleted_positions: dict[str, Position] = {}
        self.revision = 0

    def __len__(self) -> int:
        return len(self._users)

    def find(self, user_id: str) -> User | None:
        """Return the user, or None if it is unknown or deleted."""
        return self._users.get(user_id)

    def get(self, user_id: str) -> User:
        """Return the user; raise the 404 that Clerk answers."""
        user = self._users.get(user_id)
        if user is None:
            raise user_not_found(user_id)
        return user

    def find_by_identifier(self, kind: str, value: str) -> User | None:
        """Return the user with a verified ``email``, ``phone`` or ``wallet``, or a ``username`` or ``external`` id."""
        owner = self._owners.get((kind, value))
        return self._users.get(owner) if owner else None

    def put(self, user: User) -> None:
        """Store ``user``, new or changed; raise the 422 if another user holds one of its identifiers."""
        with self.lock:
            claimed = set(_identifiers(user))
            self._require_free(user.id, claimed)
            before = self._users.get(user.id)
            if before is not None:
                self._release(before)
            self._users[user.id] = user
            insort(self._order, (user.created_at, user.id))
            self._owners.update(dict.fromkeys(claimed, user.id))
            self.revision += 1

    def put_many(self, users: Iterable[User]) -> None:
        """Store many users at once. They must be new and must not share identifiers: neither is checked."""
        with self.lock:
            for user in users:
                self._users[user.id] = user
                self._order.append((user.created_at, user.id))
                self._owners.update(dict.fromkeys(_identifiers(user), user.id))
            self._order.sort()
            self.revision += 1

    def remove(self, user_id: str) -> User:
        """Remove the user and return it. Its position is kept for cursors."""
        with self.lock:
            user = self.get(user_id)
            self._release(user)
            del self._users[user_id]
            self._deleted_positions[user_id] = (user.created_at, user_id)
            self.revision += 1
            return user

    def position(self, user_id: str) -> Position | None:
        """Return the user's position, also of a deleted user."""
        user = self._users.get(user_id)
        return (user.created_at, user.id) if user else self._deleted_positions.get(user_id)

    def was_deleted(self, user_id: str) -> bool:
        """Whether the user existed and was deleted."""
        return user_id in self._deleted_positions

    def count(self, lowest: int | None, highest: int | None) -> int:
        """Count the users whose ``created_at`` is in the window, ends included."""
        with self.lock:
            low, high = self._window(lowest, highest)
            return max(high - low, 0)

    def iterate(
        self,
        *,
        lowest: int | None = None,
        highest: int | None = None,
        after: Position | None = None,
        newest_first: bool = False,
    ) -> Iterator[User]:
        """Yield users by position, from after ``after``. The caller must hold ``lock`` during the iteration."""
        low, high = self._window(lowest, highest)
        if after is not None and newest_first:
            high = min(high, bisect_left(self._order, after))
        elif after is not None:
            low = max(low, bisect_right(self._order, after))
        indexes = range(high - 1, low - 1, -1) if newest_first else range(low, high)
        return (self._users[self._order[index][1]] for index in indexes)

    def _window(self, lowest: int | None, highest: int | None) -> tuple[int, int]:
        low = 0 if lowest is None else bisect_left(self._order, lowest, key=itemgetter(0))
        high = len(self._order) if highest is None else bisect_right(self._order, (highest, _FIRST_AFTER))
        return low, high

    def _release(self, user: User) -> None:
        del self._order[bisect_left(self._order, (user.created_at, user.id))]
        for identifier in _identifiers(user):
            self._owners.pop(identifier, None)

    def _require_free(self, user_id: str, claimed: set[tuple[str, str]]) -> None:
        for kind, value in claimed:
            if self._owners.get((kind, value), user_id) != user_id:
                raise ClerkApiError(
                    422,
                    "form_identifier_exists",
                    "That identifier is taken. Please try another.",
                    param=_IDENTIFIER_PARAMS[kind],
                )


def _identifiers(user: User) -> Iterator[tuple[str, str]]:
    """Yield the user's unique identifiers; unverified and unreserved addresses are not unique."""
    for email in user.email_addresses:
        if email.reserved or (email.verification and email.verification.status == "verified"):
            yield "email", email.email_address
    for phone in user.phone_numbers:
        if phone.reserved or (phone.verification and phone.verification.status == "verified"):
            yield "phone", phone.phone_number
    for wallet in user.web3_wallets:
        yield "wallet", wallet.web3_wallet
    if user.username:
        yield "username", user.username.lower()
    if user.external_id:
        yield "external", user.external_id
