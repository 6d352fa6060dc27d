"""The mirror is bound to one instance of Clerk, and a key of any other is refused before a user is written."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask

from clerk_sync.emulator import LocalClerk
from tests.local_clerk import Command, Query, versions


def test_a_free_mirror_is_bound_by_its_first_sync(clerk: LocalClerk, sync: Command, query: Query) -> None:
    sync()
    assert query("SELECT instance_id, bound_by FROM mirror_binding") == [(clerk.instance_id, "sync")]


def test_without_an_instance_endpoint_the_key_set_names_the_instance(
    clerk: LocalClerk, sync: Command, query: Query
) -> None:
    clerk.faults.add("/v1/instance", status=404, times=None)
    assert sync()["instance_id"] == clerk.instance_id


def test_the_key_of_another_instance_is_refused_before_any_user_is_written(
    clerk: LocalClerk, sync: Command, make_app: Callable[..., Flask], query: Query
) -> None:
    """S8"""
    clerk.users.seed(3)
    sync()
    before = versions(query)
    with LocalClerk.start(instance=2) as foreign:
        foreign.users.seed(3, seed=2)
        ran = sync(app=make_app(secret_key=foreign.secret_key, api_url=foreign.url))
    assert ran.exit_code == 3
    assert clerk.instance_id in ran["reason"]
    assert "rebind" in ran["reason"]
    assert versions(query) == before
    assert query("SELECT instance_id FROM mirror_binding") == [(clerk.instance_id,)]


def test_a_test_key_for_a_production_instance_is_a_mistake(clerk: LocalClerk, sync: Command, query: Query) -> None:
    clerk.users.seed(3)
    clerk.faults.add("/v1/instance", body={"id": clerk.instance_id, "environment_type": "production"}, times=None)
    ran = sync()
    assert ran.exit_code == 2
    assert "sk_test_" in ran["reason"]
    assert versions(query) == query("SELECT 1 FROM mirror_binding") == []
