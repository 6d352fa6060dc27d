"""The cost of a key set under load: forged tokens, many threads, and a source that hangs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from clerk_sync.clerk.jwks.keys import COOLDOWN_S
from clerk_sync.clerk.tokens.rejection import TokenRejection
from clerk_sync.clerk.tokens.verifier import TokenVerifier
from tests.clerk.api.scripted_api import DROPPED, Reply, ScriptedApi, answer
from tests.clerk.jwks.published_keys import make_verifier, outcome, publish, unknown
from tests.clerk.jwks.waiting import wait_until
from tests.clerk.tokens.token_factory import FOREIGN, NOW, OURS, Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(server: ScriptedApi, clock: Clock) -> TokenVerifier:
    """A verifier whose keys come from the server, which publishes ours."""
    publish(server, OURS)
    return make_verifier(server, clock)


def test_unknown_keys_cost_one_fetch_a_cooldown(tokens: TokenVerifier, server: ScriptedApi, clock: Clock) -> None:
    """T17. A token a second for half a minute: three fetches, the first for the first good token."""
    tokens.verify(OURS.mint())
    for second in range(30):
        clock.now = NOW + second
        assert outcome(tokens, unknown(second)) == TokenRejection.UNKNOWN_KEY
    assert len(server.asked) == 3


def test_bad_signatures_cost_one_fetch_a_cooldown(tokens: TokenVerifier, server: ScriptedApi, clock: Clock) -> None:
    for second in range(30):
        clock.now = NOW + second
        assert (
            outcome(tokens, FOREIGN.mint(header={"kid": OURS.kid}, jti=str(second))) == TokenRejection.WRONG_SIGNATURE
        )
    assert len(server.asked) == 3


def test_attempts_count_when_they_fail(tokens: TokenVerifier, server: ScriptedApi, clock: Clock) -> None:
    tokens.verify(OURS.mint())
    server.will_answer(DROPPED)
    for second in range(30):
        clock.now = NOW + second
        assert outcome(tokens, unknown(second)) == TokenRejection.UNKNOWN_KEY
    assert len(server.asked) == 3


def test_storm_from_many_threads_costs_one_fetch(tokens: TokenVerifier, server: ScriptedApi, clock: Clock) -> None:
    """T17."""
    tokens.verify(OURS.mint())
    clock.now += COOLDOWN_S
    start = threading.Barrier(8)

    def storm() -> None:
        start.wait()
        for number in range(20):
            outcome(tokens, unknown(number))

    run_together(*[storm] * 8)
    assert len(server.asked) == 2


def test_a_request_with_keys_at_hand_does_not_wait_for_a_fetch(
    tokens: TokenVerifier, server: ScriptedApi, clock: Clock
) -> None:
    """A forged token has started a fetch from a source that hangs. No other request is delayed."""
    tokens.verify(OURS.mint())
    clock.now += COOLDOWN_S
    hold = threading.Event()
    server.will_answer(Reply(hold=hold))
    forged = threading.Thread(target=outcome, args=(tokens, unknown(1)))
    forged.start()
    wait_until(lambda: len(server.asked) == 2)
    clock.now += 1
    try:
        assert outcome(tokens, OURS.mint(jti="2")) == "verified"
        assert outcome(tokens, unknown(2)) == TokenRejection.UNKNOWN_KEY
        assert forged.is_alive()
    finally:
        hold.set()
        forged.join()
    assert len(server.asked) == 2


def test_first_requests_share_the_first_fetch(tokens: TokenVerifier, server: ScriptedApi) -> None:
    """The worker starts under load: all requests wait for the one response, and none is refused."""
    hold = threading.Event()
    server.will_answer(Reply(parts=answer({"keys": [OURS.jwk]}).parts, hold=hold))
    outcomes: list[str] = []

    def ask() -> None:
        outcomes.append(outcome(tokens, OURS.mint()))

    def let_go() -> None:
        wait_until(lambda: len(server.asked) == 1)
        hold.set()

    run_together(*[ask] * 4, let_go)
    assert outcomes == ["verified"] * 4
    assert len(server.asked) == 1


def run_together(*work: Callable[[], Any]) -> None:
    threads = [threading.Thread(target=each) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
