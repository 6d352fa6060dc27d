"""Behind a URL prefix (SCRIPT_NAME) every link, form, cookie and redirect works, of our application and of a host's."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urljoin, urlsplit

import pytest
from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client, TestResponse

from tests.conftest import ORIGIN, clerk_event, clerk_user, sign_delivery
from tests.extension.conftest import MakeHost
from tests.web.console.conftest import BOSS, HOST, Browser, form_tokens, text_of

Query = Callable[..., list[tuple[Any, ...]]]
Bearer = Callable[..., dict[str, str]]

PREFIXES = ["/shop", "/deep/er"]
ODD_PREFIX = "/mit leer/ä"


def mounted(app: Flask, prefix: str) -> Any:
    """Return ``app`` under ``prefix`` and nothing else on the server."""
    # PATH_INFO is Latin-1 text of UTF-8 bytes, and the dispatcher compares it as it is.
    return DispatcherMiddleware(_nothing, {prefix.encode().decode("latin-1"): app})


def _nothing(environ: Any, start_response: Any) -> list[bytes]:
    start_response("404 Not Found", [("Content-Type", "text/plain")])
    return [b"outside of the prefix"]


@pytest.fixture(params=PREFIXES)
def prefix(request: pytest.FixtureRequest) -> str:
    """The prefix, as text."""
    return str(request.param)


@pytest.fixture
def boss(app: Flask, prefix: str, session_token: Any, bearer: Bearer, query: Query) -> Browser:
    """An ADMIN's browser on the application under the prefix."""
    app.test_client().get("/api/me", headers=bearer(BOSS))
    query("UPDATE users SET role = 'ADMIN' WHERE clerk_id = %s", BOSS)
    client = Client(mounted(app, prefix), use_cookies=True)
    return Browser(client, session_token, BOSS)  # type: ignore[arg-type]  # it has what a browser needs


@pytest.fixture
def events(app: Flask) -> None:
    """Two deliveries, one of them parked."""
    client = app.test_client()
    for number, first_name in enumerate(("Grace", 7)):
        body = json.dumps(clerk_event("user.updated", clerk_user("user_grace", first_name=first_name))).encode()
        headers = sign_delivery(body, f"msg/{number}")
        assert client.post("/api/webhooks/clerk", data=body, headers=headers, content_type="application/json").text


def targets_of(page: TestResponse, at: str) -> set[str]:
    """Return what a page links to, loads and posts to, as paths; ``at`` is the page's URL path with query."""
    html = page.get_data(as_text=True)
    found = re.findall(r'(?:href|src|action|data-retry|data-description)="([^"#][^"]*)"', html)
    urls = [urlsplit(urljoin(f"{ORIGIN}{at}", unescape(each))) for each in found if not each.startswith("data:")]
    ours = [url._replace(scheme="", netloc="").geturl() for url in urls if url.netloc == HOST]
    assert ours
    return set(ours)


def test_every_link_of_every_page_stays_under_the_prefix_and_works(boss: Browser, events: None, prefix: str) -> None:
    root = quote(prefix)
    to_visit, visited = {f"{root}/console", f"{root}/api/docs"}, set[str]()
    while to_visit:
        url = to_visit.pop()
        visited.add(url)
        with boss.get(url) as page:
            assert page.status_code == 200, (url, page.status_code)
            if page.content_type.startswith("text/html"):
                found = targets_of(page, url)
                assert all(each.startswith(f"{root}/") for each in found), (url, found)
                to_visit |= found - visited - {*form_tokens(page)}
    paths = {unquote(urlsplit(each).path).removeprefix(prefix) for each in visited}
    assert {"/console", "/console/users", "/console/users/user_grace", "/console/runs", "/console/drift"} <= paths
    assert {"/console/static/console.css", "/api/docs", "/api/openapi.json", "/console/parked"} <= paths


def test_forms_post_redirect_and_show_their_notice_under_the_prefix(boss: Browser, events: None, prefix: str) -> None:
    root = quote(prefix)
    page = boss.get(f"{root}/console/parked")
    for action in form_tokens(page):
        assert action.startswith(f"{root}/console/")
        sent = boss.post(action, {"form_token": form_tokens(page)[action]})
        assert (sent.status_code, sent.headers["Location"].startswith(f"{root}/console/")) == (303, True)
        assert f"Path={root}/console" in sent.headers["Set-Cookie"]
        shown = boss.get(sent.headers["Location"])
        assert "parked again" in text_of(shown)
        assert "parked again" not in text_of(boss.get(sent.headers["Location"]))


