"""No redirect or link uses an address from the request alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from itertools import product
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from clerk_sync.settings.settings import Environment
from tests.conftest import ORIGIN
from tests.web.console.conftest import BOSS, HOST, Browser, form_tokens

EVIL = "evil.example.com"
THIS_MACHINE = ["127.0.0.1", "localhost:5000", "[::1]"]
HOSTS = [
    EVIL,
    f"{HOST}.{EVIL}",
    f"{EVIL}:443",
    f"{HOST}:8443",
    f"x.{HOST}",
    f"{HOST}.",
    f"{HOST}@{EVIL}",
    f"{EVIL}#{HOST}",
    f"{HOST}, {EVIL}",
    *THIS_MACHINE,
    "127.0.0.1.evil.example.com",
    "localhost.evil.example.com",
    "10.0.0.7:5000",
    "[",
    "[::1",
    "]",
    "a b",
    '"',
    "%00",
    "\xff",
    "x" * 5_000,
    "",
]
FORWARDED = {
    "X-Forwarded-Host": EVIL,
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Port": "1",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Server": EVIL,
    "X-Original-Host": EVIL,
    "X-Host": EVIL,
    "Forwarded": f"host={EVIL};proto=http",
}


def ask(app: Flask, path: str, host: str, **headers: str) -> TestResponse:
    client = app.test_client(use_cookies=False)
    return client.get(path, headers={"Accept": "text/html", **headers}, environ_overrides={"HTTP_HOST": host})


def return_url(answer: TestResponse) -> str:
    [found] = parse_qs(urlsplit(answer.headers["Location"]).query)["redirect_url"]
    return found


@pytest.mark.parametrize("environment", [Environment.PRODUCTION, Environment.DEVELOPMENT])
def test_a_renewal_starts_only_at_an_authorized_party(make_app: Callable[..., Flask], environment: Environment) -> None:
    app = make_app(environment=environment)
    for host in HOSTS:
        answer = ask(app, "/console/session?to=/console/users", host)
        assert answer.status_code == 400, host
        assert {"Location", "Set-Cookie"}.isdisjoint(answer.headers.keys()), host


@pytest.mark.parametrize("host", [HOST, HOST.upper(), f"{HOST}:443"])
def test_the_return_url_is_on_the_authorized_party(app: Flask, host: str) -> None:
    for headers in ({}, FORWARDED):
        answer = ask(app, "/console/session", host, **headers)
        assert return_url(answer).startswith(f"{ORIGIN}/console/session/return?")
        assert "Secure" in answer.headers["Set-Cookie"]


def test_without_parties_only_loopback_is_the_return_url(make_app: Callable[..., Flask]) -> None:
    app = make_app(authorized_parties=(), environment=Environment.DEVELOPMENT)
    for host in THIS_MACHINE:
        assert return_url(ask(app, "/console/session", host)).startswith(f"http://{host}/console/session/return?")
    for host in [HOST, *(each for each in HOSTS if each not in THIS_MACHINE)]:
        assert ask(app, "/console/session", host, **FORWARDED).status_code == 400, host


def test_no_page_links_or_redirects_to_what_the_host_header_names(
    make_app: Callable[..., Flask], session_token: Callable[..., str]
) -> None:
    app = make_app(environment=Environment.DEVELOPMENT)
    stale = f"__session={session_token(BOSS, exp=1_000, iat=900, nbf=900)}"
    paths = ["/", "/storefront", "/console", "/console/session/return", "/api/docs", "/api/openapi.json", "/nothing"]
    for host, path, cookie in product(HOSTS, paths, ("", stale)):
        answer = ask(app, path, host, Cookie=cookie, Sec_Fetch_Dest="document", **FORWARDED)
        assert answer.status_code < 500, (host, path)
        leads_to = [answer.headers.get("Location", ""), answer.headers.get("Content-Security-Policy", "")]
        leads_to += re.findall(r'(?:href|src|action|data-[a-z-]+)="([^"]*)"', answer.get_data(as_text=True))
        assert not [each for each in leads_to if EVIL in unquote(unescape(each))], (host, path)


@pytest.mark.parametrize("parties", [(), (ORIGIN,)])
def test_every_host_header_gets_a_response(
    make_app: Callable[..., Flask], session_token: Callable[..., str], parties: tuple[str, ...]
) -> None:
    client = make_app(authorized_parties=parties).test_client(use_cookies=False)
    headers = {"Cookie": f"__session={session_token(BOSS)}", "Origin": f"http://{EVIL}"}
    routes = [("GET", "/api/me"), ("PUT", "/api/cart/items/TEA"), ("POST", "/console/drift")]
    for host, (method, path) in product(HOSTS, routes):
        options: dict[str, Any] = {"environ_overrides": {"HTTP_HOST": host}, "headers": headers}
        assert client.open(path, method=method, **options).status_code < 500, (host, path)


@pytest.mark.parametrize("host", [HOST, EVIL, "localhost"])
def test_in_production_no_cookie_leaves_without_secure(
    boss: Browser, parked: str, make_app: Callable[..., Flask], bearer: Callable[..., dict[str, str]], host: str
) -> None:
    client = make_app(environment=Environment.PRODUCTION).test_client(use_cookies=False)
    options: dict[str, Any] = {"headers": bearer(BOSS), "environ_overrides": {"HTTP_HOST": host}}
    action = f"/console/events/{parked}/replay"
    token = form_tokens(client.get("/console/parked", **options))[action]
    [cookie] = client.post(action, data={"form_token": token}, **options).headers.getlist("Set-Cookie")
    assert "Secure" in cookie.split("; ")
