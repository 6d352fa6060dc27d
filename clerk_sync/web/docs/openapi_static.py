"""The fixed parts of the OpenAPI document: info, security schemes, error responses, and routes for machines."""

from __future__ import annotations

from typing import Any

from clerk_sync.mirror.inbox.outcome import Outcome

Json = dict[str, Any]

INFO: Json = {
    "title": "clerk_sync",
    "version": "1",
    "description": (
        "An API for users of Clerk. "
        "Every response has an X-Request-ID: the request's own if it is 8 to 64 letters, digits, dots, underscores or "
        "hyphens. Responses for one user have `Cache-Control: no-store`."
    ),
    "license": {"name": "MIT", "identifier": "MIT"},
}
SESSION: list[Json] = [{"bearer": []}, {"cookie": []}]

_PROBLEM: Json = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_MEANINGS = {
    400: "The request cannot be read.",
    401: "No valid session token. `x-clerk-auth-reason` says why.",
    403: "Signed in, but not allowed: `forbidden`, `user-deleted`, `user-banned` or `origin-not-allowed`.",
    404: "It does not exist, or it belongs to another user.",
    409: "It conflicts with the current state. `code` says how.",
    413: "The body is larger than 1 MiB.",
    415: "The body is not sent as application/json.",
    422: "A value is not valid. `detail` names the field.",
    503: "Temporarily unavailable. Try again after `Retry-After` seconds.",
}


def header(description: str) -> Json:
    """Return the OpenAPI object of a response header."""
    return {"description": description, "schema": {"type": "string"}}


def _refusal(status: int) -> Json:
    return {"description": _MEANINGS[status], "content": _PROBLEM}


_HEADERS: dict[int, Json] = {
    401: {
        "WWW-Authenticate": header("Always Bearer."),
        "x-clerk-auth-status": header("Always signed-out."),
        "x-clerk-auth-reason": header("Clerk's word for the reason."),
    },
    503: {"Retry-After": header("Seconds.")},
}
COMPONENTS: Json = {
    "responses": {
        str(status): _refusal(status) | ({"headers": _HEADERS[status]} if status in _HEADERS else {})
        for status in _MEANINGS
    },
    "securitySchemes": {
        "bearer": {"type": "http", "scheme": "bearer", "description": "A Clerk session token."},
        "cookie": {"type": "apiKey", "in": "cookie", "name": "__session", "description": "Set by Clerk's front end."},
        "metrics": {"type": "http", "scheme": "bearer", "description": "The value of METRICS_TOKEN, if it is set."},
    },
}


def _operation(name: str, summary: str, responses: Json, **more: Any) -> Json:
    return {"operationId": name, "tags": ["machines"], "summary": summary, "responses": responses, **more}


def _json(description: str, schema: Json) -> Json:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _refused(*statuses: int) -> Json:
    return {str(status): {"$ref": f"#/components/responses/{status}"} for status in statuses}


_CHECK: Json = {
    "type": "object",
    "required": ["ok", "detail"],
    "properties": {"ok": {"type": "boolean"}, "detail": {"type": "string"}},
}
_DEPENDENCIES = ("database", "migrations", "keys", "webhook_secret")
_READINESS: Json = {
    "type": "object",
    "required": _DEPENDENCIES,
    "properties": dict.fromkeys(_DEPENDENCIES, _CHECK),
}
_OUTCOME: Json = {"type": "object", "required": ["outcome"], "properties": {"outcome": {"enum": list(Outcome)}}}
_EVENT: Json = {
    "description": "An event from Clerk. Other signed JSON is stored with the outcome `parked`.",
    "examples": [
        {"object": "event", "type": "user.deleted", "data": {"object": "user", "id": "user_2a", "deleted": True}}
    ],
}
_SIGNATURE = [
    {"name": name, "in": "header", "required": True, "schema": {"type": "string"}}
    for name in ("svix-id", "svix-timestamp", "svix-signature")
]
OTHER_PATHS: dict[str, Json] = {
    "/healthz": {
        "get": _operation("healthz", "Check that the process runs", {"200": _json("It runs.", {"type": "object"})}),
    },
    "/readyz": {
        "get": _operation(
            "readyz",
            "Check that every dependency is ready",
            {"200": _json("Ready.", _READINESS), "503": _json("A dependency is not ready.", _READINESS)},
        ),
    },
    "/metrics": {
        "get": _operation(
            "metrics",
            "Show Prometheus metrics",
            {
                "200": {"description": "Metrics.", "content": {"text/plain": {"schema": {"type": "string"}}}},
                **_refused(401, 404),
            },
            security=[{"metrics": []}, {}],
        ),
    },
    "/api/webhooks/clerk": {
        "post": _operation(
            "clerk",
            "Receive one signed event from Clerk",
            {"200": _json("The outcome.", _OUTCOME), **_refused(400, 413, 415, 503)},
            parameters=_SIGNATURE,
            requestBody={"required": True, "content": {"application/json": {"schema": _EVENT}}},
        ),
    },
}
