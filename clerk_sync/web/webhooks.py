"""Clerk's deliveries: verified, parsed, applied, answered.

Public by position: the signature is the credential.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from clerk_sync.clerk.errors import NotJsonError, SignatureError
from clerk_sync.clerk.webhooks.events import MIRRORED_TYPES, Envelope, parse_event
from clerk_sync.clerk.webhooks.signature import Headers, VerifiedDelivery
from clerk_sync.extensions import services
from clerk_sync.mirror.inbox.outcome import Outcome
from clerk_sync.mirror.inbox.parked import SELF_TEST
from clerk_sync.telemetry.metrics import metrics
from clerk_sync.web.middleware.observe import add_log_fields
from clerk_sync.web.problems import Problem
from clerk_sync.web.responses import json_response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from clerk_sync.services import Services

webhooks = Blueprint("webhooks", __name__, url_prefix="/api/webhooks")

_ORDINARY_LENGTH = re.compile("[0-9]{1,5}")  # bytes: a hundred kilobytes at most, where three are usual
_HEADERS = {
    f"{family}-{name}": f"HTTP_{family}_{name}".upper()
    for family in ("svix", "webhook")
    for name in ("id", "timestamp", "signature")
}


@webhooks.post("/clerk")
def clerk() -> Response:
    """Take one signed event into the mirror."""
    if not request.is_json:
        raise Problem(415, "not-json", "Webhooks are sent as application/json.")
    return json_response(_take(services(), request.environ, request.headers, request.get_data(cache=False)))


def fast_clerk(services: Services, environ: WSGIEnvironment) -> dict[str, str] | None:
    """Return what ``clerk`` answers to a delivery of an ordinary size and type."""
    length = environ.get("CONTENT_LENGTH", "")
    if environ.get("CONTENT_TYPE") != "application/json" or not _ORDINARY_LENGTH.fullmatch(length):
        return None
    headers = {name: environ[key] for name, key in _HEADERS.items() if key in environ}
    return _take(services, environ, headers, environ["wsgi.input"].read(int(length)))


def _take(services: Services, environ: WSGIEnvironment, headers: Headers, body: bytes) -> dict[str, str]:
    delivery = _verify(services, environ, headers, body)
    try:
        event = parse_event(delivery)
    except NotJsonError as error:
        raise Problem(400, "not-json", "The body is not JSON.") from error
    outcome = services.group_commit.receive(delivery, event)
    _count(event.envelope, outcome)
    add_log_fields(environ, svix_id=delivery.id, type=event.envelope.type, outcome=outcome)
    return {"outcome": outcome}


def _count(envelope: Envelope, outcome: Outcome) -> None:
    if envelope.type == SELF_TEST:
        return
    # Names that others choose do not become time series.
    metrics().webhooks.labels(envelope.type if envelope.type in MIRRORED_TYPES else "other", outcome).inc()
    if outcome is Outcome.APPLIED and envelope.occurred_at_ms:
        metrics().webhook_lag.observe(max(0.0, time.time() - envelope.occurred_at_ms / 1000))


def _verify(services: Services, environ: WSGIEnvironment, headers: Headers, body: bytes) -> VerifiedDelivery:
    verifier = services.webhooks
    if verifier is None:
        raise Problem(503, "webhook-secret-missing", "No webhook signing secret is configured.")
    try:
        return verifier.verify(headers, body)
    except SignatureError as error:
        metrics().webhooks_refused.inc()
        add_log_fields(environ, refused=str(error))
        raise Problem(400, "signature-invalid", f"The delivery is not signed as it must be: {error}.") from error
