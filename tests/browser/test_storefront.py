"""The storefront, from sign-up to the deletion of the account, with its panel."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import APIResponse, Page, Route, expect

from tests.browser.conftest import Complaints, Screenshot
from tests.stage.servers import Servers


@pytest.fixture
def shop(servers: Servers, browser_page: Page) -> Page:
    """The storefront in a new browser."""
    servers.clerk.faults.clear()
    browser_page.set_viewport_size({"width": 1440, "height": 1100})
    browser_page.goto(f"{servers.service.url}/")
    expect(browser_page.get_by_role("heading", level=1)).to_have_text("A shop with customers from Clerk")
    return browser_page


def sign_up(shop: Page) -> str:
    """Sign up as the user that the form proposes, and return the e-mail address."""
    shop.goto(shop.url.partition("#")[0] + "#/sign-up")
    address = shop.get_by_label("E-mail address").input_value()
    shop.get_by_role("button", name="Sign up").click()
    expect(shop.get_by_role("heading", level=1)).to_have_text("Catalogue")
    return address


def decide(shop: Page, fate: str) -> None:
    """Choose the fault of the next webhook, and wait for the local Clerk's response."""
    with shop.expect_response(lambda it: it.url.endswith("/_local/mishaps") and it.request.method == "POST"):
        shop.get_by_label(fate).check()


def wait_for_message(shop: Page, text: str) -> None:
    """Wait until the panel shows this message."""
    expect(shop.locator("#story li").filter(has_text=text).first).to_be_visible()


def test_a_new_user_signs_up_buys_and_sees_what_happens(servers: Servers, shop: Page, screenshot: Screenshot) -> None:
    address = sign_up(shop)
    wait_for_message(shop, "You signed up at Clerk")
    expect(shop.locator("#status")).to_have_text("in step with Clerk")
    expect(shop.locator("#row")).to_contain_text(address)
    expect(shop.locator("#webhooks tr").first).to_contain_text("user.createdapplied")
    shop.get_by_role("button", name="Add Enamel Kettle to the cart").click()
    shop.get_by_role("button", name="Add Enamel Kettle to the cart").click()
    expect(shop.get_by_role("link", name=re.compile("cart"))).to_have_text("cart2")
    shop.evaluate("window.scrollTo(0, 0)")
    screenshot("storefront-catalogue")
    shop.get_by_role("link", name=re.compile("cart")).click()
    shop.get_by_role("button", name="One less: Enamel Kettle").click()
    expect(shop.locator(".total")).to_contain_text("€79.00")
    shop.get_by_label("Street").fill("12 St James's Square")
    shop.get_by_label("City").fill("London")
    shop.get_by_label("Country").fill("gb")
    shop.get_by_role("button", name="Save the address").click()
    shop.get_by_role("button", name="Place the order").click()
    expect(shop.get_by_role("heading", level=1)).to_have_text("Orders")
    wait_for_message(shop, "sending it again returns the same order")
    expect(shop.locator(".orders li")).to_contain_text("1 × Enamel Kettle")
    expect(shop.locator("#row")).to_contain_text("1 address, 0 in the cart, 1 order")
    orders = servers.query(
        "SELECT number FROM orders JOIN users ON users.id = orders.user_id WHERE users.email = %s", address
    )
    expect(shop.locator(".orders li code")).to_have_text(orders[0][0])


def test_a_change_whose_webhook_got_lost_is_repaired_by_sync(
    servers: Servers, shop: Page, screenshot: Screenshot
) -> None:
    address = sign_up(shop)
    expect(shop.locator("#row")).to_contain_text("Ada Lovelace")
    shop.get_by_role("link", name="account", exact=True).click()
    decide(shop, "is lost")
    shop.get_by_label("Last name").fill("King")
    shop.get_by_role("button", name="Save at Clerk").first.click()
    wait_for_message(shop, "user.updated was lost")
    expect(shop.locator("#status")).to_have_text("behind Clerk")
    expect(shop.locator("#row")).to_contain_text("Ada Lovelace")
    expect(shop.locator("#repair")).to_contain_text("flask sync-clerk sync")
    expect(shop.get_by_label("arrives")).to_be_checked()
    expect(shop.get_by_label("Last name")).to_have_value("King")
    screenshot("storefront-behind")
    repaired = servers.flask("sync-clerk", "sync", "--no-progress")
    assert repaired.returncode == 0, repaired.stderr
    wait_for_message(shop, "flask sync-clerk sync read Clerk and repaired the row")
    expect(shop.locator("#status")).to_have_text("in step with Clerk")
    expect(shop.get_by_role("heading", level=1)).to_have_text("Ada King")
    assert servers.query("SELECT last_name FROM users WHERE email = %s", address) == [("King",)]


