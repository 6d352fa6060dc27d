"""The first request of a user whose webhook has not arrived, fifty times at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.stage.servers import Servers

REQUESTS = 50


def first_requests(servers: Servers, user_id: str, meanwhile: threading.Barrier) -> list[requests.Response]:
    """Send ``/api/me`` from fifty clients at once, together with the other threads that wait at ``meanwhile``."""

    def ask(_: int) -> requests.Response:
        meanwhile.wait()
        return servers.call("GET", "/api/me", user_id)

    with ThreadPoolExecutor(REQUESTS) as pool:
        return list(pool.map(ask, range(REQUESTS)))


def test_fifty_first_requests_and_the_event_at_once_make_one_row_and_fifty_responses(servers: Servers) -> None:
    servers.clerk.webhook_sender.pause()
    user_id = str(servers.clerk.users.create(first_name="Ada", email="ada@example.com")["id"])
    # The event is sent together with the requests, so that it arrives before some of them and after others.
    answers = first_requests(servers, user_id, threading.Barrier(REQUESTS, action=servers.clerk.webhook_sender.resume))
    servers.clerk.webhook_sender.wait_idle(30)

    assert [answer.status_code for answer in answers] == [200] * REQUESTS
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert {answer.json()["email"] for answer in answers} <= {None, "ada@example.com"}
    assert servers.query("SELECT email, first_name, role FROM users WHERE clerk_id = %s", user_id) == [
        ("ada@example.com", "Ada", "CLIENT")
    ]
    assert [each.status for each in servers.clerk.webhook_sender.deliveries if user_id.encode() in each.body] == [200]


def test_a_placeholder_is_filled_by_its_event(servers: Servers) -> None:
    with servers.clerk.webhook_sender.muted():
        user_id = str(servers.clerk.users.create(first_name="Late", email="late@example.com")["id"])
    answers = first_requests(servers, user_id, threading.Barrier(REQUESTS))
    assert {(answer.status_code, answer.json()["email"]) for answer in answers} == {(200, None)}
    assert servers.query("SELECT clerk_updated_at FROM users WHERE clerk_id = %s", user_id) == [(0,)]

    servers.clerk.users.update(user_id, last_name="Comer")
    servers.clerk.webhook_sender.wait_idle(30)
    assert servers.call("GET", "/api/me", user_id).json()["name"] == "Late Comer"


def test_a_first_request_does_not_insert_a_user_who_was_deleted_meanwhile(servers: Servers) -> None:
    user_id = str(servers.clerk.users.create(first_name="Gone")["id"])
    servers.clerk.users.delete(user_id)
    servers.clerk.webhook_sender.wait_idle(30)
    answers = first_requests(servers, user_id, threading.Barrier(REQUESTS))
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(403, "user-deleted")}
    assert servers.query("SELECT deleted_at IS NOT NULL FROM users WHERE clerk_id = %s", user_id) == [(True,)]
