from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from jose import jwt

from clerk_sync.emulator import LocalClerk

APP = "http://127.0.0.1:5000/shop?page=2"


@pytest.fixture
def browser() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


def submit(browser: requests.Session, clerk: LocalClerk, path: str, **fields: str) -> requests.Response:
    fields.setdefault("redirect_url", APP)
    return browser.post(clerk.url + path, data=fields, allow_redirects=False, timeout=10)


def session_claims(browser: requests.Session, clerk: LocalClerk) -> dict[str, Any]:
    token = browser.cookies["__session"]
    return jwt.decode(token, clerk.public_key_pem, algorithms=["RS256"], issuer=clerk.issuer)


def test_signing_up_makes_a_user_a_session_and_the_cookies_of_clerk_js(
    clerk: LocalClerk, browser: requests.Session
) -> None:
    answer = submit(browser, clerk, "/sign-up", email_address="Ada@example.com", first_name="Ada", last_name="")
    assert (answer.status_code, answer.headers["Location"]) == (303, APP)
    (user,) = clerk.users.all()
    assert (user["first_name"], user["last_name"]) == ("Ada", None)
    assert user["last_sign_in_at"] is not None
    claims = session_claims(browser, clerk)
    assert (claims["sub"], claims["azp"]) == (user["id"], "http://127.0.0.1:5000")
    assert browser.cookies[f"__session_{clerk.cookie_suffix}"] == browser.cookies["__session"]
    assert browser.cookies["__client_uat"] == browser.cookies[f"__client_uat_{clerk.cookie_suffix}"] != "0"
    clerk.webhook_sender.wait_idle()
    assert [delivery.type for delivery in clerk.webhook_sender.deliveries] == ["user.created"]


def test_the_session_cookie_can_be_read_by_the_page_and_clerks_own_cannot(
    clerk: LocalClerk, browser: requests.Session
) -> None:
    answer = submit(browser, clerk, "/sign-up", email_address="ada@example.com")
    cookies = answer.raw.headers.getlist("Set-Cookie")
    attributes = {cookie.partition("=")[0]: cookie for cookie in cookies}
    assert "HttpOnly" in attributes["__client"]
    assert "HttpOnly" not in attributes["__session"]
    assert all("SameSite=Lax" in cookie and "Domain" not in cookie for cookie in cookies)
    assert "Max-Age=31536000" in attributes["__session"]


def test_the_origin_that_the_page_leads_back_to_is_the_authorized_party(
    clerk: LocalClerk, browser: requests.Session
) -> None:
    submit(browser, clerk, "/sign-up", email_address="ada@example.com", redirect_url="http://127.0.0.1:3000/a/b")
    assert session_claims(browser, clerk)["azp"] == "http://127.0.0.1:3000"


@pytest.mark.parametrize(
    "target", ["https://evil.example.com/", "//evil.example.com", "javascript:alert(1)", "http://127.0.0.1@evil.com/"]
)
def test_the_pages_lead_nowhere_but_to_this_machine(clerk: LocalClerk, browser: requests.Session, target: str) -> None:
    answer = submit(browser, clerk, "/sign-up", email_address="ada@example.com", redirect_url=target)
    assert answer.status_code == 422
    assert not browser.cookies


def test_the_pages_move_to_the_host_name_that_the_app_uses(clerk: LocalClerk, browser: requests.Session) -> None:
    target = {"redirect_url": "http://localhost:5000/"}
    answer = browser.get(clerk.url + "/sign-up", params=target, allow_redirects=False, timeout=10)
    moved = urlsplit(answer.headers["Location"])
    assert (answer.status_code, moved.hostname, moved.port, moved.path) == (302, "localhost", clerk.port, "/sign-up")
    assert parse_qs(moved.query)["redirect_url"] == ["http://localhost:5000/"]


@pytest.mark.parametrize("identifier", ["id", "ADA@example.com", "ada", "+15551234567"])
def test_signing_in_takes_any_identifier(clerk: LocalClerk, browser: requests.Session, identifier: str) -> None:
    user = clerk.users.create(email="ada@example.com", username="ada", phone="+15551234567")
    answer = submit(browser, clerk, "/sign-in", identifier=user["id"] if identifier == "id" else identifier)
    assert answer.status_code == 303
    assert session_claims(browser, clerk)["sub"] == user["id"]
    assert clerk.users.get(user["id"])["updated_at"] == user["updated_at"]


@pytest.mark.parametrize(
    ("state", "status"), [("banned", 403), ("locked", 403), ("deprovisioned", 403), ("unknown", 422)]
)
def test_who_may_not_sign_in_is_told_so(clerk: LocalClerk, browser: requests.Session, state: str, status: int) -> None:
    if state != "unknown":
        user = clerk.users.create(email="ada@example.com")
        fields: dict[str, Any] = {state: True}
        clerk.users.update(user["id"], **fields)
    answer = submit(browser, clerk, "/sign-in", identifier="ada@example.com")
    assert answer.status_code == status
    assert 'role="alert"' in answer.text
    assert not browser.cookies


def test_a_taken_address_is_said_on_the_form_which_keeps_what_was_typed(
    clerk: LocalClerk, browser: requests.Session
) -> None:
    clerk.users.create(email="ada@example.com")
    answer = submit(browser, clerk, "/sign-up", email_address="ada@example.com", first_name='A"d<a')
    assert answer.status_code == 422
    assert "That identifier is taken" in answer.text
    assert 'value="A&#34;d&lt;a"' in answer.text


