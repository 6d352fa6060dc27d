"""The button for the quick check, against the local Clerk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from clerk_sync.emulator import LocalClerk
from tests.web.console.conftest import BOSS, Browser, Query, text_of


@pytest.fixture
def clerk() -> Iterator[LocalClerk]:
    with LocalClerk.start() as clerk:
        yield clerk


@pytest.fixture
def operator_of(make_app: Callable[..., Flask], session_token: Any, query: Query) -> Callable[..., Browser]:
    """A factory of administrators of a service with these settings. They are not Clerk's users."""

    def make(**settings: Any) -> Browser:
        query("INSERT INTO users (clerk_id, role) VALUES (%s, 'ADMIN')", BOSS)
        return Browser(make_app(**settings).test_client(), session_token, BOSS)

    return make


def check(browser: Browser) -> str:
    return text_of(browser.press(browser.get("/console/drift"), "/console/drift"))


def mirror(clerk: LocalClerk, query: Query) -> None:
    """Copy Clerk's users into the mirror; the administrator is one of them."""
    for user in clerk.users.snapshot():
        query(
            "INSERT INTO users (clerk_id, email, email_verified, first_name, last_name, username, image_url,"
            " clerk_created_at, clerk_updated_at) VALUES (%s, %s, true, %s, %s, %s, %s, %s, %s)",
            user.id, user.primary_email, user.first_name, user.last_name, user.username, user.image_url,
            user.created_at, user.updated_at,
        )  # fmt: skip
    boss = clerk.users.create(first_name="Boss")
    query(
        "UPDATE users SET clerk_id = %s, first_name = 'Boss', image_url = %s, clerk_created_at = %s,"
        " clerk_updated_at = %s WHERE clerk_id = %s",
        boss["id"], boss["image_url"], boss["created_at"], boss["updated_at"], BOSS,
    )  # fmt: skip


def test_a_mirror_in_step_is_reported_with_at_most_three_requests(
    operator_of: Callable[..., Browser], clerk: LocalClerk, session_token: Any, query: Query
) -> None:
    boss = operator_of(secret_key=clerk.secret_key, api_url=clerk.url)
    for number in range(3):
        clerk.users.create(first_name="Ada", email=f"ada{number}@example.com")
    mirror(clerk, query)
    [(clerk_id,)] = query("SELECT clerk_id FROM users WHERE role = 'ADMIN'")
    boss = Browser(boss.client, session_token, clerk_id)
    before = query("SELECT xmin FROM users ORDER BY id")
    shown = check(boss)
    assert "In step" in shown
    assert "users at Clerk 4 users here 4 missing: live at Clerk, not here 0" in shown
    assert len(clerk.requests.matching("/v1/*")) <= 3
    assert query("SELECT xmin FROM users ORDER BY id") == before
    assert "In step" not in text_of(boss.get("/console/drift"))


def test_drift_is_shown_in_numbers(operator_of: Callable[..., Browser], clerk: LocalClerk) -> None:
    boss = operator_of(secret_key=clerk.secret_key, api_url=clerk.url)
    clerk.users.seed(7)
    shown = check(boss)
    assert "Drift: the mirror differs" in shown
    assert "users at Clerk 7 users here 1 missing: live at Clerk, not here 7" in shown


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"status": 401, "code": "clerk_key_invalid", "times": None}, "Check CLERK_SECRET_KEY."),
        ({"status": 429, "retry_after_s": 30, "times": None}, "gave up"),
        ({"status": 503, "retry_after_s": 30, "times": None}, "gave up"),
    ],
)
def test_a_refusal_of_clerk_is_reported_and_not_an_internal_error(
    operator_of: Callable[..., Browser], clerk: LocalClerk, fault: dict[str, Any], words: str
) -> None:
    clerk.faults.add("/v1/*", **fault)
    shown = check(operator_of(secret_key=clerk.secret_key, api_url=clerk.url))
    assert "The check failed" in shown
    assert words in shown
    assert clerk.secret_key not in shown


def test_an_unreachable_clerk_is_reported(operator_of: Callable[..., Browser], clerk: LocalClerk) -> None:
    boss = operator_of(secret_key=clerk.secret_key, api_url=clerk.url)
    clerk.stop()
    assert "The check failed" in check(boss)


def test_a_key_of_another_instance_is_refused(
    operator_of: Callable[..., Browser], clerk: LocalClerk, query: Query
) -> None:
    query("INSERT INTO mirror_binding (instance_id, bound_by) VALUES ('ins_other', 'sync')")
    assert "this mirror is bound to ins_other" in check(operator_of(secret_key=clerk.secret_key, api_url=clerk.url))


def test_without_a_secret_key_there_is_no_button(boss: Browser) -> None:
    assert "Check now" not in text_of(boss.get("/console/drift"))
