"""Every answer and every webhook, held against Clerk's own schemas where these lie beside the checkout."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from clerk_sync.emulator import LocalClerk
from clerk_sync.emulator.webhooks.example_events import event_types
from clerk_sync.emulator.webhooks.trigger import trigger_offline
from tests.emulator.conftest import Api, Endpoint

SCHEMAS = Path(__file__).resolve().parents[3] / "shared" / "clerk-openapi"

pytestmark = pytest.mark.skipif(
    not SCHEMAS.is_dir(), reason="Clerk's OpenAPI documents are not at ../shared/clerk-openapi"
)

Json = dict[str, Any]


@cache
def document(name: str) -> Json:
    """Return an OpenAPI 3.0 document with its schemas turned into JSON Schema."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = next(SCHEMAS.glob(f"{name}-*.yml")).read_text()
    converted: Json = as_json_schema(yaml.load(text, Loader=loader))
    return converted


def as_json_schema(node: Any) -> Any:
    """Return the node with ``nullable`` spelled as JSON Schema spells it, and closed parts of ``allOf`` opened.

    In JSON Schema ``additionalProperties: false`` inside ``allOf`` would forbid what the other parts add.
    """
    if isinstance(node, list):
        return [as_json_schema(each) for each in node]
    if not isinstance(node, dict):
        return node
    converted = {name: as_json_schema(value) for name, value in node.items() if name != "nullable"}
    if node.get("nullable") is True:
        return {"anyOf": [{"type": "null"}, converted]}
    return converted


def resolved(node: Any, root: Json) -> Any:
    """Return the node with ``allOf`` merged into one closed object."""
    while "$ref" in node:
        target: Any = root
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    if "allOf" not in node:
        return node
    parts = [resolved(part, root) for part in node["allOf"]]
    if any("properties" not in part for part in parts):
        return {"allOf": parts}
    return {
        "type": "object",
        "properties": {name: value for part in parts for name, value in part["properties"].items()},
        "required": [name for part in parts for name in part.get("required", [])],
        "additionalProperties": False,
    }


def problems(value: object, schema: Json, root: Json) -> list[str]:
    """Return what the schema finds wrong with the value."""
    validator = jsonschema.Draft202012Validator({**resolved(schema, root), "components": root["components"]})
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(value)]


def answer_schema(path: str, method: str, status: int) -> Json:
    root = document("bapi")
    responses = root["paths"][path][method]["responses"]
    # 404 and 429 are answered on paths whose document forgets them; Clerk's error body is one and the same.
    response = responses.get(str(status), {"$ref": "#/components/responses/ClerkErrors"})
    schema: Json = resolved(response, root)["content"]["application/json"]["schema"]
    return schema


Call = Callable[..., Any]


@pytest.fixture
def call(api: Api) -> Call:
    """Call a route of the document, and hold the answer against it before giving it back."""

    def checked(method: str, path: str, *, body: object = None, status: int = 200, **kwargs: Any) -> Any:
        names = {name: kwargs.pop(name) for name in ("user_id", "session_id") if name in kwargs}
        response = api.call(method.upper(), "/v1" + path.format(**names), json=body, **kwargs)
        assert response.status_code == status, response.text
        found = problems(response.json(), answer_schema(path, method, status), document("bapi"))
        assert found == [], (method, path)
        return response.json()

    return checked


def test_every_answer_about_users_is_what_clerk_documents(clerk: LocalClerk, call: Call) -> None:
    clerk.users.seed(1000)
    listed = call("get", "/users", params={"limit": 500})
    call("get", "/users", params={"limit": 500, "starting_after": listed[-1]["id"]})
    call("get", "/users/count")
    body = {"email_address": ["ada@example.com"], "phone_number": ["+15551230000"], "web3_wallet": ["0x1"]}
    user_id = call("post", "/users", body={**body, "password": "correct horse", "totp_secret": "ABC"})["id"]
    call("get", "/users/{user_id}", user_id=user_id)
    call("patch", "/users/{user_id}", user_id=user_id, body={"first_name": "Ada"})
    for act in ("lock", "unlock", "ban", "unban"):
        call("post", f"/users/{{user_id}}/{act}", user_id=user_id)
        if "ban" in act:
            call("post", f"/users/{act}", body={"user_ids": [user_id]})
    call("patch", "/users/{user_id}/metadata", user_id=user_id, body={"public_metadata": {"a": 1}})
    call("put", "/users/{user_id}/metadata", user_id=user_id, body={"private_metadata": None})
    email = {"email_address": "new@example.com", "identification_status": "unverified"}
    call("put", "/users/{user_id}/email_address", user_id=user_id, body=email)
    call("delete", "/users/{user_id}", user_id=user_id)


