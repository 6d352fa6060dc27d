"""The webhook route: verify a delivery, parse its event, apply it, answer the outcome.

The route has no guard: the signature is the credential.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from clerk_sync.clerk.errors import NotJsonError, SignatureError
from clerk_sync.clerk.webhooks.events import MIRRORED_TYPES, Envelope, parse_event
from clerk_sync.clerk.webhooks.signature import Headers
from clerk_sync.mirror.inbox.outcome import Outcome
from clerk_sync.mirror.inbox.parked import SELF_TEST
from clerk_sync.services import services
from clerk_sync.telemetry.metrics import metrics
from clerk_sync.web.database_problems import DATABASE_ERRORS, find_database_problem
from clerk_sync.web.middleware.observe import add_log_fields
from clerk_sync.web.problems import Problem, retry_later
from clerk_sync.web.responses import json_response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from clerk_sync.services import Services

MAX_BODY_BYTES = 1024 * 1024
RETRY_AFTER_S = 60  # without a secret: an operator has to set it

_FAST_LENGTH = re.compile("[0-9]{1,5}")  # up to 99,999 bytes; three kilobytes are usual
_HEADERS = {
    f"{family}-{name}": f"HTTP_{family}_{name}".upper()
    for family in ("svix", "webhook")
    for name in ("id", "timestamp", "signature")
}


def make_blueprint(path: str) -> Blueprint:
    """Return the blueprint of the webhook route at ``path``."""
    blueprint = Blueprint("clerk_sync_webhooks", __name__)
    # Answer a superfluous slash without a redirect: Clerk counts a redirect as a failed delivery.
    blueprint.add_url_rule(path, view_func=clerk, methods=["POST"], strict_slashes=False)
    return blueprint


def clerk() -> Response:
    """Receive one signed event from Clerk."""
    body = _read_body()
    if not request.is_json:
        raise Problem(415, "not-json", "Send webhooks as application/json.")
    return json_response(_receive(services(), request.environ, request.headers, body))


def _read_body() -> bytes:
    """Return the complete body. The limit is the route's own: the application's may be smaller, or not set."""
    # One more than allowed: Werkzeug silently cuts a body without a length.
    request.max_content_length = MAX_BODY_BYTES + 1
    try:
        body = request.get_data()
    except RequestEntityTooLarge:
        raise _too_large() from None
    except (ClientDisconnected, OSError):
        raise _incomplete() from None
    if len(body) > MAX_BODY_BYTES:
        raise _too_large()
    # Some servers raise for an incomplete body, others return what they have.
    if len(body) < (request.content_length or 0):
        raise _incomplete()
    return body


def _incomplete() -> Problem:
    return Problem(400, "body-incomplete", "The body is shorter than its announced length.")


def _too_large() -> Problem:
    return Problem(413, "request-entity-too-large", "The body is larger than 1 MiB.")


def fast_clerk(services: Services, environ: WSGIEnvironment) -> dict[str, str] | None:
    """Return the body of ``clerk``, for the fast path; None unless length and content type are the usual ones."""
    length = environ.get("CONTENT_LENGTH", "")
    if environ.get("CONTENT_TYPE") != "application/json" or not _FAST_LENGTH.fullmatch(length):
        return None
    headers = {name: environ[key] for name, key in _HEADERS.items() if key in environ}
    return _receive(services, environ, headers, environ["wsgi.input"].read(int(length)))


def _receive(services: Services, environ: WSGIEnvironment, headers: Headers, body: bytes) -> dict[str, str]:
    verifier = services.webhooks
    if verifier is None:
        raise retry_later("webhook-secret-missing", "CLERK_WEBHOOK_SIGNING_SECRET is not set.", RETRY_AFTER_S)
    try:
        delivery = verifier.verify(headers, body)
    except SignatureError as error:
        metrics().webhooks_refused.inc()
        add_log_fields(environ, refused=str(error))
        raise Problem(400, "signature-invalid", f"The signature is not valid: {error}.") from error
    try:
        event = parse_event(delivery)
    except NotJsonError as error:
        raise Problem(400, "not-json", "The body is not JSON.") from error
    try:
        outcome = services.group_commit.receive(delivery, event)
    except DATABASE_ERRORS as error:
        problem = find_database_problem(error)
        if problem is None:
            raise
        raise problem from error
    _count(event.envelope, outcome)
    add_log_fields(environ, svix_id=delivery.id, type=event.envelope.type, outcome=outcome)
    return {"outcome": outcome}


def _count(envelope: Envelope, outcome: Outcome) -> None:
    if envelope.type == SELF_TEST:
        return
    # Senders choose event types. Only known ones become labels, so the number of time series is bounded.
    metrics().webhooks.labels(envelope.type if envelope.type in MIRRORED_TYPES else "other", outcome).inc()
    if outcome is Outcome.APPLIED and envelope.occurred_at_ms:
        metrics().webhook_lag.observe(max(0.0, time.time() - envelope.occurred_at_ms / 1000))
