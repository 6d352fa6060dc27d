"""Responses to a session are private: no cache and no browser may store them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.conftest import clerk_event, clerk_user
from tests.web.conftest import GRACE


def is_not_stored(answer: TestResponse) -> bool:
    return answer.headers.getlist("Cache-Control") == ["no-store"]


@pytest.mark.parametrize("path", ["/api/session", "/api/me", "/api/orders", "/api/orders?limit=7", "/api/addresses"])
def test_answers_to_a_session_and_refusals_are_not_stored_by_caches(
    client: FlaskClient, bearer: Callable[..., dict[str, str]], path: str
) -> None:
    at_first_sight, again, refused = (
        client.get(path, headers=headers) for headers in (bearer(GRACE), bearer(GRACE), {"Authorization": "Bearer x"})
    )
    assert [answer.status_code for answer in (at_first_sight, again, refused)] == [200, 200, 401]
    assert all(map(is_not_stored, (at_first_sight, again, refused)))


def test_a_404_of_another_users_row_is_not_cached(client: FlaskClient, bearer: Callable[..., dict[str, str]]) -> None:
    answer = client.get("/api/orders/ORD-0000000000", headers=bearer(GRACE))
    assert (answer.status_code, is_not_stored(answer)) == (404, True)


def test_answers_to_deliveries_are_not_stored_by_caches(deliver: Callable[..., TestResponse]) -> None:
    event = json.dumps(clerk_event("user.created", clerk_user())).encode()
    assert is_not_stored(deliver(event))
    assert is_not_stored(deliver(b"no json"))


def test_the_catalogue_and_the_openapi_document_are_public(client: FlaskClient, products: Any) -> None:
    for path in ("/api/products", "/api/openapi.json"):
        assert "Cache-Control" not in client.get(path).headers
