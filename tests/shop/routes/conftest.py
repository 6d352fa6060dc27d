"""Clients of the API, not users of the tables as in the tests of the shop itself."""

from __future__ import annotations

from tests.web.conftest import ada, boss, clerk, description, grace, order, products, stranger, visitor

__all__ = ["ada", "boss", "clerk", "description", "grace", "order", "products", "stranger", "visitor"]
