"""The team's own tests of its application: no account at Clerk, no network."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from clerk_sync.emulator import LocalClerk
from clerk_sync.testing import Deliver, SignIn


def test_a_project_belongs_to_its_author(
    signed_in_client: FlaskClient, sign_in: SignIn, local_clerk: LocalClerk
) -> None:
    made = signed_in_client.post("/projects/", json={"name": "Apollo"})
    assert made.status_code == 201
    assert signed_in_client.get("/projects/").json == [made.json]
    other = sign_in(local_clerk.users.create(email="other@example.com")["id"])
    assert other.get("/projects/").json == []


def test_a_request_without_a_session_is_refused(app: Flask) -> None:
    refused = app.test_client().get("/projects/")
    assert refused.status_code == 401
    assert refused.json
    assert refused.json["error"]["status"] == 401


def test_a_user_who_is_deleted_at_clerk_is_refused(
    signed_in_client: FlaskClient, local_clerk: LocalClerk, clerk_user: dict[str, Any], deliver: Deliver
) -> None:
    assert deliver() == ["applied"]
    assert signed_in_client.get("/projects/").status_code == 200
    local_clerk.users.delete(clerk_user["id"])
    assert deliver() == ["applied"]
    refused = signed_in_client.get("/projects/")
    assert refused.json
    assert (refused.status_code, refused.json["error"]["reason"]) == (403, "user-deleted")
    assert deliver() == [], "each event is delivered once"
