"""Which Clerk instance a secret key selects."""

from __future__ import annotations

from clerk_sync.clerk.api.client import ClerkApi, Instance
from clerk_sync.clerk.errors import ApiRefusedError
from clerk_sync.clerk.jwks.fetch import fetch_key_set


def read_instance(api: ClerkApi, api_url: str, secret_key: str) -> Instance:
    """Return the instance; where the server does not know that question, the one that its key set is named for.

    The ``environment_type`` is then empty.
    """
    try:
        return api.get_instance()
    except ApiRefusedError as error:
        if error.status != 404:
            raise
        return Instance(fetch_key_set(f"{api_url}/v1/jwks", secret_key)[0].kid, "")
