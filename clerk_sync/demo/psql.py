"""``python -m clerk_sync.demo.psql``: open psql on the development database, for example to make a user ADMIN."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from clerk_sync.app import create_command_app
from clerk_sync.db.connect import connection_string, embedded_psql, embedded_url
from clerk_sync.settings.settings import ConfigurationError, Settings
from clerk_sync.telemetry.stdio import prepare_for_a_command


def main() -> int:
    """Open psql on the database of the settings and return its exit status."""
    try:
        settings = Settings.from_env(os.environ)
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    url = settings.database_url or embedded_url(Path(create_command_app(settings).instance_path) / "postgres")
    program = shutil.which("psql") or embedded_psql()
    # Leave Ctrl-C to psql: it cancels the query.
    signal.signal(signal.SIGINT, lambda *_: None)
    # Not exec: the embedded PostgreSQL stops when the process that started it ends.
    return subprocess.run([program, connection_string(url, "psql"), *sys.argv[1:]], check=False).returncode


if __name__ == "__main__":
    prepare_for_a_command()
    sys.exit(main())
