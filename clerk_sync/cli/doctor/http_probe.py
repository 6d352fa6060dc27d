"""One HTTP request of the doctor, with failures in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing

from clerk_sync.clerk.errors import ApiUnavailableError, RetryableError
from clerk_sync.clerk.http import HttpClient, HttpResponse

CONNECT_TIMEOUT_S = 5.0

# Parts of the libraries' messages and their meaning; the first match counts. Their own texts may quote a response.
_FAULTS = (
    ("certificate has expired", "TLS: the certificate has expired"),
    ("hostname mismatch", "TLS: the certificate is for another name"),
    ("doesn't match", "TLS: the certificate is for another name"),
    ("self-signed", "TLS: the certificate is self-signed"),
    ("self signed", "TLS: the certificate is self-signed"),
    ("certificate_verify_failed", "TLS: the certificate is not trusted"),
    ("wrong_version_number", "TLS: the server there does not speak TLS"),
    ("record layer failure", "TLS: the server there does not speak TLS"),
    ("ssl", "TLS: the handshake failed"),
    ("name or service not known", "the host name cannot be resolved"),
    ("nodename nor servname", "the host name cannot be resolved"),
    ("name resolution", "the host name cannot be resolved"),
    ("connection refused", "the connection is refused: no server listens there"),
    ("connecttimeout", "the server does not accept the connection"),
    ("timed out", "no response in time"),
    ("too slowly", "no response in time"),
    ("more than", "the response is too large"),
    ("unreachable", "there is no route to that address"),
    ("reset by peer", "the connection was closed without a response"),
    ("closed connection", "the connection was closed without a response"),
    ("remotedisconnected", "the connection was closed without a response"),
)


class NoResponseError(Exception):
    """No readable response; the text says why."""


def probe(
    method: str,
    url: str,
    *,
    secret_key: str | None = None,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    timeout_s: float,
) -> HttpResponse:
    """Return the response, also one with an error status; raise NoResponseError if there is none."""
    authorization = {"Authorization": f"Bearer {secret_key}"} if secret_key else {}
    client = HttpClient(url, connect_timeout_s=CONNECT_TIMEOUT_S, read_timeout_s=timeout_s)
    try:
        with closing(client):
            return client.request(method, headers={**authorization, **(headers or {})}, body=body, timeout_s=timeout_s)
    except ApiUnavailableError as error:
        raise NoResponseError(str(error)) from None
    except RetryableError as error:
        message = str(error).lower()
        fault = next((fault for sign, fault in _FAULTS if sign in message), str(error).partition(":")[0])
        raise NoResponseError(fault) from None
