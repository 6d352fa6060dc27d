"""The detour over Clerk for a fresh token: what comes back is taken only where verification takes it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from flask import Flask
from werkzeug.test import TestResponse

from clerk_sync.clerk.publishable_key import parse_publishable_key
from clerk_sync.emulator import LocalClerk
from tests.conftest import ORIGIN, PUBLISHABLE_KEY
from tests.web.console.conftest import BOSS, HOST, SUFFIXED, Browser, Query

EXPIRED = {"exp": 1_000, "iat": 900, "nbf": 900}


def handshake(*directives: object) -> str:
    """Return a handshake as anybody can write it: nothing in it is believed but the session token's own signature."""
    parts = ({"alg": "RS256"}, {"handshake": list(directives)})
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, "c2ln"])


def set_out(browser: Browser, to: str = "/console/users", **query: str) -> dict[str, list[str]]:
    """Send the browser out and return what Clerk is told."""
    suffix = "".join(f"&{name}={value}" for name, value in query.items())
    answer = browser.get(f"/console/session?to={to}{suffix}")
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("https://clerk.example.com/v1/client/handshake?")
    return parse_qs(urlsplit(answer.headers["Location"]).query)


def come_back(browser: Browser, told: dict[str, list[str]], token: str) -> TestResponse:
    [way_back] = told["redirect_url"]
    assert way_back.startswith(f"{ORIGIN}/console/session/return?")
    return browser.get(f"{way_back.removeprefix(ORIGIN)}&__clerk_handshake={token}")


def cookies_of(answer: TestResponse) -> dict[str, str]:
    pairs = (cookie.partition(";")[0].partition("=") for cookie in answer.headers.getlist("Set-Cookie"))
    return {name: value for name, _, value in pairs}


def test_whoever_comes_back_with_a_good_token_goes_on_to_the_page(boss: Browser, session_token: Any) -> None:
    fresh = session_token(BOSS, jti="fresh")
    told = set_out(boss, "/console/users%3Fquery%3Dada")
    answer = come_back(boss, told, handshake("__client_uat=7", f"{SUFFIXED}={fresh}; Path=/", "__other=1"))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console/users?query=ada")
    cookies = cookies_of(answer)
    assert (cookies["__session"], cookies[SUFFIXED]) == (fresh, fresh)
    assert cookies.keys() == {"__session", SUFFIXED, "console_renewal"}
    assert all("Secure" in each and "SameSite=Lax" in each for each in answer.headers.getlist("Set-Cookie"))


def test_a_live_instance_hands_the_token_over_in_a_cookie(boss: Browser, session_token: Any) -> None:
    told = set_out(boss)
    boss.client.set_cookie("__clerk_handshake", handshake(f"__session={session_token(BOSS)}"), domain=HOST)
    assert come_back(boss, told, "").status_code == 303


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        (EXPIRED, "session-token-expired"),
        ({"azp": "https://evil.example.com"}, "token-invalid-authorized-parties"),
        ({"azp": None}, "token-invalid-authorized-parties"),
        ({"iss": "https://clerk.evil.example"}, "token-verification-failed"),
        ({"sts": "pending"}, "token-verification-failed"),
    ],
)
def test_a_token_that_verification_refuses_is_not_taken(
    boss: Browser, session_token: Any, claims: dict[str, Any], reason: str
) -> None:
    answer = come_back(boss, set_out(boss), handshake(f"__session={session_token(BOSS, **claims)}"))
    assert (answer.status_code, answer.headers.get("Set-Cookie")) == (401, None)
    assert reason in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    "token", ["", "nonsense", "a.b.c", handshake(), handshake(7, None, "__session="), handshake("__session=a.b.c")]
)
def test_nonsense_brings_nobody_in(boss: Browser, token: str) -> None:
    answer = come_back(boss, set_out(boss), token)
    assert (answer.status_code, answer.headers.get("Set-Cookie")) == (401, None)


def test_a_link_that_somebody_else_made_signs_nobody_in_as_them(
    boss: Browser, browser: Callable[..., Browser], session_token: Any
) -> None:
    theirs = set_out(browser(BOSS))
    token = handshake(f"__session={session_token('user_mallory')}")
    answer = come_back(boss, theirs, token)
    assert (answer.status_code, answer.headers.get("Set-Cookie")) == (401, None)
    set_out(boss)
    assert come_back(boss, theirs, token).status_code == 401


@pytest.mark.parametrize(
    "to",
    ["https://evil.example.com", "//evil.example.com", "/api/me", "/console//evil", "/consoles", "/console%0Ax", ""],
)
def test_nobody_is_led_out_of_the_console(boss: Browser, session_token: Any, to: str) -> None:
    answer = come_back(boss, set_out(boss, to), handshake(f"__session={session_token(BOSS)}"))
    assert answer.headers["Location"] == "/console"


