"""Test clients for users of the API."""

from __future__ import annotations

from tests.web.conftest import ada, boss, clerk, description, grace, make_api_client, order, products, signed_out

__all__ = ["ada", "boss", "clerk", "description", "grace", "make_api_client", "order", "products", "signed_out"]
