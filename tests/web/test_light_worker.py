"""A web worker loads only the modules that it uses."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.conftest import ORIGIN, ROOT, WEBHOOK_SECRET

LOADED = "import sys, wsgi; wsgi.serve(); print(*{name.partition('.')[0] for name in sys.modules})"


def test_deliveries_are_verified_without_the_api_client_of_svix() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLERK_")} | {
        "CLERK_SYNC_ENV": "production",
        "DATABASE_URL": "postgresql://127.0.0.1/nobody_connects",
        "CLERK_AUTHORIZED_PARTIES": ORIGIN,
        "CLERK_WEBHOOK_SIGNING_SECRET": WEBHOOK_SECRET,
    }
    ran = subprocess.run(
        [sys.executable, "-c", LOADED],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    loaded = set(ran.stdout.split())
    assert "standardwebhooks" in loaded
    assert not loaded & {"svix", "httpx", "pydantic", "alembic"}
