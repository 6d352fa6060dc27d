"""An application in development, which has the storefront."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from clerk_sync.settings.settings import Environment
from tests.web.conftest import ada, boss, clerk, description, grace, make_api_client, order, products, signed_out

__all__ = ["ada", "boss", "clerk", "description", "grace", "make_api_client", "order", "products", "signed_out"]


@pytest.fixture
def developer_app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(environment=Environment.DEVELOPMENT)


@pytest.fixture
def developer(developer_app: Flask) -> FlaskClient:
    return developer_app.test_client()
