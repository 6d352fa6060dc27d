"""The binding: a mirror copies one Clerk instance, the first that proved itself."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

_FIND = text("SELECT instance_id FROM mirror_binding")
_BIND = text("""
INSERT INTO mirror_binding (instance_id, bound_by) VALUES (:instance_id, :bound_by) ON CONFLICT DO NOTHING
""")
_REBIND = text("""
INSERT INTO mirror_binding (instance_id, bound_by) VALUES (:instance_id, 'rebind')
ON CONFLICT (only_row) DO UPDATE
SET instance_id = excluded.instance_id, bound_by = excluded.bound_by, bound_at = now()
""")


def find_binding(session: Session) -> str | None:
    """Return the id of the instance that this mirror is bound to, or None where it is still free."""
    row = session.execute(_FIND).one_or_none()
    return row[0] if row else None


def bind(session: Session, instance_id: str, *, bound_by: str) -> str:
    """Return the instance that this mirror is bound to; a free mirror is bound to ``instance_id`` first."""
    bound = find_binding(session)
    if bound is None:
        session.execute(_BIND, {"instance_id": instance_id, "bound_by": bound_by})
        bound = find_binding(session) or instance_id
    return bound


def rebind(session: Session, instance_id: str) -> None:
    """Bind the mirror to another instance, whatever it was bound to before."""
    session.execute(_REBIND, {"instance_id": instance_id})
