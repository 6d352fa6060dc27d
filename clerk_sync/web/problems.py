"""Errors as RFC 9457 problem details. They contain no stack trace, no secret and no setting.

This module is part of the public API, so it imports neither Flask nor a database library.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self

import msgspec
from werkzeug.exceptions import HTTPException, default_exceptions

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

CONTENT_TYPE = "application/problem+json"

# On every response for one user. A shared cache would send it to the next user.
NO_STORE = ("Cache-Control", "no-store")


class Problem(HTTPException):
    """An error response, as RFC 9457 problem details unless the application has a handler of its own.

    ``reason`` is a stable word for programs, which the JSON calls ``code``; ``detail`` is a sentence for people. As for
    every ``HTTPException``, ``code`` is the HTTP status and ``description`` is the sentence. ``headers`` are added to
    the response. Handlers for a status, such as ``@app.errorhandler(403)``, get problems, too.

        @app.errorhandler(Problem)
        def show_problem(problem):
            return {"error": problem.reason, "message": problem.description}, problem.code, problem.headers

        raise Problem(409, "project-archived", "This project is archived.")
    """

    code: int
    description: str

    def __new__(cls, status: int, *_: object, **__: object) -> Self:
        """Return an instance that is also Werkzeug's exception for ``status``."""
        combined: type[Self] = _class_for(cls, status)  # type: ignore[arg-type]  # mypy: Self is not hashable
        return super().__new__(combined)

    def __init__(self, status: int, reason: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(description=detail)
        self.code = status
        self.reason = reason
        self.headers = dict(headers or {})

    def __reduce__(self) -> tuple[object, ...]:
        """Return how to copy or pickle it: by default an exception is made again from ``args``, which are empty."""
        return Problem, (self.code, self.reason, self.description, self.headers)

    def get_headers(
        self,
        environ: WSGIEnvironment | None = None,  # noqa: ARG002 - the signature of HTTPException
        scope: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> list[tuple[str, str]]:
        """Return the headers of the default response."""
        return [("Content-Type", CONTENT_TYPE), NO_STORE, *self.headers.items()]

    def get_body(
        self,
        environ: WSGIEnvironment | None = None,
        scope: dict[str, Any] | None = None,  # noqa: ARG002 - the signature of HTTPException
    ) -> str:
        """Return the JSON of the default response."""
        body = {
            "type": "about:blank",
            "title": HTTPStatus(self.code).phrase,
            "status": self.code,
            "detail": self.description,
            "instance": _requested_path(environ),
            "code": self.reason,
        }
        return msgspec.json.encode({name: value for name, value in body.items() if value is not None}).decode()


@cache
def _class_for(cls: Any, status: int) -> Any:
    # Flask finds the handler of a status by Werkzeug's class for it, not by the number.
    standard = default_exceptions.get(status)
    return cls if standard is None else type(cls.__name__, (cls, standard), {"__module__": cls.__module__})


def retry_later(reason: str, detail: str, after_s: int) -> Problem:
    """Return a 503 that asks the client to try again after ``after_s`` seconds."""
    return Problem(503, reason, detail, {"Retry-After": str(after_s)})


def _requested_path(environ: WSGIEnvironment | None) -> str | None:
    """Return the path as the client sees it, with the URL prefix of the application; None outside of a request."""
    from flask import has_request_context, request
    from werkzeug.wrappers import Request

    if environ is not None:
        requested = Request(environ)
        return requested.root_path + requested.path
    # Error handlers of applications call ``get_response()`` without the environment.
    return request.root_path + request.path if has_request_context() else None
