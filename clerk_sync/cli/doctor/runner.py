"""Runs every check, even if an earlier one failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import psycopg2

from clerk_sync.cli.database_faults import find_obstacle
from clerk_sync.cli.doctor import database, filesystem, instance, keys, mirror, roles, route, settings, token_keys
from clerk_sync.cli.doctor.context import CheckContext
from clerk_sync.cli.doctor.findings import Finding, warning, wrong


class Check(NamedTuple):
    """One check, and what it needs."""

    subject: str
    run: Callable[[CheckContext], Iterator[Finding]]
    needs_database: bool = False
    needs_tables: bool = False


CHECKS = (
    Check("settings", settings.check_variables),
    Check("names", settings.check_names),
    Check("kind of keys", keys.check_kinds),
    Check("signing secret", keys.check_signing_secrets),
    Check("authorized parties", keys.check_parties),
    Check("temporary folder", filesystem.check_filesystem),
    Check("Clerk's API", instance.check_api),
    Check("token keys", token_keys.check_token_keys),
    Check("database", database.check_database),
    Check("migrations", database.check_migrations, needs_database=True),
    Check("role guard", roles.check_role_guard, needs_tables=True),
    Check("roles", roles.check_roles, needs_tables=True),
    Check("binding", mirror.check_binding, needs_tables=True),
    Check("last event", mirror.check_events, needs_tables=True),
    Check("last sync", mirror.check_sync, needs_tables=True),
    Check("webhook route", route.check_route),
    Check("deployed service", route.check_deployment),
)


def run_checks(context: CheckContext) -> Iterator[Finding]:
    """Yield each finding as it is made. Never raises: an exception of a check becomes a finding."""
    for check in CHECKS:
        if reason := _find_obstacle(check, context):
            yield warning(check.subject, f"not checked: {reason}")
            continue
        try:
            yield from check.run(context)
        except psycopg2.Error as error:
            yield _database_finding(check.subject, error)
        except Exception as error:
            # Only the class: the text may quote a secret.
            yield wrong(check.subject, f"the check failed: {type(error).__name__}", "this is a bug: please report it")
        finally:
            _end_transaction(context)


def _find_obstacle(check: Check, context: CheckContext) -> str | None:
    if (check.needs_database or check.needs_tables) and not context.has_database:
        return "the database does not answer"
    return context.tables_unusable if check.needs_tables else None


def _database_finding(subject: str, error: psycopg2.Error) -> Finding:
    obstacle = find_obstacle(error)
    if obstacle is None:
        code = error.pgcode or type(error).__name__
        return wrong(subject, f"the database refused with {code}", "fix the findings about the database first")
    return warning(subject, f"not checked: {obstacle.found}", obstacle.fix)


def _end_transaction(context: CheckContext) -> None:
    try:
        context.transactions.rollback()
    except psycopg2.Error:
        context.transactions.close()
