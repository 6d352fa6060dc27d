"""SQL of the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from clerk_sync.shop.models import Product

ProductRow: TypeAlias = Row[tuple[str, str, str, int, str]]


def list_products(session: Session, *, after_sku: str, limit: int) -> Sequence[ProductRow]:
    """Return up to ``limit`` active products after ``after_sku``, ordered by sku."""
    columns = (Product.sku, Product.name, Product.description, Product.price_minor, Product.currency)
    statement = select(*columns).where(Product.active, Product.sku > after_sku).order_by(Product.sku).limit(limit)
    return session.execute(statement).all()


_LOCK_CATALOGUE = text("SELECT pg_advisory_xact_lock(hashtext('clerk_sync.products'))")


def lock_catalogue(session: Session) -> None:
    """Wait for other loads of the catalogue, and block new ones until this transaction ends."""
    session.execute(_LOCK_CATALOGUE)


# Unchanged rows are not written, so that a repeated load writes nothing.
_UPSERT_PRODUCTS = text("""
INSERT INTO products (sku, name, description, price_minor, currency, active)
SELECT sku, name, description, price_minor, currency, active
FROM jsonb_to_recordset(CAST(:products AS jsonb))
    AS row (sku text, name text, description text, price_minor bigint, currency text, active boolean)
ON CONFLICT (sku) DO UPDATE SET
    name = excluded.name, description = excluded.description, price_minor = excluded.price_minor,
    currency = excluded.currency, active = excluded.active, updated_at = now()
WHERE (products.name, products.description, products.price_minor, products.currency, products.active)
    IS DISTINCT FROM (excluded.name, excluded.description, excluded.price_minor, excluded.currency, excluded.active)
RETURNING xmax = 0
""")


def upsert_products(session: Session, products_json: str) -> Sequence[bool]:
    """Upsert a JSON list of products; return for each written row whether it was inserted."""
    return session.scalars(_UPSERT_PRODUCTS, {"products": products_json}).all()
