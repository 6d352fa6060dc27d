"""An example of every event type, as the Dashboard's "Send Example" makes them: real shapes, made-up ids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET

from clerk_sync.emulator.ids import Ids
from clerk_sync.emulator.sessions.sessions import ABANDONED_AFTER_MS, LIFETIME_MS
from clerk_sync.emulator.users.factories import new_email, new_user
from clerk_sync.emulator.users.schemas import Deleted, Session, User, as_json
from clerk_sync.emulator.webhooks import billing_samples, organization_samples

Sample = Callable[[Ids, int], Any]


@dataclass(frozen=True, slots=True)
class Event:
    """What to send: a type, its data, and when it happened."""

    type: str
    data: Any
    at_ms: int


def sample_event(event_type: str, ids: Ids, at_ms: int, user: User) -> Event:
    """Return an example of the type, about ``user`` where it concerns users; raise KeyError for an unknown type."""
    group, _, act = event_type.partition(".")
    if event_type == "user.deleted":
        return Event(event_type, as_json(Deleted(id=user.id, external_id=user.external_id or UNSET)), at_ms)
    if group == "user":
        return Event(event_type, as_json(user), at_ms)
    if group == "session":
        return Event(event_type, _session_data(act, ids, user, at_ms), at_ms)
    return Event(event_type, _OTHERS[event_type](ids, at_ms), at_ms)


def event_types() -> list[str]:
    """Return the types that there are examples of."""
    return sorted([*(f"user.{act}" for act in _USER_ACTS), *(f"session.{act}" for act in _SESSION_STATUSES), *_OTHERS])


def sample_user(ids: Ids, at_ms: int, **fields: Any) -> User:
    """Return a user whom nobody knows."""
    fields = {"first_name": "Example", "last_name": "User", **fields}
    email = new_email(ids, f"{ids.new('example', at_ms)}@example.com", at_ms)
    return new_user(ids, created_at_ms=at_ms, updated_at_ms=at_ms, emails=[email], **fields)


_USER_ACTS = ("created", "updated", "deleted")
_SESSION_STATUSES = {
    "created": "active",
    "pending": "active",  # the webhook schema knows no pending status
    "ended": "ended",
    "removed": "removed",
    "revoked": "revoked",
}


def _session_data(act: str, ids: Ids, user: User, at_ms: int) -> Any:
    session = Session(
        id=ids.new("sess", at_ms),
        client_id=ids.new("client", at_ms),
        user_id=user.id,
        status=_SESSION_STATUSES[act],
        last_active_at=at_ms,
        expire_at=at_ms + LIFETIME_MS,
        abandon_at=at_ms + ABANDONED_AFTER_MS,
        created_at=at_ms,
        updated_at=at_ms,
    )
    return {**as_json(session), "user": as_json(user)}


def _email(ids: Ids, at_ms: int) -> dict[str, Any]:
    return {
        "id": ids.new("ema", at_ms),
        "object": "email",
        "slug": "verification_code",
        "from_email_name": "notifications",
        "to_email_address": "user@example.com",
        "email_address_id": ids.new("idn", at_ms),
        "user_id": None,
        "subject": "424242 is your verification code",
        "body": "<p>424242</p>",
        "body_plain": "424242",
        "status": "queued",
        "data": {"otp_code": "424242"},
        "delivered_by_clerk": True,
    }


def _sms(ids: Ids, at_ms: int) -> dict[str, Any]:
    return {
        "id": ids.new("sms", at_ms),
        "object": "sms_message",
        "slug": "verification_code",
        "from_phone_number": "+15555550100",
        "to_phone_number": "+15555550101",
        "phone_number_id": ids.new("idn", at_ms),
        "user_id": None,
        "message": "424242 is your verification code",
        "status": "queued",
        "data": {"otp_code": "424242"},
        "delivered_by_clerk": True,
        "created_at_ms": at_ms,
    }


def _waitlist_entry(ids: Ids, at_ms: int) -> dict[str, Any]:
    return {
        "object": "waitlist_entry",
        "id": ids.new("wle", at_ms),
        "email_address": "waiting@example.com",
        "status": "pending",
        "is_locked": False,
        "invitation": None,
        "created_at": at_ms,
        "updated_at": at_ms,
    }


_OTHERS: dict[str, Sample] = {
    "email.created": _email,
    "sms.created": _sms,
    "waitlistEntry.created": _waitlist_entry,
    "waitlistEntry.updated": _waitlist_entry,
    **organization_samples.SAMPLES,
    **billing_samples.SAMPLES,
}
