from __future__ import annotations

import time

from clerk_sync.emulator import LocalClerk
from clerk_sync.emulator.users.seeding import seeded_users


def test_the_same_seed_gives_the_same_users_and_another_seed_others() -> None:
    assert list(seeded_users(50, 7)) == list(seeded_users(50, 7))
    assert {user.id for user in seeded_users(50, 7)}.isdisjoint(user.id for user in seeded_users(50, 8))


def test_seeded_users_are_as_various_as_real_ones() -> None:
    users = list(seeded_users(2000))
    assert any(not user.email_addresses for user in users)
    assert any(user.phone_numbers and not user.email_addresses for user in users)
    assert any(
        len(user.email_addresses) > 1 and user.email_addresses[0].email_address != user.primary_email
        for user in users
        if user.primary_email
    )
    assert any(user.email_addresses and user.primary_email is None for user in users)
    assert any(user.banned for user in users)
    assert any(user.deprovisioned for user in users)
    assert any(user.private_metadata is None for user in users)
    assert any(not (user.first_name or "a").isascii() for user in users)


def test_some_seeded_users_signed_up_in_the_same_millisecond() -> None:
    moments = [user.created_at for user in seeded_users(200)]
    assert moments == sorted(moments)
    assert len(set(moments)) < len(moments)


def test_a_hundred_thousand_users_stand_ready_in_seconds_and_unannounced(clerk: LocalClerk) -> None:
    started = time.monotonic()
    clerk.users.seed(100_000)
    assert time.monotonic() - started < 15
    assert len(clerk.users) == 100_000
    assert not clerk.webhook_sender.messages


def test_two_seeds_live_together(clerk: LocalClerk) -> None:
    clerk.users.seed(100, seed=1)
    clerk.users.seed(100, seed=2)
    emails = [email.email_address for user in clerk.users.snapshot() for email in user.email_addresses]
    assert len(emails) == len(set(emails))
    assert len(clerk.users) == 200
