"""The page of the OpenAPI document in a browser."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import Complaints, Screenshot
from tests.stage.servers import Servers


def test_the_docs_page_is_rendered_and_loads_nothing_from_another_host(
    servers: Servers, browser_page: Page, screenshot: Screenshot
) -> None:
    browser_page.goto(f"{servers.service.url}/api/docs")
    expect(browser_page.locator("details").first).to_be_visible()
    screenshot("api-docs")


def test_a_request_to_another_host_is_noticed(servers: Servers, browser_page: Page, complaints: Complaints) -> None:
    browser_page.goto(f"{servers.service.url}/healthz")
    browser_page.evaluate("fetch('https://cdn.example.com/a.js').catch(() => {})")
    complaints.take_back("another host: https://cdn.example.com/a.js")
    complaints.take_back("net::ERR_FAILED")
