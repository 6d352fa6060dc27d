"""A scripted Backend API, a clock that only sleeping moves, and the client between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from clerk_sync.clerk.api.client import ClerkApi
from clerk_sync.clerk.api.transport import Transport, limiter_for
from tests.clerk.api.scripted_api import FakeTime, ScriptedApi

SECRET_KEY = "sk_test_secretsecretsecretsecret"


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def server() -> Iterator[ScriptedApi]:
    with ScriptedApi().running() as server:
        yield server


@pytest.fixture
def make_transport(server: ScriptedApi, fake_time: FakeTime) -> Iterator[Callable[..., Transport]]:
    """A factory of transports to the scripted API, on the fake clock; options can be replaced."""
    made: list[Transport] = []

    def make(api_url: str = server.url, secret_key: str = SECRET_KEY, **options: Any) -> Transport:
        time: dict[str, Any] = {"clock": fake_time.clock, "sleep": fake_time.sleep}
        defaults: dict[str, Any] = {"limiter": limiter_for(secret_key, **time), "jitter": lambda: 1.0, **time}
        made.append(Transport(api_url, secret_key, **(defaults | options)))
        return made[-1]

    yield make
    for transport in made:
        transport.close()


@pytest.fixture
def transport(make_transport: Callable[..., Transport]) -> Transport:
    return make_transport()


@pytest.fixture
def api(transport: Transport) -> ClerkApi:
    return ClerkApi(transport)
