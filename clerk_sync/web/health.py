"""Whether the process runs, whether it can do its work, and what it has done."""

from __future__ import annotations

import hmac

from flask import Blueprint, Response, request
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from clerk_sync.clerk.errors import KeysUnavailable
from clerk_sync.database import SCHEMA_REVISION
from clerk_sync.extensions import services
from clerk_sync.metrics import exposition
from clerk_sync.mirror.gauges import Reading, read_mirror
from clerk_sync.orm import db
from clerk_sync.web.answers import json_response
from clerk_sync.web.errors import Problem

health = Blueprint("health", __name__)

_REVISION = text("SELECT version_num FROM alembic_version")


@health.get("/healthz")
def healthz() -> Response:
    """Answer while the process runs; touches nothing."""
    return json_response({"status": "ok"})


@health.get("/readyz")
def readyz() -> Response:
    """Answer 200 when everything is there, else 503; one entry for each dependency says what is missing."""
    checks = {**_database_checks(), "keys": _keys_check(), "webhook_secret": _webhook_secret_check()}
    ready = all(check["ok"] for check in checks.values())
    return json_response(checks, 200 if ready else 503)


@health.get("/metrics")
def metrics() -> Response:
    """Answer Prometheus' text for whoever holds METRICS_TOKEN; without one, for anyone but in production."""
    settings = services().settings
    if settings.metrics_token is None and settings.is_production:
        raise Problem(404, "not-found", "There is nothing here.")
    if settings.metrics_token is not None and not _has_token(settings.metrics_token):
        raise Problem(401, "metrics-token", "The bearer token of /metrics is required.", {"WWW-Authenticate": "Bearer"})
    return Response(exposition(_readings()), content_type="text/plain; version=0.0.4; charset=utf-8")


def _readings() -> list[Reading]:
    name, help_ = "database_up", "Whether this scrape could read the mirror's tables"
    try:
        return [Reading(name, help_, 1.0), *read_mirror(db.session())]
    except SQLAlchemyError:
        # The counters are worth having while the database is down.
        return [Reading(name, help_, 0.0)]


def _has_token(expected: str) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), expected.encode())


Check = dict[str, bool | str]


def _database_checks() -> dict[str, Check]:
    try:
        revision = db.session.scalar(_REVISION)
    except SQLAlchemyError as error:
        db.session.rollback()
        if getattr(getattr(error, "orig", None), "pgcode", None) != "42P01":
            return {"database": _bad("cannot be reached"), "migrations": _bad("unknown while the database is away")}
        revision = None
    if revision == SCHEMA_REVISION:
        return {"database": _good("reached"), "migrations": _good(f"at {revision}")}
    found = f"at {revision}" if revision else "never run"
    return {
        "database": _good("reached"),
        "migrations": _bad(f"{found}, expected {SCHEMA_REVISION}: run `flask db upgrade`"),
    }


def _keys_check() -> Check:
    try:
        services().tokens.keys.current()
    except KeysUnavailable as error:
        return _bad(str(error))
    return _good("can verify session tokens")


def _webhook_secret_check() -> Check:
    if services().settings.webhook_signing_secrets:
        return _good("configured")
    return _bad("CLERK_WEBHOOK_SIGNING_SECRET is not set: webhooks are answered 503")


def _good(detail: str) -> Check:
    return {"ok": True, "detail": detail}


def _bad(detail: str) -> Check:
    return {"ok": False, "detail": detail}
