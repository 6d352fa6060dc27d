"""An unexpected exception reaches error trackers with its stack. The client gets a problem without it."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask, Response, got_request_exception

from clerk_sync.settings.settings import Environment, LogFormat
from tests.conftest import ORIGIN
from tests.web.client_user import ApiClient
from tests.web.conftest import GRACE

Query = Callable[..., list[tuple[Any, ...]]]

SECRET = "hunter2@example.com"


@pytest.fixture
def heard(app: Flask) -> Iterator[list[BaseException]]:
    """The exceptions that an error tracker gets from Flask's signal, of every application."""
    found: list[BaseException] = []

    def hear(sender: Flask, exception: BaseException, **_: object) -> None:
        found.append(exception)

    with got_request_exception.connected_to(hear):
        yield found


@pytest.fixture
def odd_order(order: dict[str, Any], query: Query) -> Iterator[dict[str, Any]]:
    """An order with an unknown status: reading it raises a ValueError that quotes the status."""
    query("ALTER TABLE orders DROP CONSTRAINT ck_orders_status")
    query("UPDATE orders SET status = %s", SECRET)
    yield order
    query("UPDATE orders SET status = 'pending'")
    query(
        "ALTER TABLE orders ADD CONSTRAINT ck_orders_status"
        " CHECK (status IN ('pending', 'paid', 'shipped', 'delivered', 'cancelled'))"
    )


@pytest.mark.parametrize("log_format", list(LogFormat))
@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/api/orders", "application/problem+json"),
        ("/api/orders/{number}", "application/problem+json"),
        ("/console/users/{user}", "text/html; charset=utf-8"),
    ],
)
def test_an_exception_of_a_view_reaches_the_tracker_with_its_stack(
    make_app: Callable[..., Flask],
    bearer: Callable[..., dict[str, str]],
    odd_order: dict[str, Any],
    heard: list[BaseException],
    query: Query,
    capfd: pytest.CaptureFixture[str],
    log_format: LogFormat,
    path: str,
    content_type: str,
) -> None:
    query("UPDATE users SET role = 'ADMIN'")
    client = make_app(environment=Environment.PRODUCTION, log_format=log_format).test_client()
    answer = client.get(path.format(number=odd_order["number"], user=GRACE), headers=bearer(GRACE), base_url=ORIGIN)
    assert (answer.status_code, answer.content_type) == (500, content_type)
    assert "internal-error" in answer.get_data(as_text=True)
    [exception] = heard
    assert isinstance(exception, ValueError)
    frames = [frame.name for frame in traceback.extract_tb(exception.__traceback__)]
    assert "_order" in frames
    said = capfd.readouterr().err
    assert "ValueError at " in said
    assert SECRET not in said + answer.get_data(as_text=True)
    assert "Traceback" not in said


def test_expected_errors_do_not_reach_the_tracker(
    grace: ApiClient, signed_out: ApiClient, make_app: Callable[..., Flask], heard: list[BaseException]
) -> None:
    assert signed_out.get("/api/me").status_code == 401
    assert grace.get("/api/orders/NONE").status_code == 404
    assert grace.post("/api/addresses", {}).status_code == 422
    assert make_app(database_url="postgresql://127.0.0.1:1/none").test_client().get("/api/products").status_code == 503
    assert heard == []


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/api/products", "application/problem+json"),
        ("/nothing", "application/problem+json"),
        ("/console", "text/html; charset=utf-8"),
    ],
)
def test_an_exception_after_the_view_does_so_as_well(
    make_app: Callable[..., Flask],
    heard: list[BaseException],
    capfd: pytest.CaptureFixture[str],
    path: str,
    content_type: str,
) -> None:
    app = make_app(environment=Environment.DEVELOPMENT)

    @app.after_request
    def fail(response: Response) -> Response:
        raise LookupError(SECRET)

    answer = app.test_client().get(path, base_url=ORIGIN)
    assert (answer.status_code, answer.content_type) == (500, content_type)
    assert [type(exception) for exception in heard] == [LookupError]
    said = capfd.readouterr().err
    assert "LookupError at " in said
    assert SECRET not in said + answer.get_data(as_text=True)
    assert "Traceback" not in said


@pytest.mark.parametrize("log_format", list(LogFormat))
def test_a_logged_traceback_becomes_one_line_without_the_message(
    make_app: Callable[..., Flask], capfd: pytest.CaptureFixture[str], log_format: LogFormat
) -> None:
    make_app(log_format=log_format)
    try:
        int(SECRET)
    except ValueError:
        logging.getLogger("clerk_sync.elsewhere").exception("it failed")
    said = capfd.readouterr().err
    assert len(said.splitlines()) == 1
    assert "it failed" in said
    assert "ValueError at " in said
    assert SECRET not in said
