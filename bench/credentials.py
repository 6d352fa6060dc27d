"""The Clerk instance of the web bench: its key, session tokens and signed deliveries."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from svix.webhooks import Webhook

from bench.stage import ORIGIN
from bench.stand_in import INSTANCE_ID

ISSUER = "https://clerk.example.com"
PUBLISHABLE_KEY = "pk_live_" + base64.b64encode(b"clerk.example.com$").decode()
WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"a secret of the bench  !").decode()
# Clerk's tokens live one minute. These are reused for a whole run.
LIFETIME_S = 3600


class Credentials:
    """A new key pair for each run."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def public_pem(self) -> str:
        """The value of CLERK_JWT_KEY."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self._key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()

    def tokens(self, user_ids: Iterable[str]) -> Iterator[str]:
        """Yield a session token of Clerk's version 2 for each id. All tokens differ."""
        header = _base64url(_json({"alg": "RS256", "cat": "cl_B7d4PD111AAA", "kid": INSTANCE_ID, "typ": "JWT"}))
        now = int(time.time())
        shared = {"azp": ORIGIN, "exp": now + LIFETIME_S, "fva": [12, -1], "iat": now, "iss": ISSUER, "nbf": now - 10}
        for number, user_id in enumerate(user_ids):
            own = {"jti": f"{number:020x}", "sid": f"sess_{number:027}", "sts": "active", "sub": user_id, "v": 2}
            signed = b".".join([header, _base64url(_json(shared | own))])
            signature = self._key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
            yield b".".join([signed, _base64url(signature)]).decode()


def sign_delivery(body: bytes, delivery_id: str, at_s: int) -> dict[str, str]:
    """Return the headers that Svix sends with ``body``."""
    signature = Webhook(WEBHOOK_SECRET).sign(delivery_id, datetime.fromtimestamp(at_s, UTC), body.decode())
    return {"Svix-Id": delivery_id, "Svix-Timestamp": str(at_s), "Svix-Signature": signature}


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
