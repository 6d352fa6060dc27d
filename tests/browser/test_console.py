"""The console in a browser: with a mouse, with the keyboard, on a phone, without JavaScript."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
import requests
from playwright.sync_api import Browser, Locator, Page, StorageState, expect

from tests.browser.conftest import Complaints, Screenshot, start_browser_servers
from tests.browser.console_data import GRACE, fill, park
from tests.stage.migrations import migrate
from tests.stage.servers import Servers

ADMIN = "ada@example.com"
CLIENT = "bob@example.com"
MOST_SERVER_MS = 300
TRIES = 10
REFRESH_MS = 2_000

PAGES = (
    "",
    "/users",
    "/users?query=grażyna nowak",
    "/users?query=zzz",
    "/users/100001",
    "/parked",
    "/events",
    "/events/msg_2notYetUnderstood",
    "/runs",
    "/runs/2",
    "/drift",
)


@pytest.fixture(scope="module")
def console_servers(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Servers with 100,000 users and an administrator, after a busy day."""
    with start_browser_servers(migrate(new_database()), tmp_path_factory.mktemp("logs")) as servers:
        fill(servers)
        servers.clerk.users.create(first_name="Ada", last_name="Lovelace", email=ADMIN)
        servers.clerk.webhook_sender.wait_idle()
        servers.clerk.users.create(first_name="Bob", email=CLIENT)
        servers.clerk.webhook_sender.wait_idle()
        servers.query("UPDATE users SET role = 'ADMIN' WHERE email = %s", ADMIN)
        yield servers


@pytest.fixture
def sign_in(console_servers: Servers, complaints: Complaints) -> Callable[..., Page]:
    """Sign in on a page through the console's sign-in link, as ADMIN or as another user."""

    def from_the_console(page: Page, email: str = ADMIN) -> Page:
        sign_in_by_link(page, console_servers, email)
        complaints.take_back("401")
        return page

    return from_the_console


def sign_in_by_link(page: Page, servers: Servers, email: str) -> None:
    page.goto(f"{servers.service.url}/console")
    page.get_by_role("link", name="Sign in", exact=True).click()
    page.get_by_label("Email address").fill(email)
    page.get_by_role("button", name="Continue").click()


@pytest.fixture(scope="module")
def admin_cookies(console_servers: Servers, browser: Browser) -> StorageState:
    """The cookies of a browser in which the administrator has signed in."""
    context = browser.new_context()
    page = context.new_page()
    sign_in_by_link(page, console_servers, ADMIN)
    expect(heading(page)).to_have_text("Overview")
    cookies = context.storage_state()
    context.close()
    return cookies


@pytest.fixture
def admin(admin_cookies: StorageState, new_page: Callable[..., Page], console_servers: Servers) -> Page:
    """A page of the signed-in administrator, in a browser of its own."""
    page = new_page(viewport={"width": 1280, "height": 800}, storage_state=admin_cookies)
    page.goto(f"{console_servers.service.url}/console")
    expect(heading(page)).to_have_text("Overview")
    return page


def heading(page: Page) -> Locator:
    return page.get_by_role("heading", level=1)


def expire(page: Page, servers: Servers) -> None:
    """Replace the session token by an expired one. The session at Clerk stays."""
    [user_id] = servers.query("SELECT clerk_id FROM users WHERE email = %s", ADMIN)[0]
    old = servers.clerk.session_token(user_id, exp=1_000, iat=900, nbf=900)
    for name in ("__session", f"__session_{servers.clerk.cookie_suffix}"):
        page.context.add_cookies([{"name": name, "value": old, "url": servers.service.url}])
    # A real token does not expire within seconds of the last renewal, so forget that renewal.
    page.context.clear_cookies(name="console_renewal")


