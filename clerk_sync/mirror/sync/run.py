"""What an operator can order, from the opening to the last step."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

from clerk_sync.clerk.api.client import ClerkApi, Instance
from clerk_sync.db.transaction import SqlExecutor
from clerk_sync.mirror.sync.by_id import reconcile_users
from clerk_sync.mirror.sync.limits import RunLimits
from clerk_sync.mirror.sync.opening import check_key, open_listing, plan
from clerk_sync.mirror.sync.reconcile import Reconciliation
from clerk_sync.mirror.sync.steps import Checkpoint, Step
from clerk_sync.mirror.sync.targets import SyncTarget


@dataclass(frozen=True, slots=True)
class ClerkSource:
    """Where users are read from."""

    api: ClerkApi
    get_instance: Callable[[], Instance]
    secret_key: str


def reconcile(
    transaction: SqlExecutor,
    source: ClerkSource,
    sink: SyncTarget,
    terms: RunLimits,
    *,
    clerk_ids: tuple[str, ...] = (),
    cursor: Checkpoint | None = None,
) -> Generator[Step, None, None]:
    """Yield the steps of a run over everybody, over ``clerk_ids`` alone, or over what ``cursor`` left.

    The first step is the proof that key, instance and mirror belong together; nothing is written before it.
    """
    if clerk_ids:
        yield _prove(source, sink, source.get_instance())
        yield from reconcile_users(transaction, source.api, sink, terms, clerk_ids)
    elif cursor is not None:
        yield _prove(source, sink, source.get_instance())
        yield from Reconciliation(transaction, source.api, sink, terms, cursor).steps()
    else:
        opening = open_listing(source.api, source.get_instance, terms.workers)
        yield _prove(source, sink, opening.instance)
        first, cursor, heads = plan(transaction, source.api, opening, terms)
        yield from Reconciliation(transaction, source.api, sink, terms, cursor).steps(first, heads)


def _prove(source: ClerkSource, sink: SyncTarget, instance: Instance) -> Step:
    check_key(instance, source.secret_key)
    sink.bind(instance.id)
    return Step(instance_id=instance.id)