def test_a_browser_that_does_not_keep_the_cookie_is_not_sent_round_and_round(
    browser: Callable[..., Browser], session_token: Any
) -> None:
    visitor = browser(BOSS, **EXPIRED)
    assert visitor.get("/console").status_code == 303
    come_back(visitor, set_out(visitor), handshake(f"__session={session_token(BOSS)}"))
    for cookie in ("__session", SUFFIXED):
        visitor.client.set_cookie(cookie, session_token(BOSS, **EXPIRED), domain=HOST)
    assert visitor.get("/console").status_code == 401


def test_a_development_browser_is_known_to_clerk_by_its_own_token(boss: Browser) -> None:
    assert set_out(boss, __clerk_db_jwt="dvb_1")["__clerk_db_jwt"] == ["dvb_1"]
    assert set_out(boss)["__clerk_db_jwt"] == ["dvb_1"]
    assert "__clerk_db_jwt" not in set_out(Browser(boss.client.application.test_client(), str, None))
    assert set_out(boss, __clerk_db_jwt="%22%3Cx")["suffixed_cookies"] == ["true"]


def test_a_live_instance_is_told_of_no_development_browser(make_app: Callable[..., Flask]) -> None:
    live = parse_publishable_key(PUBLISHABLE_KEY.value.replace("pk_test_", "pk_live_"))
    visitor = Browser(make_app(publishable_key=live).test_client(), str, None)
    assert "__clerk_db_jwt" not in set_out(visitor, __clerk_db_jwt="dvb_1")


def test_where_nothing_says_where_clerk_is_there_is_no_detour(
    make_app: Callable[..., Flask], session_token: Any
) -> None:
    app = make_app(publishable_key=None)
    visitor = Browser(app.test_client(), session_token, BOSS, **EXPIRED)
    answer = visitor.get("/console")
    assert answer.status_code == 401
    assert "CLERK_PUBLISHABLE_KEY" in answer.get_data(as_text=True)
    assert "connect-src 'self';" in answer.headers["Content-Security-Policy"]
    assert visitor.get("/console/session").status_code == 404


def test_no_script_renews_tokens_that_would_be_refused(make_app: Callable[..., Flask]) -> None:
    app = make_app(authorized_parties=("https://elsewhere.example.com",))
    answer = Browser(app.test_client(), str, None).get("/console")
    assert "session.js" not in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("frontend_api", "portal"),
    [
        ("clerk.example.com", "https://accounts.example.com/sign-in"),
        ("happy-hippo-1.clerk.accounts.dev", "https://happy-hippo-1.accounts.dev/sign-in"),
    ],
)
def test_the_sign_in_page_is_the_account_portal(make_app: Callable[..., Flask], frontend_api: str, portal: str) -> None:
    encoded = base64.b64encode(f"{frontend_api}$".encode()).decode()
    app = make_app(publishable_key=parse_publishable_key(f"pk_live_{encoded}"))
    answer = Browser(app.test_client(), str, None).get("/console")
    assert f'href="{portal}?redirect_url=' in answer.get_data(as_text=True)


@pytest.fixture
def clerk() -> Iterator[LocalClerk]:
    with LocalClerk.start(authorized_origin=ORIGIN) as clerk:
        yield clerk


def test_the_local_clerk_gives_a_fresh_token_while_its_session_lives(
    make_app: Callable[..., Flask], clerk: LocalClerk, query: Query
) -> None:
    key = parse_publishable_key(clerk.publishable_key)
    app = make_app(publishable_key=key, issuer=key.issuer, jwt_key=clerk.public_key_pem, api_url=clerk.url)
    user = clerk.users.create(email="ada@example.com")
    visitor = Browser(app.test_client(), clerk.session_token, user["id"], exp=1_000, iat=900, nbf=900)
    query("INSERT INTO users (clerk_id, role) VALUES (%s, 'ADMIN')", user["id"])
    with requests.Session() as http:
        http.trust_env = False
        form = {"identifier": user["id"], "redirect_url": ORIGIN}
        http.post(f"{clerk.url}/sign-in", data=form, allow_redirects=False, timeout=10)
        sent = visitor.get("/console/runs")
        out = visitor.get(sent.headers["Location"]).headers["Location"]
        assert out.startswith(f"{clerk.url}/v1/client/handshake?")
        back = http.get(out, allow_redirects=False, timeout=10)
        assert back.status_code == 307
        answer = visitor.get(back.headers["Location"].removeprefix(ORIGIN))
        assert (answer.status_code, answer.headers["Location"]) == (303, "/console/runs")
        assert visitor.get("/console/runs").status_code == 200
        http.get(f"{clerk.url}/sign-out", params={"redirect_url": ORIGIN}, allow_redirects=False, timeout=10)
        signed_out = http.get(out, allow_redirects=False, timeout=10).headers["Location"]
    assert visitor.get(signed_out.removeprefix(ORIGIN)).status_code == 401
