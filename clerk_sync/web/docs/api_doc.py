"""The decorator that describes a view for the OpenAPI document. It records the description and returns the view."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Response

from clerk_sync.web.pagination import DEFAULT_LIMIT, HIGHEST_LIMIT

Parameter = Mapping[str, Any]
View = TypeVar("View", bound=Callable[..., Response])


@dataclass(frozen=True, kw_only=True)
class Operation:
    """The OpenAPI document's data about a view, besides its URL rule and its docstring."""

    answer: type | None
    status: int
    body: type | None
    parameters: tuple[Parameter, ...]
    headers: Mapping[str, str]
    refusals: tuple[int, ...]


_OPERATIONS: dict[Callable[..., Response], Operation] = {}

referenced_types: set[type] = set()
"""Types that responses name by ``$ref`` only. msgspec cannot find them, so the document adds their schemas."""


def describe(
    answer: type | None,
    *,
    status: int = 200,
    body: type | None = None,
    parameters: tuple[Parameter, ...] = (),
    headers: Mapping[str, str] | None = None,
    refusals: tuple[int, ...] = (),
) -> Callable[[View], View]:
    """Record a view's requests and responses.

    ``headers`` maps response headers to their meaning. ``refusals`` are error statuses that do not follow from the
    view's body, guard and parameters.
    """
    operation = Operation(
        answer=answer, status=status, body=body, parameters=parameters, headers=headers or {}, refusals=refusals
    )

    def record(view: View) -> View:
        _OPERATIONS[view] = operation
        return view

    return record


def find_operation(view: Callable[..., Any]) -> Operation | None:
    """Return the description of ``view``, or None if it has none."""
    return _OPERATIONS.get(view)


def paged(default_limit: int = DEFAULT_LIMIT) -> tuple[Parameter, ...]:
    """Return the query parameters of a list that is served in pages."""
    limit = {"type": "integer", "minimum": 1, "maximum": HIGHEST_LIMIT, "default": default_limit}
    return (
        {"name": "limit", "in": "query", "description": "The most items to return.", "schema": limit},
        {
            "name": "cursor",
            "in": "query",
            "description": "The `next_cursor` of the previous page. Leave it out for the first page.",
            "schema": {"type": "string"},
        },
    )
