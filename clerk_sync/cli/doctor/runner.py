"""The examination: every check in turn, whatever became of the one before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import psycopg2

from clerk_sync.cli.database_faults import describe
from clerk_sync.cli.doctor import database, filesystem, instance, keys, mirror, roles, route, settings, token_keys
from clerk_sync.cli.doctor.context import CheckContext
from clerk_sync.cli.doctor.findings import Finding, warning, wrong


class Check(NamedTuple):
    """One concern."""

    subject: str
    look: Callable[[CheckContext], Iterator[Finding]]
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
    Check("role wall", roles.check_role_guard, needs_tables=True),
    Check("roles", roles.check_roles, needs_tables=True),
    Check("binding", mirror.check_binding, needs_tables=True),
    Check("last event", mirror.check_events, needs_tables=True),
    Check("last sync", mirror.check_sync, needs_tables=True),
    Check("webhook route", route.check_route),
    Check("deployed service", route.check_deployment),
)


def run_checks(context: CheckContext) -> Iterator[Finding]:
    """Yield every finding, as it is made. Never raises: a check that breaks is a finding, too."""
    for check in CHECKS:
        if lack := _lack_of(check, context):
            yield warning(check.subject, f"not looked at: {lack}")
            continue
        try:
            yield from check.look(context)
        except psycopg2.Error as error:
            yield _of_database(check.subject, error)
        except Exception as error:
            # The class alone: a text could quote anything.
            yield wrong(check.subject, f"the check itself broke: {type(error).__name__}", "please report it")
        finally:
            _end_transaction(context)


def _lack_of(check: Check, context: CheckContext) -> str | None:
    if (check.needs_database or check.needs_tables) and not context.has_database:
        return "the database does not answer"
    return context.lack_of_tables if check.needs_tables else None


def _of_database(subject: str, error: psycopg2.Error) -> Finding:
    obstacle = describe(error)
    if obstacle is None:
        code = error.pgcode or type(error).__name__
        return wrong(subject, f"the database says {code}", "mend what stands above about the database first")
    return warning(subject, f"not looked at: {obstacle.found}", obstacle.mend)


def _end_transaction(context: CheckContext) -> None:
    try:
        context.transactions.rollback()
    except psycopg2.Error:
        context.transactions.close()
