"""What a view takes and gives, said beside the view: the API's description is made of it, and no view is wrapped."""

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
    """One method of one path, beyond what its rule and its docstring say."""

    answer: type | None
    status: int
    body: type | None
    parameters: tuple[Parameter, ...]
    headers: Mapping[str, str]
    refusals: tuple[int, ...]


_OPERATIONS: dict[Callable[..., Response], Operation] = {}


def describe(
    answer: type | None,
    *,
    status: int = 200,
    body: type | None = None,
    parameters: tuple[Parameter, ...] = (),
    headers: Mapping[str, str] | None = None,
    refusals: tuple[int, ...] = (),
) -> Callable[[View], View]:
    """Note what a view answers and takes; ``refusals`` are those that its body, guard and path do not imply.

    ``headers`` are those of the answer that a caller may want to read, each with its meaning.
    """
    operation = Operation(
        answer=answer, status=status, body=body, parameters=parameters, headers=headers or {}, refusals=refusals
    )

    def note(view: View) -> View:
        _OPERATIONS[view] = operation
        return view

    return note


def find_operation(view: Callable[..., Any]) -> Operation | None:
    """Return what was noted beside ``view``."""
    return _OPERATIONS.get(view)


def paged(default_limit: int = DEFAULT_LIMIT) -> tuple[Parameter, ...]:
    """Return the parameters of every list that comes in pages."""
    limit = {"type": "integer", "minimum": 1, "maximum": HIGHEST_LIMIT, "default": default_limit}
    return (
        {"name": "limit", "in": "query", "description": "How many at most.", "schema": limit},
        {
            "name": "cursor",
            "in": "query",
            "description": "The `next_cursor` of the page before; leave it out for the first page.",
            "schema": {"type": "string"},
        },
    )
