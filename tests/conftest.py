"""What every test may ask for: the application, a real PostgreSQL, a person at psql, signed tokens and deliveries."""

from __future__ import annotations

import base64
import hmac
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Flask, has_app_context
from flask.testing import FlaskClient
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case
from werkzeug.test import TestResponse

import clerk_sync
from clerk_sync.app import create_app
from clerk_sync.clerk.publishable_key import parse_publishable_key
from clerk_sync.db.connect import ConnectionFactory
from clerk_sync.db.transaction import TransactionalConnection
from clerk_sync.settings.settings import Settings
from clerk_sync.shop.db import db
from tests.stage.changed_settings import changed
from tests.stage.databases import database_url, new_database, operator, operator_session, postgres, query, server_url
from tests.stage.emptying import empty_tables

# Fixtures of the stage, for everybody.
__all__ = ["database_url", "new_database", "operator", "operator_session", "postgres", "query", "server_url"]

IN_CI = "CI" in os.environ


def examples(number: int) -> int:
    """Return how many examples a property test draws: ``number`` in CI, a twentieth of it (5 at least) elsewhere."""
    return number if IN_CI else max(number // 20, 5)


# No deadline: a busy machine would fail examples that are right.
# Fixtures of one test may serve all its examples: each example makes its own users.
hypothesis.settings.register_profile(
    "clerk_sync",
    deadline=None,
    max_examples=100 if IN_CI else 20,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
hypothesis.settings.load_profile("clerk_sync")

ROOT = Path(__file__).resolve().parent.parent
# Where the package is installed without its source tree, it is elsewhere than the tests and the documents.
PACKAGE = Path(clerk_sync.__file__).parent
INSTANCE_ID = "ins_2testtesttesttesttesttest"
ORIGIN = "https://shop.example.com"
PUBLISHABLE_KEY = parse_publishable_key("pk_test_Y2xlcmsuZXhhbXBsZS5jb20k")
WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture(autouse=True)
def _no_context_is_left() -> Iterator[None]:
    """A context that a test leaves behind would make the next one talk to the wrong application."""
    yield
    assert not has_app_context()


@pytest.fixture(scope="session")
def signing_key() -> rsa.RSAPrivateKey:
    """The private key of the Clerk instance that tests play."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="session")
def settings(database_url: str, signing_key: rsa.RSAPrivateKey) -> Settings:
    """Settings of a service that can do everything but call Clerk."""
    pem = signing_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return Settings(
        env="test",
        database_url=database_url,
        publishable_key=PUBLISHABLE_KEY.value,
        jwt_key=pem.decode(),
        webhook_signing_secret=[WEBHOOK_SECRET],
        authorized_parties=[ORIGIN],
    )


@pytest.fixture(scope="session")
def shared_app(settings: Settings) -> Iterator[Flask]:
    """One application for the whole session; ask for ``app``, which cleans up."""
    app = create_app(settings)
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def app(shared_app: Flask, operator: Connection) -> Iterator[Flask]:
    """The application on an empty, migrated database."""
    yield shared_app
    empty_tables(operator)


@pytest.fixture
def make_app(settings: Settings, app: Flask) -> Iterator[Callable[..., Flask]]:
    """A factory of further applications on the same database, with some settings changed."""
    made: list[Flask] = []

    def make(**changes: Any) -> Flask:
        made.append(create_app(changed(settings, **changes)))
        return made[-1]

    yield make
    for each in made:
        with each.app_context():
            db.engine.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """An HTTP client without credentials."""
    return app.test_client()


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.fixture
def session_token(signing_key: rsa.RSAPrivateKey) -> Callable[..., str]:
    """A factory of session tokens (version 2); claims and header entries can be replaced, None removes one."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    def sign(
        user_id: str = "user_2aaaaaaaaaaaaaaaaaaaaaaaaaa", header: dict[str, Any] | None = None, **claims: Any
    ) -> str:
        now = int(time.time())
        head = {"alg": "RS256", "typ": "JWT", "kid": INSTANCE_ID, "cat": "cl_B7d4PD111AAA"} | (header or {})
        body = {
            "azp": ORIGIN,
            "exp": now + 60,
            "fva": [0, -1],
            "iat": now,
            "iss": PUBLISHABLE_KEY.issuer,
            "jti": uuid.uuid4().hex,
            "nbf": now - 10,
            "sid": "sess_2bbbbbbbbbbbbbbbbbbbbbbbbbb",
            "sts": "active",
            "sub": user_id,
            "v": 2,
        } | claims
        parts = [
            _base64url(json.dumps({name: value for name, value in part.items() if value is not None}).encode())
            for part in (head, body)
        ]
        signature = signing_key.sign(".".join(parts).encode(), padding.PKCS1v15(), hashes.SHA256())
        return ".".join([*parts, _base64url(signature)])

    return sign


@pytest.fixture
def bearer(session_token: Callable[..., str]) -> Callable[..., dict[str, str]]:
    """A factory of request headers that carry a session of the given user."""
    return lambda *arguments, **claims: {"Authorization": f"Bearer {session_token(*arguments, **claims)}"}


def clerk_user(user_id: str = "user_2aaaaaaaaaaaaaaaaaaaaaaaaaa", **changes: Any) -> dict[str, Any]:
    """Return Clerk's User object with the fields that matter to a mirror."""
    return {
        "id": user_id,
        "object": "user",
        "username": None,
        "first_name": "Grace",
        "last_name": "Example",
        "image_url": "https://img.clerk.com/example",
        "primary_email_address_id": "idn_1",
        "email_addresses": [
            {"id": "idn_1", "email_address": "grace@example.com", "verification": {"status": "verified"}},
        ],
        "banned": False,
        "locked": False,
        "created_at": 1_700_000_000_000,
        "updated_at": 1_700_000_000_000,
    } | changes


def clerk_event(type_: str, data: object, **changes: Any) -> dict[str, Any]:
    """Return Clerk's event envelope around ``data``."""
    return {
        "object": "event",
        "type": type_,
        "data": data,
        "timestamp": 1_700_000_000_018,
        "instance_id": INSTANCE_ID,
    } | changes


def sign_delivery(body: bytes, svix_id: str, secret: str = WEBHOOK_SECRET, at: int | None = None) -> dict[str, str]:
    """Return the headers that Svix would send with ``body``."""
    at = int(time.time()) if at is None else at
    # By hand, because Svix's library signs text: a hostile body need not be UTF-8.
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.digest(key, f"{svix_id}.{at}.".encode() + body, "sha256")
    return {"svix-id": svix_id, "svix-timestamp": str(at), "svix-signature": f"v1,{base64.b64encode(mac).decode()}"}


@pytest.fixture
def deliver(client: FlaskClient) -> Callable[..., TestResponse]:
    """Send one signed event to the webhook route; ``event`` may be an object or raw bytes."""

    def send(event: object, svix_id: str | None = None, **headers: str) -> TestResponse:
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        signed = sign_delivery(body, svix_id or f"msg_{uuid.uuid4().hex}")
        return client.post("/api/webhooks/clerk", data=body, headers=signed | headers, content_type="application/json")

    return send


@pytest.fixture
def connect(app: Flask, database_url: str) -> ConnectionFactory:
    """The application's way to its empty, migrated database."""
    return ConnectionFactory(database_url, Path())


@pytest.fixture
def transactions(connect: ConnectionFactory) -> Iterator[TransactionalConnection]:
    """What the mirror's functions are given; what is not committed is undone."""
    with TransactionalConnection(connect) as transactions:
        yield transactions
