"""The OpenAPI 3.1 document of an application.

1. Take every route whose view has a description in its attribute ``openapi``: see ``api_doc``.
2. Summary and description come from the view's docstring, schemas from the types that it decodes and encodes.
3. Security and error responses follow from the guard, the body and the parameters.
4. Add the paths of ``openapi_static``, which have no such view.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec
from flask import Flask
from msgspec import Struct
from werkzeug.routing import Rule

from clerk_sync.web import auth, converters
from clerk_sync.web.docs.api_doc import Operation, find_operation
from clerk_sync.web.docs.openapi_static import COMPONENTS, INFO, OTHER_PATHS, SESSION, header

Json = dict[str, Any]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
SchemaOf = Callable[[type], Json]


_ARGUMENT = re.compile(r"<(?:(?P<converter>\w+):)?(?P<name>\w+)>")


class Problem(Struct):
    """An error (RFC 9457): ``code`` is a stable word for programs, ``detail`` a sentence for people."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str


class Route(NamedTuple):
    """One method of one path."""

    rule: Rule
    method: str
    view: Callable[..., Any]
    operation: Operation
    is_guarded: bool

    @property
    def path(self) -> str:
        """The path as OpenAPI writes it."""
        return _ARGUMENT.sub(r"{\g<name>}", self.rule.rule)


def describe_api(app: Flask) -> bytes:
    """Return the OpenAPI document of ``app`` as JSON."""
    routes = _described_routes(app)
    used = {type_ for route in routes for type_ in _types_of(route.operation)}
    types = [Problem, *sorted(used, key=lambda type_: type_.__name__)]
    references, schemas = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    schema_of = dict(zip(types, references, strict=True)).__getitem__
    paths: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _describe(route, schema_of)
    document = {
        "openapi": "3.1.0",
        "info": INFO,
        "paths": dict(sorted((paths | OTHER_PATHS).items())),
        "components": COMPONENTS | {"schemas": schemas},
    }
    # Docstrings quote code as reStructuredText does; OpenAPI expects Markdown.
    return msgspec.json.encode(document).replace(b"``", b"`")


def _described_routes(app: Flask) -> list[Route]:
    found: list[Route] = []
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        operation = find_operation(view)
        if operation is not None:
            methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
            is_guarded = _is_guarded(app, rule.endpoint)
            found.extend(Route(rule, method, view, operation, is_guarded) for method in methods)
    return sorted(found, key=lambda route: (route.rule.rule, METHODS.index(route.method)))


def _types_of(operation: Operation) -> Iterator[type]:
    yield from (type_ for type_ in (operation["answer"], operation.get("body")) if type_)
    yield from operation.get("schemas", ())


def _is_guarded(app: Flask, endpoint: str) -> bool:
    hooks = app.before_request_funcs.get(endpoint.rpartition(".")[0], ())
    return any(hasattr(hook, auth.GUARD_MARK) for hook in hooks)


def _describe(route: Route, schema_of: SchemaOf) -> Json:
    summary, _, description = inspect.cleandoc(route.view.__doc__ or "").partition("\n")
    *_, blueprint, name = route.rule.endpoint.split(".")
    described: Json = {
        "operationId": name,
        "tags": [blueprint.removeprefix("clerk_sync_").replace("_", " ")],
        "summary": summary.rstrip("."),
        "description": description.strip(),
        "parameters": [*_path_parameters(route.rule), *route.operation.get("parameters", ())],
        "responses": _responses(route, schema_of),
    }
    if route.is_guarded:
        described["security"] = SESSION
    if body := route.operation.get("body"):
        content = {"application/json": {"schema": schema_of(body)}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _path_parameters(rule: Rule) -> list[Json]:
    return [
        {
            "name": argument["name"],
            "in": "path",
            "required": True,
            "schema": converters.SCHEMAS[argument["converter"] or "default"],
        }
        for argument in _ARGUMENT.finditer(rule.rule)
    ]


def _responses(route: Route, schema_of: SchemaOf) -> Json:
    operation = route.operation
    status = operation.get("status", 200)
    answer: Json = {"description": HTTPStatus(status).phrase}
    if operation["answer"]:
        answer["content"] = {"application/json": {"schema": schema_of(operation["answer"])}}
    if headers := operation.get("headers"):
        answer["headers"] = {name: header(meaning) for name, meaning in headers.items()}
    statuses = {503, *operation.get("refusals", ())}
    if route.is_guarded:
        statuses |= {401, 403}
    if operation.get("body"):
        statuses |= {400, 413, 415, 422}
    if route.rule.arguments:
        statuses |= {404}
    if any(parameter["in"] == "query" for parameter in operation.get("parameters", ())):
        statuses |= {422}
    problems = {str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(statuses)}
    return {str(status): answer} | problems
