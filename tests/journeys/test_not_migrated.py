"""A new version that runs before its migrations: deliveries wait, and none is lost or half applied."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from flask import Flask

from tests.conftest import clerk_event, clerk_user, sign_delivery
from tests.stage.migrations import load_previous_release, migrate


@pytest.mark.parametrize("prepare", [str, load_previous_release], ids=["an empty database", "the previous release"])
def test_a_delivery_before_the_migrations_is_answered_503_and_applied_after_them(
    new_database: Callable[[], str], make_app: Callable[..., Flask], prepare: Callable[[str], str]
) -> None:
    url = prepare(new_database())
    app = make_app(database_url=url)
    assert send(app) == (503, "database-unavailable")
    migrate(url)
    assert send(app) == (200, "applied")


def send(app: Flask) -> tuple[int, str]:
    body = json.dumps(clerk_event("user.created", clerk_user())).encode()
    answer = app.test_client().post(
        "/api/webhooks/clerk",
        data=body,
        headers=sign_delivery(body, "msg_early"),
        content_type="application/json",
    )
    said = answer.get_json()
    return answer.status_code, said.get("outcome") or said["code"]
