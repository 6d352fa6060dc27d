"""The content of the pages, with an empty and with a filled mirror."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from clerk_sync.mirror.reporting.hourly_deliveries import read_day
from clerk_sync.services import services
from tests.conftest import INSTANCE_ID, clerk_event, clerk_user
from tests.web.console.conftest import BOSS, Browser, Deliver, Query, text_of

NASTY = "<script>alert(1)</script>"


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("", ["Live users 1", "Known by id only 1", "Last event never", "No delivery has arrived", "No runs yet"]),
        ("/users", ["user_boss", "ADMIN", "unfilled"]),
        ("/users/user_boss", ["No orders.", "No delivery about this user", "CLIENT ADMIN postgres psql local"]),
        ("/parked", ["No events are parked"]),
        ("/events", ["No delivery has arrived yet"]),
        ("/runs", ["No runs yet"]),
        ("/drift", ["CLERK_SECRET_KEY is not set"]),
    ],
)
def test_every_page_works_on_an_empty_mirror(boss: Browser, page: str, words: list[str]) -> None:
    answer = boss.get(f"/console{page}")
    assert (answer.status_code, answer.content_type) == (200, "text/html; charset=utf-8")
    assert [each for each in words if each not in text_of(answer)] == []


def test_the_overview_counts_users_and_deliveries(boss: Browser, deliver: Deliver, parked: str, query: Query) -> None:
    for number in range(3):
        deliver(clerk_event("user.created", clerk_user(f"user_{number}", banned=number == 0)))
    deliver(clerk_event("user.deleted", {"id": "user_1", "deleted": True}))
    deliver(clerk_event("session.created", {"id": "sess_1"}))
    query("UPDATE webhook_events SET event_at = (extract(epoch FROM received_at) * 1000)::bigint - 1500")
    overview = text_of(boss.get("/console"))
    for words in (
        "Live users 3 Deleted 1 Known by id only 1 Banned 1 Parked events 1",
        f"Bound to the Clerk instance {INSTANCE_ID}",
        "UTC: 4 applied",
        "UTC: 1 parked",
        "Delivery lag 1.5 s median since",
        "4 0 0 1 1 0 1.5 s 1.5 s",
    ):
        assert words in overview, words


def test_the_day_has_24_hours_without_a_gap_and_nothing_older(app: Flask, query: Query) -> None:
    query(
        "INSERT INTO webhook_events (svix_id, outcome, received_at) "
        "SELECT 'msg_' || n, 'stale', now() - n * interval '1 hour' FROM generate_series(0, 40) n"
    )
    with app.app_context():
        day = read_day(services().pool)
        newest = read_day(services().pool, most=5)
    assert [hour.outcomes["stale"] for hour in day.hours] == [1] * 24
    assert {later.begins_at - hour.begins_at for hour, later in zip(day.hours, day.hours[1:], strict=False)}.pop()
    assert (day.is_cut, newest.is_cut, newest.deliveries) == (False, True, 5)
    assert {hour.median_lag_ms for hour in day.hours} == {None}


def test_a_parked_event_is_found_with_its_reason_and_its_payload(boss: Browser, parked: str) -> None:
    listed = text_of(boss.get("/console/parked"))
    assert "first_name" in listed
    shown = text_of(boss.get(f"/console/events/{parked}"))
    assert '"first_name": 7' in shown
    assert "first_name" in shown.partition("Payload")[0]


def test_an_event_that_can_be_mapped_now_is_applied_by_its_button(boss: Browser, parked: str, query: Query) -> None:
    query('UPDATE webhook_events SET payload = replace(payload, \'"first_name": 7\', \'"first_name": "Grace"\')')
    page = boss.press(boss.get(f"/console/events/{parked}"), f"/console/events/{parked}/replay")
    assert "Replayed: applied." in text_of(page)
    assert query("SELECT outcome, payload FROM webhook_events") == [("applied", None)]
    assert query("SELECT first_name FROM users WHERE clerk_id = 'user_grace'") == [("Grace",)]
    again = text_of(boss.get(f"/console/events/{parked}"))
    assert "Replayed" not in again
    assert "The payload is not stored" in again


def test_an_event_that_still_cannot_be_mapped_is_parked_again(boss: Browser, parked: str, query: Query) -> None:
    page = boss.press(boss.get("/console/parked"), f"/console/events/{parked}/replay")
    assert "parked again" in text_of(page)
    assert query("SELECT outcome FROM webhook_events") == [("parked",)]


def test_an_event_that_was_replayed_meanwhile_is_not_applied_twice(boss: Browser, parked: str, query: Query) -> None:
    page = boss.get("/console/parked")
    query("UPDATE webhook_events SET outcome = 'applied', payload = NULL")
    assert "the event is applied" in text_of(boss.press(page, f"/console/events/{parked}/replay"))


def test_replay_all_continues_after_events_that_stay_parked(boss: Browser, deliver: Deliver, query: Query) -> None:
    for number in range(45):
        deliver(clerk_event("user.updated", clerk_user(f"user_{number}", first_name=7)), f"msg_{number}")
    query(
        "UPDATE webhook_events SET payload = replace(payload, ': 7', ': \"Ada\"') "
        "WHERE svix_id IN ('msg_0', 'msg_1', 'msg_44')"
    )
    page = boss.press(boss.get("/console/parked"), "/console/parked/replay")
    assert "45 replayed, 42 of them parked again." in text_of(page)
    assert query("SELECT count(*) FROM users WHERE first_name = 'Ada'") == [(3,)]


def test_pages_of_a_list_show_every_row_once(boss: Browser, query: Query) -> None:
    query(
        "INSERT INTO webhook_events (svix_id, outcome, received_at, payload) "
        "SELECT 'msg_' || n, 'parked', now() - n / 3 * interval '1 minute', '{}' FROM generate_series(7, 1, -1) n"
    )
    query("INSERT INTO users (clerk_id) SELECT 'user_' || n FROM generate_series(1, 7) n")
    query("INSERT INTO sync_runs (kind, status) SELECT 'all', 'done' FROM generate_series(1, 7) n")
    for page, pattern, count in (
        ("/events", r'href="/console/events/(msg_\d)"', 7),
        ("/parked", r'href="/console/events/(msg_\d)"', 7),
        ("/users", r'href="/console/users/(\d)"', 8),
        ("/runs", r'href="/console/runs/(\d)"', 7),
    ):
        seen, address = [], f"/console{page}?limit=3"
        while address:
            text = boss.get(address).get_data(as_text=True)
            seen += re.findall(pattern, text)
            following = re.search(r'<a rel="next" href="([^"]+)"', text)
            address = f"{following.group(1)}&limit=3" if following else ""
        assert len(seen) == len(set(seen)) == count, page


def test_users_are_found_by_name_and_e_mail(boss: Browser, query: Query) -> None:
    query(
        "INSERT INTO users (clerk_id, email) "
        "SELECT 'user_' || n, 'ada' || n || '@example.com' FROM generate_series(1, 60) n"
    )
    first = boss.get("/console/users?query=ADA").get_data(as_text=True)
    assert '"/console/users/1"' not in first
    following = re.search(r'<a rel="next" href="([^"]+)"', first)
    assert following
    second = text_of(boss.get(following.group(1).replace("&amp;", "&")))
    assert ("ada10@" in second, "ada11@" in second) == (True, False)
    assert "No users match “zzz”" in text_of(boss.get("/console/users?query=zzz"))


def test_names_of_users_are_escaped(boss: Browser, deliver: Deliver) -> None:
    deliver(clerk_event("user.created", clerk_user("user_x", first_name=NASTY, last_name='" onclick="')), "msg_x")
    deliver(clerk_event("user.updated", clerk_user("user_x", last_name=7, username=NASTY)), f"msg_{NASTY[:8]}")
    deliver(clerk_event(f"user.{NASTY}", {}), "msg_type")
    for page in (
        "/users",
        "/users/user_x",
        "/events",
        "/parked",
        "/events/msg_%3Cscript%3E",
        "/events/msg_type",
        f"/users?query={NASTY[:8]}",
    ):
        answer = boss.get(f"/console{page}")
        assert answer.status_code == 200, page
        assert "<script>alert" not in answer.get_data(as_text=True), page
        assert not re.search(r"<[^>]+\sonclick=", answer.get_data(as_text=True)), page


def test_one_user_is_shown_with_orders_events_and_changes_of_the_role(
    boss: Browser, order: dict[str, Any], deliver: Deliver, query: Query
) -> None:
    deliver(clerk_event("user.updated", clerk_user("user_grace", updated_at=1_800_000_000_000)), "msg_grace")
    query("UPDATE users SET role = 'ADMIN' WHERE clerk_id = 'user_grace'")
    query("UPDATE users SET role = 'CLIENT' WHERE clerk_id = 'user_grace'")
    [(local_id,)] = query("SELECT id FROM users WHERE clerk_id = 'user_grace'")
    shown = text_of(boss.get(f"/console/users/{local_id}"))
    for words in (
        "grace@example.com", "Addresses: 1", "2 × Tea", f"{order['number']} pending", "25.80 EUR",
        "user.updated msg_grace applied", "ADMIN CLIENT", "CLIENT ADMIN", "2027-01-15 08:00:00",
    ):  # fmt: skip
        assert words in shown, words
    assert text_of(boss.get("/console/users/user_grace")).partition("Times are")[0] == shown.partition("Times are")[0]


def test_a_tombstone_is_shown_as_one(boss: Browser, deliver: Deliver) -> None:
    deliver(clerk_event("user.created", clerk_user("user_gone")))
    deliver(clerk_event("user.deleted", {"id": "user_gone", "deleted": True}))
    shown = text_of(boss.get("/console/users/user_gone"))
    assert "user_gone deleted" in shown
    assert "E-mail none" in shown


def test_a_running_run_shows_its_progress_and_a_missing_heartbeat_is_shown(boss: Browser, query: Query) -> None:
    query(
        "INSERT INTO sync_runs (kind, seen, updated, cursor) VALUES "
        '(\'all\', 1500, 3, \'{"expected": 6000, "page_size": 500, "seen": 1500, "windows": [], "pending": []}\')'
    )
    page = boss.get("/console/runs/1")
    assert "1,500 of about 6,000 users seen" in text_of(page)
    assert '<progress id="progress" max="6000" value="1500">' in page.get_data(as_text=True)
    assert 'data-every-s="2"' in page.get_data(as_text=True)
    query("UPDATE sync_runs SET heartbeat_at = now() - interval '5 minutes'")
    assert "no heartbeat for 5 min 0 s" in text_of(boss.get("/console/runs/1"))
    query("UPDATE sync_runs SET status = 'refused', reason = 'too many', ended_at = now()")
    page = boss.get("/console/runs/1")
    assert "refused too many" in text_of(page)
    assert "data-every-s" not in page.get_data(as_text=True)


def test_a_payload_of_any_kind_and_length_is_shown_up_to_a_limit(boss: Browser, query: Query) -> None:
    query(
        "INSERT INTO webhook_events (svix_id, outcome, payload) VALUES ('msg_long', 'parked', repeat('é', 400000)),"
        " ('msg_deep', 'parked', repeat('[', 90000)), ('msg_far', 'parked', '{\"timestamp\": 1e400}')"
    )
    query("UPDATE webhook_events SET event_at = 9223372036854775807")
    long = boss.get("/console/events/msg_long")
    assert "800,000 bytes. Only the beginning is shown" in text_of(long)
    assert len(long.get_data()) < 300_000
    assert boss.get("/console/events/msg_deep").status_code == 200
    assert "Happened at Clerk not known" in text_of(boss.get("/console/events/msg_far"))


def test_nothing_of_the_console_is_loaded_by_a_request_to_the_api(make_app: Callable[..., Flask], bearer: Any) -> None:
    app = make_app()
    client = app.test_client()
    assert client.get("/api/me", headers=bearer(BOSS)).status_code == 200
    assert client.get("/api/products").status_code == 200
    assert app.jinja_env.cache is not None
    assert len(app.jinja_env.cache) == 0
