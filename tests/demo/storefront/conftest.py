"""An application in development, which has the storefront."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from clerk_sync.settings.settings import Environment
from tests.web.conftest import ada, boss, clerk, description, grace, order, products, stranger, visitor

__all__ = ["ada", "boss", "clerk", "description", "grace", "order", "products", "stranger", "visitor"]


@pytest.fixture
def developer_app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(environment=Environment.DEVELOPMENT)


@pytest.fixture
def developer(developer_app: Flask) -> FlaskClient:
    return developer_app.test_client()
