"""Every page has the security headers, and no page needs what they forbid."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.conftest import PACKAGE
from tests.web.console.conftest import Browser

PAGES = ("", "/users", "/users/1", "/parked", "/events", "/events/msg_parked", "/runs", "/drift", "/nothing")
STATIC = PACKAGE / "web" / "static"
POLICY = {
    "default-src 'none'",
    "style-src 'self'",
    "script-src 'self'",
    "connect-src 'self' https://clerk.example.com",
    "img-src data:",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
}


@pytest.mark.parametrize("page", PAGES)
def test_every_page_has_the_security_headers(
    boss: Browser, browser: Callable[..., Browser], parked: str, page: str
) -> None:
    for answer in (boss.get(f"/console{page}"), browser().get(f"/console{page}")):
        assert set(answer.headers["Content-Security-Policy"].split("; ")) == POLICY
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("page", PAGES)
def test_no_page_has_inline_code_or_loads_from_another_host(boss: Browser, parked: str, page: str) -> None:
    text = boss.get(f"/console{page}").get_data(as_text=True)
    assert not re.search(r"\s(?:on\w+|style)=|<style|javascript:", text)
    assert re.findall(r"<script[^>]*>([^<]*)", text) == [""] * text.count("<script")
    assert not re.findall(r'(?:src|href)="(?!/console|data:,|#)[^"]*', text)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_has_landmarks_and_one_heading(boss: Browser, parked: str, page: str) -> None:
    text = re.sub(r"(?s)<svg.*?</svg>", "", boss.get(f"/console{page}").get_data(as_text=True))
    assert '<html lang="en">' in text
    assert [text.count(tag) for tag in ("<main", "<header", "<h1", "<title>", 'class="skip"')] == [1] * 5
    assert (
        text.count("<table") == text.count("<caption") == text.count('role="region" aria-labelledby') - ("<pre" in text)
    )


@pytest.mark.parametrize(
    ("name", "kind"),
    [("base.css", "text/css"), ("console.css", "text/css"), ("session.js", "javascript"), ("live.js", "javascript")],
)
def test_style_sheets_and_scripts_are_public_and_revalidated(client: FlaskClient, name: str, kind: str) -> None:
    with client.get(f"/console/static/{name}") as answer:
        assert answer.status_code == 200
        assert kind in answer.content_type
        assert answer.headers["Cache-Control"] == "no-cache"
        etag = answer.headers["ETag"]
    with client.get(f"/console/static/{name}", headers={"If-None-Match": etag}) as again:
        assert again.status_code == 304


@pytest.mark.parametrize("name", ["none.css", "..", "%2e%2e%2fapi.py", "..%2f..%2fconfig.py"])
def test_no_other_file_is_served(client: FlaskClient, name: str) -> None:
    assert client.get(f"/console/static/{name}").status_code in (401, 404)


def test_style_sheets_load_nothing() -> None:
    sheets = list(STATIC.glob("*.css"))
    assert sheets
    for sheet in sheets:
        assert not re.search(r"@import|url\(", sheet.read_text()), sheet.name


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_colour_has_enough_contrast(scheme: str) -> None:
    sheet = (STATIC / "base.css").read_text()
    light, _, dark = sheet.partition("@media (prefers-color-scheme: dark)")
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", light if scheme == "light" else dark))
    for letters, behind in (
        ("ink", "paper"), ("ink", "surface"), ("ink", "accent-soft"), ("muted", "paper"), ("muted", "surface"),
        ("muted", "sunken"), ("muted", "accent-soft"), ("accent", "paper"), ("accent", "surface"),
        ("accent", "accent-soft"), ("accent-ink", "accent"), ("ink", "good-soft"), ("ink", "mixed-soft"),
        ("ink", "bad-soft"), ("good", "good-soft"), ("mixed", "mixed-soft"), ("bad", "bad-soft"),
    ):  # fmt: skip
        assert contrast(colours[letters], colours[behind]) >= 4.5, (letters, behind)
    for shape in ("edge", "applied", "unchanged", "stale", "ignored", "parked", "foreign"):
        assert contrast(colours[shape], colours["surface"]) >= 3, shape
