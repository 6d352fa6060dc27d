"""A fetch returns the keys that can verify session tokens, or one error that says why not."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from clerk_sync.clerk.errors import ApiError, ApiProtocolError, ApiRefusedError, ApiUnavailableError
from clerk_sync.clerk.jwks.fetch import fetch_key_set, parse_key_set
from clerk_sync.clerk.jwks.keys import key_set_of
from tests.clerk.api.scripted_api import DROPPED, Reply, ScriptedApi, answer, refusal
from tests.clerk.tokens.token_factory import FOREIGN, OURS
from tests.clerk.tokens.token_factory import encode as base64url
from tests.hostile_json import ODD_VALUES, each, encode, texts

SECRET_KEY = "sk_test_secretsecretsecretsecret"


def ids(server: ScriptedApi, *keys: object) -> list[str]:
    server.will_answer(answer({"keys": list(keys)}))
    return [entry.kid for entry in fetch_key_set(f"{server.url}/v1/jwks", None)]


def test_secret_key_goes_to_the_backend_api_and_nowhere_else(server: ScriptedApi) -> None:
    server.will_answer(answer({"keys": [OURS.jwk]}))
    fetch_key_set(f"{server.url}/v1/jwks", SECRET_KEY)
    fetch_key_set(f"{server.url}/.well-known/jwks.json", None)
    assert [asked.path for asked in server.asked] == ["/v1/jwks", "/.well-known/jwks.json"]
    assert [asked.headers.get("Authorization") for asked in server.asked] == [f"Bearer {SECRET_KEY}", None]


def test_netrc_does_not_replace_the_secret_key(
    server: ScriptedApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    server.will_answer(answer({"keys": [OURS.jwk]}))
    fetch_key_set(f"{server.url}/v1/jwks", SECRET_KEY)
    assert server.asked[0].headers["Authorization"] == f"Bearer {SECRET_KEY}"


def test_requests_to_a_local_clerk_use_no_proxy(server: ScriptedApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    assert ids(server, OURS.jwk) == [OURS.kid]


@pytest.mark.parametrize(
    "useless",
    [
        {"kty": "EC", "crv": "P-256", "kid": "ins_2x", "use": "sig", "x": "AA", "y": "AA"},
        {"kty": "oct", "kid": "ins_2x", "k": "AAAA"},
        OURS.jwk | {"kty": "EC"},
        OURS.jwk | {"use": "enc"},
        OURS.jwk | {"use": None},
        OURS.jwk | {"alg": "RS512"},
        OURS.jwk | {"kid": ""},
        OURS.jwk | {"kid": None},
        OURS.jwk | {"kid": 7},
        OURS.jwk | {"n": ""},
        OURS.jwk | {"n": "AQAB"},
        OURS.jwk | {"n": "é"},
        OURS.jwk | {"n": 65537},
        OURS.jwk | {"e": ""},
        OURS.jwk | {"e": "AA"},
        OURS.jwk | {"e": "Ag"},
        {"kid": "ins_2x"},
        None,
        "ins_2x",
        [],
    ],
)
def test_keys_that_cannot_have_signed_a_token_are_left_out(server: ScriptedApi, useless: object) -> None:
    assert ids(server, useless, FOREIGN.jwk, useless) == [FOREIGN.kid]


def test_further_parameters_of_a_key_are_fine(server: ScriptedApi) -> None:
    bare = {name: OURS.jwk[name] for name in ("kty", "kid", "n", "e")}
    assert ids(server, bare, FOREIGN.jwk | {"x5c": ["…"], "key_ops": ["verify"]}) == [OURS.kid, FOREIGN.kid]


@each(ODD_VALUES)
def test_an_odd_value_beside_a_good_key_does_not_cost_the_set(odd: Raw) -> None:
    for key_set in (
        {"keys": [OURS.jwk], "unread": odd},
        {"keys": [OURS.jwk | {"unread": odd}]},
        {"keys": [odd, OURS.jwk, {"kty": odd}]},
        *({"keys": [FOREIGN.jwk | {name: odd}, OURS.jwk]} for name in ("kid", "n", "e", "use", "alg", "kty")),
    ):
        assert OURS.kid in [entry.kid for entry in parse_key_set(encode(key_set))]


@given(body=texts(["keys", *OURS.jwk], [encode(OURS.jwk), encode([OURS.jwk]), *map(encode, OURS.jwk.values())]))
def test_any_bytes_are_a_key_set_or_a_protocol_error(body: bytes) -> None:
    with suppress(ApiProtocolError):
        key_set_of(parse_key_set(body))


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"null", b"[]", b"{}", b'{"keys":null}', b'{"keys":{}}', b'{"keys":[]}', b'{"keys":[{}]}', b"<html>"),
        *(b'{"keys":[', b"\xff\xfe", b'{"keys":' + b"[" * 100_000, b'{"keys":[1,"\\ud800"]}'),
    ],
)
def test_body_without_a_usable_key_is_a_protocol_error(body: bytes) -> None:
    with pytest.raises(ApiProtocolError):
        parse_key_set(body)


ANYTHING = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.lists(st.integers(), max_size=2)
NUMBERS = st.binary(max_size=300).map(base64url) | ANYTHING


@given(kid=ANYTHING, modulus=NUMBERS, exponent=NUMBERS)
def test_any_listed_value_is_a_key_or_left_out(kid: object, modulus: object, exponent: object) -> None:
    listed = OURS.jwk | {"kid": kid, "n": modulus, "e": exponent}
    entries = parse_key_set(json.dumps({"keys": [listed, FOREIGN.jwk]}).encode())
    assert entries[-1].kid == FOREIGN.kid
    key_set_of(entries)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (refusal(401, "clerk_key_invalid"), ApiRefusedError),
        (answer(b"", 302, Location="http://127.0.0.1:1/elsewhere"), ApiRefusedError),
        (answer(b"", 404), ApiRefusedError),
        (answer(b"", 429), ApiUnavailableError),
        (answer(b"", 500), ApiUnavailableError),
        (answer(b"", 204), ApiProtocolError),
        (answer(b" " * (1024 * 1024 + 1)), ApiUnavailableError),
        (Reply(parts=[b'{"keys":[]}'], cut=4), ApiUnavailableError),
        (answer(b"{}", content_encoding="gzip"), ApiUnavailableError),
        (DROPPED, ApiUnavailableError),
    ],
)
def test_answer_without_keys_is_one_error(server: ScriptedApi, reply: Reply, expected: type[ApiError]) -> None:
    server.will_answer(reply)
    with pytest.raises(expected):
        fetch_key_set(f"{server.url}/v1/jwks", SECRET_KEY)
    assert len(server.asked) == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1/jwks", "http://127.0.0.1:99999/", "http://[/", "nonsense", ""])
def test_address_that_does_not_answer_is_one_error(url: str) -> None:
    with pytest.raises(ApiUnavailableError):
        fetch_key_set(url, None)


def test_key_that_no_header_can_carry_is_one_error_that_does_not_quote_it(server: ScriptedApi) -> None:
    with pytest.raises(ApiUnavailableError) as caught:
        fetch_key_set(f"{server.url}/v1/jwks", "sk_test_sécrét€")
    assert "crét" not in str(caught.value)


def test_a_source_that_does_not_respond_times_out(server: ScriptedApi) -> None:
    hold = threading.Event()
    server.will_answer(Reply(hold=hold))
    with pytest.raises(ApiUnavailableError):
        fetch_key_set(f"{server.url}/v1/jwks", None, read_timeout_s=0.05)
    hold.set()


def test_a_source_that_responds_too_slowly_times_out(server: ScriptedApi) -> None:
    """Each part arrives in time; the whole does not."""
    pause = threading.Event()
    server.will_answer(Reply(parts=[b" "] * 400, between=lambda: pause.wait(0.01)))
    with pytest.raises(ApiUnavailableError, match="too slowly"):
        fetch_key_set(f"{server.url}/v1/jwks", None, read_timeout_s=0.2)
    pause.set()
