"""The binding: a mirror copies one Clerk instance. The first verified delivery or sync binds it."""

from __future__ import annotations

from typing import LiteralString

from clerk_sync.db.transaction import SqlExecutor

_FIND: LiteralString = "SELECT instance_id FROM mirror_binding"
_BIND: LiteralString = """
INSERT INTO mirror_binding (instance_id, bound_by) VALUES (%(instance_id)s, %(bound_by)s) ON CONFLICT DO NOTHING
"""
_REBIND: LiteralString = """
INSERT INTO mirror_binding (instance_id, bound_by) VALUES (%(instance_id)s, 'rebind')
ON CONFLICT (only_row) DO UPDATE
SET instance_id = excluded.instance_id, bound_by = excluded.bound_by, bound_at = now()
"""


def find_binding(transaction: SqlExecutor) -> str | None:
    """Return the id of the instance that this mirror is bound to, or None if it is not bound yet."""
    rows = transaction.fetch_all(_FIND)
    return rows[0][0] if rows else None


def bind(transaction: SqlExecutor, instance_id: str, *, bound_by: str) -> str:
    """Return the instance that this mirror is bound to. A mirror without one is bound to ``instance_id`` first."""
    bound = find_binding(transaction)
    if bound is None:
        transaction.fetch_all(_BIND, {"instance_id": instance_id, "bound_by": bound_by})
        bound = find_binding(transaction) or instance_id
    return bound


def rebind(transaction: SqlExecutor, instance_id: str) -> None:
    """Bind the mirror to ``instance_id``, also if it was bound to another instance."""
    transaction.fetch_all(_REBIND, {"instance_id": instance_id})
