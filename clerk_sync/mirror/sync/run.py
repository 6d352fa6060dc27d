"""One sync run, from the first request to the last step."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

from clerk_sync.clerk.api.client import ClerkApi, Instance
from clerk_sync.db.transaction import SqlExecutor
from clerk_sync.mirror.sync.by_id import reconcile_users
from clerk_sync.mirror.sync.limits import RunLimits
from clerk_sync.mirror.sync.plan import check_key, open_listing, plan
from clerk_sync.mirror.sync.reconcile import Reconciliation
from clerk_sync.mirror.sync.steps import Checkpoint, Step
from clerk_sync.mirror.sync.targets import SyncTarget


@dataclass(frozen=True, slots=True)
class ClerkSource:
    """The Clerk instance that users are read from."""

    api: ClerkApi
    get_instance: Callable[[], Instance]
    secret_key: str


def reconcile(
    transaction: SqlExecutor,
    source: ClerkSource,
    target: SyncTarget,
    limits: RunLimits,
    *,
    clerk_ids: tuple[str, ...] = (),
    checkpoint: Checkpoint | None = None,
) -> Generator[Step, None, None]:
    """Yield the steps of a run: over all users, over ``clerk_ids``, or over the rest behind ``checkpoint``.

    The first step proves that key, instance and mirror belong together. Nothing is written before it.
    """
    if clerk_ids:
        yield _prove(source, target, source.get_instance())
        yield from reconcile_users(transaction, source.api, target, limits, clerk_ids)
    elif checkpoint is not None:
        yield _prove(source, target, source.get_instance())
        yield from Reconciliation(transaction, source.api, target, limits, checkpoint).steps()
    else:
        opening = open_listing(source.api, source.get_instance, limits.workers)
        yield _prove(source, target, opening.instance)
        checkpoint, first = plan(opening, limits)
        yield from Reconciliation(transaction, source.api, target, limits, checkpoint, first).steps()


def _prove(source: ClerkSource, target: SyncTarget, instance: Instance) -> Step:
    check_key(instance, source.secret_key)
    target.bind(instance.id)
    return Step(instance_id=instance.id)
