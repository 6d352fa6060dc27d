"""Mounts that only one process and its children can see."""

from __future__ import annotations

import os
import shutil
import subprocess

NAMESPACE = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
"""What stands before a command that may mount."""


def can_mount() -> bool:
    """Return True if this machine allows a mount namespace."""
    if shutil.which("unshare") is None:
        return False
    probe = [*NAMESPACE, "mount", "-o", "remount,bind,ro", "/"]
    return subprocess.run(probe, check=False, capture_output=True).returncode == 0
