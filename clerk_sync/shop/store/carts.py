"""SQL of carts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from clerk_sync.shop.store.owner import Owner

# A cart has the currency of its oldest line. A product's currency can change later: see CartLine.
CART_LINES = """
SELECT products.sku, products.name, cart_items.quantity, products.price_minor, products.currency,
       products.active AND products.currency = first_value(products.currency) OVER by_age AS available,
       row_number() OVER by_age AS line
FROM carts JOIN cart_items ON cart_items.cart_id = carts.id JOIN products ON products.id = cart_items.product_id
WHERE carts.user_id = :user_id
WINDOW by_age AS (ORDER BY cart_items.added_at, products.id)
"""
_LIST_LINES = text(
    f"SELECT sku, name, quantity, price_minor, currency, available FROM ({CART_LINES}) AS cart ORDER BY line"
)
CartRow: TypeAlias = Row[tuple[str, str, int, int, str, bool]]


def list_cart_lines(session: Session, user_id: int) -> Sequence[CartRow]:
    """Return the lines of the user's cart, oldest first, at current prices."""
    return session.execute(_LIST_LINES, {"user_id": user_id}).all()


_PUT_CART_ITEM = text("""
WITH product AS (
    SELECT id, currency FROM products WHERE sku = :sku AND active
), other AS (
    SELECT products.currency FROM product, carts
    JOIN cart_items ON cart_items.cart_id = carts.id JOIN products ON products.id = cart_items.product_id
    WHERE carts.user_id = :user_id AND products.id <> product.id AND products.currency <> product.currency LIMIT 1
), others AS (
    SELECT count(*) AS lines FROM product, carts JOIN cart_items ON cart_items.cart_id = carts.id
    WHERE carts.user_id = :user_id AND cart_items.product_id <> product.id
), cart AS (
    INSERT INTO carts (user_id) SELECT :user_id FROM product, others
    WHERE NOT EXISTS (SELECT FROM other) AND others.lines < :most_lines
    ON CONFLICT (user_id) DO UPDATE SET updated_at = now()
    RETURNING id
), item AS (
    INSERT INTO cart_items (cart_id, product_id, user_id, quantity)
    SELECT cart.id, product.id, :user_id, :quantity FROM cart, product
    ON CONFLICT (cart_id, product_id) DO UPDATE SET quantity = excluded.quantity
)
SELECT currency, (SELECT currency FROM other) AS other_currency, others.lines >= :most_lines AS is_full
FROM product, others
""")


class PutItem(NamedTuple):
    """The result of ``put_cart_item``. If ``other_currency`` is set or the cart ``is_full``, nothing changed."""

    currency: str
    other_currency: str | None
    is_full: bool


def put_cart_item(session: Session, owner: Owner, sku: str, quantity: int, *, most_lines: int) -> PutItem | None:
    """Set the quantity of ``sku`` in the owner's cart; return None if no active product has this sku."""
    values = {"user_id": owner.id, "sku": sku, "quantity": quantity, "most_lines": most_lines}
    row = session.execute(_PUT_CART_ITEM, values).one_or_none()
    return PutItem(*row) if row else None


_DELETE_CART_ITEM = text("""
DELETE FROM cart_items USING carts, products
WHERE carts.user_id = :user_id AND cart_items.cart_id = carts.id
  AND products.sku = :sku AND cart_items.product_id = products.id
""")


def delete_cart_item(session: Session, user_id: int, sku: str) -> None:
    """Remove ``sku`` from the user's cart."""
    session.execute(_DELETE_CART_ITEM, {"user_id": user_id, "sku": sku})
