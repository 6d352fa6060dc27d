"""A browser without scripts: it keeps cookies, follows redirects on request, and sends the forms of a page."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.conftest import ORIGIN, PUBLISHABLE_KEY, clerk_event, clerk_user

Query = Callable[..., list[tuple[Any, ...]]]
Deliver = Callable[..., TestResponse]

BOSS = "user_boss"
HOST = urlsplit(ORIGIN).netloc


class Browser:
    """A user's browser. ``claims`` change the session token."""

    def __init__(self, client: FlaskClient, token: Callable[..., str], clerk_id: str | None, **claims: Any) -> None:
        self.client = client
        if clerk_id:
            self.client.set_cookie("__session", token(clerk_id, **claims), domain=HOST)

    def get(self, path: str, **headers: str) -> TestResponse:
        """Return the response to GET."""
        return self._open("GET", path, {"Accept": "text/html", "Sec-Fetch-Dest": "document"} | headers)

    def post(self, path: str, form: dict[str, str] | None = None, **headers: str) -> TestResponse:
        """Return the response to a form sent from one of our own pages."""
        return self._open("POST", path, {"Origin": ORIGIN, "Referer": f"{ORIGIN}/console"} | headers, data=form or {})

    def press(self, page: TestResponse, action: str) -> TestResponse:
        """Send the form of ``page`` that posts to ``action``, and return the next page."""
        sent = self.post(action, {"form_token": form_tokens(page)[action]})
        assert sent.status_code == 303, sent.get_data(as_text=True)
        return self.get(sent.headers["Location"])

    def _open(self, method: str, path: str, headers: dict[str, str], **body: Any) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.open(path, method=method, headers=named, base_url=ORIGIN, **body)


def form_tokens(page: TestResponse) -> dict[str, str]:
    """Return the form tokens of ``page`` by action."""
    pattern = r'<form method="post" action="([^"]+)">\s*<input type="hidden" name="form_token" value="([^"]+)">'
    return {unescape(action): token for action, token in re.findall(pattern, page.get_data(as_text=True))}


def text_of(page: TestResponse) -> str:
    """Return the visible text of ``page``: no tags, single spaces."""
    body = re.sub(r"(?s)<head>.*?</head>", "", page.get_data(as_text=True))
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


@pytest.fixture
def browser(client: FlaskClient, session_token: Callable[..., str]) -> Callable[..., Browser]:
    """A factory of browsers, each with its own cookies."""
    return lambda clerk_id=None, **claims: Browser(client.application.test_client(), session_token, clerk_id, **claims)


@pytest.fixture
def boss(browser: Callable[..., Browser], client: FlaskClient, bearer: Any, query: Query) -> Browser:
    """An ADMIN. Only an operator can make one, in the database."""
    client.get("/api/me", headers=bearer(BOSS))
    query("UPDATE users SET role = 'ADMIN' WHERE clerk_id = %s", BOSS)
    return browser(BOSS)


@pytest.fixture
def parked(deliver: Deliver) -> str:
    """The id of an event that cannot be mapped: a user whose first name is a number."""
    broken = clerk_event("user.updated", clerk_user("user_grace", first_name=7))
    assert deliver(broken, "msg_parked").get_json() == {"outcome": "parked"}
    return "msg_parked"


SUFFIXED = f"__session_{PUBLISHABLE_KEY.cookie_suffix}"