def test_signing_out_ends_the_session_and_empties_the_cookies(clerk: LocalClerk, browser: requests.Session) -> None:
    submit(browser, clerk, "/sign-up", email_address="ada@example.com")
    session_id = session_claims(browser, clerk)["sid"]
    assert submit(browser, clerk, "/sign-out").status_code == 303
    assert clerk.sessions.get(session_id).status == "ended"
    assert "__session" not in browser.cookies
    assert browser.cookies["__client_uat"] == "0"


def test_a_front_end_gets_fresh_tokens_until_it_signs_out(clerk: LocalClerk, browser: requests.Session) -> None:
    submit(browser, clerk, "/sign-up", email_address="ada@example.com")
    session_id = session_claims(browser, clerk)["sid"]
    url = f"{clerk.url}/v1/client/sessions/{session_id}/tokens"
    origin = {"Origin": "http://127.0.0.1:5000"}
    answer = browser.post(url, headers=origin, timeout=10)
    fresh = jwt.decode(answer.json()["jwt"], clerk.public_key_pem, algorithms=["RS256"])
    assert (fresh["sid"], fresh["azp"]) == (session_id, "http://127.0.0.1:5000")
    assert answer.headers["Access-Control-Allow-Origin"] == "http://127.0.0.1:5000"
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert browser.cookies["__session"] == answer.json()["jwt"]
    submit(browser, clerk, "/sign-out")
    assert browser.post(url, headers=origin, timeout=10).status_code == 401


def test_a_session_of_somebody_else_is_out_of_reach(clerk: LocalClerk, browser: requests.Session) -> None:
    submit(browser, clerk, "/sign-up", email_address="ada@example.com")
    other = clerk.sessions.create(clerk.users.create(username="bob")["id"])
    for act in ("tokens", "end"):
        assert browser.post(f"{clerk.url}/v1/client/sessions/{other.id}/{act}", timeout=10).status_code == 401
    assert clerk.sessions.get(other.id).status == "active"


def test_a_front_end_can_end_its_own_session(clerk: LocalClerk, browser: requests.Session) -> None:
    submit(browser, clerk, "/sign-up", email_address="ada@example.com")
    session_id = session_claims(browser, clerk)["sid"]
    answer = browser.post(f"{clerk.url}/v1/client/sessions/{session_id}/end", timeout=10)
    assert answer.json()["status"] == "ended"
    assert "__session" not in browser.cookies


def test_a_token_without_an_origin_has_no_authorized_party(clerk: LocalClerk, browser: requests.Session) -> None:
    submit(browser, clerk, "/sign-up", email_address="ada@example.com")
    session_id = session_claims(browser, clerk)["sid"]
    answer = browser.post(f"{clerk.url}/v1/client/sessions/{session_id}/tokens", timeout=10)
    assert "azp" not in jwt.get_unverified_claims(answer.json()["jwt"])


@pytest.mark.parametrize("act", ["ban", "delete"])
def test_a_banned_or_deleted_user_gets_no_fresh_token(clerk: LocalClerk, browser: requests.Session, act: str) -> None:
    submit(browser, clerk, "/sign-up", email_address="ada@example.com")
    claims = session_claims(browser, clerk)
    getattr(clerk.users, act)(claims["sub"])
    url = f"{clerk.url}/v1/client/sessions/{claims['sid']}/tokens"
    assert browser.post(url, timeout=10).status_code == 401


def test_a_user_changes_the_profile_and_leaves(clerk: LocalClerk, browser: requests.Session) -> None:
    submit(browser, clerk, "/sign-up", email_address="ada@example.com", first_name="Ada")
    user_id = session_claims(browser, clerk)["sub"]
    assert 'value="ada@example.com"' in browser.get(clerk.url + "/user", timeout=10).text
    submit(browser, clerk, "/user", first_name="Augusta", email_address="new@example.com")
    user = clerk.users.get(user_id)
    assert user["first_name"] == "Augusta"
    assert [email["email_address"] for email in user["email_addresses"]] == ["ada@example.com", "new@example.com"]
    assert user["primary_email_address_id"] == user["email_addresses"][1]["id"]
    assert submit(browser, clerk, "/user/delete").status_code == 303
    assert clerk.users.find(user_id) is None
    assert "__session" not in browser.cookies


def test_the_profile_needs_a_session(clerk: LocalClerk, browser: requests.Session) -> None:
    for answer in (
        browser.get(clerk.url + "/user", allow_redirects=False, timeout=10),
        submit(browser, clerk, "/user", first_name="Eve"),
        submit(browser, clerk, "/user/delete"),
    ):
        assert answer.status_code == 303
        assert urlsplit(answer.headers["Location"]).path == "/sign-in"


@pytest.mark.parametrize("path", ["/", "/sign-up", "/sign-in"])
def test_a_page_loads_nothing_and_says_so(clerk: LocalClerk, browser: requests.Session, path: str) -> None:
    clerk.users.create(email="ada@example.com")
    clerk.webhook_sender.wait_idle()
    answer = browser.get(clerk.url + path, timeout=10)
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'nonce-")
    assert not re.search(r"<(script|img|link|iframe)|https?://(?!127\.0\.0\.1|localhost)", answer.text)
    nonces = re.findall(r'nonce="([^"]+)"', answer.text)
    assert nonces == re.findall(r"'nonce-([^']+)'", policy)
