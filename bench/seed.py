"""The rows that the web bench reads: users with ten orders of two lines each, inserted by SQL in one transaction."""

from __future__ import annotations

from contextlib import closing

import psycopg2

ORDERS_EACH = 10
LINES_EACH = 2

# The role ``replica`` skips foreign key checks, which would take most of the time. The rows are consistent.
_SEED = f"""
SET LOCAL session_replication_role = replica;
INSERT INTO users (clerk_id, email, email_verified, first_name, last_name, image_url,
                   clerk_created_at, clerk_updated_at)
SELECT 'user_' || lpad(CAST(n AS text), 27, '0'), 'user.' || n || '@example.com', true, 'Grace', 'Hopper',
       'https://img.clerk.com/' || repeat('x', 120) || n, 1600000000000 + n, 1600000000000 + n
FROM generate_series(1, %(users)s) AS n ORDER BY n;
INSERT INTO orders (number, user_id, status, currency, total_minor, shipping_address, idempotency_key, created_at)
SELECT 'ORD-' || lpad(CAST(n AS text), 10, '0'), 1 + (n - 1) %% %(users)s, 'paid', 'EUR', 3998,
       '{{"name": "Grace Hopper", "line1": "1 Example Street", "line2": null, "city": "Berlin", "region": null,'
       ' "postal_code": "10115", "country": "DE", "phone": null}}', 'key-' || n, now() - n * interval '1 second'
FROM generate_series(1, %(users)s * {ORDERS_EACH}) AS n;
INSERT INTO order_items (order_id, line, user_id, sku, name, quantity, unit_price_minor)
SELECT orders.id, line, orders.user_id, 'SKU-' || (1 + (orders.id + line) %% 50), 'A product with a name', 1, 1999
FROM orders CROSS JOIN generate_series(1, {LINES_EACH}) AS line;
"""


def seed(url: str, users: int) -> None:
    """Fill the migrated, empty database at ``url``. Local ids are 1 to ``users``."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(_SEED, {"users": users})
        connection.commit()
        connection.autocommit = True
        cursor.execute("VACUUM ANALYZE")