@pytest.mark.parametrize("poll_begins", ["before the decision", "during the decision"])
def test_a_poll_in_progress_does_not_undo_a_decision(shop: Page, poll_begins: str) -> None:
    sign_up(shop)
    shop.get_by_role("link", name="account", exact=True).click()
    decisions: list[Route] = []
    polls: list[tuple[Route, APIResponse]] = []

    def wait_for(held: list[Any], count: int) -> None:
        while len(held) < count:
            shop.wait_for_timeout(20)

    if poll_begins == "during the decision":
        shop.route("**/_local/mishaps", lambda route: [decisions.append(route)], times=1)
        shop.get_by_label("is lost").check()
        wait_for(decisions, 1)
    shop.route("**/_local/faults", lambda route: polls.append((route, route.fetch())))
    wait_for(polls, 1)
    with shop.expect_response(lambda it: it.url.endswith("/_local/mishaps") and it.request.method == "POST"):
        if decisions:
            decisions[0].continue_()
        else:
            shop.get_by_label("is lost").check()
    old_poll, its_answer = polls[0]
    old_poll.fulfill(response=its_answer)
    wait_for(polls, 2)
    assert shop.get_by_label("is lost").is_checked()
    polls[1][0].fulfill(response=polls[1][1])
    wait_for(polls, 3)
    assert shop.get_by_label("is lost").is_checked()
    shop.unroute_all(behavior="ignoreErrors")


def test_a_first_request_that_is_faster_than_the_webhook_is_served(servers: Servers, shop: Page) -> None:
    decide(shop, "is 3 s late")
    sign_up(shop)
    expect(shop.locator("#status")).to_have_text("a webhook is in transit")
    shop.get_by_role("link", name="account", exact=True).click()
    wait_for_message(shop, "Your first request created your row with version 0")
    expect(shop.locator("#row")).to_contain_text("0: no data from Clerk yet")
    wait_for_message(shop, "The webhook filled it")
    expect(shop.get_by_role("heading", level=1)).to_have_text("Ada Lovelace")


def test_a_user_who_deletes_the_account_sees_what_is_deleted_and_what_stays(
    servers: Servers, shop: Page, complaints: Complaints
) -> None:
    address = sign_up(shop)
    expect(shop.locator("#row")).to_contain_text(address)
    shop.get_by_role("link", name="account", exact=True).click()
    shop.get_by_role("button", name="Delete account").click()
    shop.get_by_role("button", name="Keep it").click()
    expect(shop.get_by_role("heading", level=1)).to_have_text("Ada Lovelace")
    shop.get_by_role("button", name="Delete account").click()
    shop.get_by_role("button", name="Delete account permanently").click()
    wait_for_message(shop, "left a tombstone")
    expect(shop.locator("#status")).to_have_text("deleted: a tombstone")
    expect(shop.locator("#row .email")).to_have_text("emailnull")
    assert servers.clerk.users.find(address) is None
    assert servers.query("SELECT count(*) FROM users WHERE email = %s", address) == [(0,)]
    shop.get_by_role("link", name="Sign in").click()
    shop.get_by_label("E-mail address").fill(address)
    shop.get_by_role("button", name="Sign in").click()
    expect(shop.get_by_role("alert")).to_have_text("Couldn't find your account.")
    complaints.take_back("422")


def test_a_user_signs_out_and_signs_in_again(servers: Servers, shop: Page) -> None:
    address = sign_up(shop)
    shop.get_by_role("link", name="account", exact=True).click()
    shop.get_by_role("button", name="Sign out").click()
    wait_for_message(shop, "You signed out at Clerk")
    assert not {cookie["name"] for cookie in shop.context.cookies()} & {"__session", "__client"}
    shop.goto(shop.url.partition("#")[0] + "#/orders")
    expect(shop.get_by_role("heading", level=1)).to_have_text("Welcome back")
    shop.get_by_label("E-mail address").fill(address)
    shop.get_by_role("button", name="Sign in").click()
    expect(shop.get_by_role("heading", level=1)).to_have_text("Catalogue")
    shop.reload()
    expect(shop.get_by_role("link", name="account", exact=True)).to_be_visible()


def test_a_new_address_is_two_changes_and_both_arrive(servers: Servers, shop: Page) -> None:
    address = sign_up(shop)
    shop.get_by_role("link", name="account", exact=True).click()
    shop.get_by_label("Address", exact=True).fill(f"new-{address}")
    shop.get_by_role("button", name="Save at Clerk").last.click()
    expect(shop.locator("#row")).to_contain_text(f"new-{address}")
    expect(shop.locator("#webhooks tr")).to_have_count(3)
    expect(shop.locator("#status")).to_have_text("in step with Clerk")


