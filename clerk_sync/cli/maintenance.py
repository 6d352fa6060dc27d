"""``flask sync-clerk replay``, ``prune`` and ``rebind``: maintenance of the mirror."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import NoReturn

import click
from flask.cli import with_appcontext

from clerk_sync.cli.arguments import Duration


@click.command()
@click.option("--parked", is_flag=True, help="Replay all parked deliveries; the default.")
@click.option("--id", "svix_ids", multiple=True, metavar="MSG", help="Replay only this delivery; may be repeated.")
@with_appcontext
def replay(*, parked: bool, svix_ids: tuple[str, ...]) -> None:
    """Apply parked events again.

    An event is parked if it is signed and from our instance, but cannot be mapped to a user. Only a parked event keeps
    its payload.

    Exit status: 0 if all requested events were applied, 1 if some are still parked or unknown.
    """
    import psycopg2

    from clerk_sync.cli.database_faults import describe
    from clerk_sync.db.transaction import TransactionalConnection
    from clerk_sync.mirror.inbox.apply import replay as apply_again
    from clerk_sync.mirror.inbox.outcome import Outcome
    from clerk_sync.mirror.inbox.parked import find_parked
    from clerk_sync.services import services

    if parked and svix_ids:
        raise click.UsageError("--parked and --id exclude each other")
    results = []
    try:
        with TransactionalConnection(services().connect) as transactions:
            found = find_parked(transactions, svix_ids or None)
            for delivery in found:
                results.append(apply_again(transactions, delivery))
                transactions.commit()
    except psycopg2.Error as error:
        _fail(describe(error))
    for svix_id, outcome, reason in results:
        click.echo(f"{svix_id} {outcome}" + (f": {reason}" if reason else ""))
    unknown = sorted(set(svix_ids) - {each.svix_id for each in found})
    for svix_id in unknown:
        click.echo(f"{svix_id} is not parked", err=True)
    still_parked = sum(each.outcome is Outcome.PARKED for each in results)
    click.echo(f"{len(results) - still_parked} replayed, {still_parked} still parked", err=True)
    sys.exit(1 if still_parked or unknown else 0)


@click.command()
@click.option("--older-than", type=Duration(), required=True, help="Minimum age of a payload, for example 90d or 12h.")
@with_appcontext
def prune(*, older_than: timedelta) -> None:
    """Delete old payloads from the inbox; the rows stay."""
    import psycopg2

    from clerk_sync.cli.database_faults import describe
    from clerk_sync.db.transaction import TransactionalConnection
    from clerk_sync.mirror.inbox.parked import prune_payloads
    from clerk_sync.services import services

    try:
        with TransactionalConnection(services().connect) as transactions:
            emptied = prune_payloads(transactions, older_than)
            transactions.commit()
    except psycopg2.Error as error:
        _fail(describe(error))
    click.echo(f"{emptied} payloads emptied")


@click.command(short_help="Bind the mirror to another Clerk instance.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@with_appcontext
def rebind(*, yes: bool) -> None:
    """Bind the mirror to the Clerk instance that CLERK_SECRET_KEY belongs to.

    Exit status: 0 bound; 3 not confirmed, nothing was changed; 2 configuration; 1 Clerk or the database does not
    respond.
    """
    import psycopg2

    from clerk_sync.clerk.errors import ClerkError
    from clerk_sync.cli.sync.run_result import REFUSED, Misconfigured, result_of
    from clerk_sync.cli.sync.sync_runner import source_of
    from clerk_sync.db.transaction import TransactionalConnection
    from clerk_sync.mirror import binding
    from clerk_sync.mirror.errors import SyncError
    from clerk_sync.mirror.sync.run import check_key
    from clerk_sync.services import services

    transactions = TransactionalConnection(services().connect)
    try:
        source = source_of(services())
        instance = source.get_instance()
        check_key(instance, source.secret_key)
        bound = binding.find_binding(transactions)
        transactions.rollback()  # Hold no transaction while the operator answers.
        if bound == instance.id:
            click.echo(f"The mirror is bound to {bound} already.")
            return
        if not yes and not _is_wanted(bound, instance.id):
            click.echo("Nothing was changed.", err=True)
            sys.exit(REFUSED)
        binding.rebind(transactions, instance.id)
        transactions.commit()
    except (ClerkError, SyncError, Misconfigured, psycopg2.Error) as error:
        result = result_of(error)
        _fail(result.reason if result and result.reason else str(error), exit_code=result.exit_code if result else 1)
    click.echo(f"The mirror is bound to {instance.id}.")
    click.echo("The next sync deletes users of the other instance: see `flask sync-clerk sync --dry-run`.", err=True)


def _is_wanted(bound: str | None, instance_id: str) -> bool:
    click.echo(f"The mirror is a copy of {bound or 'no instance yet'}; CLERK_SECRET_KEY belongs to {instance_id}.")
    try:
        return click.confirm("Bind it to that instance? The next sync will delete users that it does not have")
    except click.Abort:
        return False


def _fail(reason: str, exit_code: int = 1) -> NoReturn:
    click.echo(f"Failed: {reason}.", err=True)
    sys.exit(exit_code)
