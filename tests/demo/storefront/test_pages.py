"""The storefront's page: it exists in development only, and its Content-Security-Policy."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from clerk_sync.settings.settings import Environment
from tests.conftest import PACKAGE, PUBLISHABLE_KEY
from tests.web.test_routes import routes_of

STOREFRONT = {
    ("GET", "/"),
    ("GET", "/storefront"),
    ("GET", "/storefront/panel"),
    ("GET", "/storefront/static/{filename}"),
}
STATIC = PACKAGE / "demo" / "storefront" / "static"
LOCAL_CLERK = "http://127.0.0.1:4010"


@pytest.mark.parametrize("environment", [Environment.PRODUCTION, Environment.TEST])
def test_the_storefront_exists_in_development_only(make_app: Callable[..., Flask], environment: Environment) -> None:
    app = make_app(environment=environment)
    assert not routes_of(app) & STOREFRONT
    for path in ("/", "/storefront", "/storefront/panel", "/storefront/static/storefront.js"):
        assert app.test_client().get(path).status_code == 404, path


def test_development_adds_these_routes_only(app: Flask, developer_app: Flask) -> None:
    assert routes_of(developer_app) - routes_of(app) == STOREFRONT


def test_the_root_redirects_to_the_storefront(developer: FlaskClient) -> None:
    answer = developer.get("/")
    assert (answer.status_code, answer.location) == (302, "/storefront")


def test_the_page_gets_the_frontend_api_and_may_connect_to_no_other_host(make_app: Callable[..., Flask]) -> None:
    app = make_app(environment=Environment.DEVELOPMENT, api_url=LOCAL_CLERK)
    answer = app.test_client().get("/storefront", base_url="http://127.0.0.1:5000")
    page = answer.get_data(as_text=True)
    assert f'data-publishable-key="{PUBLISHABLE_KEY.value}" data-proxy-url="{LOCAL_CLERK}"' in page
    assert answer.headers["Content-Security-Policy"] == (
        f"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' {LOCAL_CLERK}; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_with_a_real_clerk_the_page_has_no_proxy_url(developer: FlaskClient) -> None:
    answer = developer.get("/storefront")
    assert 'data-proxy-url=""' in answer.get_data(as_text=True)
    assert f"connect-src 'self' {PUBLISHABLE_KEY.issuer};" in answer.headers["Content-Security-Policy"]


def test_the_page_opens_without_any_clerk_setting(make_app: Callable[..., Flask]) -> None:
    app = make_app(environment=Environment.DEVELOPMENT, publishable_key=None, issuer=None)
    answer = app.test_client().get("/storefront")
    assert answer.status_code == 200
    assert "connect-src 'self';" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("api", ["http://localhost:5000", "http://127.0.0.1:5001", "http://localhost"])
def test_an_api_on_this_machine_may_be_called_instead(developer: FlaskClient, api: str) -> None:
    answer = developer.get("/storefront", query_string={"api": api})
    assert f'data-api="{api}"' in answer.get_data(as_text=True)
    assert re.search(f"connect-src [^;]* {re.escape(api)};", answer.headers["Content-Security-Policy"])


@pytest.mark.parametrize(
    "api",
    [
        "https://evil.example.com",
        "http://127.0.0.1.evil.example.com",
        "http://localhost:5000; script-src *",
        "http://localhost:5000/path",
        'http://localhost:5000"><script>',
    ],
)
def test_an_api_on_another_machine_is_never_called(developer: FlaskClient, api: str) -> None:
    answer = developer.get("/storefront", query_string={"api": api})
    assert 'data-api=""' in answer.get_data(as_text=True)
    assert answer.headers["Content-Security-Policy"] == developer.get("/storefront").headers["Content-Security-Policy"]


def test_the_page_has_no_inline_code_and_its_files_exist(developer: FlaskClient) -> None:
    page = developer.get("/storefront").get_data(as_text=True)
    assert not re.findall(r"<(?:style|script)>|\s(?:on\w+|style)=", page)
    named = re.findall(r'(?:src|href)="(/[^"]*)"', page)
    assert len(named) == 3
    for path in named:
        with developer.get(path) as answer:  # the response is an open file, so close it
            assert answer.status_code == 200, path


def test_every_module_is_served_as_javascript_and_imports_only_storefront_modules(developer: FlaskClient) -> None:
    modules = [STATIC / "storefront.js", *(STATIC / "storefront").glob("*.js")]
    assert len(modules) > 1
    for module in modules:
        with developer.get(f"/storefront/static/{module.relative_to(STATIC)}") as answer:
            assert (answer.status_code, answer.mimetype) in [(200, "text/javascript"), (200, "application/javascript")]
            imports = re.findall(r"from '([^']+)'", answer.get_data(as_text=True))
        assert all((module.parent / path).exists() for path in imports), (module, imports)


def test_no_module_parses_text_as_markup_or_names_another_host() -> None:
    for module in [STATIC / "storefront.js", STATIC / "storefront.css", *(STATIC / "storefront").glob("*.js")]:
        text = module.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text), module
        assert not re.findall(r"https?://[\w.]", text), module