def test_an_administrator_finds_a_parked_event_and_replays_it(
    admin: Page, console_servers: Servers, screenshot: Screenshot
) -> None:
    assert admin.url == f"{console_servers.service.url}/console"
    screenshot("console-overview", page=admin, whole_page=True)
    admin.locator(".is-bad").get_by_role("link").click()
    expect(heading(admin)).to_have_text("Parked events")
    screenshot("console-parked", page=admin)
    row = admin.get_by_role("row").filter(has_text="msg_2understoodByNow")
    expect(row).to_contain_text("locale: expected text")
    row.get_by_role("link", name="user.updated").click()
    expect(admin.get_by_role("region", name="Payload")).to_contain_text('"last_name": "Hopper"')
    admin.get_by_role("button", name="Replay").click()
    expect(admin.get_by_role("status")).to_have_text("Replayed: applied.")
    screenshot("console-replayed", page=admin)
    admin.reload()
    expect(admin.get_by_role("status")).to_have_count(0)
    admin.get_by_role("link", name=GRACE).click()
    expect(heading(admin)).to_contain_text("Grace Hopper")
    assert console_servers.query("SELECT last_name FROM users WHERE clerk_id = %s", GRACE) == [("Hopper",)]


def test_with_100_000_users_every_page_is_fast(admin: Page, console_servers: Servers, screenshot: Screenshot) -> None:
    expect(admin.locator(".tiles").first).to_contain_text("Live users98,00")
    admin.get_by_role("link", name="Users", exact=True).click()
    admin.get_by_role("searchbox").fill("GRAŻYNA.nowak9")
    admin.get_by_role("searchbox").press("Enter")
    expect(admin.get_by_role("table")).to_contain_text("grażyna.nowak9")
    screenshot("console-users", page=admin)
    for page in PAGES:
        assert fastest_ms(admin, f"{console_servers.service.url}/console{page}") < MOST_SERVER_MS, page


def fastest_ms(page: Page, address: str) -> float:
    """Return the server's time for a page. Retry while the machine seems to be busy."""
    cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    fastest = float("inf")
    for _ in range(TRIES):
        started_at = time.perf_counter()
        answer = requests.get(address, cookies=cookies, headers={"Accept": "text/html"}, timeout=10)
        fastest = min(fastest, (time.perf_counter() - started_at) * 1000)
        assert answer.status_code == 200, address
        if fastest < MOST_SERVER_MS:
            break
    return fastest


def test_the_keyboard_is_enough(admin: Page) -> None:
    admin.keyboard.press("Tab")
    expect(admin.get_by_role("link", name="Skip to the content")).to_be_focused()
    admin.keyboard.press("Enter")
    expect(admin.get_by_role("main")).to_be_focused()
    admin.keyboard.press("Tab")
    expect(admin.locator(".is-bad a")).to_be_focused()
    admin.keyboard.press("Enter")
    admin.wait_for_url("**/console/parked")
    button = admin.get_by_role("button", name="Replay all")
    for _ in range(20):
        admin.keyboard.press("Tab")
        if button.evaluate("each => each === document.activeElement"):
            break
    assert button.evaluate("each => getComputedStyle(each).outlineStyle") == "solid"
    admin.keyboard.press("Enter")
    expect(admin.get_by_role("status")).to_contain_text("replayed")


def test_an_expired_token_is_renewed_without_a_message(admin: Page, console_servers: Servers) -> None:
    expire(admin, console_servers)
    admin.goto(f"{console_servers.service.url}/console/users?query=okafor")
    assert admin.url == f"{console_servers.service.url}/console/users?query=okafor"
    expect(heading(admin)).to_have_text("Users")


def test_a_page_that_stays_open_can_still_send_its_form(admin: Page, console_servers: Servers) -> None:
    park(console_servers, "msg_2lateForm", "first_name: expected text", 1, first_name=7)
    admin.clock.install()
    admin.goto(f"{console_servers.service.url}/console/events/msg_2lateForm")
    expire(admin, console_servers)
    with admin.expect_response("**/v1/client/sessions/*/tokens"):
        admin.clock.fast_forward(50_000)
    admin.wait_for_function("!document.cookie.includes('eyJleHAiOjEwMDA')")
    admin.get_by_role("button", name="Replay").click()
    expect(admin.get_by_role("status")).to_contain_text("parked again")


