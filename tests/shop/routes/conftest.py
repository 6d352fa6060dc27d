"""Test clients for users of the API."""

from __future__ import annotations

from tests.web.conftest import ada, boss, clerk, description, grace, order, products, stranger, visitor

__all__ = ["ada", "boss", "clerk", "description", "grace", "order", "products", "stranger", "visitor"]
