"""The claims of a verified token, in both versions of Clerk's claims."""

from __future__ import annotations

from typing import Any

import pytest

from clerk_sync.clerk.tokens.verifier import Organization
from tests.clerk.tokens.token_factory import NOW, OURS, prove


def test_both_versions_give_the_same_organization() -> None:
    """T16."""
    expected = Organization("org_2x", "acme", "org:admin")
    old = OURS.mint(without=["v"], org_id="org_2x", org_slug="acme", org_role="org:admin")
    new = OURS.mint(o={"id": "org_2x", "slg": "acme", "rol": "admin", "per": "read", "fpm": "3"})
    assert prove(old).org == expected
    assert prove(new).org == expected


@pytest.mark.parametrize("claims", [{"o": None}, {"o": "org_2x"}, {"o": {}}, {"o": {"id": 7}}, {"org_id": "org_2x"}])
def test_odd_organisation_of_version_two_is_none(claims: dict[str, Any]) -> None:
    """A version 2 token has no ``org_id``: a value that a template puts there names no organization."""
    assert prove(OURS.mint(**claims)).org is None


def test_organisation_may_lack_slug_and_role() -> None:
    assert prove(OURS.mint(o={"id": "org_2x", "slg": None})).org == Organization("org_2x", None, None)


def test_impersonator_is_reported() -> None:
    assert prove(OURS.mint(act={"sub": "user_2staff"})).impersonator_id == "user_2staff"


@pytest.mark.parametrize("actor", [None, "user_2staff", {}, {"sub": None}, {"sub": "two\nlines"}, {"sub": "x" * 129}])
def test_impersonator_unfit_for_a_log_line_is_left_out(actor: object) -> None:
    assert prove(OURS.mint(act=actor)).impersonator_id is None


def test_fractional_times_become_whole_seconds() -> None:
    proof = prove(OURS.mint(iat=NOW + 0.25, exp=NOW + 59.75, nbf=-1.5))
    assert (proof.issued_at, proof.expires_at) == (NOW, NOW + 59)
    assert type(proof.issued_at) is int
    assert type(proof.expires_at) is int
