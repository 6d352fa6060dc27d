"""All the room's SQL. What decides stands in the statements; what comes back says what happened.

Whoever writes a row that a user owns needs an ``Owner``, and there is one way to get it: ``lock_owner``.
"""

from __future__ import annotations

from clerk_sync.shop.store import addresses, carts, orders, products
from clerk_sync.shop.store.owner import Owner, lock_owner

__all__ = ["Owner", "addresses", "carts", "lock_owner", "orders", "products"]
