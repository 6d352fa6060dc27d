"""Events on demand: one example, once or twice or two of them in the wrong order, delivered while the caller waits."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct, structs

from clerk_sync.emulator.clock import wall_clock_ms
from clerk_sync.emulator.errors import invalid_value
from clerk_sync.emulator.instance import Instance
from clerk_sync.emulator.users.schemas import User, as_json
from clerk_sync.emulator.webhooks.example_events import Event, event_types, sample_event, sample_user
from clerk_sync.emulator.webhooks.messages import Delivery

ONE_VERSION_MS = 1000
LAST_MS = 253_402_300_799_999  # the end of the year 9999


class Wish(Struct, kw_only=True, forbid_unknown_fields=True):
    """What is to be sent; ``at_ms`` is when it happened, ``user_id`` one of our users instead of a made-up one."""

    type: str
    at_ms: Annotated[int, Meta(ge=0, le=LAST_MS)] | None = None
    user_id: str | None = None
    twice: bool = False
    out_of_order: bool = False


def trigger(clerk: Instance, wish: Wish) -> list[Delivery]:
    """Deliver what is wished, one after the other and without retries; return what became of each delivery."""
    if wish.type not in event_types():
        raise invalid_value("type", f"it must be one of {', '.join(event_types())}")
    if not clerk.courier.urls:
        raise invalid_value("type", "there is no endpoint to send it to")
    at_ms = wall_clock_ms() if wish.at_ms is None else wish.at_ms
    user = clerk.directory.get(wish.user_id) if wish.user_id else sample_user(clerk.ids, at_ms)
    event = sample_event(wish.type, clerk.ids, at_ms, user)
    events = _newer_first(clerk, event, user) if wish.out_of_order else [event]
    copies = 2 if wish.twice else 1
    return [delivery for each in events for delivery in clerk.courier.deliver_now(each, copies)]


def _newer_first(clerk: Instance, event: Event, user: User) -> list[Event]:
    """Return two versions of one thing, the newer one first: what a receiver without an order gets wrong."""
    if event.type == "user.created":
        renamed = structs.replace(user, first_name="Renamed", updated_at=user.updated_at + ONE_VERSION_MS)
        return [Event("user.updated", as_json(renamed), event.at_ms + ONE_VERSION_MS), event]
    if event.type == "user.deleted":
        return [event, sample_event("user.updated", clerk.ids, event.at_ms - ONE_VERSION_MS, user)]
    return [event, Event(event.type, _one_version_older(event.data), event.at_ms - ONE_VERSION_MS)]


def _one_version_older(data: Any) -> Any:
    if "updated_at" not in data:
        return data
    return {**data, "updated_at": data["updated_at"] - ONE_VERSION_MS}
