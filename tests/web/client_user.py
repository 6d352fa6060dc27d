"""A test client for one user. Every answer is compared with the OpenAPI document."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from werkzeug.test import TestResponse

Json = dict[str, Any]


class Description:
    """The OpenAPI document. It checks responses."""

    def __init__(self, document: Json) -> None:
        self.document = document
        self._templates = {
            path: re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))) for path in document["paths"]
        }

    def resolve(self, node: Json) -> Json:
        """Return ``node``, or the target of its reference."""
        found: Any = self.document
        if "$ref" not in node:
            return node
        for key in node["$ref"].removeprefix("#/").split("/"):
            found = found[key]
        return self.resolve(found)

    def operations(self) -> dict[tuple[str, str], Json]:
        """Return the operations by method and path."""
        return {
            (method.upper(), path): operation
            for path, methods in self.document["paths"].items()
            for method, operation in methods.items()
        }

    def check(self, method: str, url: str, response: TestResponse) -> None:
        """Fail unless the document describes the response's status, type and schema, and no cache may store it."""
        operation = self._find(method, urlsplit(url).path)
        if operation is None:
            assert response.status_code in (404, 405), f"{method} {url} is not described"
            return
        if {"bearer": []} in operation.get("security", ()) and response.get_data():
            assert response.headers["Cache-Control"] == "no-store", f"{method} {url} could be kept by a cache"
        status = str(response.status_code)
        assert status in operation["responses"], f"{method} {url} answers {status}: {response.get_data(as_text=True)}"
        promised = self.resolve(operation["responses"][status]).get("content")
        if promised is None:
            assert response.get_data() == b""
            return
        assert list(promised) == [response.content_type]
        schema = promised[response.content_type]["schema"] | {"components": self.document["components"]}
        Draft202012Validator(schema).validate(response.get_json())

    def _find(self, method: str, path: str) -> Json | None:
        for template, pattern in self._templates.items():
            if pattern.fullmatch(path):
                return self.operations().get((method, template))
        return None


class ApiClient:
    """A client of the API, with or without a session."""

    def __init__(self, client: FlaskClient, description: Description, headers: dict[str, str]) -> None:
        self._client = client
        self._description = description
        self._headers = headers

    def send(self, method: str, url: str, headers: dict[str, str] | None = None, **body: Any) -> TestResponse:
        """Send a request, check the response against the document, and return it."""
        response = self._client.open(url, method=method, headers=self._headers | (headers or {}), **body)
        self._description.check(method, url, response)
        return response

    def get(self, url: str) -> TestResponse:
        return self.send("GET", url)

    def post(self, url: str, json: object, **headers: str) -> TestResponse:
        return self.send("POST", url, {name.replace("_", "-"): value for name, value in headers.items()}, json=json)

    def put(self, url: str, json: object) -> TestResponse:
        return self.send("PUT", url, json=json)

    def patch(self, url: str, json: object) -> TestResponse:
        return self.send("PATCH", url, json=json)

    def delete(self, url: str) -> TestResponse:
        return self.send("DELETE", url)
