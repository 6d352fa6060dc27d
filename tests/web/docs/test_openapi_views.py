"""The OpenAPI document, and its page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from werkzeug.test import TestResponse

from clerk_sync.web.docs.api_doc import find_operation
from tests.conftest import clerk_event, clerk_user
from tests.web.client_user import ApiClient, Description
from tests.web.test_routes import GUARDED, PUBLIC

UNDESCRIBED = {("GET", "/api/openapi.json"), ("GET", "/api/docs")}


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key == "$ref")
        for value in node.values():
            yield from references(value)
    if isinstance(node, list):
        for value in node:
            yield from references(value)


def schemas(node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key == "schema")
        for value in node.values():
            yield from schemas(value)
    if isinstance(node, list):
        for value in node:
            yield from schemas(value)


def test_every_route_of_the_contract_is_described(description: Description) -> None:
    assert description.document["openapi"].startswith("3.1.")
    assert set(description.operations()) == (PUBLIC | GUARDED) - UNDESCRIBED


def test_every_view_of_the_application_is_described(app: Flask, description: Description) -> None:
    described = {operation["operationId"] for operation in description.operations().values()}
    views = {endpoint.rsplit(".", 1)[-1] for endpoint, view in app.view_functions.items() if find_operation(view)}
    assert views <= described
    assert len(described) == len(description.operations())


def test_exactly_the_operations_that_need_a_session_declare_it(description: Description) -> None:
    needing = {
        route
        for route, operation in description.operations().items()
        if {"bearer": []} in operation.get("security", [])
    }
    assert needing == GUARDED
    schemes = description.document["components"]["securitySchemes"]
    assert {
        name for operation in description.operations().values() for s in operation.get("security", []) for name in s
    } <= set(schemes)


def test_every_operation_has_summary_parameters_and_responses(description: Description) -> None:
    for (method, path), operation in description.operations().items():
        assert operation["summary"]
        declared = {p["name"] for p in map(description.resolve, operation.get("parameters", [])) if p["in"] == "path"}
        assert declared == set(re.findall(r"{(\w+)}", path)), (method, path)
        assert any(status.startswith("2") for status in operation["responses"])
        if (method, path) in GUARDED:
            assert {"401", "403", "503"} <= set(operation["responses"])


def test_pages_and_the_idempotency_key_are_declared(description: Description) -> None:
    operations = description.operations()
    for route in (("GET", "/api/orders"), ("GET", "/api/admin/users"), ("GET", "/api/products")):
        names = {parameter["name"]: parameter for parameter in operations[route]["parameters"]}
        assert names["limit"]["schema"].items() >= {"minimum": 1, "maximum": 100}.items()
        assert "cursor" in names
    [key] = operations["POST", "/api/cart/checkout"]["parameters"]
    assert (key["name"], key["in"], key["required"]) == ("Idempotency-Key", "header", True)


def test_every_reference_has_a_target_and_every_schema_is_valid(description: Description) -> None:
    for reference in references(description.document):
        assert description.resolve({"$ref": reference})
    for schema in [*schemas(description.document), *description.document["components"]["schemas"].values()]:
        Draft202012Validator.check_schema(schema)


def test_answers_of_the_machine_routes_are_as_described(
    signed_out: ApiClient, description: Description, deliver: Callable[..., TestResponse]
) -> None:
    assert signed_out.get("/healthz").status_code == 200
    assert signed_out.get("/readyz").status_code in (200, 503)
    delivered = deliver(clerk_event("user.created", clerk_user()))
    description.check("POST", "/api/webhooks/clerk", delivered)
    assert signed_out.post("/api/webhooks/clerk", {}).status_code == 400


def test_every_body_is_described(description: Description) -> None:
    with_bodies = {route for route, operation in description.operations().items() if "requestBody" in operation}
    writing = {(method, path) for method, path in PUBLIC | GUARDED if method in ("POST", "PUT", "PATCH")}
    assert with_bodies == writing


def test_no_body_has_a_field_for_a_role(description: Description) -> None:
    for operation in description.operations().values():
        if "requestBody" in operation:
            schema = description.resolve(operation["requestBody"]["content"]["application/json"]["schema"])
            assert not [name for name in schema.get("properties", {}) if "role" in name or "price" in name]


def test_the_page_is_one_answer_that_asks_no_other_host(client: FlaskClient) -> None:
    response = client.get("/api/docs")
    assert (response.status_code, response.content_type) == (200, "text/html; charset=utf-8")
    page = response.get_data(as_text=True)
    assert not re.findall(r"(?:https?:)?//\w", re.sub(r"^\s*//.*$", "", page, flags=re.MULTILINE))
    assert re.findall(r'(?:src|href|data-description)="([^"]*)"', page) == ["data:,", *["/api/openapi.json"] * 2]


def test_only_scripts_with_the_nonce_of_the_response_may_run(client: FlaskClient) -> None:
    first, second = client.get("/api/docs"), client.get("/api/docs")
    policy = first.headers["Content-Security-Policy"]
    [nonce] = set(re.findall(r"'nonce-([^']+)'", policy))
    assert policy != second.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert "http" not in policy
    page = first.get_data(as_text=True)
    assert re.findall(r"<(?:script|style)\b[^>]*>", page) == [f'<style nonce="{nonce}">', f'<script nonce="{nonce}">']
    assert not re.findall(r"\s(?:on\w+|style)=", page)
    assert "innerHTML" not in page
