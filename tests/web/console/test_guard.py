"""Only ADMIN users may open the console; other users get an explanation."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import ORIGIN
from tests.web.console.conftest import BOSS, HOST, Browser, Query, text_of

PUBLIC_ROUTES = {"/console/static/<name>", "/console/session", "/console/session/return"}
EXPIRED = {"exp": 1_000, "iat": 900, "nbf": 900}


def console_routes(app: Flask) -> set[tuple[str, str]]:
    return {
        (method, re.sub(r"<[^>]+>", "1", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/console") and rule.rule not in PUBLIC_ROUTES
    }


def test_a_signed_out_browser_gets_a_sign_in_link(browser: Callable[..., Browser]) -> None:
    answer = browser().get("/console/users?query=ada")
    assert (answer.status_code, answer.content_type) == (401, "text/html; charset=utf-8")
    assert "You are not signed in" in text_of(answer)
    [sign_in] = re.findall(r'href="(https:[^"]+)"', answer.get_data(as_text=True))
    address, _, back = sign_in.partition("?redirect_url=")
    assert address == "https://accounts.example.com/sign-in"
    assert unquote(unquote(back)) == f"{ORIGIN}/console/session?to=/console/users?query=ada"
    assert answer.headers["x-clerk-auth-reason"] == "session-token-missing"


def test_no_page_and_no_form_is_open_without_a_session(app: Flask, browser: Callable[..., Browser]) -> None:
    routes = console_routes(app)
    assert len(routes) >= 13
    for method, path in routes:
        answer = browser().get(path) if method == "GET" else browser().post(path)
        assert (answer.status_code, answer.content_type) == (401, "text/html; charset=utf-8"), path


def test_no_page_and_no_form_is_for_clients(app: Flask, browser: Callable[..., Browser]) -> None:
    grace = browser("user_grace")
    for method, path in console_routes(app):
        answer = grace.get(path) if method == "GET" else grace.post(path)
        assert (answer.status_code, answer.content_type) == (403, "text/html; charset=utf-8"), path


def test_a_client_is_shown_the_statement_that_makes_an_admin(browser: Callable[..., Browser], query: Query) -> None:
    grace = browser("user_grace")
    refused = text_of(grace.get("/console"))
    sentence = re.search(r"UPDATE users SET role = 'ADMIN' WHERE clerk_id = '[^']+';", refused)
    assert sentence
    query(sentence.group())
    assert grace.get("/console").status_code == 200


def test_a_former_admin_is_refused_at_once(boss: Browser, query: Query) -> None:
    assert boss.get("/console").status_code == 200
    query("UPDATE users SET role = 'CLIENT'")
    assert boss.get("/console").status_code == 403


@pytest.mark.parametrize(("state", "words"), [("banned = true", "banned"), ("deleted_at = now()", "deleted")])
def test_a_banned_or_deleted_admin_is_refused(boss: Browser, query: Query, state: str, words: str) -> None:
    query(f"UPDATE users SET {state}")
    answer = boss.get("/console")
    assert answer.status_code == 403
    assert words in text_of(answer)
    assert "UPDATE users" not in text_of(answer)


def test_a_404_is_a_page_in_the_console_and_json_in_the_api(boss: Browser, client: FlaskClient) -> None:
    answer = boss.get("/console/nothing/here")
    assert (answer.status_code, answer.content_type) == (404, "text/html; charset=utf-8")
    assert client.get("/api/nothing").content_type == "application/problem+json"


@pytest.mark.parametrize(
    ("page", "status"),
    [
        ("/users?cursor=nonsense", 422),
        ("/users?limit=0", 422),
        ("/users?query=%00", 422),
        ("/users/nobody", 404),
        ("/users/99", 404),
        ("/events?cursor=WyIyMDI2LTAxLTAxVDAwOjAwOjAwIiwiXHUwMDAwIl0", 422),
        ("/events/msg_none", 404),
        ("/parked?cursor=%ff", 422),
        ("/runs?cursor=WzBd", 422),
        ("/runs/0", 404),
        ("/runs/7", 404),
        ("/events/%00", 404),
    ],
)
def test_an_invalid_url_is_refused_with_a_page(boss: Browser, page: str, status: int) -> None:
    answer = boss.get(f"/console{page}")
    assert (answer.status_code, answer.content_type) == (status, "text/html; charset=utf-8")


def test_without_any_key_the_console_says_that_sessions_cannot_be_verified(
    make_app: Callable[..., Flask], session_token: Any
) -> None:
    app = make_app(jwt_key=None, publishable_key=None, issuer=None)
    answer = Browser(app.test_client(), session_token, BOSS).get("/console")
    assert (answer.status_code, answer.content_type) == (503, "text/html; charset=utf-8")
    assert "Sessions cannot be verified now" in text_of(answer)


def test_without_a_database_the_console_says_so(make_app: Callable[..., Flask], session_token: Any) -> None:
    app = make_app(database_url="postgresql://127.0.0.1:1/none")
    answer = Browser(app.test_client(), session_token, BOSS).get("/console")
    assert (answer.status_code, answer.content_type) == (503, "text/html; charset=utf-8")
    assert answer.headers["Retry-After"]
    assert "The database cannot be reached" in text_of(answer)


def test_a_page_with_an_expired_token_starts_a_renewal(browser: Callable[..., Browser]) -> None:
    answer = browser(BOSS, **EXPIRED).get("/console/users?query=ada")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console/session?to=/console/users?query%3Dada")


def test_a_form_with_an_expired_token_does_nothing_and_leads_back_to_its_page(
    browser: Callable[..., Browser], parked: str, query: Query
) -> None:
    sent = browser(BOSS, **EXPIRED).post("/console/parked/replay", Referer=f"{ORIGIN}/console/parked")
    assert sent.status_code == 401
    assert "Your session has expired" in text_of(sent)
    assert 'href="/console/session?to=/console/parked"' in sent.get_data(as_text=True)
    assert query("SELECT outcome FROM webhook_events") == [("parked",)]


def test_a_script_with_an_expired_token_is_answered_and_not_redirected(browser: Callable[..., Browser]) -> None:
    assert browser(BOSS, **EXPIRED).get("/console", Sec_Fetch_Dest="empty").status_code == 401


def test_an_expired_bearer_token_is_answered_too(client: FlaskClient, bearer: Any) -> None:
    headers = bearer(BOSS, **EXPIRED) | {"Accept": "text/html"}
    assert client.get("/console", headers=headers, base_url=f"https://{HOST}").status_code == 401


def test_a_token_for_another_origin_is_explained(browser: Callable[..., Browser]) -> None:
    answer = browser(BOSS, azp=None).get("/console")
    assert answer.status_code == 401
    assert f"CLERK_AUTHORIZED_PARTIES must contain {ORIGIN}" in text_of(answer)
