"""The webhook route accepts signed JSON of at most 1 MiB only."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO

import pytest
from flask import Flask
from flask.testing import FlaskClient
from svix.webhooks import Webhook

from clerk_sync.clerk.webhooks.signature import WebhookVerifier
from clerk_sync.services import services
from clerk_sync.shop.db import db
from tests.conftest import WEBHOOK_SECRET, sign_delivery
from tests.web.deliveries import Deliver, Query, created, outcome


def test_the_published_deletion_vector_leaves_a_tombstone(app: Flask, query: Query) -> None:
    """W1"""
    body = b'{"data":{"deleted":true,"id":"user_a","object":"user"},"object":"event","type":"user.deleted"}'
    headers = {
        "svix-id": "msg_test_1",
        "svix-timestamp": "1700000000",
        "svix-signature": "v1,yfx+IOmBKrk82EwTubF40KEr3VzYQ+RnMTb4u49aIS4=",
    }
    with app.app_context():
        ours = services().webhooks
        services().__dict__["webhooks"] = WebhookVerifier(
            ["whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"], clock=lambda: 1_700_000_000
        )
    response = app.test_client().post(
        "/api/webhooks/clerk", data=body, headers=headers, content_type="application/json"
    )
    with app.app_context():
        services().__dict__["webhooks"] = ours
    assert outcome(response) == "applied"
    assert query("SELECT clerk_id, deleted_at IS NOT NULL FROM users") == [("user_a", True)]


def test_signatures_of_the_old_secret_are_accepted_during_a_rotation(make_app: Callable[..., Flask]) -> None:
    """W5"""
    other = "whsec_ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7"
    body = json.dumps(created()).encode()
    now = int(datetime.now(UTC).timestamp())
    at = datetime.fromtimestamp(now, UTC)
    both = " ".join(Webhook(secret).sign("msg_1", at, body.decode()) for secret in (other, WEBHOOK_SECRET))
    headers = {"svix-id": "msg_1", "svix-timestamp": str(now), "svix-signature": both}
    client = make_app(webhook_signing_secrets=(WEBHOOK_SECRET,)).test_client()
    response = client.post("/api/webhooks/clerk", data=body, headers=headers, content_type="application/json")
    assert outcome(response) == "applied"
    with client.application.app_context():
        db.session.remove()


def test_a_tampered_body_is_refused_and_writes_nothing(client: FlaskClient, query: Query) -> None:
    """W3"""
    body = json.dumps(created()).encode()
    headers = sign_delivery(body, "msg_1")
    pretty = json.dumps(json.loads(body), indent=2).encode()
    for forged in (body.replace(b"Grace", b"Mallory"), pretty):
        response = client.post("/api/webhooks/clerk", data=forged, headers=headers, content_type="application/json")
        assert response.status_code == 400
        assert response.content_type == "application/problem+json"
    assert query("SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM webhook_events)") == [(0, 0)]


def test_without_a_signing_secret_the_route_answers_503(make_app: Callable[..., Flask]) -> None:
    body = json.dumps(created()).encode()
    client = make_app(webhook_signing_secrets=()).test_client()
    response = client.post(
        "/api/webhooks/clerk", data=body, headers=sign_delivery(body, "msg_1"), content_type="application/json"
    )
    assert response.status_code == 503
    assert response.get_json()["code"] == "webhook-secret-missing"


def test_other_methods_are_refused(client: FlaskClient) -> None:
    for method in ("get", "put", "patch", "delete"):
        assert getattr(client, method)("/api/webhooks/clerk").status_code == 405


def test_an_extra_slash_is_not_redirected(client: FlaskClient) -> None:
    body = json.dumps(created()).encode()
    response = client.post(
        "/api/webhooks/clerk/", data=body, headers=sign_delivery(body, "msg_1"), content_type="application/json"
    )
    assert response.status_code == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_delivery_not_sent_as_json_is_refused(client: FlaskClient, content_type: str) -> None:
    body = json.dumps(created()).encode()
    headers = sign_delivery(body, "msg_1")
    assert client.post("/api/webhooks/clerk", data=body, headers=headers, content_type=content_type).status_code == 415


@pytest.mark.parametrize(("excess", "status"), [(0, 200), (1, 413)])
def test_one_mebibyte_is_accepted_and_one_byte_more_is_not(deliver: Deliver, excess: int, status: int) -> None:
    event = created()
    event["padding"] = ""
    event["padding"] = "x" * (1024 * 1024 - len(json.dumps(event)) + excess)
    assert deliver(event).status_code == status


@pytest.mark.parametrize(("excess", "status"), [(0, 200), (1, 413), (4_000_000, 413)])
def test_a_body_without_a_length_is_measured(client: FlaskClient, excess: int, status: int) -> None:
    event = created()
    event["padding"] = ""
    event["padding"] = "x" * (1024 * 1024 - len(json.dumps(event)) + excess)
    body = json.dumps(event).encode()
    response = client.post(
        "/api/webhooks/clerk",
        input_stream=BytesIO(body),
        headers={**sign_delivery(body, "msg_1"), "Transfer-Encoding": "chunked"},
        content_type="application/json",
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert response.status_code == status
