"""Errors that Flask raises become problem details like every other error."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from clerk_sync import Problem
from clerk_sync.settings.settings import Environment

JSON = {"content_type": "application/json"}

NOT_ALLOWED = "This method is not allowed. The Allow header lists the methods."


@pytest.mark.parametrize(
    ("method", "path", "request_", "status", "code", "detail"),
    [
        ("GET", "/nothing", {}, 404, "not-found", "Nothing exists at this URL."),
        ("GET", "/api/orders/a/b", {}, 404, "not-found", "Nothing exists at this URL."),
        (
            "DELETE",
            "/api/products",
            {},
            405,
            "method-not-allowed",
            NOT_ALLOWED,
        ),
        (
            "POST",
            "/healthz",
            {},
            405,
            "method-not-allowed",
            NOT_ALLOWED,
        ),
        (
            "POST",
            "/api/webhooks/clerk",
            {"data": b"x" * (1024 * 1024 + 1), **JSON},
            413,
            "request-entity-too-large",
            "The body is larger than 1 MiB.",
        ),
    ],
)
def test_every_refusal_has_a_code_and_one_short_sentence(
    client: FlaskClient, method: str, path: str, request_: dict[str, Any], status: int, code: str, detail: str
) -> None:
    answer = client.open(path, method=method, **request_)
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    said = answer.get_json()
    title = said.pop("title")
    assert said == {"type": "about:blank", "status": status, "detail": detail, "instance": path, "code": code}
    assert title
    assert ("Allow" in answer.headers) == (status == 405)


def test_a_hidden_route_looks_like_an_unknown_one(make_app: Callable[..., Flask]) -> None:
    client = make_app(environment=Environment.PRODUCTION).test_client()
    hidden, absent = (client.get(path).get_json() | {"instance": ""} for path in ("/metrics", "/nothing"))
    assert hidden == absent


def test_a_problem_can_be_copied_and_pickled() -> None:
    problem = Problem(401, "session-token-expired", "A session is required.", {"WWW-Authenticate": "Bearer"})
    for other in (copy.copy(problem), pickle.loads(pickle.dumps(problem))):
        assert (other.code, other.reason, other.description, other.headers) == (
            problem.code,
            problem.reason,
            problem.description,
            problem.headers,
        )
