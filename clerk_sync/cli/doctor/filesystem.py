"""Check the temporary folder, where the workers share metrics."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator

from clerk_sync.cli.doctor.context import CheckContext
from clerk_sync.cli.doctor.findings import Finding, ok, warning, wrong

SUBJECT = "temporary folder"
LITTLE_MIB = 100


def check_filesystem(_: CheckContext) -> Iterator[Finding]:
    """Yield whether files can be written there, and whether there is space."""
    try:
        with tempfile.TemporaryFile() as file:
            file.write(b"doctor")
            free_mib = shutil.disk_usage(tempfile.gettempdir()).free // 2**20
    except OSError as error:
        yield wrong(
            SUBJECT, f"cannot be written: {error.strerror}", "set TMPDIR to a folder that the process may write"
        )
        return
    if free_mib < LITTLE_MIB:
        yield warning(SUBJECT, f"{free_mib} MiB free", "free some space: metrics are kept there")
    else:
        yield ok(SUBJECT, "can be written")
