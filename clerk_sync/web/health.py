"""Liveness and readiness."""

from __future__ import annotations

import psycopg2
from flask import Blueprint, Response
from sqlalchemy.exc import TimeoutError as PoolTimeout

from clerk_sync.clerk.errors import KeysUnavailableError
from clerk_sync.db.errors import Fault
from clerk_sync.db.history import Revisions, read_revisions
from clerk_sync.db.state import Obstacle, find_obstacles, obstacle_of
from clerk_sync.services import Services, services
from clerk_sync.web.responses import json_response

Check = dict[str, bool | str]


def make_blueprint() -> Blueprint:
    """Return the blueprint of /healthz and /readyz."""
    blueprint = Blueprint("clerk_sync_health", __name__)
    blueprint.add_url_rule("/healthz", view_func=healthz)
    blueprint.add_url_rule("/readyz", view_func=readyz)
    return blueprint


def healthz() -> Response:
    """Answer 200 while the process runs. This uses no dependency."""
    return json_response({"status": "ok"})


def readyz() -> Response:
    """Answer 200 if every dependency is ready, else 503. Each dependency has an entry with the reason."""
    checks = read_readiness(services())
    ready = all(check["ok"] for check in checks.values())
    return json_response(checks, 200 if ready else 503)


def read_readiness(services: Services) -> dict[str, Check]:
    """Return whether each dependency is ready, and why."""
    return {
        **_database_checks(services),
        "keys": _keys_check(services),
        "webhook_secret": _webhook_secret_check(services),
    }


def _database_checks(services: Services) -> dict[str, Check]:
    obstacles, revisions = inspect_database(services)
    database = _bad("; ".join(each.found for each in obstacles)) if obstacles else _good("reachable")
    if revisions and revisions.serve_this_code:
        return {"database": database, "migrations": _good(str(revisions))}
    if revisions is None and any(each.fault is not Fault.READ_ONLY for each in obstacles):
        return {"database": database, "migrations": _bad("unknown while the database is not usable")}
    if revisions is None:
        return {"database": database, "migrations": _bad("unknown: their tables cannot be read")}
    return {"database": database, "migrations": _bad(f"{revisions}, expected {revisions.expected}: {revisions.fix}")}


def inspect_database(services: Services) -> tuple[list[Obstacle], Revisions | None]:
    """Return what makes the database unusable, and the revisions of its tables if they can be read."""
    rows = services.pool.fetch_all
    try:
        obstacles = find_obstacles(rows, services.histories)
    except (psycopg2.Error, PoolTimeout) as error:
        return [obstacle_of(error) or _UNKNOWN], None
    try:
        return obstacles, read_revisions(rows, services.histories)
    except (psycopg2.Error, PoolTimeout) as error:
        obstacle = obstacle_of(error) or _UNKNOWN
        # ``find_obstacles`` has reported missing privileges.
        is_known = obstacle.fault is Fault.MISSING_PRIVILEGES
        return obstacles if is_known else [*obstacles, obstacle], None


_UNKNOWN = Obstacle(Fault.BUSY, "all connections were in use", "")


def _keys_check(services: Services) -> Check:
    try:
        services.tokens.keys.current()
    except KeysUnavailableError as error:
        return _bad(str(error))
    return _good("can verify session tokens")


def _webhook_secret_check(services: Services) -> Check:
    if services.settings.webhook_signing_secrets:
        return _good("configured")
    return _bad("CLERK_WEBHOOK_SIGNING_SECRET is not set: webhooks are answered 503")


def _good(detail: str) -> Check:
    return {"ok": True, "detail": detail}


def _bad(detail: str) -> Check:
    return {"ok": False, "detail": detail}
