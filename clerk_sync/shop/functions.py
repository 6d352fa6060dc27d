"""The function of the database that reads a page of orders with their lines.

Planning this join costs PostgreSQL more than running it; in a function it keeps the plan. A migration installs it, and
a test holds what is installed equal to this text.
"""

from __future__ import annotations

from clerk_sync.shop.store.orders import ORDERS_WITH_LINES

_PAGE = """(
    SELECT * FROM orders
    WHERE user_id = owner_id AND (created_at, id) < (before AT TIME ZONE 'UTC', before_id)
    ORDER BY created_at DESC, id DESC LIMIT page_size
)"""

ORDERS_PAGE_BODY = f"""
#variable_conflict use_column
BEGIN
    RETURN QUERY {ORDERS_WITH_LINES.format(orders=_PAGE)}
    ORDER BY orders.created_at DESC, orders.id DESC, order_items.line;
END
"""

ORDERS_PAGE = f"""
CREATE OR REPLACE FUNCTION orders_page(owner_id bigint, before timestamp, before_id bigint, page_size bigint)
RETURNS TABLE (
    id bigint, created_at timestamptz, number text, status text, currency text, total_minor bigint,
    shipping_address text, sku text, name text, quantity bigint, unit_price_minor bigint
) LANGUAGE plpgsql STABLE AS $${ORDERS_PAGE_BODY}$$
"""