def test_every_answer_about_sessions_and_keys_is_what_clerk_documents(clerk: LocalClerk, call: Call) -> None:
    user_id = clerk.users.create(username="ada")["id"]
    session_id = call("post", "/sessions", body={"user_id": user_id})["id"]
    call("get", "/sessions", params={"user_id": user_id})
    call("get", "/sessions/{session_id}", session_id=session_id)
    call("post", "/sessions/{session_id}/tokens", session_id=session_id)
    call("post", "/sessions/{session_id}/revoke", session_id=session_id)
    call("get", "/jwks")
    call("get", "/instance")


def test_every_refusal_is_what_clerk_documents(clerk: LocalClerk, call: Call) -> None:
    call("get", "/users", params={"limit": "x"}, status=422)
    call("get", "/users", headers={"Authorization": "Bearer x"}, status=401)
    call("get", "/users", headers={"Clerk-API-Version": "x"}, status=400)
    call("get", "/users/{user_id}", user_id="user_x", status=404)
    call("patch", "/users/{user_id}", user_id="user_x", body={}, status=404)
    call("post", "/users", body={"nonsense": 1}, status=422)
    call("post", "/sessions/{session_id}/tokens", session_id="sess_x", status=404)
    clerk.faults.add("/v1/users", status=429, retry_after_s=1)
    call("get", "/users", status=429)


def check_webhooks(endpoint: Endpoint) -> list[str]:
    """Hold every webhook that arrived against its schema; return their types."""
    root = document("webhooks")
    types = []
    for received in endpoint.received:
        event = json.loads(received.body)
        content = root["x-webhooks"][event["type"]]["post"]["requestBody"]["content"]["application/json"]
        envelope, data = (resolved(part, root) for part in content["schema"]["allOf"])
        assert problems(event, envelope, root) == [], event["type"]
        assert problems(event["data"], data["properties"]["data"], root) == [], event["type"]
        types.append(event["type"])
    return types


def test_every_webhook_that_acts_on_users_cause_is_what_clerk_documents(endpoint: Endpoint) -> None:
    with LocalClerk.start(webhook_url=endpoint.url, event_types=("*",), senders=1) as clerk:
        user_id = clerk.users.create(email="ada@example.com", phone="+15551230000", external_id="ext")["id"]
        session = clerk.sessions.create(user_id)
        clerk.sessions.finish(session.id, "ended")
        clerk.sessions.create(user_id)
        clerk.users.ban(user_id)
        clerk.users.unban(user_id)
        clerk.sessions.create(user_id)
        clerk.users.delete(user_id)
        clerk.webhook_sender.wait_idle()
    assert set(check_webhooks(endpoint)) == {
        "user.created",
        "user.updated",
        "user.deleted",
        "session.created",
        "session.ended",
        "session.revoked",
        "session.removed",
    }


def test_seeded_users_make_webhooks_that_clerk_documents(endpoint: Endpoint) -> None:
    with LocalClerk.start(webhook_url=endpoint.url) as clerk:
        clerk.users.seed(150)
        for user in clerk.users.snapshot():
            clerk.webhook_sender.send("user.updated", user)
        clerk.webhook_sender.wait_idle()
    assert len(check_webhooks(endpoint)) == 150


def test_every_example_is_what_clerk_documents_and_none_is_lacking(endpoint: Endpoint) -> None:
    for event_type in event_types():
        trigger_offline({"type": event_type}, endpoint.url)
    assert check_webhooks(endpoint) == event_types() == sorted(document("webhooks")["x-webhooks"])


def test_the_check_itself_notices_what_is_wrong() -> None:
    root = document("bapi")
    schema = {"$ref": "#/components/schemas/User"}
    assert problems({"id": "user_1"}, schema, root)
    session = resolved({"$ref": "#/components/schemas/SessionEventPayload"}, document("webhooks"))
    assert "user" in session["required"]
    assert session["additionalProperties"] is False
