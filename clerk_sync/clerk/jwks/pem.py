"""Parses a PEM public key in the forms in which users paste one into an environment variable."""

from __future__ import annotations

import re
import textwrap

HEADER, FOOTER = "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"


def normalise_public_key(text: str) -> str:
    """Return ``text`` as a PEM block with 64-character lines; raise ValueError if it is no RSA public key.

    Multi-line, ``\\n``-escaped, quoted, one-line and bare base64 forms all load.
    """
    bare = text.strip().strip("\"'").replace("\\r", "\n").replace("\\n", "\n")
    bare = bare.strip().removeprefix(HEADER).removesuffix(FOOTER)
    bare = re.sub(r"\s+", "", bare)
    if "-----" in bare:
        raise ValueError("not a PUBLIC KEY block")
    pem = "\n".join([HEADER, *textwrap.wrap(bare, 64), FOOTER, ""])
    _require_rsa(pem)
    return pem


def _require_rsa(pem: str) -> None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("not a public key") from error
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not an RSA key")  # noqa: TRY004 - the text is wrong, not a Python type
