"""The URL map equals the contract's table, and no guarded route is open without a session."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import ROOT

PUBLIC = {
    ("POST", "/api/webhooks/clerk"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/api/openapi.json"),
    ("GET", "/api/docs"),
    ("GET", "/api/products"),
}
GUARDED = {
    ("GET", "/api/session"),
    ("GET", "/api/me"),
    ("GET", "/api/addresses"),
    ("POST", "/api/addresses"),
    ("GET", "/api/addresses/{id}"),
    ("PATCH", "/api/addresses/{id}"),
    ("DELETE", "/api/addresses/{id}"),
    ("GET", "/api/cart"),
    ("PUT", "/api/cart/items/{sku}"),
    ("DELETE", "/api/cart/items/{sku}"),
    ("POST", "/api/cart/checkout"),
    ("GET", "/api/orders"),
    ("GET", "/api/orders/{number}"),
    ("GET", "/api/admin/users"),
    ("GET", "/api/admin/users/{id}/orders"),
    ("PATCH", "/api/admin/orders/{number}"),
    ("GET", "/api/admin/sync"),
}
CONSOLE_PUBLIC = {
    ("GET", "/console/static/{name}"),
    ("GET", "/console/session"),
    ("GET", "/console/session/return"),
}
CONSOLE = {
    ("GET", "/console"),
    ("GET", "/console/users"),
    ("GET", "/console/users/{reference}"),
    ("GET", "/console/parked"),
    ("POST", "/console/parked/replay"),
    ("GET", "/console/events"),
    ("GET", "/console/events/{svix_id}"),
    ("POST", "/console/events/{svix_id}/replay"),
    ("GET", "/console/runs"),
    ("GET", "/console/runs/{run_id}"),
    ("GET", "/console/drift"),
    ("POST", "/console/drift"),
    ("GET", "/console/{rest}"),
}


def routes_of(app: Flask) -> set[tuple[str, str]]:
    return {
        (method, re.sub(r"<(?:[^:>]+:)?([^>]+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def test_the_url_map_is_the_contracts_table(app: Flask) -> None:
    assert routes_of(app) == PUBLIC | GUARDED | CONSOLE_PUBLIC | CONSOLE


# The contract is ahead of the code by these routes. A route that is built leaves this set.
NOT_BUILT_YET = {("GET", "/api/organizations")}


def test_the_contract_names_the_same_routes() -> None:
    contract = ROOT.parent / "shared" / "CONTRACT.md"
    if not contract.exists():
        pytest.skip("the contract is not beside this checkout")
    section = contract.read_text().partition("## 2. HTTP")[2].partition("### Webhook outcomes")[0]
    named = set()
    for cell in re.findall(r"^\| ((?:`[A-Z]+ [^`]*`(?:, )?)+) \|", section, re.MULTILINE):
        for text in re.findall(r"`([^`]+)`", cell):
            *methods, path = text.split()
            named |= {(method, path.partition("?")[0]) for method in methods}
    assert named == PUBLIC | GUARDED | NOT_BUILT_YET
    assert not NOT_BUILT_YET & (PUBLIC | GUARDED)


@pytest.mark.parametrize(("method", "path"), sorted(GUARDED))
def test_every_other_route_is_closed_without_a_token(client: FlaskClient, method: str, path: str) -> None:
    response = client.open(re.sub(r"{\w+}", "1", path), method=method)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.headers["x-clerk-auth-status"] == "signed-out"
    assert response.headers["x-clerk-auth-reason"] == response.get_json()["code"]


def test_every_rule_of_the_url_map_is_tested(app: Flask, client: FlaskClient) -> None:
    for method, path in routes_of(app) - PUBLIC - CONSOLE_PUBLIC:
        assert client.open(re.sub(r"{\w+}", "1", path), method=method).status_code == 401


def test_an_unknown_path_is_answered_with_a_problem(client: FlaskClient) -> None:
    response = client.get("/api/nothing")
    assert (response.status_code, response.content_type) == (404, "application/problem+json")
    assert response.get_json().keys() == {"type", "title", "status", "detail", "instance", "code"}
