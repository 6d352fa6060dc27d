"""Every link and form of the console works, with any ids and types of deliveries."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import pytest
from flask import Flask

from tests.conftest import ORIGIN, clerk_event, clerk_user
from tests.web.console.conftest import Browser, Deliver, Query, form_tokens, text_of

# The characters that a svix-id may have: printable ASCII without the space.
ODD_IDS = [
    "msg/1",
    "/",
    "//evil.example.com/x",
    "..",
    ".",
    "../../users",
    "a/../b",
    "a/replay",
    "a%2Fb",
    "%2e%2e",
    "%00",
    "?type=x",
    "#x",
    "a?b#c&d=e;f",
    "~",
    "~bXNn",
    "~AA",
    "<script>",
    "\"'`\\",
    "{{7*7}}",
    "x" * 256,
    "/" * 256,
    "javascript:alert(1)",
]
# Ids that the table could hold, although no signed delivery can have them.
ODD_ROWS = ["with space", " ", "Zoë", "\U0001f600", "a\nb", "\x1b[2J", "x" * 2000]


def park(query: Query, svix_id: str, type_: str | None = "user.updated") -> None:
    query(
        "INSERT INTO webhook_events (svix_id, type, outcome, reason, payload) VALUES (%s, %s, 'parked', 'odd', '[1]')",
        svix_id,
        type_,
    )


def links_of(page: Any) -> list[str]:
    """Return the link targets of a page, resolved as a browser does."""
    here = f"{ORIGIN}{page.request.full_path}"
    found = re.findall(r'<a [^>]*href="([^"#][^"]*)"', page.get_data(as_text=True))
    return [urlsplit(urljoin(here, unescape(each)))._replace(scheme="", netloc="").geturl() for each in found]


@pytest.mark.parametrize("svix_id", ODD_IDS)
def test_a_parked_delivery_has_its_page_and_its_button(boss: Browser, deliver: Deliver, svix_id: str) -> None:
    broken = clerk_event("user.updated", clerk_user("user_grace", first_name=7))
    assert deliver(broken, svix_id).get_json() == {"outcome": "parked"}
    page = boss.get("/console/parked")
    [link] = [each for each in links_of(page) if each.startswith("/console/events/")]
    shown = boss.get(link)
    assert shown.status_code == 200
    assert svix_id in text_of(shown)
    for each in (page, shown):
        [action] = [each for each in form_tokens(each) if each.endswith("/replay") and each.startswith(link)]
        assert "parked again" in text_of(boss.press(each, action))


@pytest.mark.parametrize("svix_id", ODD_ROWS)
def test_a_row_with_any_id_has_its_page_and_its_button(boss: Browser, query: Query, svix_id: str) -> None:
    park(query, svix_id)
    [link] = [each for each in links_of(boss.get("/console/events")) if each.startswith("/console/events/")]
    shown = boss.get(link)
    assert shown.status_code == 200
    assert "parked again" in text_of(boss.press(shown, f"{link}/replay"))


@pytest.mark.parametrize("svix_id", ["msg/1", "a/../b", "?x", "#x", "a%2Fb", "msg.1", "with space", "Zoë"])
def test_a_hand_written_quoted_id_leads_to_the_page(boss: Browser, query: Query, svix_id: str) -> None:
    park(query, svix_id)
    assert boss.get(f"/console/events/{quote(svix_id, safe='')}").status_code == 200


@pytest.mark.parametrize("path", ["~", "~AA", "~_w", "~x", "~%00", "~" + "A" * 5000, "a/" * 2000])
def test_a_path_that_names_nothing_is_404(boss: Browser, path: str) -> None:
    assert boss.get(f"/console/events/{path}").status_code == 404


@pytest.mark.parametrize("type_", [None, "", " ", "\n", "\u200b", "\u202egpj.exe", "\x1b[31m", "<b>", "x" * 100])
def test_a_link_can_be_seen_whatever_the_type_says(boss: Browser, query: Query, type_: str | None) -> None:
    park(query, "msg_1", type_)
    for page in ("/console/parked", "/console/events"):
        text = boss.get(page).get_data(as_text=True)
        [words] = re.findall(r'<a href="/console/events/msg_1">([^<]*)</a>', text)
        assert words.strip()
        assert words.isprintable()
    assert boss.get("/console/events/msg_1").status_code == 200


def test_every_link_of_every_page_leads_to_a_page(
    app: Flask, boss: Browser, deliver: Deliver, order: dict[str, Any], query: Query
) -> None:
    for number, svix_id in enumerate(ODD_IDS):
        deliver(clerk_event("user.updated", clerk_user(f"user_{number}", first_name=7, id=f"user_{number}")), svix_id)
    query("INSERT INTO sync_runs (kind, status, reason) VALUES ('all', 'done', '<a href=\"/x\">')")
    query("UPDATE users SET first_name = '?&/#', last_name = '../..' WHERE clerk_id = 'user_grace'")
    waiting = ["/console", "/console/users?query=%3F%26%2F", "/console/events?limit=3", "/console/users?limit=1"]
    seen: set[str] = set()
    while waiting:
        link = waiting.pop()
        if link in seen:
            continue
        seen.add(link)
        answer = boss.get(link)
        # A user with only parked events has no row.
        assert answer.status_code == 200 or (answer.status_code == 404 and "/users/user_" in link), link
        if answer.status_code == 200:
            waiting += [each for each in links_of(answer) if each.startswith("/console")]
    assert len(seen) > len(ODD_IDS) + 10
