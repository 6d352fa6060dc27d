"""Authentication: 401 with Clerk's reason, 403 with ours, 503 if keys or database are unavailable, never 500."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from clerk_sync.settings.settings import LogFormat
from tests.conftest import ORIGIN, PUBLISHABLE_KEY

SUFFIXED = f"__session_{PUBLISHABLE_KEY.cookie_suffix}"
USER_ID = "user_2aaaaaaaaaaaaaaaaaaaaaaaaaa"

MakeApp = Callable[..., Flask]
Token = Callable[..., str]
Query = Callable[..., list[tuple[Any, ...]]]


def ask(client: FlaskClient, path: str = "/api/session", method: str = "GET", **headers: str) -> TestResponse:
    # Without a cookie jar, which would replace the Cookie header.
    return client.application.test_client(use_cookies=False).open(path, method=method, headers=headers)


def reason(response: TestResponse) -> str:
    assert response.status_code == 401
    assert response.content_type == "application/problem+json"
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.headers["x-clerk-auth-status"] == "signed-out"
    assert response.headers["x-clerk-auth-reason"] == response.get_json()["code"]
    return str(response.get_json()["code"])


def code(response: TestResponse) -> tuple[int, str]:
    return response.status_code, response.get_json()["code"]


def test_header_signs_in(client: FlaskClient, session_token: Token) -> None:
    token = session_token(o={"id": "org_2x", "slg": "acme", "rol": "admin"}, iat=int(time.time()) - 1.5)
    response = ask(client, Authorization=f"bearer {token}")
    assert response.status_code == 200
    session = response.get_json()
    assert (session["user_id"], session["session_id"]) == (USER_ID, "sess_2bbbbbbbbbbbbbbbbbbbbbbbbbb")
    assert session["org"] == {"id": "org_2x", "slug": "acme", "role": "org:admin"}
    assert type(session["issued_at"]) is type(session["expires_at"]) is int


@pytest.mark.parametrize("name", ["__session", SUFFIXED])
def test_cookie_signs_in(client: FlaskClient, session_token: Token, name: str) -> None:
    """T1."""
    assert ask(client, Cookie=f"a=b; {name}={session_token()}; c=d").status_code == 200


def test_no_credential_is_missing(client: FlaskClient) -> None:
    assert reason(ask(client)) == "session-token-missing"
    assert reason(ask(client, Cookie="other=x; __session=")) == "session-token-missing"


def test_an_expired_cookie_of_a_background_tab_is_an_expired_session(client: FlaskClient, session_token: Token) -> None:
    """T4."""
    hour_ago = int(time.time()) - 3600
    token = session_token(iat=hour_ago, nbf=hour_ago, exp=hour_ago + 60)
    assert reason(ask(client, Cookie=f"__session={token}; {SUFFIXED}={token}")) == "session-token-expired"


def test_other_applications_plain_cookie_does_no_harm(client: FlaskClient, session_token: Token) -> None:
    """T9: two applications on one host."""
    other = session_token(iss="https://clerk.other.example.com")
    assert ask(client, Cookie=f"__session={other}; {SUFFIXED}={session_token()}").status_code == 200


def test_plain_cookie_counts_where_the_own_one_is_refused(client: FlaskClient, session_token: Token) -> None:
    assert ask(client, Cookie=f"{SUFFIXED}=stale; __session={session_token()}").status_code == 200


@pytest.mark.parametrize("name", ["__session", SUFFIXED])
@pytest.mark.parametrize("path", ["/api/session", "/api/me", "/api/orders", "/api/cart"])
@pytest.mark.parametrize("stale", ["expired", "foreign", "junk", "several"])
def test_of_two_cookies_with_one_name_the_first_good_one_counts(
    client: FlaskClient, session_token: Token, name: str, path: str, stale: str
) -> None:
    """A browser sends the cookie with the longer path first, even if it is older."""
    expired, foreign = (
        session_token("user_old", exp=1),
        session_token("user_old", iss="https://clerk.other.example.com"),
    )
    first = {"expired": [expired], "foreign": [foreign], "junk": ["x"], "several": [expired, foreign, "x", "a.b.c"]}
    tokens = [*first[stale], session_token(), session_token("user_second")]
    answer = ask(client, path, Cookie="; ".join(f"{name}={token}" for token in tokens))
    assert answer.status_code == 200
    if path == "/api/session":
        assert answer.get_json()["user_id"] == USER_ID


def test_a_bearer_header_decides_with_any_cookies(client: FlaskClient, session_token: Token) -> None:
    good = session_token()
    assert reason(ask(client, Authorization="Bearer x", Cookie=f"__session=x; __session={good}")) == "token-invalid"


def test_the_reason_is_that_of_the_first_of_several_cookies(client: FlaskClient, session_token: Token) -> None:
    stale = session_token(exp=1)
    assert reason(ask(client, Cookie=f"__session={stale}; __session=x")) == "session-token-expired"


def test_reason_is_that_of_the_own_cookie(client: FlaskClient, session_token: Token) -> None:
    response = ask(client, Cookie=f"__session=junk; {SUFFIXED}={session_token(exp=1)}")
    assert reason(response) == "session-token-expired"


def test_scheme_that_is_not_bearer_leaves_it_to_the_cookie(client: FlaskClient, session_token: Token) -> None:
    """T12."""
    cookie = f"__session={session_token()}"
    assert ask(client, Authorization="Basic dXNlcjpwYXNz", Cookie=cookie).status_code == 200
    assert ask(client, Authorization=session_token(), Cookie=cookie).status_code == 200
    assert reason(ask(client, Authorization=session_token())) == "session-token-missing"


@pytest.mark.parametrize(
    "bad",
    [
        *("Bearer", "Bearer ", "Bearer junk", "bearer {} more", "Bearer {},", 'Bearer "{}"'),
        *("Bearer é", "Bearer {}é", "Bearer\xa0{}", "é", ""),
    ],
)
def test_bad_bearer_is_not_rescued_by_a_cookie(client: FlaskClient, session_token: Token, bad: str) -> None:
    """T13."""
    token = session_token()
    response = ask(client, Authorization=bad.format(token), Cookie=f"__session={token}")
    assert reason(response) == "token-invalid"


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"exp": 1}, "session-token-expired"),
        ({"nbf": 2**40}, "session-token-nbf"),
        ({"iat": 2**40}, "session-token-iat-in-the-future"),
        ({"azp": "https://evil.example.com"}, "token-invalid-authorized-parties"),
        ({"header": {"alg": "HS256"}}, "token-invalid-algorithm"),
        ({"header": {"cat": "cl_B7d4PD222AAA"}}, "token-type-mismatch"),
        ({"sts": "pending"}, "token-verification-failed"),
    ],
)
def test_refusal_uses_clerks_word(
    client: FlaskClient, session_token: Token, claims: dict[str, Any], expected: str
) -> None:
    assert reason(ask(client, Authorization=f"Bearer {session_token(**claims)}")) == expected


def test_refusal_shows_nothing_of_the_token_or_the_configuration(client: FlaskClient, session_token: Token) -> None:
    token = session_token(azp="https://evil.example.com")
    text = str(ask(client, Authorization=f"Bearer {token}").get_data(as_text=True))
    for secret in (token, ORIGIN, "evil", PUBLISHABLE_KEY.issuer):
        assert secret not in text


def test_session_needs_no_database(make_app: MakeApp, session_token: Token) -> None:
    client = make_app(database_url="postgresql://127.0.0.1:1/none").test_client()
    assert ask(client, Authorization=f"Bearer {session_token()}").status_code == 200
    assert ask(client, "/api/me", Authorization=f"Bearer {session_token()}").status_code == 503


def test_the_first_request_of_a_user_creates_the_row(client: FlaskClient, session_token: Token, query: Query) -> None:
    """T20: the user has just signed up, and the webhook has not arrived."""
    response = ask(client, "/api/me", Authorization=f"Bearer {session_token()}")
    assert (response.status_code, response.get_json()["role"]) == (200, "CLIENT")
    assert query("SELECT clerk_id, clerk_updated_at FROM users") == [(USER_ID, 0)]


@pytest.mark.parametrize(
    ("change", "expected"), [("deleted_at = now()", "user-deleted"), ("banned = true", "user-banned")]
)
def test_deletion_and_ban_count_at_once(
    client: FlaskClient, session_token: Token, query: Query, change: str, expected: str
) -> None:
    """T20: even if the token is valid and cached."""
    token = session_token()
    assert ask(client, "/api/me", Authorization=f"Bearer {token}").status_code == 200
    query(f"UPDATE users SET {change}")
    assert code(ask(client, "/api/me", Authorization=f"Bearer {token}")) == (403, expected)
    # The token itself stays valid.
    assert ask(client, Authorization=f"Bearer {token}").status_code == 200


def test_the_row_decides_who_is_an_admin(client: FlaskClient, session_token: Token, query: Query) -> None:
    """An organisation's admin is not an ADMIN of ours."""
    token = session_token(o={"id": "org_2x", "rol": "admin"}, role="ADMIN", metadata={"role": "ADMIN"})
    assert code(ask(client, "/api/admin/users", Authorization=f"Bearer {token}")) == (403, "forbidden")
    query("UPDATE users SET role = 'ADMIN'")
    assert ask(client, "/api/admin/users", Authorization=f"Bearer {token}").status_code == 200


