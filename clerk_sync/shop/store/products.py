"""The catalogue's statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from clerk_sync.shop.models import Product

ProductRow: TypeAlias = Row[tuple[str, str, str, int, str]]


def list_products(session: Session, *, after_sku: str, limit: int) -> Sequence[ProductRow]:
    """Return up to ``limit`` active products behind ``after_sku``, in the order of their skus."""
    columns = (Product.sku, Product.name, Product.description, Product.price_minor, Product.currency)
    wanted = select(*columns).where(Product.active, Product.sku > after_sku).order_by(Product.sku).limit(limit)
    return session.execute(wanted).all()


_LOCK_CATALOGUE = text("SELECT pg_advisory_xact_lock(hashtext('clerk_sync.products'))")


def lock_catalogue(session: Session) -> None:
    """Let no other load of the catalogue begin before this transaction ends."""
    session.execute(_LOCK_CATALOGUE)


# Equal rows are not written.
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
    """Write a JSON list of products; return for each row that changed whether it is new."""
    return session.scalars(_UPSERT_PRODUCTS, {"products": products_json}).all()
