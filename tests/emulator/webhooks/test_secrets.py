"""The secret that signs webhooks, and its rotation."""

from __future__ import annotations

from clerk_sync.emulator import LocalClerk
from tests.emulator.conftest import Endpoint
from tests.emulator.proof import proves


def test_the_signature_is_of_now_whatever_the_records_clock_says(endpoint: Endpoint) -> None:
    with LocalClerk.start(webhook_url=endpoint.url, clock_ms=lambda: 1000) as clerk:
        clerk.users.create(username="ada")
        clerk.webhook_sender.wait_idle()
    assert proves(endpoint.received[0], clerk.webhook_secret)


def test_both_secrets_sign_while_one_is_being_rotated(clerk: LocalClerk, endpoint: Endpoint) -> None:
    old = clerk.webhook_secret
    new = clerk.rotate_webhook_secret()
    clerk.users.create(username="ada")
    clerk.webhook_sender.wait_idle()
    (received,) = endpoint.received
    assert new == clerk.webhook_secret != old
    assert len(received.headers["svix-signature"].split(" ")) == 2
    assert proves(received, old)
    assert proves(received, new)


def test_a_rotation_without_grace_ends_the_old_secret_at_once(clerk: LocalClerk, endpoint: Endpoint) -> None:
    old = clerk.webhook_secret
    clerk.rotate_webhook_secret(grace_s=0)
    clerk.users.create(username="ada")
    clerk.webhook_sender.wait_idle()
    assert not proves(endpoint.received[0], old)
