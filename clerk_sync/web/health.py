"""Liveness, readiness and metrics."""

from __future__ import annotations

import hmac
from collections.abc import Iterator

import psycopg2
from flask import Blueprint, Response, request
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from clerk_sync.clerk.errors import KeysUnavailableError
from clerk_sync.db.errors import Fault
from clerk_sync.db.orm import db
from clerk_sync.db.state import Obstacle, find_obstacles, obstacle_of
from clerk_sync.extensions import services
from clerk_sync.mirror.migrations import EXPECTED_REVISIONS, Revisions, read_revisions
from clerk_sync.mirror.reporting.gauges import Sample, read_mirror
from clerk_sync.telemetry.metrics import exposition
from clerk_sync.web.problems import Problem
from clerk_sync.web.responses import json_response

health = Blueprint("health", __name__)


@health.get("/healthz")
def healthz() -> Response:
    """Answer 200 while the process runs. This uses no dependency."""
    return json_response({"status": "ok"})


@health.get("/readyz")
def readyz() -> Response:
    """Answer 200 if every dependency is ready, else 503. Each dependency has an entry with the reason."""
    checks = {**_database_checks(), "keys": _keys_check(), "webhook_secret": _webhook_secret_check()}
    ready = all(check["ok"] for check in checks.values())
    return json_response(checks, 200 if ready else 503)


@health.get("/metrics")
def metrics() -> Response:
    """Answer metrics for Prometheus. They require METRICS_TOKEN if it is set, and in production it must be set."""
    settings = services().settings
    if settings.metrics_token is None and settings.is_production:
        raise Problem(404, "not-found", "Nothing exists at this URL.")
    if settings.metrics_token is not None and not _has_token(settings.metrics_token):
        raise Problem(401, "metrics-token", "The bearer token of /metrics is required.", {"WWW-Authenticate": "Bearer"})
    return Response(exposition(_samples()), content_type="text/plain; version=0.0.4; charset=utf-8")


def _samples() -> Iterator[Sample]:
    obstacles, revisions = _inspect_database()
    faults = {each.fault for each in obstacles}
    if not obstacles and not (revisions and revisions.serve_this_code):
        faults.add(Fault.NOT_MIGRATED)
    name, help_ = "database_up", "Whether this scrape could read the mirror's tables"
    try:
        # If one connection was refused, a second attempt would only delay the scrape.
        mirror = [] if faults & {Fault.UNREACHABLE, Fault.NOT_UTF8} else list(read_mirror(db.session()))
    except SQLAlchemyError:
        mirror = []  # the counters are useful while the database is down
    yield Sample(name, help_, float(bool(mirror)))
    yield from mirror
    for fault in Fault:
        help_ = "Whether this fault makes the database unusable: 1 or 0"
        yield Sample("database_fault", help_, float(fault in faults), ("fault", fault))


def _has_token(expected: str) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), expected.encode())


Check = dict[str, bool | str]


def _database_checks() -> dict[str, Check]:
    obstacles, revisions = _inspect_database()
    database = _bad("; ".join(each.found for each in obstacles)) if obstacles else _good("reachable")
    if revisions and revisions.serve_this_code:
        return {"database": database, "migrations": _good(f"at {revisions}")}
    if revisions is None and any(each.fault is not Fault.READ_ONLY for each in obstacles):
        return {"database": database, "migrations": _bad("unknown while the database is not usable")}
    found = f"at {revisions}" if revisions else "never run"
    return {
        "database": database,
        "migrations": _bad(f"{found}, expected {EXPECTED_REVISIONS}: run `flask db upgrade`"),
    }


def _inspect_database() -> tuple[list[Obstacle], Revisions | None]:
    """Return what makes the database unusable, and the revisions of its tables if they can be read."""
    rows = services().pool.fetch_all
    try:
        obstacles = find_obstacles(rows)
    except (psycopg2.Error, PoolTimeout) as error:
        return [obstacle_of(error) or _UNKNOWN], None
    try:
        return obstacles, read_revisions(rows)
    except (psycopg2.Error, PoolTimeout) as error:
        obstacle = obstacle_of(error) or _UNKNOWN
        # The table is missing, or it cannot be read. ``find_obstacles`` has reported the latter.
        is_known = obstacle.fault in (Fault.NOT_MIGRATED, Fault.MISSING_PRIVILEGES)
        return obstacles if is_known else [*obstacles, obstacle], None


_UNKNOWN = Obstacle(Fault.BUSY, "all connections were in use", "")


def _keys_check() -> Check:
    try:
        services().tokens.keys.current()
    except KeysUnavailableError as error:
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