def test_the_form_token_belongs_to_the_form_of_this_prefix(boss: Browser, events: None, prefix: str) -> None:
    page = boss.get(f"{quote(prefix)}/console/parked")
    first, second = list(form_tokens(page).items())[:2]
    assert boss.post(first[0], {"form_token": second[1]}).status_code == 403


def test_a_page_of_an_error_links_back_under_the_prefix(boss: Browser, events: None, prefix: str) -> None:
    root = quote(prefix)
    referer = f"{ORIGIN}{root}/console/parked"
    refused = boss.post(f"{root}/console/parked/replay", {"form_token": "wrong"}, Referer=referer)
    assert refused.status_code == 403
    assert f'href="{root}/console/parked"' in refused.get_data(as_text=True)
    unknown = boss.get(f"{root}/console/nothing")
    assert unknown.status_code == 404
    assert all(each.startswith(f"{root}/") for each in targets_of(unknown, f"{root}/console/nothing"))


@pytest.mark.parametrize("prefix", [*PREFIXES, ODD_PREFIX])
def test_the_handshake_goes_out_and_comes_back_under_the_prefix(app: Flask, prefix: str, session_token: Any) -> None:
    root = quote(prefix)
    client = Client(mounted(app, prefix), use_cookies=True)
    browser = Browser(client, session_token, BOSS, exp=1_000, iat=900, nbf=900)  # type: ignore[arg-type]
    expired = browser.get(f"{root}/console/users?query=a")
    assert expired.status_code == 303
    assert expired.headers["Location"].startswith(f"{root}/console/session?to=")
    out = browser.get(expired.headers["Location"])
    return_url = parse_qs(urlsplit(out.headers["Location"]).query)["redirect_url"][0]
    assert return_url.startswith(f"{ORIGIN}{root}/console/session/return?")
    none = dict.fromkeys(("azp", "exp", "fva", "iat", "iss", "jti", "nbf", "sid", "sts", "sub", "v"))
    handshake = session_token(**{**none, "handshake": [f"__session={session_token(BOSS)}; Path=/"]})
    came_back = browser.get(f"{return_url.removeprefix(ORIGIN)}&__clerk_handshake={handshake}")
    assert (came_back.status_code, came_back.headers["Location"]) == (303, f"{root}/console/users?query=a")


@pytest.mark.parametrize("prefix", [*PREFIXES, ODD_PREFIX])
def test_the_openapi_document_names_the_prefix_as_its_server(app: Flask, prefix: str) -> None:
    root = quote(prefix)
    client = Client(mounted(app, prefix))
    document = client.get(f"{root}/api/openapi.json").json
    assert document["servers"] == [{"url": root}]
    plain = app.test_client().get("/api/openapi.json").get_json()
    assert "servers" not in plain
    assert document == plain | {"servers": document["servers"]}
    assert f'data-prefix="{root}"' in client.get(f"{root}/api/docs").get_data(as_text=True)


@pytest.mark.parametrize("prefix", [*PREFIXES, ODD_PREFIX])
def test_a_problem_names_the_complete_path(app: Flask, host: Flask, prefix: str) -> None:
    root = quote(prefix)
    for served, path in ((app, "/api/me"), (app, "/api/session"), (host, "/private/user")):
        answer = Client(mounted(served, prefix)).get(root + path)
        assert (answer.status_code, answer.json["instance"]) == (401, prefix + path)


@pytest.mark.parametrize("prefix", [*PREFIXES, ODD_PREFIX])
def test_a_problem_in_a_handler_of_the_host_names_the_complete_path(host: Flask, prefix: str) -> None:
    host.register_error_handler(401, lambda error: error.get_response())
    answer = Client(mounted(host, prefix)).get(f"{quote(prefix)}/private/user")
    assert answer.json["instance"] == f"{prefix}/private/user"


@pytest.mark.parametrize("prefix", [*PREFIXES, ODD_PREFIX])
def test_a_host_under_a_prefix_takes_deliveries_and_guards_its_routes(
    make_host: MakeHost, prefix: str, bearer: Bearer
) -> None:
    host, root = make_host(), quote(prefix)
    client = Client(mounted(host, prefix))
    body = json.dumps(clerk_event("user.created", clerk_user())).encode()
    headers = sign_delivery(body, "msg_1")
    sent = client.post(f"{root}/api/webhooks/clerk", data=body, headers=headers, content_type="application/json")
    assert sent.json == {"outcome": "applied"}
    assert client.get(f"{root}/private/user", headers=bearer()).json["email"] == "grace@example.com"
    assert client.get("/private/user", headers=bearer()).status_code == 404
