"""The console log format: one event is one line, and no value can forge another line, another fact or a colour."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from clerk_sync.settings.settings import LogFormat, Settings
from clerk_sync.telemetry.logs import AccessLog, configure
from tests.conftest import clerk_event, sign_delivery

Deliver = Callable[..., TestResponse]

FORGERIES = [
    "user.created\n12:00:00 INFO    request method=POST route=/api/webhooks/clerk status=200",
    "user.created\r\nforged",
    "user.created\x1b[2J\x1b[31mred",
    "user.created\x9b31mred",
    "user.created\x08\x08\x08",
    "user.created\u2028forged",
    "user.created\x85forged",
    "user.created\u202edetaerc.resu",
    "user.created\u2066isolated",
    "user.created outcome=applied",
    'user.created" outcome="applied',
    "user.created\\",
    "",
]


@pytest.fixture
def console() -> Iterator[Callable[[], None]]:
    """What turns the console format on, for standard error as it is then."""
    yield lambda: configure(Settings(log_format=LogFormat.CONSOLE))
    configure(Settings(env="test"))


def said(capfd: pytest.CaptureFixture[str]) -> str:
    """Return the one line that was logged since the last call."""
    text = capfd.readouterr().err
    assert text.endswith("\n")
    line = text[:-1]
    assert line.isprintable(), ascii(line)
    return line


def facts_of(line: str) -> dict[str, str]:
    """Return the facts of a line, read as logfmt."""
    found, rest = {}, line.partition(" name=")[1] + line.partition(" name=")[2]
    while rest:
        name, _, rest = rest.lstrip(" ").partition("=")
        if rest.startswith('"'):
            end = next(at for at in range(1, len(rest)) if rest[at] == '"' and not _is_escaped(rest, at))
            found[name], rest = rest[1:end], rest[end + 1 :]
        else:
            found[name], _, rest = rest.partition(" ")
    return found


def _is_escaped(text: str, at: int) -> bool:
    before = text[:at]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1


@pytest.mark.parametrize("value", FORGERIES)
def test_a_value_stays_a_value_in_every_log_line(
    console: Callable[[], None], capfd: pytest.CaptureFixture[str], value: str
) -> None:
    console()
    logging.getLogger("clerk_sync.test").warning("it says %s", value)
    said(capfd)
    logging.getLogger("clerk_sync.test").warning("an event", extra={"type": value})
    assert said(capfd).count("=") == 1 + value.count("=")
    AccessLog(Settings(log_format=LogFormat.CONSOLE)).write({"name": "first", "type": value, "last": 1})
    assert list(facts_of(said(capfd))) == ["name", "type", "last"]


@given(value=st.text(st.characters()), message=st.text(st.characters()))
def test_any_text_is_one_printable_line(
    console: Callable[[], None], capfd: pytest.CaptureFixture[str], value: str, message: str
) -> None:
    console()
    logging.getLogger("clerk_sync.test").warning("%s", message, extra={"value": value})
    said(capfd)
    AccessLog(Settings(log_format=LogFormat.CONSOLE)).write({"name": value, "value": value})
    assert list(facts_of(said(capfd))) == ["name", "value"]


@pytest.mark.parametrize("event_type", FORGERIES)
def test_an_event_type_forges_no_line_of_the_console_log(
    make_app: Callable[..., Flask], capfd: pytest.CaptureFixture[str], event_type: str
) -> None:
    client = make_app(log_format=LogFormat.CONSOLE).test_client()
    body = json.dumps(clerk_event(event_type, {})).encode()
    capfd.readouterr()
    answer = client.post(
        "/api/webhooks/clerk", data=body, headers=sign_delivery(body, "msg_1"), content_type="application/json"
    )
    assert answer.get_json() == {"outcome": "ignored"}
    assert said(capfd).count("outcome=") == 1 + event_type.count("outcome=")


@pytest.mark.parametrize("path", ["/%0Aforged", "/api/orders/%1b%5b2J", "/console/users/%e2%80%ae", "/api/x%0d%0ax"])
def test_a_path_forges_no_line_of_the_console_log(
    make_app: Callable[..., Flask], capfd: pytest.CaptureFixture[str], path: str
) -> None:
    client = make_app(log_format=LogFormat.CONSOLE).test_client()
    capfd.readouterr()
    client.get(path, headers={"X-Request-ID": "forged id=1"})
    assert said(capfd).count("request_id=") == 1


def test_plain_values_stay_as_they_are(capfd: pytest.CaptureFixture[str]) -> None:
    facts: dict[str, Any] = {"method": "GET", "route": "/api/users/<id>", "status": 200, "ms": 0.5, "name": "Zoë B"}
    AccessLog(Settings(log_format=LogFormat.CONSOLE)).write(facts)
    assert said(capfd)[8:] == ' INFO    request method=GET route=/api/users/<id> status=200 ms=0.5 name="Zoë B"'
