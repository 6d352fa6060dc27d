"""A real browser, and servers for it: Debian's Chromium, the service as a developer runs it, the local Clerk.

Every page of a test is watched: it loads nothing from another host, and logs no error to the console.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Route, expect, sync_playwright

from clerk_sync.emulator import LocalClerk
from tests.stage.migrations import migrate
from tests.stage.servers import Servers
from tests.stage.service import Service, environment_for, free_port

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--no-sandbox",  # in containers tests run as root, for which Chromium has no sandbox
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SCREENSHOTS = "CLERK_SYNC_SCREENSHOTS"
PATIENCE_MS = 10_000
ELSEWHERE = re.compile(r"^https?://(?!(127\.0\.0\.1|localhost)(:[0-9]+)?(/|$))")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, started once a session. If it is not installed, tests that need it are skipped."""
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}: apt-get install chromium")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=list(ARGUMENTS))
        yield chromium
        chromium.close()


@dataclass
class Complaints:
    """Errors of pages. A test may take back errors that it provoked."""

    found: list[str] = field(default_factory=list)

    def watch(self, context: BrowserContext) -> None:
        """Record the errors of all pages of ``context``, and block requests to other hosts."""
        context.route(ELSEWHERE, self._stop)
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.found.append(f"uncaught: {error.error}"))

    def take_back(self, part: str) -> None:
        """Remove the complaints that contain ``part``. There has to be at least one."""
        kept = [each for each in self.found if part not in each]
        assert len(kept) < len(self.found), f"nobody complained of {part!r}: {self.found}"
        self.found[:] = kept

    def _stop(self, route: Route) -> None:
        self.found.append(f"another host: {route.request.url}")
        route.abort()

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.found.append(f"{message.type}: {message.text} ({message.location['url']})")


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    """Errors of pages. If any are left at the end, the test fails."""
    complaints = Complaints()
    yield complaints
    assert complaints.found == [], "pages complained, or asked another host"


@pytest.fixture
def new_page(browser: Browser, complaints: Complaints) -> Iterator[Callable[..., Page]]:
    """A factory of pages, each in a new browser context with the given options."""
    contexts: list[BrowserContext] = []

    def open_page(**options: Any) -> Page:
        context = browser.new_context(**options)
        context.set_default_timeout(PATIENCE_MS)
        complaints.watch(context)
        contexts.append(context)
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def browser_page(new_page: Callable[..., Page]) -> Page:
    """A page with the size of a desktop window, without cookies."""
    return new_page(viewport={"width": 1280, "height": 800})


Screenshot = Callable[..., None]


@pytest.fixture
def screenshot(browser_page: Page) -> Screenshot:
    """Write the page to ``<name>.png`` in the folder CLERK_SYNC_SCREENSHOTS, if that is set."""
    folder = os.environ.get(SCREENSHOTS)

    def write(name: str, *, page: Page = browser_page, whole_page: bool = False) -> None:
        if folder:
            page.screenshot(path=Path(folder) / f"{name}.png", full_page=whole_page, animations="disabled")

    return write


@contextmanager
def start_browser_servers(database_url: str, logs: Path, **settings: str) -> Iterator[Servers]:
    """Start one server and the local Clerk, which accepts the server's origin as its front end.

    ``settings`` are environment variables. Without them the servers are those of a developer.
    """
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        clerk = stack.enter_context(
            LocalClerk.start(
                webhook_url=f"{origin}/api/webhooks/clerk", authorized_origin=origin, schedule_factor=0.001
            )
        )
        environment = environment_for(clerk, database_url) | {"CLERK_SYNC_ENV": "development"} | settings
        service = Service(environment, logs / f"service-{port}.log", port=port, workers=1)
        stack.callback(service.kill)
        service.start()
        service.wait_until_ready()
        yield Servers(clerk, [service], database_url, environment)


@pytest.fixture(scope="module")
def servers(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """A developer's servers with products, on a migrated database shared by the module's tests."""
    with start_browser_servers(migrate(new_database()), tmp_path_factory.mktemp("logs")) as opened:
        loaded = opened.flask("shop", "load-products")
        assert loaded.returncode == 0, loaded.stderr
        yield opened
