"""Bodies with odd JSON in them: refused or taken, never 500, and what is taken can be shown again."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from clerk_sync.emulator import LocalClerk
from clerk_sync.emulator.faults import Fault
from clerk_sync.emulator.forms import (
    EmailReplacement,
    ManyUsers,
    MetadataChange,
    NewSession,
    NewUser,
    TokenRequest,
    UserChange,
)
from clerk_sync.emulator.serving.control_api import KeyRotation, Replay, SecretRotation, Seed, Send
from clerk_sync.emulator.webhooks.trigger import TriggerRequest
from clerk_sync.emulator.webhooks.webhook_faults import WebhookFault
from tests.conftest import examples
from tests.emulator.conftest import Api
from tests.hostile_json import ODD_VALUES, encode, texts

ROUTES = [
    ("POST", "/v1/users", NewUser, {"email_address": ["ada@example.com"]}),
    ("PATCH", "/v1/users/{user}", UserChange, {}),
    ("PATCH", "/v1/users/{user}/metadata", MetadataChange, {}),
    ("PUT", "/v1/users/{user}/metadata", MetadataChange, {}),
    ("PUT", "/v1/users/{user}/email_address", EmailReplacement, {"email_address": "ada@example.com"}),
    ("POST", "/v1/users/ban", ManyUsers, {}),
    ("POST", "/v1/sessions", NewSession, {}),
    ("POST", "/v1/sessions/{session}/tokens", TokenRequest, {}),
    ("POST", "/_local/users/seed", Seed, {"count": 1}),
    ("POST", "/_local/keys/rotate", KeyRotation, {}),
    ("POST", "/_local/faults", Fault, {"path": "/v1/nowhere"}),
    ("POST", "/_local/mishaps", WebhookFault, {"kind": "double", "times": 1}),
    ("POST", "/_local/webhooks/rotate", SecretRotation, {}),
    ("POST", "/_local/webhooks/replay", Replay, {}),
    ("POST", "/_local/webhooks/trigger", TriggerRequest, {"type": "user.created"}),
    ("POST", "/_local/webhooks/send", Send, {"type": "user.created", "data": {}}),
]
each_route = pytest.mark.parametrize(
    ("method", "path", "form", "body"), ROUTES, ids=[f"{method} {path}" for method, path, *_ in ROUTES]
)
# Beyond what an answer can be written with, or a thread can wait for.
ANYTHING = ("public_metadata", "private_metadata", "unsafe_metadata", "data", "body")
HUGE = {
    "20 digits": b"9" * 20,
    "-1e300": b"-1e300",
    "1e300": b"1e300",
    "300 levels": b'{"a":' * 300 + b"1" + b"}" * 300,
}


@pytest.fixture
def places(clerk: LocalClerk) -> dict[str, str]:
    user_id = clerk.users.create(email="grace@example.com")["id"]
    return {"user": user_id, "session": clerk.sessions.create(user_id).id}


def assert_still_well(api: Api) -> None:
    """What was stored is shown in every answer that has it."""
    for path in ("/v1/users", "/v1/sessions", "/v1/jwks", "/_local/faults", "/_local/messages", "/_local/deliveries"):
        assert api.get(path).status_code == 200, path


@each_route
def test_an_odd_value_in_any_field_is_no_500(
    api: Api, places: dict[str, str], method: str, path: str, form: type[msgspec.Struct], body: dict[str, Any]
) -> None:
    fields = [*form.__struct_fields__, "unread"]
    for (name, odd), field in ((each, field) for each in (ODD_VALUES | HUGE).items() for field in fields):
        for value in (odd, b'{"a":[%b]}' % odd) if field in ANYTHING else (odd,):
            answer = api.call(method, path.format_map(places), data=encode(body | {field: Raw(value)}))
            assert answer.status_code in (200, 400, 404, 422), (name, field)
    assert_still_well(api)


@each_route
@settings(max_examples=examples(100))
@given(data=st.data())
def test_no_body_is_answered_500(
    api: Api,
    places: dict[str, str],
    method: str,
    path: str,
    form: type[msgspec.Struct],
    body: dict[str, Any],
    data: st.DataObject,
) -> None:
    sent = data.draw(texts(form.__struct_fields__, [encode(value) for value in (*body.values(), body)]))
    assert api.call(method, path.format_map(places), data=sent).status_code in (200, 400, 404, 422)
