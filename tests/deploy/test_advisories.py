"""Advisories that no release fixes: SECURITY.md gives the reason of each exception, and the reasons are true."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

import pytest

from clerk_sync.clerk.jwks.keys import PublicKeyEntry, build_key, key_set_of_pem
from tests.clerk.tokens.token_factory import OURS
from tests.conftest import PACKAGE, ROOT

VERIFY = """
import sys
from tests.clerk.tokens.token_factory import OURS, prove
prove(OURS.mint())
print(*sys.modules)
"""


def test_every_exception_of_the_audit_has_a_reason() -> None:
    excepted = re.findall(r"--ignore-vuln (\S+)", (ROOT / ".github" / "workflows" / "ci.yml").read_text())
    argued = re.findall(r"^\| (CVE-\S+) ", (ROOT / "SECURITY.md").read_text(), re.MULTILINE)
    assert excepted == argued != []


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """The modules of a process that has verified a session token."""
    done = subprocess.run([sys.executable, "-c", VERIFY], cwd=ROOT, check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_verifying_a_token_loads_no_ecdsa(loaded: set[str]) -> None:
    assert "jose.backends.cryptography_backend" in loaded
    assert not loaded & {"ecdsa", "rsa", "pyasn1"}


def test_jose_never_reads_a_token(loaded: set[str]) -> None:
    assert not loaded & {"jose.jwt", "jose.jws", "jose.jwe"}
    assert {name for path in PACKAGE.rglob("*.py") for name in taken_from_jose(path.read_text())} == {
        "jose.backends.base.Key",
        "jose.jwk",
        "jose.utils.base64url_decode",
    }


def taken_from_jose(source: str) -> set[str]:
    taken = set[str]()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            taken |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            taken |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in taken if name.partition(".")[0] == "jose"}


def test_every_key_is_an_rsa_key_of_cryptography() -> None:
    from jose.backends.cryptography_backend import CryptographyRSAKey

    entry = PublicKeyEntry(OURS.kid, OURS.jwk["n"], OURS.jwk["e"])
    assert {type(key) for key in (*key_set_of_pem(OURS.pem).without_kid, build_key(entry))} == {CryptographyRSAKey}
