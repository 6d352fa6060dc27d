"""Example events on request: delivered once, twice or out of order, while the caller waits."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, structs

from clerk_sync.emulator.clock import wall_clock_ms
from clerk_sync.emulator.errors import invalid_value
from clerk_sync.emulator.instance import Instance, Options
from clerk_sync.emulator.users.schemas import User, as_json
from clerk_sync.emulator.webhooks.example_events import Event, event_types, example_event, example_user
from clerk_sync.emulator.webhooks.messages import Delivery

ONE_VERSION_MS = 1000
LAST_MS = 253_402_300_799_999  # the end of the year 9999


class TriggerRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """What to send. ``at_ms`` is when it happened; ``user_id`` names a stored user instead of a made-up one."""

    type: str
    at_ms: Annotated[int, Meta(ge=0, le=LAST_MS)] | None = None
    user_id: str | None = None
    twice: bool = False
    out_of_order: bool = False


def trigger(clerk: Instance, form: TriggerRequest) -> list[Delivery]:
    """Deliver the requested events one after the other, without retries; return every delivery."""
    if form.type not in event_types():
        raise invalid_value("type", f"it must be one of {', '.join(event_types())}")
    if not clerk.webhook_sender.urls:
        raise invalid_value("type", "there is no endpoint to send it to")
    at_ms = wall_clock_ms() if form.at_ms is None else form.at_ms
    user = clerk.user_store.get(form.user_id) if form.user_id else example_user(clerk.ids, at_ms)
    event = example_event(form.type, clerk.ids, at_ms, user)
    events = _newer_first(clerk, event, user) if form.out_of_order else [event]
    copies = 2 if form.twice else 1
    return [delivery for each in events for delivery in clerk.webhook_sender.deliver_now(each, copies)]


def trigger_offline(form: dict[str, Any], endpoint: str, secret: str | None = None) -> list[Delivery]:
    """Send events without a running local Clerk, signed with ``secret`` or the local one. Raises ClerkApiError."""
    clerk = Instance(Options(webhook_url=endpoint, senders=1))
    try:
        if secret:
            clerk.signing_secrets.restore(secret)
        return trigger(clerk, msgspec.convert(form, TriggerRequest))
    finally:
        clerk.webhook_sender.stop()


def _newer_first(clerk: Instance, event: Event, user: User) -> list[Event]:
    """Return two versions of one object, the newer one first."""
    if event.type == "user.created":
        renamed = structs.replace(user, first_name="Renamed", updated_at=user.updated_at + ONE_VERSION_MS)
        return [Event("user.updated", as_json(renamed), event.at_ms + ONE_VERSION_MS), event]
    if event.type == "user.deleted":
        return [event, example_event("user.updated", clerk.ids, event.at_ms - ONE_VERSION_MS, user)]
    return [event, Event(event.type, _one_version_older(event.data), event.at_ms - ONE_VERSION_MS)]


def _one_version_older(data: Any) -> Any:
    if "updated_at" not in data:
        return data
    return {**data, "updated_at": data["updated_at"] - ONE_VERSION_MS}