@pytest.mark.parametrize("token", ["good", "bad", None])
def test_without_configured_keys_every_request_is_answered_503(
    make_app: MakeApp, session_token: Token, token: str | None
) -> None:
    client = make_app(jwt_key=None, publishable_key=None).test_client()
    headers = {"good": {"Authorization": f"Bearer {session_token()}"}, "bad": {"Authorization": "Bearer x"}}
    response = ask(client, **headers.get(str(token), {}))
    assert code(response) == (503, "keys-unavailable")
    assert int(response.headers["Retry-After"]) > 0
    assert "CLERK" not in response.get_data(as_text=True)


def test_unreachable_keys_do_not_sign_users_out(make_app: MakeApp, session_token: Token) -> None:
    client = make_app(jwt_key=None, secret_key="sk_test_x", api_url="http://127.0.0.1:1").test_client()
    for _ in range(2):
        response = ask(client, Authorization=f"Bearer {session_token()}")
        assert code(response) == (503, "keys-unavailable")
        assert 1 <= int(response.headers["Retry-After"]) <= 12
    assert reason(ask(client)) == "session-token-missing"
    assert reason(ask(client, Authorization="Bearer junk")) == "token-invalid"


UNSAFE = "/api/addresses/1"  # no such row: 404 shows that the guard accepted the request


