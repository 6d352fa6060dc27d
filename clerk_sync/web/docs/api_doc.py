"""The decorator that describes a view for the OpenAPI document.

A description is a plain mapping in the view's attribute ``openapi``. A business may set the attribute itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Required, TypedDict, TypeVar, cast

from flask import Response

from clerk_sync.web.pagination import DEFAULT_LIMIT, HIGHEST_LIMIT

Parameter = Mapping[str, Any]
View = TypeVar("View", bound=Callable[..., Response])


class Operation(TypedDict, total=False):
    """The OpenAPI document's data about a view, besides its URL rule and its docstring."""

    answer: Required[type | None]
    """The type of the response's body, None if it has no body."""
    status: int
    body: type
    parameters: tuple[Parameter, ...]
    headers: Mapping[str, str]
    """Response headers and their meaning."""
    refusals: tuple[int, ...]
    """Error statuses that do not follow from the view's body, guard and parameters."""
    schemas: tuple[type, ...]
    """Types that the response names by ``$ref`` only. msgspec cannot find them, so the document adds their schemas."""


def describe(
    answer: type | None, *, parameters: tuple[Parameter, ...] = (), refusals: tuple[int, ...] = ()
) -> Callable[[View], View]:
    """Describe a view: see ``Operation``."""

    def record(view: View) -> View:
        operation: Operation = {"answer": answer, "parameters": parameters, "refusals": refusals}
        view.openapi = operation  # type: ignore[attr-defined]  # an attribute of the function
        return view

    return record


def find_operation(view: Callable[..., Any]) -> Operation | None:
    """Return the description of ``view``, or None if it has none."""
    return cast("Operation | None", getattr(view, "openapi", None))


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
