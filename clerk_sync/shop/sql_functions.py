"""The functions of the database that read a page of orders with their lines.

Planning this join costs PostgreSQL more than running it; in a function it keeps the plan. Migrations install them, and
a test holds what is installed equal to this text.
"""

from __future__ import annotations

# LEFT JOIN: an order that somebody wrote without lines still is one, and counts for the page.
ORDERS_WITH_LINES = """
SELECT orders.id, orders.created_at, number, status, currency, total_minor, CAST(shipping_address AS text),
       sku, name, quantity, unit_price_minor
FROM {orders} AS orders LEFT JOIN order_items ON order_items.order_id = orders.id
"""

_SIGNATURE = """
CREATE OR REPLACE FUNCTION {name}({owner}, before timestamp, before_id bigint, page_size bigint)
RETURNS TABLE (
    id bigint, created_at timestamptz, number text, status text, currency text, total_minor bigint,
    shipping_address text, sku text, name text, quantity bigint, unit_price_minor bigint
) LANGUAGE plpgsql STABLE AS $${body}$$
"""


def _body(owner_id: str) -> str:
    # The address becomes text here, once an order and not once a line.
    page = f"""(
    SELECT id, created_at, number, status, currency, total_minor, CAST(shipping_address AS text) AS shipping_address
    FROM orders
    WHERE user_id = {owner_id} AND (created_at, id) < (before AT TIME ZONE 'UTC', before_id)
    ORDER BY created_at DESC, id DESC LIMIT page_size
)"""
    return f"""
#variable_conflict use_column
BEGIN
    RETURN QUERY {ORDERS_WITH_LINES.format(orders=page)}
    ORDER BY orders.created_at DESC, orders.id DESC, order_items.line;
END
"""


ORDERS_PAGE_BODY = _body("owner_id")
ORDERS_PAGE = _SIGNATURE.format(name="orders_page", owner="owner_id bigint", body=ORDERS_PAGE_BODY)

# Who asks and what they see, in one statement: it saves a round trip, and the look for the user is planned once, too.
OWN_ORDERS_PAGE_BODY = _body(
    "(SELECT users.id FROM users WHERE users.clerk_id = owner AND deleted_at IS NULL AND NOT banned)"
)
OWN_ORDERS_PAGE = _SIGNATURE.format(name="own_orders_page", owner="owner text", body=OWN_ORDERS_PAGE_BODY)