@pytest.mark.parametrize("origin", [None, "null", "", "https://evil.example.com", f"{ORIGIN}/", "http://localhost"])
def test_cookie_may_change_things_only_from_an_authorized_party(
    client: FlaskClient, session_token: Token, origin: str | None
) -> None:
    """A form on any site can make a browser send the cookie. Only our sites may."""
    headers = {"Cookie": f"__session={session_token()}"} | ({} if origin is None else {"Origin": origin})
    assert code(ask(client, UNSAFE, "DELETE", **headers)) == (403, "origin-not-allowed")
    assert ask(client, "/api/me", **headers).status_code == 200
    assert code(ask(client, UNSAFE, "DELETE", **headers | {"Origin": ORIGIN})) == (404, "address-unknown")


def test_header_needs_no_origin(client: FlaskClient, session_token: Token) -> None:
    """A browser never adds a bearer token by itself."""
    headers = {"Authorization": f"Bearer {session_token()}", "Origin": "https://evil.example.com"}
    assert code(ask(client, UNSAFE, "DELETE", **headers)) == (404, "address-unknown")


def test_bad_cookie_is_signed_out_before_its_origin_counts(client: FlaskClient) -> None:
    assert reason(ask(client, UNSAFE, "DELETE", Cookie="__session=junk")) == "token-invalid"


def test_without_parties_the_own_origin_counts(make_app: MakeApp, session_token: Token) -> None:
    client = make_app(authorized_parties=()).test_client()
    headers = {"Cookie": f"__session={session_token()}", "Host": "shop.local:8000"}
    assert code(ask(client, UNSAFE, "DELETE", **headers, Origin="http://shop.local:8000")) == (404, "address-unknown")
    for origin in ("http://shop.local", "https://shop.local:8000", "http://evil.local:8000", "null"):
        assert code(ask(client, UNSAFE, "DELETE", **headers, Origin=origin)) == (403, "origin-not-allowed")


def test_impersonation_is_logged(make_app: MakeApp, session_token: Token, capfd: pytest.CaptureFixture[str]) -> None:
    client = make_app(log_format=LogFormat.JSON).test_client()
    ask(client, Authorization=f"Bearer {session_token(act={'sub': 'user_2staff'})}")
    line = json.loads(capfd.readouterr().err)
    assert (line["user_id"], line["impersonator_id"]) == (USER_ID, "user_2staff")


WORDS = st.sampled_from(["Bearer", "bearer", "Basic", "__session=", f"{SUFFIXED}=", "e30.e30.AA", *';=, "'])
LATIN_1 = st.text(st.characters(codec="latin-1", categories=["L", "N", "P", "S", "Zs"]))
HEADER = st.lists(WORDS | LATIN_1, max_size=6)


@given(authorization=HEADER, cookie=HEADER)
def test_any_headers_are_signed_out(client: FlaskClient, authorization: list[str], cookie: list[str]) -> None:
    """T21."""
    response = ask(client, Authorization="".join(authorization), Cookie="".join(cookie))
    assert reason(response) in ("session-token-missing", "token-invalid", "token-invalid-algorithm")
