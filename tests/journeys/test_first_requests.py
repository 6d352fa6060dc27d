"""The first request of somebody whose webhook is still on the way, fifty times at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.stage.servers import House

REQUESTS = 50


def first_requests(house: House, user_id: str, meanwhile: threading.Barrier) -> list[requests.Response]:
    """Let fifty clients ask who they are, all at once and with whoever else waits at ``meanwhile``."""

    def ask(_: int) -> requests.Response:
        meanwhile.wait()
        return house.call("GET", "/api/me", user_id)

    with ThreadPoolExecutor(REQUESTS) as pool:
        return list(pool.map(ask, range(REQUESTS)))


def test_fifty_first_requests_with_the_event_among_them_make_one_row_and_fifty_answers(house: House) -> None:
    house.clerk.webhook_sender.pause()
    user_id = str(house.clerk.users.create(first_name="Ada", email="ada@example.com")["id"])
    # The event leaves with the crowd: it arrives before some of them, between others, and behind the rest.
    answers = first_requests(house, user_id, threading.Barrier(REQUESTS, action=house.clerk.webhook_sender.resume))
    house.clerk.webhook_sender.wait_idle(30)

    assert [answer.status_code for answer in answers] == [200] * REQUESTS
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert {answer.json()["email"] for answer in answers} <= {None, "ada@example.com"}
    assert house.query("SELECT email, first_name, role FROM users WHERE clerk_id = %s", user_id) == [
        ("ada@example.com", "Ada", "CLIENT")
    ]
    assert [each.status for each in house.clerk.webhook_sender.deliveries if user_id.encode() in each.body] == [200]


def test_a_row_made_at_first_sight_waits_for_its_event(house: House) -> None:
    with house.clerk.webhook_sender.muted():
        user_id = str(house.clerk.users.create(first_name="Late", email="late@example.com")["id"])
    answers = first_requests(house, user_id, threading.Barrier(REQUESTS))
    assert {(answer.status_code, answer.json()["email"]) for answer in answers} == {(200, None)}
    assert house.query("SELECT clerk_updated_at FROM users WHERE clerk_id = %s", user_id) == [(0,)]

    house.clerk.users.update(user_id, last_name="Comer")
    house.clerk.webhook_sender.wait_idle(30)
    assert house.call("GET", "/api/me", user_id).json()["name"] == "Late Comer"


def test_a_user_whom_clerk_has_deleted_meanwhile_is_not_made_by_a_first_request(house: House) -> None:
    user_id = str(house.clerk.users.create(first_name="Gone")["id"])
    house.clerk.users.delete(user_id)
    house.clerk.webhook_sender.wait_idle(30)
    answers = first_requests(house, user_id, threading.Barrier(REQUESTS))
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(403, "user-deleted")}
    assert house.query("SELECT deleted_at IS NOT NULL FROM users WHERE clerk_id = %s", user_id) == [(True,)]