@pytest.mark.parametrize(("way", "credential"), [("by cookie", "cookie"), ("by header", "Bearer")])
def test_the_api_is_called_by_cookie_or_across_origins_by_header(
    servers: Servers, shop: Page, way: str, credential: str
) -> None:
    sign_up(shop)
    if credential == "Bearer":
        shop.get_by_label(re.compile(way)).check()
        shop.wait_for_url(re.compile("api=http://localhost"))
    expect(shop.get_by_label(re.compile(way))).to_be_checked()
    with shop.expect_request(re.compile("/api/cart/items/SOAP-OLIVE")) as sent:
        shop.get_by_role("button", name="Add Olive Oil Soap to the cart").click()
    headers = sent.value.all_headers()
    assert sent.value.response() is not None
    assert ("authorization" in headers, "__session" in headers.get("cookie", "")) == (
        credential == "Bearer",
        credential == "cookie",
    )
    line = shop.locator("#requests tr").filter(has_text="/api/cart/items/SOAP-OLIVE").first
    expect(line).to_contain_text(re.compile(rf"PUT.*200.*{credential}"))
    expect(shop.get_by_role("link", name=re.compile("cart"))).to_have_text("cart1")


def test_a_token_is_renewed_before_it_ends(servers: Servers, shop: Page) -> None:
    shop.clock.install()
    shop.reload()
    sign_up(shop)
    with shop.expect_response(re.compile(r"/v1/client/sessions/sess_\w+/tokens")):
        shop.clock.run_for(46_000)
    expect(shop.locator("#session")).to_contain_text("renewed 1 ×")


def test_the_shop_works_while_clerk_is_down_and_shows_it(servers: Servers, shop: Page, complaints: Complaints) -> None:
    sign_up(shop)
    servers.clerk.faults.add("/v1/client*", hang_up=True, times=None)
    shop.get_by_role("button", name="Add Olive Oil Soap to the cart").click()
    expect(shop.get_by_role("link", name=re.compile("cart"))).to_have_text("cart1")
    shop.get_by_role("link", name="account", exact=True).click()
    shop.get_by_role("button", name="Sign out").click()
    expect(shop.get_by_role("alert")).to_contain_text("Clerk cannot be reached at http://127.0.0.1:")
    complaints.take_back("net::ERR_EMPTY_RESPONSE")


def test_a_refusal_of_the_api_is_shown_as_a_sentence(servers: Servers, shop: Page, complaints: Complaints) -> None:
    sign_up(shop)
    servers.query("UPDATE products SET active = false WHERE sku = 'TEA-ASSAM-250'")
    shop.get_by_role("button", name="Add Assam Tea, 250 g to the cart").click()
    expect(shop.get_by_role("alert")).to_have_text("No product on sale has this sku.")
    servers.query("UPDATE products SET active = true WHERE sku = 'TEA-ASSAM-250'")
    complaints.take_back("404")


def test_a_page_on_another_origin_than_the_authorized_parties_says_so(
    servers: Servers, shop: Page, complaints: Complaints
) -> None:
    shop.goto(servers.service.url.replace("127.0.0.1", "localhost") + "/storefront")
    shop.get_by_role("button", name="Sign up").click()
    shop.get_by_role("link", name="account", exact=True).click()
    expect(shop.get_by_role("alert")).to_contain_text("is not in CLERK_AUTHORIZED_PARTIES")
    shop.close()  # the panel keeps polling, and is refused
    complaints.take_back("401")


def test_the_shop_is_usable_by_keyboard_alone(servers: Servers, shop: Page) -> None:
    shop.reload()
    shop.keyboard.press("Tab")
    expect(shop.get_by_role("link", name="Skip to the shop")).to_be_focused()
    shop.keyboard.press("Enter")
    shop.keyboard.press("Tab")
    expect(shop.get_by_label("First name")).to_be_focused()
    for _ in range(3):
        shop.keyboard.press("Tab")
    shop.keyboard.press("Enter")
    expect(shop.get_by_role("heading", level=1)).to_have_text("Catalogue")
    expect(shop.get_by_role("heading", level=1)).to_be_focused()


LOOKS: dict[str, dict[str, Any]] = {
    "dark": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True},
}


@pytest.mark.parametrize("look", LOOKS)
def test_it_fits_a_phone_and_dark_mode(
    servers: Servers, new_page: Callable[..., Page], screenshot: Screenshot, look: str
) -> None:
    page = new_page(**LOOKS[look])
    page.goto(f"{servers.service.url}/storefront")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    sign_up(page)
    wait_for_message(page, "created your row")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    screenshot(f"storefront-{look}", page=page)
