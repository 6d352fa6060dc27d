"""The stand-in answers as the local Clerk does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from bench.population import Population
from bench.running import stand_in as start_stand_in
from bench.stand_in import TALLY_PATH, StandIn
from bench.stand_in_cost import measure_stand_in
from clerk_sync.clerk.api.client import ClerkApi
from clerk_sync.clerk.api.transport import Transport, limiter_for
from clerk_sync.emulator import LocalClerk
from clerk_sync.emulator.users.schemas import User
from tests.bench.conftest import USERS

Parameters = dict[str, Any]


@contextmanager
def serving(population: Population, *, latency_s: float = 0.0, allowed: int = 10_000) -> Iterator[str]:
    with StandIn(population, port=0, latency_s=latency_s, requests_per_period=allowed) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def url(population: Population) -> Iterator[str]:
    with serving(population) as url:
        yield url


def ask_clerk(clerk: LocalClerk, path: str, parameters: Parameters) -> requests.Response:
    headers = {"Authorization": f"Bearer {clerk.secret_key}"}
    return requests.get(clerk.url + path, params=parameters, headers=headers, timeout=10)


@pytest.fixture(scope="module")
def middle(clerk: LocalClerk) -> User:
    """A user in the middle of the list."""
    return clerk.users.snapshot()[USERS // 2]


def queries(user_id: str, created_at: int, later_id: str) -> Iterator[Parameters]:
    """Yield every query that sync sends, and its edge cases."""
    ascending: Parameters = {"order_by": "created_at"}
    yield ascending
    yield ascending | {"limit": 500}
    yield ascending | {"limit": 501}
    yield ascending | {"limit": 0}
    yield ascending | {"limit": "5.0"}
    yield ascending | {"limit": 500, "offset": 450}
    yield ascending | {"limit": 500, "offset": USERS}
    yield ascending | {"limit": 1, "offset": USERS - 1}
    yield ascending | {"limit": 3, "starting_after": user_id}
    yield ascending | {"limit": 3, "starting_after": user_id, "offset": 1}
    yield ascending | {"limit": 3, "starting_after": "user_nobody"}
    yield ascending | {"limit": 500, "created_at_after": created_at}
    yield ascending | {"limit": 500, "created_at_before": created_at}
    yield ascending | {"limit": 500, "created_at_after": created_at - 1, "created_at_before": created_at + 1}
    yield ascending | {"limit": 5, "created_at_after": created_at - 100_000, "starting_after": user_id}
    yield ascending | {"limit": 5, "created_at_after": created_at, "created_at_before": created_at - 5}
    yield ascending | {"limit": 5, "created_at_after": "yesterday"}
    yield {"order_by": "-created_at", "limit": 4}
    yield {"order_by": "-created_at", "limit": 4, "starting_after": user_id}
    yield {"order_by": "no_such_field"}
    yield {"limit": 100, "user_id": [later_id, user_id, "user_nobody"]}
    yield ascending | {"limit": 100, "user_id": [later_id, user_id]}
    yield ascending | {"limit": 100, "user_id": [later_id, user_id], "created_at_before": created_at + 1}
    yield {"limit": 100, "user_id": ["user_nobody"] * 101}


def test_every_page_equals_the_local_clerks_page(url: str, clerk: LocalClerk, middle: User) -> None:
    latest = clerk.users.snapshot()[-1]
    for parameters in queries(middle.id, middle.created_at, latest.id):
        ours, theirs = (
            requests.get(f"{url}/v1/users", parameters, timeout=10),
            ask_clerk(clerk, "/v1/users", parameters),
        )

        assert ours.status_code == theirs.status_code, parameters
        if ours.ok:
            assert ours.json() == theirs.json(), parameters
        else:
            assert ours.json()["errors"][0]["code"] == theirs.json()["errors"][0]["code"], parameters
            assert ours.json()["errors"][0]["meta"] == theirs.json()["errors"][0]["meta"], parameters


def test_every_count_equals_the_local_clerks_count(url: str, clerk: LocalClerk, middle: User) -> None:
    created_at = middle.created_at
    windows: list[Parameters] = [
        {},
        {"created_at_after": created_at},
        {"created_at_before": created_at},
        {"created_at_after": created_at, "created_at_before": created_at},
    ]
    for window in windows:
        ours = requests.get(f"{url}/v1/users/count", window, timeout=10)

        assert ours.json() == ask_clerk(clerk, "/v1/users/count", window).json(), window


def test_one_user_equals_the_local_clerks_and_an_unknown_one_is_404(url: str, clerk: LocalClerk, middle: User) -> None:
    for user_id in (middle.id, "user_nobody"):
        ours, theirs = (
            requests.get(f"{url}/v1/users/{user_id}", timeout=10),
            ask_clerk(clerk, f"/v1/users/{user_id}", {}),
        )

        assert ours.status_code == theirs.status_code
        assert ours.json().get("id") == theirs.json().get("id")


def test_unsupported_parameters_are_refused_and_not_ignored(url: str) -> None:
    for parameters in ({"email_address": "a@example.com"}, {"user_id": "-user_nobody"}):
        assert requests.get(f"{url}/v1/users", parameters, timeout=10).status_code == 422
    assert requests.get(f"{url}/v1/organizations", timeout=10).status_code == 404


def test_the_services_own_client_reads_it_to_the_end(url: str, population: Population) -> None:
    api = ClerkApi(Transport(url, "sk_live_x", limiter=limiter_for("sk_live_x")))

    first = api.list_users()
    second = api.list_users(starting_after=first.last_id)

    assert [first.count, second.count] == [500, USERS - 500]
    assert first.unmappable == second.unmappable == []
    assert {user.clerk_id for user in first.users + second.users} == set(population.positions)
    assert api.get_instance().environment_type == "production"


def test_beyond_the_limit_it_answers_429_with_retry_after(population: Population) -> None:
    with serving(population, allowed=2) as url:
        answers = [requests.get(f"{url}/v1/users/count", timeout=10) for _ in range(3)]
        tally = requests.get(url + TALLY_PATH, timeout=10).json()

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 10
    assert (tally["requests"], tally["refused"]) == (3, 1)


def test_a_response_has_the_configured_latency(population: Population) -> None:
    with serving(population, latency_s=0.05) as url:
        answer = requests.get(f"{url}/v1/users?limit=2&order_by=created_at", timeout=10)
        tally = requests.get(url + TALLY_PATH, timeout=10).json()

    assert answer.elapsed.total_seconds() >= 0.05
    assert (tally["requests"], tally["users"]) == (1, 2)


def test_it_is_faster_than_any_sync() -> None:
    with start_stand_in(5000) as clerk:
        cost = measure_stand_in(clerk)

    assert cost.users_per_cpu_s > 100_000


def test_an_empty_population_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Population(0)
