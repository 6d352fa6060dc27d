"""The number of modules that one request passes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable

from flask.testing import FlaskClient

from tests.conftest import clerk_event, clerk_user, sign_delivery
from tests.stage.entered_modules import EnteredModules, recorded

MOST = 8


def assert_few(found: EnteredModules) -> None:
    counts = found.counts()
    assert len(counts) <= MOST, found.entries
    assert {name for name, count in counts.items() if count > 1} == set(), found.entries


def test_a_webhook_enters_few_modules_and_each_once(client: FlaskClient) -> None:
    for version in (1, 2):
        body = json.dumps(clerk_event("user.updated", clerk_user(updated_at=1_700_000_000_000 + version))).encode()
        headers = sign_delivery(body, f"msg_{uuid.uuid4().hex}")
        with recorded() as found:
            answer = client.post("/api/webhooks/clerk", data=body, headers=headers, content_type="application/json")
        assert answer.get_json() == {"outcome": "applied"}
    assert_few(found)


def test_a_request_with_a_new_token_enters_few_modules_and_each_once(
    client: FlaskClient, bearer: Callable[..., dict[str, str]]
) -> None:
    assert client.get("/api/me", headers=bearer()).status_code == 200
    headers = bearer()
    with recorded() as found:
        assert client.get("/api/me", headers=headers).status_code == 200
    assert_few(found)
    with recorded() as found:
        assert client.get("/api/me", headers=headers).status_code == 200
    assert_few(found)
