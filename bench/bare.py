"""The lower bound of a Python service on the Procfile's server: one response, with and without an RSA verification.

``granian … bench.bare:serve``. Its cost is the server's; what our routes cost more is ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PLAIN = "/plain"
VERIFIED = "/verified"

_BODY = b'{"status":"ok"}'
_HEADERS = [("Content-Type", "application/json"), ("Content-Length", str(len(_BODY)))]


def serve() -> WSGIApplication:
    """Return the application. It verifies a signed message of the size of a session token."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    message, scheme, digest = b"x" * 450, padding.PKCS1v15(), hashes.SHA256()
    signature, public_key = key.sign(message, scheme, digest), key.public_key()

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == VERIFIED:
            public_key.verify(signature, message, scheme, digest)
        start_response("200 OK", list(_HEADERS))
        return (_BODY,)

    return answer
