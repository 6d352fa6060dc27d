"""The steps of the demo: from sign-up to administrator, with two lost webhooks."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any

import psycopg2
import requests

from clerk_sync.db.connect import APPLICATION_NAME
from clerk_sync.demo.stage import Stage
from clerk_sync.demo.timeline import MismatchError, Timeline, expect

EMAIL = "ada@example.com"
TIMEOUT_S = 10
POLL_S = 0.005


def run_story(stage: Stage, timeline: Timeline) -> None:
    """Run every step; raise MismatchError if a result differs from the expected one."""
    customer = _Customer(stage, timeline)
    with timeline.step("A customer signs up at Clerk; the signed user.created inserts a row"):
        user_id = _sign_up(stage, timeline)
    with timeline.step("Their session token gives access to the API"):
        customer.sign_in(user_id)
        _first_requests(customer)
    with timeline.step("They buy a product"):
        number = _buy(customer)
    with timeline.step("They change their name, and the webhook is lost"):
        _lose_an_update(stage, timeline, user_id)
    with timeline.step("Another user deletes their account, and that webhook is lost too"):
        gone_id = _lose_a_deletion(stage, timeline)
    with timeline.step("`flask sync-clerk sync` repairs both; a second run finds nothing to do"):
        _repair(stage, timeline, user_id, gone_id)
    with timeline.step("The application cannot make a user ADMIN"):
        _refuse_admin(stage, customer)
    with timeline.step("An operator makes them ADMIN in psql, and the database records it"):
        _grant_admin(stage, customer, user_id, number)


class _Customer:
    """A signed-in user who calls the API."""

    def __init__(self, stage: Stage, timeline: Timeline) -> None:
        self._stage = stage
        self._http = requests.Session()
        self._user_id = ""
        self.timeline = timeline

    def sign_in(self, user_id: str) -> None:
        self._user_id = user_id

    def call(self, method: str, path: str, *, expected: int, **options: Any) -> Any:
        """Call the API with a fresh session token and return the JSON of the response; print both."""
        token = self._stage.clerk.session_token(self._user_id, azp=self._stage.service_url)
        headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
        started_at = time.perf_counter()
        response = self._http.request(
            method, self._stage.service_url + path, headers=headers, timeout=TIMEOUT_S, **options
        )
        took_ms = (time.perf_counter() - started_at) * 1000
        self.timeline.sent(f"{method} {path}")
        self.timeline.changed(f"{response.status_code} in {took_ms:.1f} ms")
        expect(response.status_code, expected, f"{method} {path}")
        return response.json()


def _sign_up(stage: Stage, timeline: Timeline) -> str:
    timeline.sent(f"POST {stage.clerk.url}/sign-up  {EMAIL}")
    form = {"first_name": "Ada", "last_name": "Lovelace", "email_address": EMAIL, "redirect_url": stage.service_url}
    response = requests.post(f"{stage.clerk.url}/sign-up", data=form, timeout=TIMEOUT_S, allow_redirects=False)
    expect(response.status_code, 303, "the sign-up page")
    cookies = SimpleCookie(response.headers["Set-Cookie"])
    expect("__session" in {name[:9] for name in cookies}, True, "the sign-up page sets the session cookie")
    rows = _wait_for(lambda: stage.psql("SELECT clerk_id, email, role FROM users"))
    stage.clerk.webhook_sender.wait_idle(TIMEOUT_S)
    attempt = stage.clerk.webhook_sender.deliveries[-1]
    timeline.changed(f"{attempt.type} delivered, answered {attempt.status} in {attempt.took_ms:.1f} ms")
    timeline.changed(f"row {rows[0]}")
    expect(rows[0][1:], (EMAIL, "CLIENT"), "the row of the new user")
    return str(rows[0][0])


def _first_requests(customer: _Customer) -> None:
    session = customer.call("GET", "/api/session", expected=200)
    me = customer.call("GET", "/api/me", expected=200)
    expect(me["clerk_id"], session["user_id"], "the user of token and row")
    customer.timeline.changed(f"{me['name']} <{me['email']}>, {me['role']}")


def _buy(customer: _Customer) -> str:
    product = customer.call("GET", "/api/products", expected=200)["products"][0]
    customer.call("PUT", f"/api/cart/items/{product['sku']}", expected=200, json={"quantity": 2})
    address = {"name": "Ada Lovelace", "line1": "12 St James's Square", "city": "London", "country": "GB"}
    address_id = customer.call("POST", "/api/addresses", expected=201, json=address)["id"]
    checkout = {"json": {"address_id": address_id}, "headers": {"Idempotency-Key": "demo-1"}}
    order = customer.call("POST", "/api/cart/checkout", expected=201, **checkout)
    again = customer.call("POST", "/api/cart/checkout", expected=201, **checkout)
    expect(again["number"], order["number"], "the order of a repeated key")
    expect(order["total_minor"], 2 * product["price_minor"], "the total, from the catalogue")
    customer.timeline.changed(f"order {order['number']}: {order['total_minor']} {order['currency']} in minor units")
    return str(order["number"])


def _lose_an_update(stage: Stage, timeline: Timeline, user_id: str) -> None:
    stage.clerk.faults.drop("user.updated", times=1)
    stage.clerk.users.update(user_id, last_name="King")
    stage.clerk.webhook_sender.wait_idle(TIMEOUT_S)
    timeline.sent("at Clerk: last_name = King; the delivery of user.updated is dropped")
    ((last_name,),) = stage.psql("SELECT last_name FROM users WHERE clerk_id = %s", user_id)
    timeline.changed(f"the row still says {last_name}")
    expect(last_name, "Lovelace", "the row without the lost update")


def _lose_a_deletion(stage: Stage, timeline: Timeline) -> str:
    gone_id = str(stage.clerk.users.create(first_name="Charles", email="charles@example.com")["id"])
    live = "SELECT 1 FROM users WHERE clerk_id = %s AND deleted_at IS NULL"
    _wait_for(lambda: stage.psql(live, gone_id))
    stage.clerk.faults.drop("user.deleted", times=1)
    stage.clerk.users.delete(gone_id)
    stage.clerk.webhook_sender.wait_idle(TIMEOUT_S)
    timeline.sent(f"at Clerk: {gone_id} is deleted; the delivery of user.deleted is dropped")
    expect(len(stage.psql(live, gone_id)), 1, "the row without the lost deletion")
    timeline.changed("the row is still live")
    return gone_id


def _repair(stage: Stage, timeline: Timeline, user_id: str, gone_id: str) -> None:
    first = _sync(stage, timeline)
    expect((first["updated"], first["deleted"]), (1, 1), "what the first run repaired")
    ((last_name,),) = stage.psql("SELECT last_name FROM users WHERE clerk_id = %s", user_id)
    expect(last_name, "King", "the row after sync")
    ((email, deleted_at),) = stage.psql("SELECT email, deleted_at FROM users WHERE clerk_id = %s", gone_id)
    expect((email, deleted_at is not None), (None, True), "the tombstone after sync")
    versions = stage.psql("SELECT clerk_id, xmin::text FROM users ORDER BY 1")
    _sync(stage, timeline)
    expect(stage.psql("SELECT clerk_id, xmin::text FROM users ORDER BY 1"), versions, "row versions after a second run")


def _sync(stage: Stage, timeline: Timeline) -> dict[str, Any]:
    done = stage.flask("sync-clerk", "sync", "--json", "--no-progress")
    expect(done.returncode, 0, f"the exit status of sync ({done.stderr.strip()})")
    report: dict[str, Any] = json.loads(done.stdout)
    counts = ", ".join(f"{report[name]} {name}" for name in ("seen", "inserted", "updated", "unchanged", "deleted"))
    timeline.sent("flask sync-clerk sync")
    timeline.changed(counts)
    return report


PROMOTE = "UPDATE users SET role = 'ADMIN' WHERE email = %s"


def _refuse_admin(stage: Stage, customer: _Customer) -> None:
    customer.call("GET", "/api/admin/users", expected=403)
    customer.timeline.sent(f"the same statement on a connection of the application: {PROMOTE}")
    try:
        stage.psql(PROMOTE, EMAIL, application_name=APPLICATION_NAME)
    except psycopg2.errors.InsufficientPrivilege as error:
        customer.timeline.changed(str(error.diag.message_primary))
    else:
        raise MismatchError("the database let the application make a user ADMIN")


def _grant_admin(stage: Stage, customer: _Customer, user_id: str, number: str) -> None:
    customer.timeline.sent(f"psql: {PROMOTE}")
    stage.psql(PROMOTE, EMAIL)
    ((clerk_id, old, new),) = stage.psql("SELECT clerk_id, old_role, new_role FROM role_changes")
    customer.timeline.changed(f"role_changes: {clerk_id} {old} → {new}")
    expect((clerk_id, old, new), (user_id, "CLIENT", "ADMIN"), "the audit row")
    customer.call("GET", "/api/admin/users", expected=200)
    orders = customer.call("GET", f"/api/admin/users/{user_id}/orders", expected=200)["orders"]
    expect([order["number"] for order in orders], [number], "all the orders of that user")


def _wait_for(find: Callable[[], list[tuple[Any, ...]]]) -> list[tuple[Any, ...]]:
    """Return the first result of ``find`` that is not empty."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        found = find()
        if found:
            return found
        time.sleep(POLL_S)
    raise MismatchError(f"no rows within {TIMEOUT_S} s")
