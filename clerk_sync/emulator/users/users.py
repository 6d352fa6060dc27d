"""The users for tests and the demo: keyword arguments in, Clerk's JSON out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from clerk_sync.emulator.identity import Ids
from clerk_sync.emulator.users.factories import new_email, new_phone, new_user
from clerk_sync.emulator.users.schemas import ADMIN_VERIFICATION, EMAIL_CODE_PENDING, User, Verification, as_json
from clerk_sync.emulator.users.seeding import FIRST_SIGN_UP_MS, seeded_users
from clerk_sync.emulator.users.user_actions import UserActions
from clerk_sync.emulator.users.user_store import UserStore

Json = dict[str, Any]


class Users:
    """Create, change and delete users as users and administrators do in Clerk.

    Each change sends its webhook. ``fields`` are fields of Clerk's user object, so anything can be set
    (``banned=True``, ``deprovisioned=True``, ``username="ada"``). ``at_ms`` sets another time than now: two
    updates with the same one have equal ``updated_at``. Raises ``ClerkApiError`` if Clerk would answer an error.
    """

    def __init__(self, user_store: UserStore, user_actions: UserActions, ids: Ids, clock_ms: Callable[[], int]) -> None:
        self._user_store = user_store
        self._user_actions = user_actions
        self._ids = ids
        self._clock_ms = clock_ms

    def __len__(self) -> int:
        return len(self._user_store)

    def create(
        self,
        *,
        email: str | None = None,
        emails: Sequence[str] = (),
        primary_email: int = 0,
        email_verified: bool = True,
        phone: str | None = None,
        created_at: int | None = None,
        at_ms: int | None = None,
        **fields: Any,
    ) -> Json:
        """Create a user and emit ``user.created``; the primary address is ``emails[primary_email]``."""
        at_ms = self._clock_ms() if at_ms is None else at_ms
        verification = _verification(email_verified)
        addresses = [email, *emails] if email else emails
        user = new_user(
            self._ids,
            created_at_ms=at_ms if created_at is None else created_at,
            updated_at_ms=fields.pop("updated_at", at_ms),
            emails=[new_email(self._ids, address, at_ms, verification=verification) for address in addresses],
            phones=[new_phone(self._ids, phone, at_ms)] if phone else [],
            primary_email=primary_email,
            **fields,
        )
        return _json(self._user_actions.add(user))

    def update(
        self,
        user_id: str,
        *,
        email: str | None = None,
        email_verified: bool = True,
        at_ms: int | None = None,
        **fields: Any,
    ) -> Json:
        """Change the user and emit ``user.updated``; ``email`` replaces all addresses."""
        at_ms = self._clock_ms() if at_ms is None else at_ms
        if email is not None:
            address = new_email(self._ids, email, at_ms, verification=_verification(email_verified))
            fields |= {"email_addresses": (address,), "primary_email_address_id": address.id}
        return _json(self._user_actions.alter(user_id, fields, at_ms=at_ms))

    def ban(self, user_id: str) -> Json:
        """Ban the user and revoke the sessions."""
        return self.update(user_id, banned=True)

    def unban(self, user_id: str) -> Json:
        """Remove the ban."""
        return self.update(user_id, banned=False)

    def lock(self, user_id: str) -> Json:
        """Stop the user from signing in; sessions stay active."""
        return self.update(user_id, locked=True)

    def unlock(self, user_id: str) -> Json:
        """Remove the lock."""
        return self.update(user_id, locked=False, lockout_expires_in_seconds=None)

    def delete(self, user_id: str, *, at_ms: int | None = None) -> Json:
        """Delete the user and emit ``user.deleted``."""
        return _json(self._user_actions.delete(user_id, at_ms=at_ms))

    def get(self, user_id: str) -> Json:
        """Return the user; raise the 404 that Clerk answers."""
        return _json(self._user_store.get(user_id))

    def find(self, user_id: str) -> Json | None:
        """Return the user or None."""
        user = self._user_store.find(user_id)
        return _json(user) if user else None

    def all(self) -> list[Json]:
        """Return all users by ``created_at``: for a hundred thousand of them prefer :meth:`snapshot`."""
        return [_json(user) for user in self.snapshot()]

    def snapshot(self) -> list[User]:
        """Return all users by ``created_at`` as the immutable structs that are stored."""
        with self._user_store.lock:
            return list(self._user_store.iterate())

    def seed(self, count: int, *, seed: int = 0, start_ms: int = FIRST_SIGN_UP_MS) -> None:
        """Add ``count`` varied users, the same for the same ``seed``, without events."""
        self._user_store.put_many(seeded_users(count, seed, start_ms=start_ms))


def _verification(verified: bool) -> Verification:
    return ADMIN_VERIFICATION if verified else EMAIL_CODE_PENDING


def _json(value: object) -> Json:
    plain: Json = as_json(value)
    return plain
