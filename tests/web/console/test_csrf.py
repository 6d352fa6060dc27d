"""The console accepts only its own forms."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

import pytest
from flask import Flask

from tests.conftest import ORIGIN
from tests.web.console.conftest import BOSS, HOST, Browser, Query, form_tokens, text_of

REPLAY = "/console/events/msg_parked/replay"
REPLAY_ALL = "/console/parked/replay"


def test_every_form_that_posts_carries_a_token_for_its_own_action(boss: Browser, parked: str) -> None:
    seen = set()
    for page in ("", "/users", "/users/1", "/parked", "/events", f"/events/{parked}", "/runs", "/drift"):
        answer = boss.get(f"/console{page}")
        text = answer.get_data(as_text=True)
        assert len(re.findall(r'method="post"', text)) == len(form_tokens(answer)), page
        seen |= set(form_tokens(answer))
    assert seen == {REPLAY, REPLAY_ALL}


@pytest.mark.parametrize("action", [REPLAY, REPLAY_ALL, "/console/drift"])
@pytest.mark.parametrize("token", ["missing", "empty", "nonsense", "umlaut", "of another form", "of another session"])
def test_a_form_without_its_own_token_is_refused_and_nothing_happens(
    boss: Browser, browser: Callable[..., Browser], parked: str, query: Query, action: str, token: str
) -> None:
    mine = form_tokens(boss.get("/console/parked"))
    others = form_tokens(browser(BOSS, sid="sess_2another").get("/console/parked"))
    form = {
        "missing": {},
        "empty": {"form_token": ""},
        "nonsense": {"form_token": "0" * 64},
        "umlaut": {"form_token": "ü"},
        "of another form": {"form_token": mine[REPLAY_ALL if action != REPLAY_ALL else REPLAY]},
        "of another session": {"form_token": others.get(action, "")},
    }[token]
    answer = boss.post(action, form)
    assert answer.status_code == 403
    assert "form-token-invalid" in text_of(answer)
    assert query("SELECT outcome FROM webhook_events") == [("parked",)]


def test_every_route_that_changes_something_requires_the_token(app: Flask, boss: Browser) -> None:
    doing = [rule.rule for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())]
    ours = [re.sub(r"<[^>]+>", "1", rule) for rule in doing if rule.startswith("/console")]
    assert len(ours) == 3
    for path in ours:
        assert "form-token-invalid" in text_of(boss.post(path)), path


@pytest.mark.parametrize("origin", ["https://evil.example.com", "null", ""])
def test_a_form_of_another_origin_is_refused_even_with_the_token(
    boss: Browser, parked: str, query: Query, origin: str
) -> None:
    token = form_tokens(boss.get("/console/parked"))[REPLAY]
    answer = boss.post(REPLAY, {"form_token": token}, Origin=origin)
    assert answer.status_code == 403
    assert f"Add {ORIGIN} to CLERK_AUTHORIZED_PARTIES" in text_of(answer)
    assert query("SELECT outcome FROM webhook_events") == [("parked",)]


def test_the_token_is_valid_in_every_worker_and_with_new_session_tokens(
    boss: Browser, make_app: Callable[..., Flask], session_token: Callable[..., str], parked: str
) -> None:
    token = form_tokens(boss.get("/console/parked"))[REPLAY]
    elsewhere = Browser(make_app().test_client(), session_token, BOSS, jti="another")
    assert elsewhere.post(REPLAY, {"form_token": token}).status_code == 303


def test_a_form_too_large_is_refused_by_a_page(boss: Browser) -> None:
    answer = boss.post(REPLAY_ALL, {"form_token": "a" * 2_000_000})
    assert (answer.status_code, answer.content_type) == (413, "text/html; charset=utf-8")


def test_no_form_changes_a_role(boss: Browser, parked: str, query: Query) -> None:
    wish = {"role": "ADMIN", "users.role": "ADMIN", "user[role]": "ADMIN"}
    for page in ("/console/parked", "/console/drift"):
        for action, token in form_tokens(boss.get(page)).items():
            boss.post(action, {"form_token": token} | wish)
    assert query("SELECT clerk_id, role FROM users WHERE role = 'ADMIN'") == [(BOSS, "ADMIN")]
    assert len(query("SELECT 1 FROM role_changes")) == 1


def test_no_page_has_a_field_for_a_role(boss: Browser, parked: str) -> None:
    fields = set()
    for page in ("", "/users", "/users/1", "/parked", f"/events/{parked}", "/drift"):
        fields |= set(re.findall(r'name="(\w+)"', boss.get(f"/console{page}").get_data(as_text=True)))
    assert fields == {"viewport", "form_token", "query"}


def test_a_forged_notice_is_not_shown(boss: Browser) -> None:
    body = base64.urlsafe_b64encode(b'{"tone":"good","text":"Send me money"}').decode()
    for cookie in (f"{body}.{'0' * 64}", body, f"{body}.", "ü.ü", "."):
        boss.client.set_cookie("console_notice", cookie, domain=HOST)
        answer = boss.get("/console")
        assert answer.status_code == 200
        assert 'class="notice' not in answer.get_data(as_text=True)
