"""The cached key set stays right: new, rotated, removed and missing keys, and useless responses."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from clerk_sync.clerk.errors import KeysUnavailableError
from clerk_sync.clerk.jwks.keys import COOLDOWN_S, TIME_TO_LIVE_S
from clerk_sync.clerk.tokens.rejection import TokenRejection
from clerk_sync.clerk.tokens.verifier import TokenVerifier
from tests.clerk.api.scripted_api import DROPPED, Reply, ScriptedApi, answer, refusal
from tests.clerk.jwks.published_keys import SECRET_KEY, make_verifier, outcome, publish, unknown
from tests.clerk.tokens.token_factory import FOREIGN, NOW, OURS, Clock, Instance

ROTATED = Instance(OURS.kid)
LONG: dict[str, Any] = {"exp": NOW + 100_000}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(server: ScriptedApi, clock: Clock) -> TokenVerifier:
    """A verifier whose keys come from the server, which publishes ours."""
    publish(server, OURS)
    return make_verifier(server, clock)


def test_one_fetch_serves_many_tokens(tokens: TokenVerifier, server: ScriptedApi) -> None:
    for number in range(5):
        assert outcome(tokens, OURS.mint(jti=str(number))) == "verified"
    assert len(server.asked) == 1


def test_nothing_is_fetched_before_the_first_token(tokens: TokenVerifier, server: ScriptedApi) -> None:
    assert outcome(tokens, "garbage") == TokenRejection.MALFORMED
    assert server.asked == []


@pytest.mark.parametrize("kid", [None, "", 7, ["ins_2ours"]])
def test_token_without_a_key_id_is_refused(tokens: TokenVerifier, kid: object) -> None:
    assert outcome(tokens, OURS.mint(header={"kid": kid})) == TokenRejection.UNKNOWN_KEY
    assert outcome(tokens, OURS.mint(without=["kid"])) == TokenRejection.UNKNOWN_KEY


def test_new_key_is_accepted_after_the_cooldown(tokens: TokenVerifier, server: ScriptedApi, clock: Clock) -> None:
    """The worst case: the new key is published just after a fetch, and the next fetch fails."""
    tokens.verify(OURS.mint())
    server.will_answer(DROPPED, answer({"keys": [FOREIGN.jwk]}))
    token = FOREIGN.mint(**LONG)
    assert outcome(tokens, token) == TokenRejection.UNKNOWN_KEY
    clock.now = NOW + COOLDOWN_S
    assert outcome(tokens, token) == TokenRejection.UNKNOWN_KEY
    clock.now = NOW + 2 * COOLDOWN_S
    assert outcome(tokens, token) == "verified"
    assert clock.now - NOW < 35


def test_rotated_key_may_keep_its_id(tokens: TokenVerifier, server: ScriptedApi, clock: Clock) -> None:
    old, new = OURS.mint(), ROTATED.mint()
    tokens.verify(old)
    publish(server, ROTATED)
    clock.now += COOLDOWN_S
    assert outcome(tokens, new) == "verified"
    assert outcome(tokens, old) == TokenRejection.WRONG_SIGNATURE


def test_two_keys_may_share_an_id_while_they_are_exchanged(tokens: TokenVerifier, server: ScriptedApi) -> None:
    publish(server, OURS, ROTATED)
    assert outcome(tokens, OURS.mint()) == "verified"
    assert outcome(tokens, ROTATED.mint()) == "verified"


def test_removed_key_ends_its_remembered_tokens(tokens: TokenVerifier, server: ScriptedApi, clock: Clock) -> None:
    token = OURS.mint(**LONG)
    tokens.verify(token)
    publish(server, FOREIGN)
    clock.now += TIME_TO_LIVE_S - 1
    assert outcome(tokens, token) == "verified"
    clock.now += 1
    assert outcome(tokens, token) == TokenRejection.UNKNOWN_KEY


def test_unchanged_set_keeps_its_remembered_tokens(tokens: TokenVerifier, server: ScriptedApi, clock: Clock) -> None:
    key_set = tokens.keys.current()
    clock.now += TIME_TO_LIVE_S
    assert tokens.keys.current() is key_set
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "reply",
    [
        DROPPED,
        refusal(401, "clerk_key_invalid"),
        answer(b"", 500),
        answer({"keys": []}),
        answer({"keys": [OURS.jwk | {"kty": "EC"}]}),
        answer({"keys": [OURS.jwk | {"use": "enc"}]}),
        answer({"keys": "none"}),
        answer([]),
        answer(b"<html>We will be back soon</html>"),
    ],
)
def test_useless_answer_never_replaces_a_good_set(
    tokens: TokenVerifier, server: ScriptedApi, clock: Clock, reply: Reply
) -> None:
    """T18, also long after the time to live."""
    token = OURS.mint(**LONG)
    tokens.verify(token)
    server.will_answer(reply)
    for hour in range(1, 4):
        clock.now = NOW + hour * 3600
        assert outcome(tokens, token) == "verified"
        assert outcome(tokens, OURS.mint(**LONG, jti=str(hour))) == "verified"
    assert len(server.asked) == 4


def test_without_any_key_keys_are_unavailable(server: ScriptedApi, clock: Clock) -> None:
    server.will_answer(DROPPED)
    tokens = make_verifier(server, clock)
    for second in range(COOLDOWN_S):
        clock.now = NOW + second
        with pytest.raises(KeysUnavailableError) as caught:
            tokens.verify(OURS.mint())
        assert caught.value.retry_after_s == COOLDOWN_S - second
    assert len(server.asked) == 1
    publish(server, OURS)
    clock.now = NOW + COOLDOWN_S
    assert outcome(tokens, OURS.mint()) == "verified"


def test_set_of_a_foreign_instance_proves_nothing(tokens: TokenVerifier, server: ScriptedApi) -> None:
    """The wrong secret key is configured: our tokens have an unknown key, theirs another issuer."""
    publish(server, FOREIGN)
    assert outcome(tokens, OURS.mint()) == TokenRejection.UNKNOWN_KEY
    assert outcome(tokens, FOREIGN.mint(iss="https://clerk.other.example.com")) == TokenRejection.VERIFICATION_FAILED


def test_clock_that_is_set_back_does_not_stop_fetching(
    tokens: TokenVerifier, server: ScriptedApi, clock: Clock
) -> None:
    tokens.verify(OURS.mint())
    clock.now = NOW - 3600
    assert outcome(tokens, unknown(1)) == TokenRejection.UNKNOWN_KEY
    assert len(server.asked) == 2


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """The log lines of the package."""
    written: list[str] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(f"{record.levelname} {record.getMessage()}")

    log, handler = logging.getLogger("clerk_sync.clerk"), Lines()
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield written
    log.removeHandler(handler)
    log.setLevel(level)


def test_each_fetch_is_one_line_without_addresses_and_secrets(
    tokens: TokenVerifier, server: ScriptedApi, clock: Clock, lines: list[str]
) -> None:
    tokens.verify(OURS.mint())
    clock.now += COOLDOWN_S
    server.will_answer(refusal(401, "clerk_key_invalid"))
    token = unknown(1)
    outcome(tokens, token)
    assert [line.split(":")[0] for line in lines] == ["INFO key set fetched", "WARNING key set not fetched"]
    assert "clerk_key_invalid" in lines[1]
    for secret in (SECRET_KEY, token, server.url):
        assert secret not in "".join(lines)
