"""The shop's SQL. Conditions are in the statements, and results tell what happened.

A function that writes a user's row takes an ``Owner``, which only ``lock_owner`` returns.
"""

from __future__ import annotations

from clerk_sync.shop.store import addresses, carts, orders, products
from clerk_sync.shop.store.owner import Owner, find_user_id, lock_owner

__all__ = ["Owner", "addresses", "carts", "find_user_id", "lock_owner", "orders", "products"]