def test_an_ended_session_leads_to_the_sign_in_link(
    sign_in: Callable[..., Page], browser_page: Page, console_servers: Servers, complaints: Complaints
) -> None:
    sessions = console_servers.clerk.sessions
    others = {session.id for session in sessions.all()}
    page = sign_in(browser_page)
    expect(heading(page)).to_have_text("Overview")
    expire(page, console_servers)
    [session] = [session for session in sessions.all() if session.id not in others]
    sessions.finish(session.id, "revoked")
    page.goto(f"{console_servers.service.url}/console/runs")
    expect(page.get_by_role("link", name="Sign in", exact=True)).to_be_visible()
    complaints.take_back("401")


def test_a_client_is_shown_how_to_become_an_administrator(
    sign_in: Callable[..., Page], browser_page: Page, complaints: Complaints
) -> None:
    page = sign_in(browser_page, CLIENT)
    expect(heading(page)).to_have_text("You are not an administrator")
    expect(page.get_by_role("region", name="SQL statement")).to_contain_text("UPDATE users SET role = 'ADMIN'")
    complaints.take_back("403")


def test_without_javascript_everything_works_the_same(
    sign_in: Callable[..., Page], new_page: Callable[..., Page], console_servers: Servers
) -> None:
    page = sign_in(new_page(java_script_enabled=False))
    park(console_servers, "msg_2withoutScripts", "first_name: expected text", 2, first_name=7)
    expire(page, console_servers)
    page.goto(f"{console_servers.service.url}/console/events/msg_2withoutScripts")
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_role("status")).to_contain_text("parked again")


def test_a_running_sync_moves_on_the_page_until_it_is_done(admin: Page, console_servers: Servers) -> None:
    [(run_id,)] = console_servers.query(
        "INSERT INTO sync_runs (kind, seen, cursor) VALUES ('all', 500, '{\"expected\": 2000}') RETURNING id"
    )
    admin.clock.install()
    admin.goto(f"{console_servers.service.url}/console/runs/{run_id}")
    expect(admin.get_by_text("500 of about 2,000 users seen")).to_be_visible()
    console_servers.query("UPDATE sync_runs SET seen = 1500, heartbeat_at = now() WHERE id = %s", run_id)
    admin.clock.fast_forward(REFRESH_MS)
    expect(admin.get_by_text("1,500 of about 2,000 users seen")).to_be_visible()
    console_servers.query("UPDATE sync_runs SET status = 'done', ended_at = now(), cursor = NULL WHERE id = %s", run_id)
    admin.clock.fast_forward(REFRESH_MS)
    expect(admin.get_by_role("status")).to_have_text("done")
    expect(admin.locator("[data-every-s]")).to_have_count(0)


def test_a_phone_scrolls_tables_and_never_the_page(
    admin: Page, console_servers: Servers, screenshot: Screenshot
) -> None:
    admin.set_viewport_size({"width": 320, "height": 844})
    for page in PAGES:
        admin.goto(f"{console_servers.service.url}/console{page}")
        for width in (320, 390):
            admin.set_viewport_size({"width": width, "height": 844})
            assert admin.evaluate("document.documentElement.scrollWidth") <= width, (page, width)
    admin.goto(f"{console_servers.service.url}/console")
    screenshot("console-phone", page=admin)


def test_dark_mode_has_its_own_colours(admin: Page, screenshot: Screenshot) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    light = admin.evaluate(background)
    admin.emulate_media(color_scheme="dark")
    assert admin.evaluate(background) != light
    screenshot("console-dark", page=admin, whole_page=True)
