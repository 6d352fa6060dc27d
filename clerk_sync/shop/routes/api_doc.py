"""The decorator that describes a view of the shop for the OpenAPI document.

The document reads the attribute ``openapi`` of each view: a mapping with ``answer``, and optionally ``status``,
``body``, ``parameters``, ``headers``, ``refusals`` and ``schemas``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Response

View = TypeVar("View", bound=Callable[..., Response])


def describe(answer: type | None, **more: Any) -> Callable[[View], View]:
    """Describe a view: the type of its response's body, and ``more`` entries of the mapping."""

    def record(view: View) -> View:
        view.openapi = {"answer": answer, **more}  # type: ignore[attr-defined]  # an attribute of the function
        return view

    return record
