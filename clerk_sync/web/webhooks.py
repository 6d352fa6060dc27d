"""Clerk's deliveries: verified, parsed, applied, answered.

Public by position: the signature is the credential.
"""

from __future__ import annotations

import time

from flask import Blueprint, Response, request

from clerk_sync.clerk.errors import NotJsonError, SignatureError
from clerk_sync.clerk.events import MIRRORED_TYPES, Envelope, parse_event
from clerk_sync.clerk.signature import SignedDelivery
from clerk_sync.extensions import services
from clerk_sync.metrics import metrics
from clerk_sync.mirror.apply import receive
from clerk_sync.mirror.outcome import Outcome
from clerk_sync.web.answers import json_response
from clerk_sync.web.errors import Problem
from clerk_sync.web.observe import note

webhooks = Blueprint("webhooks", __name__, url_prefix="/api/webhooks")


@webhooks.post("/clerk")
def clerk() -> Response:
    """Take one signed event into the mirror."""
    delivery = _verified_delivery()
    try:
        event = parse_event(delivery)
    except NotJsonError as error:
        raise Problem(400, "not-json", "The body is not JSON.") from error
    outcome = receive(services().statements, delivery, event)
    _count(event.envelope, outcome)
    note(svix_id=delivery.id, type=event.envelope.type, outcome=outcome)
    return json_response({"outcome": outcome})


def _count(envelope: Envelope, outcome: Outcome) -> None:
    # Names that others choose do not become time series.
    metrics().webhooks.labels(envelope.type if envelope.type in MIRRORED_TYPES else "other", outcome).inc()
    if outcome is Outcome.APPLIED and envelope.occurred_at_ms:
        metrics().webhook_lag.observe(max(0.0, time.time() - envelope.occurred_at_ms / 1000))


def _verified_delivery() -> SignedDelivery:
    if not request.is_json:
        raise Problem(415, "not-json", "Webhooks are sent as application/json.")
    verifier = services().webhooks
    if verifier is None:
        raise Problem(503, "webhook-secret-missing", "No webhook signing secret is configured.")
    try:
        return verifier.verify(request.headers, request.get_data(cache=False))
    except SignatureError as error:
        metrics().webhooks_refused.inc()
        note(refused=str(error))
        raise Problem(400, "signature-invalid", f"The delivery is not signed as it must be: {error}.") from error
