"""Events as Clerk sends them, and the answers of the webhook route."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from werkzeug.test import TestResponse

from tests.conftest import clerk_event, clerk_user

Deliver = Callable[..., TestResponse]
Query = Callable[..., list[tuple[Any, ...]]]

USER = "user_2aaaaaaaaaaaaaaaaaaaaaaaaaa"


def outcome(response: TestResponse) -> str:
    assert response.status_code == 200, response.get_data(as_text=True)
    body = response.get_json()
    assert set(body) == {"outcome"}
    return str(body["outcome"])


def created(**changes: Any) -> dict[str, Any]:
    return clerk_event("user.created", clerk_user(**changes))


def updated(updated_at: int, **changes: Any) -> dict[str, Any]:
    envelope = {key: changes.pop(key) for key in ("timestamp", "instance_id") if key in changes}
    return clerk_event("user.updated", clerk_user(updated_at=updated_at, **changes), **envelope)


def deleted(**data: Any) -> dict[str, Any]:
    return clerk_event("user.deleted", {"object": "user", "deleted": True, "id": USER} | data)
