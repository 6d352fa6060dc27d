"""A pytest plugin for applications with ``ClerkSync``: a local Clerk, its settings, signed-in clients, webhooks.

Enable it in the top-level conftest.py, and add a fixture ``app`` that makes the application after ``clerk_settings``:

    pytest_plugins = ["clerk_sync.testing"]

    @pytest.fixture
    def app(clerk_settings):
        return create_app()

A test then calls the application as a signed-in user, and delivers what happens at Clerk:

    def test_a_project_belongs_to_its_author(signed_in_client, deliver):
        assert deliver() == ["applied"]
        assert signed_in_client.post("/projects/", json={"name": "Apollo"}).status_code == 201

The extra ``clerk_sync[testing]`` installs what it needs. Only this module imports both the service and the local Clerk.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Protocol

import pytest
from flask import Flask
from flask.testing import FlaskClient

from clerk_sync.emulator import LocalClerk
from clerk_sync.emulator.webhooks.messages import Message, State, signed_headers
from clerk_sync.settings.settings import Settings

TOKEN_LIFETIME_S = 3600


class SignIn(Protocol):
    """The fixture ``sign_in``."""

    def __call__(self, user_id: str, **claims: Any) -> FlaskClient:
        """Return a client with a session token of the user; ``claims`` are added to the token's."""


class Deliver(Protocol):
    """The fixture ``deliver``."""

    def __call__(self) -> list[str]:
        """Deliver the events that are not delivered yet, and return the outcomes."""


@pytest.fixture(scope="session")
def local_clerk_server() -> Iterator[LocalClerk]:
    """The server of ``local_clerk``, on a free port of 127.0.0.1. Tests use ``local_clerk``."""
    with LocalClerk.start() as clerk:
        yield clerk


@pytest.fixture
def local_clerk(local_clerk_server: LocalClerk) -> Iterator[LocalClerk]:
    """The local Clerk: users, sessions, Backend API, key set. Each test begins with no users.

    local_clerk.users.create(first_name="Ada", email="ada@example.com")

    It sends no webhook by itself: see ``deliver``.
    """
    yield local_clerk_server
    local_clerk_server.faults.clear()
    for user in local_clerk_server.users.snapshot():
        local_clerk_server.users.delete(user.id)
    local_clerk_server.webhook_sender.messages.clear()


@pytest.fixture(scope="session")
def clerk_settings(local_clerk_server: LocalClerk) -> Iterator[Settings]:
    """The settings of an application that uses the local Clerk.

    They are in the environment as well until the tests end, so ``ClerkSync()`` finds them. DATABASE_URL and
    CLERK_SYNC_SCHEMA stay as they are.
    """
    with pytest.MonkeyPatch.context() as environment:
        for name in ("CLERK_ISSUER", "CLERK_MISSING_AZP"):
            environment.delenv(name, raising=False)
        for name, value in local_clerk_server.environment.items():
            environment.setenv(name, value)
        environment.setenv("CLERK_SYNC_ENV", "test")
        # With the key, no request fetches the key set.
        environment.setenv("CLERK_JWT_KEY", local_clerk_server.public_key_pem)
        yield Settings()


@pytest.fixture
def clerk_user(local_clerk: LocalClerk) -> dict[str, Any]:
    """A new user at the local Clerk, as Clerk's JSON. Their ``user.created`` is not delivered yet: see ``deliver``."""
    return local_clerk.users.create(first_name="Ada", last_name="Example", email="ada@example.com")


@pytest.fixture
def sign_in(app: Flask, local_clerk: LocalClerk) -> SignIn:
    """A function that returns a test client of ``app`` with a session token of the user.

    client = sign_in(clerk_user["id"])
    """

    def sign_in(user_id: str, **claims: Any) -> FlaskClient:
        token = local_clerk.session_token(user_id, expires_in_s=TOKEN_LIFETIME_S, **claims)
        client = app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        return client

    return sign_in


@pytest.fixture
def signed_in_client(sign_in: SignIn, clerk_user: dict[str, Any]) -> FlaskClient:
    """A test client of ``app`` in which ``clerk_user`` is signed in."""
    return sign_in(clerk_user["id"])


@pytest.fixture
def deliver(app: Flask, local_clerk: LocalClerk) -> Deliver:
    """A function that sends to ``app`` each event of the local Clerk that is not delivered yet, signed, in order.

    It returns the outcomes. The test fails if a delivery is not answered 200.

        local_clerk.users.update(clerk_user["id"], first_name="Augusta")
        assert deliver() == ["applied"]
    """

    def deliver() -> list[str]:
        messages = list(local_clerk.webhook_sender.messages.values())
        return [_deliver_one(app, local_clerk, each) for each in messages if each.state is State.MISSING]

    return deliver


def _deliver_one(app: Flask, clerk: LocalClerk, message: Message) -> str:
    headers = signed_headers([clerk.webhook_secret], message.svix_id, int(time.time()), message.body)
    response = app.test_client().post(_webhook_path(app), data=message.body, headers=headers)
    if response.status_code != 200:
        pytest.fail(f"{message.type} was answered {response.status_code}: {response.text}")
    message.state = State.DELIVERED
    return str(response.get_json()["outcome"])


def _webhook_path(app: Flask) -> str:
    rules = app.url_map.iter_rules()
    path = next((rule.rule for rule in rules if rule.endpoint.startswith("clerk_sync_webhooks.")), None)
    if path is None:
        raise RuntimeError("The application has no webhook route: call ClerkSync().init_app(app).")
    return path
