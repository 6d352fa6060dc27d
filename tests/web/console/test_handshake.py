"""Session renewal: the returned token is accepted once, from Clerk, for the same user, and nothing else is set."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from flask import Flask
from werkzeug.test import TestResponse

from clerk_sync.clerk.publishable_key import parse_publishable_key
from clerk_sync.emulator import LocalClerk
from clerk_sync.settings.settings import Environment
from tests.conftest import INSTANCE_ID, ORIGIN, PUBLISHABLE_KEY
from tests.web.console.conftest import BOSS, HOST, SUFFIXED, Browser, Query, text_of

EXPIRED = {"exp": 1_000, "iat": 900, "nbf": 900}
NONCE = "__Host-console_renewal"


Handshake = Callable[..., str]


@pytest.fixture
def handshake(session_token: Any) -> Handshake:
    """A factory of handshakes as Clerk signs them: with the key of session tokens, but without their claims."""

    def make(*directives: object, header: dict[str, Any] | None = None, **claims: Any) -> str:
        none = dict.fromkeys(("azp", "exp", "fva", "iat", "iss", "jti", "nbf", "sid", "sts", "sub", "v"))
        token: str = session_token(header=header, **{**none, "handshake": list(directives), **claims})
        return token

    return make


def unsigned(*directives: object) -> str:
    """Return an unsigned handshake."""
    parts = ({"alg": "RS256", "kid": INSTANCE_ID}, {"handshake": list(directives)})
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, "c2ln"])


def start_renewal(browser: Browser, to: str = "/console/users") -> dict[str, list[str]]:
    """Start a renewal and return the parameters that Clerk gets."""
    answer = browser.get(f"/console/session?to={to}")
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("https://clerk.example.com/v1/client/handshake?")
    return parse_qs(urlsplit(answer.headers["Location"]).query)


def finish_renewal(browser: Browser, told: dict[str, list[str]], token: str) -> TestResponse:
    [way_back] = told["redirect_url"]
    assert way_back.startswith(f"{ORIGIN}/console/session/return?")
    return browser.get(f"{way_back.removeprefix(ORIGIN)}&__clerk_handshake={token}")


def cookies_of(answer: TestResponse) -> dict[str, str]:
    pairs = (cookie.partition(";")[0].partition("=") for cookie in answer.headers.getlist("Set-Cookie"))
    return {name: value for name, _, value in pairs}


def assert_refused(answer: TestResponse, *, state_was_right: bool = True) -> None:
    """Fail if ``answer`` signs a user in, or keeps the nonce although the state was right."""
    assert answer.status_code == 401
    assert cookies_of(answer) == ({NONCE: "-"} if state_was_right else {})


def test_a_browser_that_returns_with_a_valid_token_gets_the_page(
    boss: Browser, session_token: Any, handshake: Handshake
) -> None:
    fresh = session_token(BOSS, jti="fresh")
    told = start_renewal(boss, "/console/users%3Fquery%3Dada")
    answer = finish_renewal(boss, told, handshake("__client_uat=7", f"{SUFFIXED}={fresh}; Path=/", "__other=1"))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console/users?query=ada")
    assert cookies_of(answer) == {"__session": fresh, SUFFIXED: fresh, NONCE: "-"}
    assert all("Secure" in each and "SameSite=Lax" in each for each in answer.headers.getlist("Set-Cookie"))


def test_a_production_instance_sends_the_token_in_a_cookie(
    boss: Browser, session_token: Any, handshake: Handshake
) -> None:
    told = start_renewal(boss)
    boss.client.set_cookie("__clerk_handshake", handshake(f"__session={session_token(BOSS)}"), domain=HOST)
    assert finish_renewal(boss, told, "").status_code == 303


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
    boss: Browser, session_token: Any, handshake: Handshake, claims: dict[str, Any], reason: str
) -> None:
    answer = finish_renewal(boss, start_renewal(boss), handshake(f"__session={session_token(BOSS, **claims)}"))
    assert reason in text_of(answer)
    assert_refused(answer)


HOUR_S = 3_600
ODD_HANDSHAKES: dict[str, dict[str, Any]] = {
    "expired": {"exp": int(time.time()) - 60},
    "expired long ago": {"exp": 1_000, "iat": 900},
    "not yet": {"nbf": int(time.time()) + HOUR_S},
    "of the future": {"iat": int(time.time()) + HOUR_S},
    "exp as text": {"exp": str(int(time.time()) + HOUR_S)},
    "exp true": {"exp": True},
    "critical": {"header": {"crit": ["exp"]}},
    "critical, empty": {"header": {"crit": []}},
    "access token": {"header": {"typ": "at+jwt"}},
    "access token, long": {"header": {"typ": "application/at+jwt"}},
    "another type": {"header": {"typ": "JOSE"}},
    "template": {"header": {"cat": "cl_B7d4PD222AAA"}},
    "machine": {"header": {"cat": "cl_B7d4PD333AAA"}},
    "HS256": {"header": {"alg": "HS256"}},
    "none": {"header": {"alg": "none"}},
    "RS512": {"header": {"alg": "RS512"}},
    "of another instance": {"iss": "https://clerk.evil.example"},
    "issuer as list": {"iss": ["https://clerk.example.com"]},
    "handshake as text": {"handshake": "__session=x"},
    "handshake as object": {"handshake": {"__session": "x"}},
    "no handshake": {"handshake": None},
    "a number in it": {"handshake": [7]},
}


@pytest.mark.parametrize("carrier", ["address", "cookie"])
@pytest.mark.parametrize("fault", [*ODD_HANDSHAKES, "unsigned", "tampered with", "of another key", "a session token"])
def test_a_handshake_is_verified_like_a_session_token_before_anything_is_set(
    boss: Browser, session_token: Any, handshake: Handshake, fault: str, carrier: str
) -> None:
    directive = f"__session={session_token(BOSS)}"
    made = {
        "unsigned": lambda: unsigned(directive),
        "tampered with": lambda: _with_other_claims(handshake(), {"handshake": [directive]}),
        "of another key": lambda: _of_another_key({"handshake": [directive]}),
        "a session token": lambda: session_token(BOSS),
    }.get(fault, lambda: handshake(directive, **ODD_HANDSHAKES[fault]))()
    told = start_renewal(boss)
    if carrier == "cookie":
        boss.client.set_cookie("__clerk_handshake", made, domain=HOST)
    assert_refused(finish_renewal(boss, told, made if carrier == "address" else ""))


def _of_another_key(claims: dict[str, Any]) -> str:
    with LocalClerk.start() as other:
        return other.session_token(BOSS, header={"kid": INSTANCE_ID}, **claims)


def _with_other_claims(token: str, claims: dict[str, Any]) -> str:
    header, _, signature = token.split(".")
    return ".".join([header, base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode(), signature])


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": int(time.time()) + HOUR_S},
        {"iat": int(time.time()), "nbf": int(time.time()) - 10},
        {"iss": PUBLISHABLE_KEY.issuer},
        {"header": {"cat": None}},
        {"header": {"typ": None}},
        {"extra": {"deep": [1]}},
    ],
)
def test_a_handshake_may_have_more_or_fewer_cookies_than_we_read(
    boss: Browser, session_token: Any, handshake: Handshake, claims: dict[str, Any]
) -> None:
    made = handshake(f"__session={session_token(BOSS)}", **claims)
    assert finish_renewal(boss, start_renewal(boss), made).status_code == 303


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c", "a" * 9_000, "%00", "%F0%9F%98%80", "..", "e30.e30.AA"])
def test_a_malformed_token_signs_no_user_in(boss: Browser, token: str) -> None:
    assert_refused(finish_renewal(boss, start_renewal(boss), token))


@pytest.mark.parametrize("directives", [[], ["__session="], ["__session=a.b.c"], ["__session"], [""], ["__sessionx=1"]])
def test_a_handshake_without_a_session_signs_no_user_in(
    boss: Browser, handshake: Handshake, directives: list[str]
) -> None:
    assert_refused(finish_renewal(boss, start_renewal(boss), handshake(*directives)))


def test_a_link_of_an_attacker_signs_no_user_in_as_the_attacker(
    boss: Browser, browser: Callable[..., Browser], session_token: Any, handshake: Handshake
) -> None:
    theirs = start_renewal(browser("user_mallory"))
    token = handshake(f"__session={session_token('user_mallory')}")
    assert_refused(finish_renewal(boss, theirs, token), state_was_right=False)
    start_renewal(boss)
    assert_refused(finish_renewal(boss, theirs, token), state_was_right=False)


@pytest.mark.parametrize("user_id", [BOSS, "user_customer", None])
def test_no_state_that_can_be_guessed_is_accepted_before_during_or_after_a_renewal(
    browser: Callable[..., Browser], session_token: Any, handshake: Handshake, user_id: str | None
) -> None:
    """A foreign page knows everything but the nonce of this browser. Every signed-in customer is a possible victim."""
    mine = browser(user_id)
    theirs = handshake(f"__session={session_token('user_mallory')}")

    def attack() -> None:
        kept = mine.client.get_cookie(NONCE, domain=HOST)
        guesses = ["done", "-", "", "0", "None", "null", hmac.new(b"-", b"/console", "sha256").hexdigest()]
        for state in guesses + ([kept.value] if kept else []):
            answer = mine.get(f"/console/session/return?state={state}&to=/console&__clerk_handshake={theirs}")
            assert_refused(answer, state_was_right=False)
            assert_refused(mine.get(f"/console/session/return?__clerk_handshake={theirs}"), state_was_right=False)

    attack()
    told = start_renewal(mine)
    attack()
    own = session_token(user_id or "user_new")
    assert finish_renewal(mine, told, handshake(f"__session={own}")).status_code == 303
    attack()
    cookie = mine.client.get_cookie("__session", domain=HOST)
    assert cookie is not None
    assert cookie.value == own


@pytest.mark.parametrize("first", ["good", "bad"])
def test_a_state_is_good_once_however_it_ends(
    boss: Browser, session_token: Any, handshake: Handshake, first: str
) -> None:
    told, good = start_renewal(boss), handshake(f"__session={session_token(BOSS)}")
    assert finish_renewal(boss, told, good if first == "good" else "nonsense").status_code == (
        303 if first == "good" else 401
    )
    assert_refused(finish_renewal(boss, told, good), state_was_right=False)


def test_a_state_belongs_to_the_page_that_it_was_made_for(
    boss: Browser, session_token: Any, handshake: Handshake
) -> None:
    told = start_renewal(boss, "/console/users")
    told["redirect_url"] = [told["redirect_url"][0].replace("%2Fusers", "%2Fdrift")]
    assert_refused(finish_renewal(boss, told, handshake(f"__session={session_token(BOSS)}")), state_was_right=False)


def test_a_state_is_random_and_says_nothing_about_the_nonce(boss: Browser) -> None:
    states, nonces = set(), set()
    for _ in range(5):
        [way_back] = start_renewal(boss)["redirect_url"]
        states.add(parse_qs(urlsplit(way_back).query)["state"][0])
        nonce = boss.client.get_cookie(NONCE, domain=HOST)
        assert nonce is not None
        nonces.add(nonce.value)
    assert len(states) == len(nonces) == 5
    assert {len(state) for state in states} == {64}
    assert not [nonce for nonce in nonces if any(nonce in state for state in states)]


def test_the_nonce_is_this_hosts_alone(boss: Browser) -> None:
    answer = boss.get("/console/session")
    [cookie] = answer.headers.getlist("Set-Cookie")
    assert cookie.startswith(f"{NONCE}=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=300"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


def test_cookies_over_http_on_loopback_are_not_secure(make_app: Callable[..., Flask]) -> None:
    app = make_app(authorized_parties=(), environment=Environment.DEVELOPMENT)
    answer = app.test_client().get("/console/session", base_url="http://127.0.0.1:5000")
    [cookie] = answer.headers.getlist("Set-Cookie")
    assert cookie.startswith("console_renewal=")
    assert "Secure" not in cookie


@pytest.mark.parametrize("before", [{}, EXPIRED])
def test_a_renewal_does_not_turn_one_user_into_another(
    browser: Callable[..., Browser], session_token: Any, handshake: Handshake, before: dict[str, Any]
) -> None:
    mine = browser("user_ada", **before)
    answer = finish_renewal(mine, start_renewal(mine), handshake(f"__session={session_token('user_mallory')}"))
    assert answer.status_code == 403
    assert "Another user is signed in at Clerk" in text_of(answer)
    assert cookies_of(answer) == {"__session": "", SUFFIXED: "", NONCE: "-"}
    # The next sign-in may be another user's.
    answer = finish_renewal(mine, start_renewal(mine), handshake(f"__session={session_token('user_mallory')}"))
    assert answer.status_code == 303


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://clerk.elsewhere.example"},
        {"azp": "https://elsewhere.example.com"},
        {"header": {"cat": "cl_B7d4PD222AAA"}},
        {"header": {"alg": "none"}},
    ],
)
def test_an_invalid_cookie_does_not_bind_the_renewal_to_a_user(
    browser: Callable[..., Browser], session_token: Any, handshake: Handshake, claims: dict[str, Any]
) -> None:
    mine = browser("user_ada", **claims)
    answer = finish_renewal(mine, start_renewal(mine), handshake(f"__session={session_token('user_grace')}"))
    assert answer.status_code == 303


@pytest.mark.parametrize(
    "to",
    ["https://evil.example.com", "//evil.example.com", "/api/me", "/console//evil", "/consoles", "/console%0Ax", ""],
)
def test_no_redirect_leaves_the_console(boss: Browser, session_token: Any, handshake: Handshake, to: str) -> None:
    answer = finish_renewal(boss, start_renewal(boss, to), handshake(f"__session={session_token(BOSS)}"))
    assert answer.headers["Location"] == "/console"


def test_a_browser_that_rejects_the_cookie_is_not_redirected_for_ever(
    browser: Callable[..., Browser], session_token: Any, handshake: Handshake
) -> None:
    mine = browser(BOSS, **EXPIRED)
    assert mine.get("/console").status_code == 303
    finish_renewal(mine, start_renewal(mine), handshake(f"__session={session_token(BOSS)}"))
    for cookie in ("__session", SUFFIXED):
        mine.client.set_cookie(cookie, session_token(BOSS, **EXPIRED), domain=HOST)
    assert mine.get("/console").status_code == 401


def test_the_development_browser_comes_from_its_cookie_and_never_from_the_url(boss: Browser) -> None:
    answer = boss.get("/console/session?to=/console&__clerk_db_jwt=dvb_theirs")
    assert "dvb_theirs" not in answer.headers["Location"]
    assert cookies_of(answer).keys() == {NONCE}
    boss.client.set_cookie("__clerk_db_jwt", "dvb_ours", domain=HOST)
    answer = boss.get("/console/session?to=/console&__clerk_db_jwt=dvb_theirs")
    assert parse_qs(urlsplit(answer.headers["Location"]).query)["__clerk_db_jwt"] == ["dvb_ours"]
    assert cookies_of(answer).keys() == {NONCE}
    told = start_renewal(boss)
    [way_back] = told["redirect_url"]
    answer = boss.get(f"{way_back.removeprefix(ORIGIN)}&__clerk_db_jwt=dvb_theirs&__clerk_handshake=x")
    assert_refused(answer)


def test_a_production_instance_gets_no_development_browser(make_app: Callable[..., Flask]) -> None:
    live = parse_publishable_key(PUBLISHABLE_KEY.value.replace("pk_test_", "pk_live_"))
    mine = Browser(make_app(publishable_key=live).test_client(), str, None)
    mine.client.set_cookie("__clerk_db_jwt", "dvb_1", domain=HOST)
    assert "__clerk_db_jwt" not in start_renewal(mine)


def test_without_a_known_frontend_api_there_is_no_redirect(make_app: Callable[..., Flask], session_token: Any) -> None:
    app = make_app(publishable_key=None)
    mine = Browser(app.test_client(), session_token, BOSS, **EXPIRED)
    answer = mine.get("/console")
    assert answer.status_code == 401
    assert "CLERK_PUBLISHABLE_KEY" in answer.get_data(as_text=True)
    assert "connect-src 'self';" in answer.headers["Content-Security-Policy"]
    assert mine.get("/console/session").status_code == 404


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
    mine = Browser(app.test_client(), clerk.session_token, user["id"], exp=1_000, iat=900, nbf=900)
    query("INSERT INTO users (clerk_id, role) VALUES (%s, 'ADMIN')", user["id"])
    with requests.Session() as http:
        http.trust_env = False
        form = {"identifier": user["id"], "redirect_url": ORIGIN}
        http.post(f"{clerk.url}/sign-in", data=form, allow_redirects=False, timeout=10)
        sent = mine.get("/console/runs")
        out = mine.get(sent.headers["Location"]).headers["Location"]
        assert out.startswith(f"{clerk.url}/v1/client/handshake?")
        back = http.get(out, allow_redirects=False, timeout=10)
        assert back.status_code == 307
        answer = mine.get(back.headers["Location"].removeprefix(ORIGIN))
        assert (answer.status_code, answer.headers["Location"]) == (303, "/console/runs")
        assert mine.get("/console/runs").status_code == 200
        http.get(f"{clerk.url}/sign-out", params={"redirect_url": ORIGIN}, allow_redirects=False, timeout=10)
        signed_out = http.get(out, allow_redirects=False, timeout=10).headers["Location"]
    assert mine.get(signed_out.removeprefix(ORIGIN)).status_code == 401
