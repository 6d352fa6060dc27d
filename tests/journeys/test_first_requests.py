"""The first request of somebody whose webhook is still on the way, fifty times at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.stage.servers import Servers

REQUESTS = 50


def first_requests(servers: Servers, user_id: str, meanwhile: threading.Barrier) -> list[requests.Response]:
    """Let fifty clients ask who they are, all at once and with whoever else waits at ``meanwhile``."""

    def ask(_: int) -> requests.Response:
        meanwhile.wait()
        return servers.call("GET", "/api/me", user_id)

    with ThreadPoolExecutor(REQUESTS) as pool:
        return list(pool.map(ask, range(REQUESTS)))


def test_fifty_first_requests_with_the_event_among_them_make_one_row_and_fifty_answers(servers: Servers) -> None:
    servers.clerk.webhook_sender.pause()
    user_id = str(servers.clerk.users.create(first_name="Ada", email="ada@example.com")["id"])
    # The event leaves with the crowd: it arrives before some of them, between others, and behind the rest.
    answers = first_requests(servers, user_id, threading.Barrier(REQUESTS, action=servers.clerk.webhook_sender.resume))
    servers.clerk.webhook_sender.wait_idle(30)

    assert [answer.status_code for answer in answers] == [200] * REQUESTS
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert {answer.json()["email"] for answer in answers} <= {None, "ada@example.com"}
    assert servers.query("SELECT email, first_name, role FROM users WHERE clerk_id = %s", user_id) == [
        ("ada@example.com", "Ada", "CLIENT")
    ]
    assert [each.status for each in servers.clerk.webhook_sender.deliveries if user_id.encode() in each.body] == [200]


def test_a_row_made_at_first_sight_waits_for_its_event(servers: Servers) -> None:
    with servers.clerk.webhook_sender.muted():
        user_id = str(servers.clerk.users.create(first_name="Late", email="late@example.com")["id"])
    answers = first_requests(servers, user_id, threading.Barrier(REQUESTS))
    assert {(answer.status_code, answer.json()["email"]) for answer in answers} == {(200, None)}
    assert servers.query("SELECT clerk_updated_at FROM users WHERE clerk_id = %s", user_id) == [(0,)]

    servers.clerk.users.update(user_id, last_name="Comer")
    servers.clerk.webhook_sender.wait_idle(30)
    assert servers.call("GET", "/api/me", user_id).json()["name"] == "Late Comer"


def test_a_user_whom_clerk_has_deleted_meanwhile_is_not_made_by_a_first_request(servers: Servers) -> None:
    user_id = str(servers.clerk.users.create(first_name="Gone")["id"])
    servers.clerk.users.delete(user_id)
    servers.clerk.webhook_sender.wait_idle(30)
    answers = first_requests(servers, user_id, threading.Barrier(REQUESTS))
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(403, "user-deleted")}
    assert servers.query("SELECT deleted_at IS NOT NULL FROM users WHERE clerk_id = %s", user_id) == [(True,)]
