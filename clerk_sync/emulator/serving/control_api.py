"""The control API under ``/_local``: what a test in another language, or the command line, does to this Clerk.

It asks for no key: the wire lets nobody come near who does not name this machine.
"""

from __future__ import annotations

from dataclasses import asdict
from itertools import takewhile
from typing import Annotated, Any, Literal

import msgspec
from flask import Blueprint, request
from msgspec import Meta, Struct
from werkzeug.wrappers import Response

from clerk_sync.emulator.backend_api.params import read_integer
from clerk_sync.emulator.errors import ClerkApiError
from clerk_sync.emulator.faults import Fault
from clerk_sync.emulator.forms import parse
from clerk_sync.emulator.frontend_api.cors import share_with_front_ends
from clerk_sync.emulator.instance import Instance
from clerk_sync.emulator.serving.request_log import RequestLog
from clerk_sync.emulator.serving.responses import json_answer
from clerk_sync.emulator.webhooks.messages import Delivery, Message
from clerk_sync.emulator.webhooks.trigger import Wish, trigger
from clerk_sync.emulator.webhooks.webhook_faults import WebhookFault


class Seed(Struct, forbid_unknown_fields=True):
    """How many users to add."""

    count: Annotated[int, Meta(ge=0, le=1_000_000)]
    seed: int = 0


class KeyRotation(Struct, forbid_unknown_fields=True):
    """How the token key changes."""

    keep_kid: bool = False
    keep_old: bool = False


class SecretRotation(Struct, forbid_unknown_fields=True):
    """For how long the old signing secret signs as well."""

    grace_s: float = 86_400.0


class Replay(Struct, forbid_unknown_fields=True):
    """Which messages to send again: one, or all that failed or are missing."""

    svix_id: str | None = None
    which: Literal["failed", "missing"] | None = None


class Send(Struct, forbid_unknown_fields=True):
    """An event of any kind."""

    type: str
    data: Any
    timestamp: int | None = None


def control_api(clerk: Instance, log: RequestLog) -> Blueprint:
    """Return the control routes."""
    api = Blueprint("control_api", __name__, url_prefix="/_local")
    share_with_front_ends(api, clerk)
    _add_state_routes(api, clerk, log)
    _add_fault_routes(api, clerk)
    _add_webhook_routes(api, clerk)
    return api


def _add_state_routes(api: Blueprint, clerk: Instance, log: RequestLog) -> None:
    @api.get("/state")
    def state() -> Response:
        return json_answer(
            {
                "instance_id": clerk.identity.instance_id,
                "issuer": clerk.identity.issuer,
                "users": len(clerk.directory),
                "webhook_urls": clerk.courier.urls,
                "paused": clerk.courier.paused,
                "disabled": clerk.courier.disabled,
                "deliveries": len(clerk.courier.deliveries),
            }
        )

    @api.get("/requests")
    def requests() -> Response:
        return json_answer([asdict(each) for each in log])

    @api.post("/users/seed")
    def seed() -> Response:
        wish = parse(Seed, request.get_data())
        clerk.users.seed(wish.count, seed=wish.seed)
        return json_answer({"users": len(clerk.directory)})

    @api.post("/keys/rotate")
    def rotate_key() -> Response:
        wish = parse(KeyRotation, request.get_data())
        clerk.keys.rotate(keep_kid=wish.keep_kid, keep_old=wish.keep_old)
        return json_answer(clerk.keys.key_set)


def _add_fault_routes(api: Blueprint, clerk: Instance) -> None:
    @api.get("/faults")
    def list_faults() -> Response:
        return json_answer(clerk.faults.all())

    @api.post("/faults")
    def add_fault() -> Response:
        return json_answer(clerk.faults.put(parse(Fault, request.get_data())))

    @api.post("/mishaps")
    def add_mishap() -> Response:
        return json_answer(clerk.faults.webhooks.put(parse(WebhookFault, request.get_data())))

    @api.delete("/mishaps")
    def clear_mishaps() -> Response:
        clerk.faults.webhooks.clear()
        clerk.courier.release()
        return json_answer([])

    @api.delete("/faults")
    def clear_faults() -> Response:
        clerk.faults.clear()
        clerk.courier.release()
        return json_answer([])


def _add_webhook_routes(api: Blueprint, clerk: Instance) -> None:
    @api.get("/deliveries")
    def deliveries() -> Response:
        first = read_integer(request.args, "since") or 0
        return json_answer([_with_readable_body(each) for each in clerk.courier.deliveries[max(first, 0) :]])

    @api.get("/messages")
    def messages() -> Response:
        since_ms = read_integer(request.args, "since_ms") or 0
        newest_first = reversed(list(clerk.courier.messages.values()))
        wanted = list(takewhile(lambda message: message.created_at_ms >= since_ms, newest_first))
        return json_answer([_with_readable_body(each) for each in reversed(wanted)])

    @api.post("/webhooks/pause")
    def pause() -> Response:
        clerk.courier.pause()
        return json_answer({"paused": True})

    @api.post("/webhooks/resume")
    def resume() -> Response:
        clerk.courier.resume()
        return json_answer({"paused": False})

    @api.post("/webhooks/rotate")
    def rotate_secret() -> Response:
        wish = parse(SecretRotation, request.get_data())
        return json_answer({"webhook_secret": clerk.rotate_signing_secret(wish.grace_s)})

    @api.post("/webhooks/replay")
    def replay() -> Response:
        return json_answer({"replayed": _replayed(clerk, parse(Replay, request.get_data()))})

    @api.post("/webhooks/trigger")
    def trigger_event() -> Response:
        deliveries = trigger(clerk, parse(Wish, request.get_data()))
        return json_answer([_with_readable_body(each) for each in deliveries])

    @api.post("/webhooks/send")
    def send() -> Response:
        wish = parse(Send, request.get_data())
        return json_answer({"svix_id": clerk.courier.send(wish.type, wish.data, wish.timestamp).svix_id})


def _replayed(clerk: Instance, wish: Replay) -> int:
    if wish.which == "failed":
        return clerk.courier.replay_failed()
    if wish.which == "missing":
        return clerk.courier.replay_missing()
    if wish.svix_id is None or wish.svix_id not in clerk.courier.messages:
        raise ClerkApiError(404, "resource_not_found", "not found", f"No message was found with id {wish.svix_id}.")
    clerk.courier.redeliver(wish.svix_id)
    return 1


def _with_readable_body(record: Delivery | Message) -> dict[str, Any]:
    """Return the record with its body as JSON, or as text where somebody sent what is no JSON."""
    try:
        body = msgspec.json.decode(record.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        body = record.body.decode(errors="replace")
    return {**asdict(record), "body": body}
