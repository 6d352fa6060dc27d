"""Clerk cannot be reached, its clock differs, or the keys are of another instance."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest
from msgspec import Raw

from clerk_sync.emulator import LocalClerk
from tests.cli.doctor.conftest import Doctor
from tests.cli.fixed_server import fixed_server
from tests.hostile_json import ODD_VALUES, encode


def test_a_secret_key_that_clerk_does_not_know(doctor: Doctor) -> None:
    report = doctor(CLERK_SECRET_KEY="sk_test_of_somebody_else")
    assert report.exit_code == 1
    assert "Clerk does not know CLERK_SECRET_KEY" in report.of("Clerk's API", "wrong")
    report.of("clock", "ok")


def test_an_api_that_cannot_be_reached(doctor: Doctor) -> None:
    report = doctor(CLERK_API_URL="http://127.0.0.1:1")
    assert "no server listens there" in report.of("Clerk's API", "wrong")
    report.of("database", "ok")


def test_another_server_at_the_address_of_the_api(doctor: Doctor) -> None:
    with fixed_server(200, b"<html>") as url:
        report = doctor(CLERK_API_URL=url)
    assert "not as Clerk does" in report.of("Clerk's API", "wrong")
    assert "not a JSON object" in report.of("key set", "wrong")


def test_an_instance_with_other_odd_values_is_accepted(doctor: Doctor) -> None:
    instance = {"id": "ins_1", "environment_type": "development", "unread": [Raw(odd) for odd in ODD_VALUES.values()]}
    with fixed_server(200, encode(instance)) as url:
        report = doctor(CLERK_API_URL=url)
    assert "ins_1" in report.of("instance", "ok")


@pytest.mark.parametrize(
    ("off_s", "said", "verdict"), [(-8, "ahead of", "wrong"), (400, "behind", "wrong"), (0, "within", "ok")]
)
def test_a_clock_that_is_off(doctor: Doctor, off_s: float, said: str, verdict: str) -> None:
    instance = {"id": "ins_1", "environment_type": "development"}
    with fixed_server(200, instance, headers={"Date": formatdate(time.time() + off_s, usegmt=True)}) as url:
        report = doctor(CLERK_API_URL=url)
    assert said in report.of("clock", verdict)


def test_a_test_key_of_a_production_instance(doctor: Doctor) -> None:
    with fixed_server(200, {"id": "ins_1", "environment_type": "production"}) as url:
        report = doctor(CLERK_API_URL=url)
    assert "sk_test_" in report.of("instance", "wrong")


def test_a_public_key_of_another_instance(doctor: Doctor, clerk: LocalClerk) -> None:
    with LocalClerk.start(instance=2) as other:
        report = doctor(CLERK_JWT_KEY=other.public_key_pem)
    assert "none of the keys that the instance publishes" in report.of("CLERK_JWT_KEY's instance", "wrong")
    doctor(CLERK_JWT_KEY=clerk.public_key_pem).of("CLERK_JWT_KEY's instance", "ok")


def test_keys_of_another_instance_than_the_mirrors(doctor: Doctor, clerk: LocalClerk) -> None:
    with LocalClerk.start(instance=2) as other:
        report = doctor(**other.environment)
    said = report.of("binding", "wrong")
    assert f"to {clerk.instance_id}, but CLERK_SECRET_KEY belongs to {other.instance_id}" in said
    assert "rebind" in said
