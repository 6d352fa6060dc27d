"""Only pages of the authorized parties may call the API from another origin."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.conftest import ORIGIN

PREFLIGHT = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization,content-type"}


def preflight(client: FlaskClient, path: str = "/api/cart/items/1", origin: str = ORIGIN) -> TestResponse:
    return client.options(path, headers={"Origin": origin, **PREFLIGHT})


def names(response: TestResponse, header: str) -> set[str]:
    return {name.strip().lower() for name in response.headers.get(header, "").split(",")}


@pytest.mark.parametrize("path", ["/api/cart/items/1", "/api/products", "/api/session"])
def test_preflight_of_an_authorized_party_needs_no_session(client: FlaskClient, path: str) -> None:
    response = preflight(client, path)
    assert (response.status_code, response.data) == (204, b"")
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert names(response, "Access-Control-Allow-Methods") >= {"get", "post", "put", "patch", "delete"}
    assert names(response, "Access-Control-Allow-Headers") >= {"authorization", "content-type", "idempotency-key"}
    assert "origin" in names(response, "Vary")
    # The token is in the header; cookies of other origins are not allowed.
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize(
    "origin", ["https://evil.example.com", f"{ORIGIN}/", f"{ORIGIN}.evil.example.com", "null", "*"]
)
def test_a_preflight_of_another_origin_gets_no_permission(client: FlaskClient, origin: str) -> None:
    response = preflight(client, origin=origin)
    assert [name for name, _ in response.headers if name.startswith("Access-Control-")] == []
    assert "origin" in names(response, "Vary")


def test_extra_slashes_in_front_bypass_nothing(client: FlaskClient) -> None:
    answer = client.get("/api/session", headers={"Origin": ORIGIN}, environ_overrides={"PATH_INFO": "//api/session"})
    assert answer.headers.get("Access-Control-Allow-Origin") == ORIGIN
    assert "origin" in names(answer, "Vary")


def test_options_without_a_preflight_is_guarded_like_any_method(client: FlaskClient) -> None:
    assert client.options("/api/session", headers={"Origin": ORIGIN}).status_code == 401


def test_page_may_read_answers_and_refusals(client: FlaskClient, bearer: Callable[..., dict[str, str]]) -> None:
    good = client.get("/api/session", headers={"Origin": ORIGIN, **bearer()})
    refused = client.get("/api/session", headers={"Origin": ORIGIN})
    missing = client.get("/api/nothing", headers={"Origin": ORIGIN})
    for response, status in ((good, 200), (refused, 401), (missing, 404)):
        assert response.status_code == status
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "origin" in names(response, "Vary")
    assert "x-clerk-auth-reason" in names(refused, "Access-Control-Expose-Headers")


def test_answers_to_other_origins_have_no_cors_header(
    client: FlaskClient, bearer: Callable[..., dict[str, str]]
) -> None:
    """Caches need Vary, because the response depends on the origin of the request."""
    for headers in (bearer(), {"Origin": "https://evil.example.com", **bearer()}):
        response = client.get("/api/session", headers=headers)
        assert response.status_code == 200
        assert "Access-Control-Allow-Origin" not in response.headers
        assert "origin" in names(response, "Vary")


def test_other_paths_stay_as_they_are(client: FlaskClient) -> None:
    response = client.get("/readyz", headers={"Origin": ORIGIN})
    assert not [name for name, _ in response.headers if name.lower().startswith("access-control-")]
    assert "Vary" not in response.headers


def test_only_options_asks_for_permission(client: FlaskClient, bearer: Callable[..., dict[str, str]]) -> None:
    response = client.get("/api/session", headers={"Origin": ORIGIN, **PREFLIGHT, **bearer()})
    assert response.status_code == 200


def test_without_parties_no_answer_depends_on_the_origin(make_app: Callable[..., Flask]) -> None:
    response = preflight(make_app(authorized_parties=()).test_client())
    assert "Access-Control-Allow-Origin" not in response.headers
    assert "Vary" not in response.headers
