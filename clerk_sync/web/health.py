"""Whether the process runs, whether it can do its work, and what it has done."""

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


def _readings() -> Iterator[Sample]:
    obstacles, revisions = _look_at_database()
    faults = {each.fault for each in obstacles}
    if not obstacles and not (revisions and revisions.serve_this_code):
        faults.add(Fault.NOT_MIGRATED)
    name, help_ = "database_up", "Whether this scrape could read the mirror's tables"
    try:
        # Where one connection was refused, another one would only keep Prometheus waiting.
        mirror = [] if faults & {Fault.UNREACHABLE, Fault.NOT_UTF8} else list(read_mirror(db.session()))
    except SQLAlchemyError:
        mirror = []  # the counters are worth having while the database is down
    yield Sample(name, help_, float(bool(mirror)))
    yield from mirror
    for fault in Fault:
        help_ = "Whether this keeps the database from serving us: 1 or 0"
        yield Sample("database_fault", help_, float(fault in faults), ("fault", fault))


def _has_token(expected: str) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), expected.encode())


Check = dict[str, bool | str]


def _database_checks() -> dict[str, Check]:
    obstacles, revisions = _look_at_database()
    database = _bad("; ".join(each.found for each in obstacles)) if obstacles else _good("reached")
    if revisions and revisions.serve_this_code:
        return {"database": database, "migrations": _good(f"at {revisions}")}
    if revisions is None and any(each.fault is not Fault.READ_ONLY for each in obstacles):
        return {"database": database, "migrations": _bad("unknown while the database cannot be used")}
    found = f"at {revisions}" if revisions else "never run"
    return {
        "database": database,
        "migrations": _bad(f"{found}, expected {EXPECTED_REVISIONS}: run `flask db upgrade`"),
    }


def _look_at_database() -> tuple[list[Obstacle], Revisions | None]:
    """Return what keeps the database from serving us, and the revisions of its tables if they can be read."""
    rows = services().pool.fetch_all
    try:
        obstacles = find_obstacles(rows)
    except (psycopg2.Error, PoolTimeout) as error:
        return [obstacle_of(error) or _UNKNOWN], None
    try:
        return obstacles, read_revisions(rows)
    except (psycopg2.Error, PoolTimeout) as error:
        obstacle = obstacle_of(error) or _UNKNOWN
        # There is no table, or no right to read it. If it is the latter, it stands among the obstacles.
        is_known = obstacle.fault in (Fault.NOT_MIGRATED, Fault.MISSING_PRIVILEGES)
        return obstacles if is_known else [*obstacles, obstacle], None


_UNKNOWN = Obstacle(Fault.BUSY, "no connection came free in time", "")


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
