"""The control API under ``/_local``, for the command line and for tests in any language.

It needs no key: the middleware rejects every request that does not come from this machine.
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
from clerk_sync.emulator.frontend_api.cors import allow_trusted_origins
from clerk_sync.emulator.instance import Instance
from clerk_sync.emulator.serving.request_log import RequestLog
from clerk_sync.emulator.serving.responses import json_response
from clerk_sync.emulator.webhooks.messages import Delivery, Message
from clerk_sync.emulator.webhooks.trigger import TriggerRequest, trigger
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
    """How long the old signing secret stays in use."""

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
    allow_trusted_origins(api, clerk)
    _add_state_routes(api, clerk, log)
    _add_fault_routes(api, clerk)
    _add_webhook_routes(api, clerk)
    return api


def _add_state_routes(api: Blueprint, clerk: Instance, log: RequestLog) -> None:
    @api.get("/state")
    def state() -> Response:
        return json_response(
            {
                "instance_id": clerk.identity.instance_id,
                "issuer": clerk.identity.issuer,
                "users": len(clerk.user_store),
                "webhook_urls": clerk.webhook_sender.urls,
                "paused": clerk.webhook_sender.paused,
                "disabled": clerk.webhook_sender.disabled,
                "deliveries": len(clerk.webhook_sender.deliveries),
            }
        )

    @api.get("/requests")
    def requests() -> Response:
        return json_response([asdict(each) for each in log])

    @api.post("/users/seed")
    def seed() -> Response:
        form = parse(Seed, request.get_data())
        clerk.users.seed(form.count, seed=form.seed)
        return json_response({"users": len(clerk.user_store)})

    @api.post("/keys/rotate")
    def rotate_key() -> Response:
        form = parse(KeyRotation, request.get_data())
        clerk.keys.rotate(keep_kid=form.keep_kid, keep_old=form.keep_old)
        return json_response(clerk.keys.key_set)


def _add_fault_routes(api: Blueprint, clerk: Instance) -> None:
    @api.get("/faults")
    def list_faults() -> Response:
        return json_response(clerk.faults.all())

    @api.post("/faults")
    def add_fault() -> Response:
        return json_response(clerk.faults.put(parse(Fault, request.get_data())))

    @api.post("/mishaps")
    def add_webhook_fault() -> Response:
        return json_response(clerk.faults.webhooks.put(parse(WebhookFault, request.get_data())))

    @api.delete("/mishaps")
    def clear_webhook_faults() -> Response:
        clerk.faults.webhooks.clear()
        clerk.webhook_sender.release()
        return json_response([])

    @api.delete("/faults")
    def clear_faults() -> Response:
        clerk.faults.clear()
        clerk.webhook_sender.release()
        return json_response([])


def _add_webhook_routes(api: Blueprint, clerk: Instance) -> None:
    @api.get("/deliveries")
    def deliveries() -> Response:
        first = read_integer(request.args, "since") or 0
        return json_response([_with_readable_body(each) for each in clerk.webhook_sender.deliveries[max(first, 0) :]])

    @api.get("/messages")
    def messages() -> Response:
        since_ms = read_integer(request.args, "since_ms") or 0
        newest_first = reversed(list(clerk.webhook_sender.messages.values()))
        wanted = list(takewhile(lambda message: message.created_at_ms >= since_ms, newest_first))
        return json_response([_with_readable_body(each) for each in reversed(wanted)])

    @api.post("/webhooks/pause")
    def pause() -> Response:
        clerk.webhook_sender.pause()
        return json_response({"paused": True})

    @api.post("/webhooks/resume")
    def resume() -> Response:
        clerk.webhook_sender.resume()
        return json_response({"paused": False})

    @api.post("/webhooks/rotate")
    def rotate_secret() -> Response:
        form = parse(SecretRotation, request.get_data())
        return json_response({"webhook_secret": clerk.rotate_signing_secret(form.grace_s)})

    @api.post("/webhooks/replay")
    def replay() -> Response:
        return json_response({"replayed": _replayed(clerk, parse(Replay, request.get_data()))})

    @api.post("/webhooks/trigger")
    def trigger_event() -> Response:
        deliveries = trigger(clerk, parse(TriggerRequest, request.get_data()))
        return json_response([_with_readable_body(each) for each in deliveries])

    @api.post("/webhooks/send")
    def send() -> Response:
        form = parse(Send, request.get_data())
        return json_response({"svix_id": clerk.webhook_sender.send(form.type, form.data, form.timestamp).svix_id})


def _replayed(clerk: Instance, form: Replay) -> int:
    if form.which == "failed":
        return clerk.webhook_sender.replay_failed()
    if form.which == "missing":
        return clerk.webhook_sender.replay_missing()
    if form.svix_id is None or form.svix_id not in clerk.webhook_sender.messages:
        raise ClerkApiError(404, "resource_not_found", "not found", f"No message was found with id {form.svix_id}.")
    clerk.webhook_sender.redeliver(form.svix_id)
    return 1


def _with_readable_body(record: Delivery | Message) -> dict[str, Any]:
    """Return the record with its body as JSON, or as text if it is not JSON."""
    try:
        body = msgspec.json.decode(record.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        body = record.body.decode(errors="replace")
    return {**asdict(record), "body": body}
