"""SQL of addresses. Every statement names the user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from sqlalchemy import Row, delete, select, text, update
from sqlalchemy.orm import Session

from clerk_sync.shop.db import NOW
from clerk_sync.shop.models import Address
from clerk_sync.shop.store.owner import Owner

AddressRow: TypeAlias = Row[tuple[int, str | None, str, str | None, str, str | None, str | None, str, str | None]]
_ADDRESS = (
    Address.id,
    Address.name,
    Address.line1,
    Address.line2,
    Address.city,
    Address.region,
    Address.postal_code,
    Address.country,
    Address.phone,
)


def list_addresses(session: Session, user_id: int) -> Sequence[AddressRow]:
    """Return the user's addresses, oldest first."""
    return session.execute(select(*_ADDRESS).where(Address.user_id == user_id).order_by(Address.id)).all()


def find_address(session: Session, user_id: int, address_id: int) -> AddressRow | None:
    """Return one address of this user."""
    return session.execute(select(*_ADDRESS).where(Address.id == address_id, Address.user_id == user_id)).one_or_none()


_INSERT_ADDRESS = text("""
INSERT INTO addresses (user_id, name, line1, line2, city, region, postal_code, country, phone)
SELECT :user_id, :name, :line1, :line2, :city, :region, :postal_code, :country, :phone
WHERE (SELECT count(*) FROM addresses WHERE user_id = :user_id) < :limit
RETURNING id, name, line1, line2, city, region, postal_code, country, phone
""")


def insert_address(session: Session, owner: Owner, fields: Mapping[str, Any], *, limit: int) -> AddressRow | None:
    """Return the new address, or None if the user already has ``limit`` addresses."""
    return session.execute(_INSERT_ADDRESS, {"user_id": owner.id, "limit": limit, **fields}).one_or_none()


def update_address(session: Session, user_id: int, address_id: int, fields: Mapping[str, Any]) -> AddressRow | None:
    """Return the address with ``fields`` set, or None if this user has no such address."""
    own = (Address.id == address_id, Address.user_id == user_id)
    changed = update(Address).where(*own).values(**fields, updated_at=NOW).returning(*_ADDRESS)
    return session.execute(changed).one_or_none()


def delete_address(session: Session, user_id: int, address_id: int) -> bool:
    """Delete an address; return whether this user had it."""
    own = (Address.id == address_id, Address.user_id == user_id)
    return session.scalar(delete(Address).where(*own).returning(Address.id)) is not None
