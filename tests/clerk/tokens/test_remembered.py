"""A token is verified once. Its own times, and a change of the keys, end that at once."""

from __future__ import annotations

import threading

import pytest
from jose.backends.base import Key

from clerk_sync.clerk.errors import TokenError
from clerk_sync.clerk.jwks.keys import KeySet, key_set_of_pem
from clerk_sync.clerk.tokens.rejection import TokenRejection
from clerk_sync.clerk.tokens.verifier import TokenVerifier
from tests.clerk.tokens.token_factory import NOW, OURS, POLICY, SESSION_ID, USER_ID, Clock


class CountingKey(Key):
    """The real key, which counts its uses."""

    def __init__(self) -> None:
        self._key = key_set_of_pem(OURS.pem).without_kid[0]
        self.uses = 0

    def verify(self, msg: bytes, sig: bytes) -> bool:
        self.uses += 1
        return self._key.verify(msg, sig)


class ReplaceableKeys:
    """A source whose keys a test replaces."""

    def __init__(self, *keys: Key) -> None:
        self.key_set = KeySet(without_kid=keys)

    def current(self) -> KeySet:
        return self.key_set

    def refreshed(self, key_set: KeySet) -> KeySet:
        return key_set


@pytest.fixture
def key() -> CountingKey:
    return CountingKey()


@pytest.fixture
def keys(key: CountingKey) -> ReplaceableKeys:
    return ReplaceableKeys(key)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def verifier(keys: ReplaceableKeys, clock: Clock) -> TokenVerifier:
    return TokenVerifier(keys, POLICY, clock=clock, remembered_tokens=3)


def reason(verifier: TokenVerifier, token: str) -> str | None:
    try:
        verifier.verify(token)
    except TokenError as error:
        return error.reason
    return None


def test_token_is_verified_once(verifier: TokenVerifier, key: CountingKey) -> None:
    token = OURS.mint()
    assert verifier.verify(token) == verifier.verify(f"{token} ".strip())
    assert key.uses == 1


def test_remembered_token_expires_on_time(verifier: TokenVerifier, clock: Clock) -> None:
    token = OURS.mint(exp=NOW + 60)
    assert reason(verifier, token) is None
    clock.now = NOW + 64.9
    assert reason(verifier, token) is None
    clock.now = NOW + 65
    assert reason(verifier, token) == TokenRejection.EXPIRED


def test_remembered_token_is_not_valid_before_its_time(verifier: TokenVerifier, clock: Clock) -> None:
    """The clock was fast when the tokens arrived, and is set back."""
    early, unborn = OURS.mint(nbf=NOW + 30), OURS.mint(iat=NOW + 30)
    clock.now = NOW + 30
    assert [reason(verifier, early), reason(verifier, unborn)] == [None, None]
    clock.now = NOW
    assert [reason(verifier, early), reason(verifier, unborn)] == [
        TokenRejection.NOT_YET_VALID,
        TokenRejection.ISSUED_IN_THE_FUTURE,
    ]


def test_remembered_token_ends_with_its_key(verifier: TokenVerifier, keys: ReplaceableKeys) -> None:
    token = OURS.mint()
    assert reason(verifier, token) is None
    keys.key_set = KeySet()
    assert reason(verifier, token) == TokenRejection.UNKNOWN_KEY


def test_a_token_verified_while_the_keys_changed_does_not_outlive_them(keys: ReplaceableKeys) -> None:
    """A race: the key is removed while it verifies a token."""

    class LeavingKey(CountingKey):
        def verify(self, msg: bytes, sig: bytes) -> bool:
            keys.key_set = KeySet()
            return super().verify(msg, sig)

    keys.key_set = KeySet(without_kid=(LeavingKey(),))
    verifier = TokenVerifier(keys, POLICY, clock=Clock())
    token = OURS.mint()
    assert reason(verifier, token) is None
    assert reason(verifier, token) == TokenRejection.UNKNOWN_KEY


def test_the_oldest_token_is_forgotten_first(verifier: TokenVerifier, key: CountingKey) -> None:
    tokens = [OURS.mint(jti=str(number)) for number in range(4)]
    for token in tokens:
        verifier.verify(token)
    assert key.uses == 4
    for token in tokens[1:]:
        verifier.verify(token)
    assert key.uses == 4
    verifier.verify(tokens[0])
    assert key.uses == 5


def test_refused_token_is_not_remembered(verifier: TokenVerifier, clock: Clock) -> None:
    """A token that is too early now is accepted later."""
    token = OURS.mint(nbf=NOW + 30)
    assert reason(verifier, token) == TokenRejection.NOT_YET_VALID
    clock.now = NOW + 30
    assert reason(verifier, token) is None


def test_token_that_shares_a_signature_is_not_taken_for_the_remembered_one(verifier: TokenVerifier) -> None:
    token, other = OURS.mint(), OURS.mint(sub="user_2other")
    verifier.verify(token)
    header, claims, _ = other.split(".")
    assert reason(verifier, f"{header}.{claims}.{token.rpartition('.')[2]}") == TokenRejection.WRONG_SIGNATURE


def test_threads_share_what_is_remembered(verifier: TokenVerifier) -> None:
    """More tokens than are remembered, from several threads: each result belongs to its own token."""
    tokens = {OURS.mint(sub=f"{USER_ID}{number}"): f"{USER_ID}{number}" for number in range(6)}
    start = threading.Barrier(4)
    wrong: list[str] = []

    def work() -> None:
        start.wait()
        for _ in range(30):
            for token, user_id in tokens.items():
                proof = verifier.verify(token)
                if (proof.user_id, proof.session_id) != (user_id, SESSION_ID):
                    wrong.append(user_id)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
