"""``/api/session`` and ``/api/me``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.conftest import clerk_event, clerk_user
from tests.web.client_user import ApiClient
from tests.web.conftest import GRACE, HOME

Query = Callable[..., list[tuple[Any, ...]]]


def test_the_session_shows_the_tokens_claims_without_the_database(grace: ApiClient, query: Query) -> None:
    answer = grace.get("/api/session").get_json()
    assert (answer["user_id"], answer["org"]) == (GRACE, None)
    assert answer["expires_at"] - answer["issued_at"] == 60
    assert query("SELECT count(*) FROM users") == [(0,)]


def test_the_session_names_the_active_organisation(client: FlaskClient, bearer: Callable[..., dict[str, str]]) -> None:
    headers = bearer(o={"id": "org_1", "slg": "harbour", "rol": "admin"})
    answer = client.get("/api/session", headers=headers).get_json()
    assert answer["org"] == {"id": "org_1", "slug": "harbour", "role": "org:admin"}


def test_a_user_without_any_delivery_is_served(grace: ApiClient, query: Query) -> None:
    me = grace.get("/api/me").get_json()
    assert me["clerk_id"] == me["name"] == GRACE
    assert (me["role"], me["email"], me["email_verified"]) == ("CLIENT", None, False)
    assert query("SELECT clerk_id, clerk_updated_at FROM users") == [(GRACE, 0)]


def test_me_is_the_mirrored_user(grace: ApiClient, deliver: Callable[..., TestResponse]) -> None:
    deliver(clerk_event("user.created", clerk_user(GRACE)))
    me = grace.get("/api/me").get_json()
    assert (
        me.items()
        >= {
            "email": "grace@example.com",
            "email_verified": True,
            "first_name": "Grace",
            "last_name": "Example",
            "name": "Grace Example",
            "image_url": "https://img.clerk.com/example",
        }.items()
    )


def test_a_role_in_any_request_changes_nothing(
    grace: ApiClient, products: None, order: dict[str, Any], query: Query
) -> None:
    role: dict[str, Any] = {"role": "ADMIN", "user": {"role": "ADMIN"}, "public_metadata": {"role": "ADMIN"}}
    for method, path, body in (
        ("POST", "/api/addresses", HOME),
        ("PATCH", "/api/addresses/1", {"city": "Cork"}),
        ("PUT", "/api/cart/items/CUP", {"quantity": 1}),
        ("POST", "/api/cart/checkout", {"address_id": 1}),
        ("DELETE", "/api/addresses/1", {}),
    ):
        response = grace.send(
            method, f"{path}?role=ADMIN", {"Idempotency-Key": "role", "X-Role": "ADMIN"}, json={**body, **role}
        )
        assert response.status_code < 300
    assert grace.get("/api/me?role=ADMIN").get_json()["role"] == "CLIENT"
    assert query("SELECT role FROM users") == [("CLIENT",)]
    assert query("SELECT count(*) FROM role_changes") == [(0,)]
