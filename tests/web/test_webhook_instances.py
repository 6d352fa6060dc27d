"""The mirror belongs to one Clerk instance. Events of others do not change it."""

from __future__ import annotations

from tests.conftest import INSTANCE_ID, clerk_event
from tests.web.deliveries import USER, Deliver, Query, created, outcome, updated


def test_the_first_signed_event_binds_the_mirror(deliver: Deliver, query: Query) -> None:
    deliver(clerk_event("organization.created", {"id": "org_1"}))
    assert query("SELECT instance_id, bound_by FROM mirror_binding") == [(INSTANCE_ID, "webhook")]


def test_an_event_of_another_instance_is_counted_but_not_applied(deliver: Deliver, query: Query) -> None:
    deliver(created(), "msg_1")
    foreign = clerk_event("user.deleted", {"id": USER, "deleted": True}, instance_id="ins_2other")
    assert outcome(deliver(foreign, "msg_2")) == "foreign"
    assert outcome(deliver(foreign, "msg_2")) == "foreign"
    assert query("SELECT deleted_at FROM users") == [(None,)]
    assert query("SELECT outcome, payload FROM webhook_events WHERE svix_id = 'msg_2'") == [("foreign", None)]


def test_an_event_that_names_no_instance_is_accepted(deliver: Deliver) -> None:
    deliver(created())
    event = updated(1_700_000_000_001)
    del event["instance_id"]
    assert outcome(deliver(event)) == "applied"
