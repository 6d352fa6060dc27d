"""The Frontend API for pages with forms of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from jose import jwt

from clerk_sync.emulator import LocalClerk

PAGE = "http://127.0.0.1:5000"


@pytest.fixture
def browser() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Origin"] = PAGE
        yield session


def send(browser: requests.Session, clerk: LocalClerk, path: str, **form: str) -> requests.Response:
    return browser.post(f"{clerk.url}/v1{path}", data=form, timeout=10)


def sign_up(browser: requests.Session, clerk: LocalClerk) -> Any:
    answer = send(browser, clerk, "/client/sign_ups", email_address="Ada@example.com", first_name="Ada")
    assert answer.status_code == 200, answer.text
    return answer.json()


def claims_of(token: str, clerk: LocalClerk) -> dict[str, Any]:
    return jwt.decode(token, clerk.public_key_pem, algorithms=["RS256"], issuer=clerk.issuer)


def test_signing_up_makes_a_user_a_session_and_the_apps_cookies(clerk: LocalClerk, browser: requests.Session) -> None:
    made = sign_up(browser, clerk)
    (user,) = clerk.users.all()
    assert (made["response"]["object"], made["response"]["status"]) == ("sign_up_attempt", "complete")
    (session,) = made["client"]["sessions"]
    assert session["id"] == made["response"]["created_session_id"] == made["client"]["last_active_session_id"]
    assert session["user"]["id"] == user["id"]
    assert "private_metadata" not in session["user"]
    claims = claims_of(session["last_active_token"]["jwt"], clerk)
    assert (claims["sub"], claims["sid"], claims["azp"]) == (user["id"], session["id"], PAGE)
    assert browser.cookies[f"__session_{clerk.cookie_suffix}"] == session["last_active_token"]["jwt"]
    clerk.webhook_sender.wait_idle()
    assert [delivery.type for delivery in clerk.webhook_sender.deliveries] == ["user.created"]


def test_a_page_that_is_opened_again_finds_its_session(clerk: LocalClerk, browser: requests.Session) -> None:
    assert browser.get(f"{clerk.url}/v1/client", timeout=10).json() == {"response": None, "client": None}
    made = sign_up(browser, clerk)
    found = browser.get(f"{clerk.url}/v1/client", timeout=10).json()["response"]
    assert found["last_active_session_id"] == made["response"]["created_session_id"]
    assert claims_of(found["sessions"][0]["last_active_token"]["jwt"], clerk)["azp"] == PAGE


def test_signing_in_again_is_another_session_of_the_same_user(clerk: LocalClerk, browser: requests.Session) -> None:
    first = sign_up(browser, clerk)["client"]["sessions"][0]
    send(browser, clerk, f"/client/sessions/{first['id']}/end")
    second = send(browser, clerk, "/client/sign_ins", identifier="ada@example.com").json()["client"]["sessions"][0]
    assert second["id"] != first["id"]
    assert second["user"]["id"] == first["user"]["id"]


def test_who_is_unknown_or_banned_does_not_come_in(clerk: LocalClerk, browser: requests.Session) -> None:
    unknown = send(browser, clerk, "/client/sign_ins", identifier="nobody@example.com")
    assert (unknown.status_code, unknown.json()["errors"][0]["code"]) == (422, "form_identifier_not_found")
    clerk.users.ban(clerk.users.create(email="ada@example.com")["id"])
    banned = send(browser, clerk, "/client/sign_ins", identifier="ada@example.com")
    assert (banned.status_code, banned.json()["errors"][0]["code"]) == (403, "user_banned")
    assert not browser.cookies


@pytest.mark.parametrize(("address", "code"), [("ada", "form_param_format_invalid"), ("", "form_param_format_invalid")])
def test_an_address_that_is_none_is_refused(
    clerk: LocalClerk, browser: requests.Session, address: str, code: str
) -> None:
    refused = send(browser, clerk, "/client/sign_ups", email_address=address)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, code)
    assert clerk.users.all() == []


def test_a_person_changes_name_and_address_and_each_change_is_announced(
    clerk: LocalClerk, browser: requests.Session
) -> None:
    sign_up(browser, clerk)
    renamed = send(browser, clerk, "/me?_method=PATCH", last_name="King").json()["response"]
    assert (renamed["first_name"], renamed["last_name"]) == ("Ada", "King")
    email = send(browser, clerk, "/me/email_addresses", email_address="king@example.com").json()["response"]
    send(browser, clerk, "/me?_method=PATCH", primary_email_address_id=email["id"])
    (user,) = clerk.users.all()
    assert user["primary_email_address_id"] == email["id"]
    assert len(user["email_addresses"]) == 2
    assert browser.get(f"{clerk.url}/v1/me", timeout=10).json()["response"]["last_name"] == "King"
    assert [each.type for each in clerk.webhook_sender.messages.values()] == ["user.created"] + 3 * ["user.updated"]


def test_an_address_of_somebody_else_cannot_be_added(clerk: LocalClerk, browser: requests.Session) -> None:
    clerk.users.create(email="taken@example.com")
    sign_up(browser, clerk)
    refused = send(browser, clerk, "/me/email_addresses", email_address="taken@example.com")
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "form_identifier_exists")


@pytest.mark.parametrize("as_clerk_js_does", [True, False])
def test_who_deletes_the_account_is_signed_out(
    clerk: LocalClerk, browser: requests.Session, as_clerk_js_does: bool
) -> None:
    user_id = sign_up(browser, clerk)["client"]["sessions"][0]["user"]["id"]
    if as_clerk_js_does:
        gone = send(browser, clerk, "/me?_method=DELETE").json()["response"]
    else:
        gone = browser.delete(f"{clerk.url}/v1/me", timeout=10).json()["response"]
    assert (gone["id"], gone["deleted"]) == (user_id, True)
    assert clerk.users.all() == []
    assert "__session" not in browser.cookies
    assert send(browser, clerk, "/me?_method=DELETE").status_code == 401


def test_another_method_than_these_is_refused(clerk: LocalClerk, browser: requests.Session) -> None:
    sign_up(browser, clerk)
    assert send(browser, clerk, "/me?_method=PUT").status_code == 405
    assert send(browser, clerk, "/me").status_code == 405


@pytest.mark.parametrize("path", ["/v1/client", "/_local/messages", "/.well-known/jwks.json"])
def test_only_trusted_pages_may_read(clerk: LocalClerk, path: str) -> None:
    def shared_with(origin: str) -> str | None:
        answer = requests.get(clerk.url + path, headers={"Origin": origin}, timeout=10)
        assert "Origin" in answer.headers["Vary"]
        return answer.headers.get("Access-Control-Allow-Origin")

    assert shared_with(PAGE) == PAGE
    assert shared_with("http://localhost:3000") == "http://localhost:3000"
    for stranger in ("https://evil.example.com", "null", "http://[", "https://127.0.0.1.evil.example.com"):
        assert shared_with(stranger) is None, stranger


def test_a_browser_that_asks_beforehand_is_given_leave(clerk: LocalClerk) -> None:
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "DELETE"}
    answer = requests.options(f"{clerk.url}/_local/mishaps", headers=asked, timeout=10)
    assert answer.status_code == 200
    assert "DELETE" in answer.headers["Access-Control-Allow-Methods"]
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
