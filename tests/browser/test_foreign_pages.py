"""A page of another site in the same browser cannot sign a user in as another user."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.browser.conftest import Complaints
from tests.stage.servers import Servers

# What a foreign page can know or guess about a renewal in this browser.
GUESSES = ("done", "-", "")


@pytest.fixture
def foreign_page(browser_page: Page) -> Iterator[Page]:
    """A second tab of the victim's browser, on a page of another site: localhost is not 127.0.0.1."""

    class Empty(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b'<!doctype html><title>Elsewhere</title><link rel="icon" href="data:,">')

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Empty)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    page = browser_page.context.new_page()
    page.goto(f"http://localhost:{server.server_port}/")
    yield page
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def victim(servers: Servers, browser_page: Page) -> str:
    """The id of a customer who is signed in with this browser, with an expired session token."""
    user_id = str(
        servers.clerk.users.create(first_name="Ada", email=f"ada{len(servers.clerk.users)}@example.com")["id"]
    )
    browser_page.goto(f"{servers.clerk.url}/sign-in?redirect_url={quote(servers.service.url + '/storefront')}")
    browser_page.get_by_label("Email address").fill(user_id)
    browser_page.get_by_role("button", name="Continue").click()
    browser_page.wait_for_url(f"{servers.service.url}/**")
    browser_page.goto("about:blank")
    old = servers.clerk.session_token(user_id, exp=1_000, iat=900, nbf=900)
    for name in ("__session", f"__session_{servers.clerk.cookie_suffix}"):
        browser_page.context.add_cookies([{"name": name, "value": old, "url": servers.service.url}])
    return user_id


@pytest.fixture
def own_handshake(servers: Servers) -> str:
    """A handshake that Clerk signed for another user, who went through their own renewal."""
    mallory = servers.clerk.users.create(first_name="Mallory", email=f"m{len(servers.clerk.users)}@example.com")
    way_back = f"{servers.service.url}/console/session/return"
    with requests.Session() as http:
        form = {"identifier": mallory["id"], "redirect_url": way_back}
        http.post(f"{servers.clerk.url}/sign-in", data=form, allow_redirects=False, timeout=10)
        back = http.get(
            f"{servers.clerk.url}/v1/client/handshake",
            params={"redirect_url": way_back},
            allow_redirects=False,
            timeout=10,
        )
    [handshake] = parse_qs(urlsplit(back.headers["Location"]).query)["__clerk_handshake"]
    return handshake


def signed_in_as(page: Page) -> set[str]:
    """Return the users that the browser's session cookies name."""
    tokens = [each["value"] for each in page.context.cookies() if each["name"].startswith("__session")]
    parts = [token.split(".")[1] for token in tokens]
    return {json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["sub"] for part in parts}


def renewed(page: Page, servers: Servers, path: str) -> None:
    """Open ``path`` from ``page`` in a new window, and wait until the browser returns from Clerk."""
    with page.context.expect_page() as opened:
        page.evaluate("address => { window.open(address) }", servers.service.url + path)
    opened.value.wait_for_url(f"{servers.service.url}/console*")
    expect(opened.value.get_by_role("heading", level=1)).to_have_text("You are not an administrator")


@pytest.mark.parametrize("moment", ["before a renewal", "after a renewal"])
@pytest.mark.parametrize("state", GUESSES)
def test_a_foreign_page_does_not_sign_a_customer_in_as_another_user(
    servers: Servers,
    victim: str,
    own_handshake: str,
    foreign_page: Page,
    complaints: Complaints,
    state: str,
    moment: str,
) -> None:
    if moment == "after a renewal":
        renewed(foreign_page, servers, "/console")
    foreign_page.evaluate(
        "address => { window.location = address }",
        f"{servers.service.url}/console/session/return?state={state}&to=/console&__clerk_handshake={own_handshake}",
    )
    # The page that refuses renews the victim's own session by its script, and continues.
    expect(foreign_page.get_by_role("heading", level=1)).to_have_text("You are not an administrator")
    assert signed_in_as(foreign_page) == {victim}
    complaints.take_back("401")
    complaints.take_back("403")


def test_a_foreign_page_that_starts_a_renewal_brings_a_customer_back_as_themselves(
    servers: Servers, victim: str, foreign_page: Page, complaints: Complaints
) -> None:
    renewed(foreign_page, servers, "/console/session?to=/console&__clerk_db_jwt=theirs")
    complaints.take_back("403")
    assert signed_in_as(foreign_page) == {victim}
    assert "theirs" not in [cookie["value"] for cookie in foreign_page.context.cookies()]


def test_an_image_or_a_frame_of_a_foreign_page_starts_nothing(
    servers: Servers, victim: str, foreign_page: Page, new_page: Callable[..., Page], complaints: Complaints
) -> None:
    before = {cookie["name"]: cookie["value"] for cookie in foreign_page.context.cookies()}
    for tag in ("img", "iframe"):
        with foreign_page.expect_response(lambda response: "/console/session?" in response.url):
            foreign_page.evaluate(
                "([tag, src]) => document.body.append(Object.assign(document.createElement(tag), { src }))",
                [tag, f"{servers.service.url}/console/session?to=/console"],
            )
    foreign_page.wait_for_load_state("networkidle")
    assert {cookie["name"]: cookie["value"] for cookie in foreign_page.context.cookies()} == before
    complaints.found.clear()
