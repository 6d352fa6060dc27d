from __future__ import annotations

from typing import Any

import pytest
import requests

from clerk_sync.emulator import LocalClerk
from tests.emulator.conftest import Api, Endpoint


def control(clerk: LocalClerk, method: str, path: str, body: object = None) -> Any:
    """Do something to the local Clerk as a program in another language does."""
    response = requests.request(method, f"{clerk.url}/_local/{path}", json=body, timeout=10)
    response.raise_for_status()
    return response.json()


def test_the_state_tells_who_it_is_and_no_secret(clerk: LocalClerk) -> None:
    clerk.users.create(username="ada")
    clerk.webhook_sender.wait_idle()
    state = control(clerk, "GET", "state")
    assert (state["instance_id"], state["users"], state["deliveries"]) == (clerk.instance_id, 1, 1)
    assert clerk.secret_key not in str(state)
    assert clerk.webhook_secret not in str(state)


def test_users_are_seeded(clerk: LocalClerk) -> None:
    assert control(clerk, "POST", "users/seed", {"count": 20, "seed": 3}) == {"users": 20}


def test_faults_are_added_listed_and_cleared(clerk: LocalClerk, api: Api) -> None:
    control(clerk, "POST", "faults", {"path": "/v1/users", "status": 503, "times": None, "ignore_params": ["limit"]})
    control(clerk, "POST", "mishaps", {"kind": "drop", "event_type": "user.created"})
    assert api.get("/v1/users").status_code == 503
    faults = control(clerk, "GET", "faults")
    assert [(each.get("path"), each.get("kind")) for each in faults] == [("/v1/users", None), (None, "drop")]
    assert faults[0]["struck"] == 1
    control(clerk, "DELETE", "faults")
    assert control(clerk, "GET", "faults") == []
    assert api.get("/v1/users").status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", {"path": "/v1/users", "sattus": 500}),
        ("faults", {"status": 500}),
        ("faults", {"path": "/v1/users", "status": "many"}),
        ("mishaps", {"kind": "explode"}),
        ("users/seed", {"count": "many"}),
        ("webhooks/replay", {"which": "all"}),
        ("webhooks/trigger", {"type": "user.exploded"}),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(clerk: LocalClerk, path: str, body: object) -> None:
    assert requests.post(f"{clerk.url}/_local/{path}", json=body, timeout=10).status_code == 422


def test_deliveries_and_messages_are_a_time_line_with_bodies(clerk: LocalClerk, endpoint: Endpoint) -> None:
    endpoint.answers = [(500, {})]
    user = clerk.users.create(username="ada")
    clerk.webhook_sender.send_body("nonsense", b"no json")
    clerk.webhook_sender.wait_idle()
    lines = control(clerk, "GET", "deliveries")
    by_type = [(line["type"], line["attempt"], line["status"]) for line in lines]
    assert sorted(by_type) == [("nonsense", 1, 200), ("user.created", 1, 500), ("user.created", 2, 200)]
    assert next(line for line in lines if line["type"] == "user.created")["body"]["data"] == user
    assert next(line for line in lines if line["type"] == "nonsense")["body"] == "no json"
    assert control(clerk, "GET", "deliveries?since=2") == lines[2:]
    assert {each["state"] for each in control(clerk, "GET", "messages")} == {"delivered"}


def test_messages_can_be_asked_for_from_an_instant_on(clerk: LocalClerk) -> None:
    for name in ("ada", "grace", "edith"):
        clerk.users.create(username=name)
    clerk.webhook_sender.wait_idle()
    before, *rest = control(clerk, "GET", "messages")
    assert control(clerk, "GET", f"messages?since_ms={before['created_at_ms']}") == [before, *rest]
    assert control(clerk, "GET", f"messages?since_ms={rest[-1]['created_at_ms'] + 1}") == []


def test_mishaps_are_taken_back_and_faults_stay(clerk: LocalClerk, endpoint: Endpoint) -> None:
    control(clerk, "POST", "mishaps", {"kind": "drop"})
    control(clerk, "POST", "faults", {"path": "/v1/users", "status": 503})
    assert control(clerk, "DELETE", "mishaps") == []
    assert [each["path"] for each in control(clerk, "GET", "faults")] == ["/v1/users"]
    clerk.users.create(username="ada")
    clerk.webhook_sender.wait_idle()
    assert len(endpoint.received) == 1


def test_webhooks_are_paused_resumed_and_replayed(clerk: LocalClerk, endpoint: Endpoint) -> None:
    control(clerk, "POST", "webhooks/pause")
    clerk.users.create(username="ada")
    assert endpoint.received == []
    control(clerk, "POST", "webhooks/resume")
    clerk.webhook_sender.wait_idle()
    assert control(clerk, "POST", "webhooks/replay", {"svix_id": endpoint.ids[0]}) == {"replayed": 1}
    clerk.webhook_sender.wait_idle()
    assert len(endpoint.received) == 2
    assert control(clerk, "POST", "webhooks/replay", {"which": "failed"}) == {"replayed": 0}
    unknown = requests.post(f"{clerk.url}/_local/webhooks/replay", json={"svix_id": "msg_x"}, timeout=10)
    assert unknown.status_code == 404


def test_the_key_and_the_secret_are_rotated(clerk: LocalClerk) -> None:
    old_secret = clerk.webhook_secret
    assert control(clerk, "POST", "webhooks/rotate", {"grace_s": 60})["webhook_secret"] == clerk.webhook_secret
    assert clerk.webhook_secret != old_secret
    keys = control(clerk, "POST", "keys/rotate", {"keep_old": True})["keys"]
    assert [key["kid"] for key in keys] == [clerk.keys.current.kid, clerk.instance_id]


def test_any_event_is_sent(clerk: LocalClerk) -> None:
    control(clerk, "POST", "webhooks/send", {"type": "user.updated", "data": {"id": "user_1"}, "timestamp": 7})
    clerk.webhook_sender.wait_idle()
    (message,) = clerk.webhook_sender.messages.values()
    assert (message.payload["data"], message.payload["timestamp"]) == ({"id": "user_1"}, 7)


def test_what_was_asked_of_the_api_can_be_read(clerk: LocalClerk, api: Api) -> None:
    api.get("/v1/users", limit=3)
    (line,) = control(clerk, "GET", "requests")
    assert (line["path"], line["query"], line["status"]) == ("/v1/users", "limit=3", 200)
