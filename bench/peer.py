"""Compare this service with another stack, if a bench for both is available."""

from __future__ import annotations

import subprocess
from pathlib import Path

from bench.report import say
from tests.stage.service import ROOT

LEFT_OUT = "Not compared with another stack: --peer PATH, or $BENCH_PEER, names the folder of a bench that runs both."


def compare_with_peer(peer: Path | None, metrics: str, *, quick: bool) -> str:
    """Return the output of the bench in ``peer``, which measures this checkout and another stack.

    Raises CalledProcessError if its own checks fail, because its ratios then mean nothing.
    """
    if peer is None:
        return LEFT_OUT
    flags = ["--quick"] if quick else []
    say(f"another stack: {peer}/bench.py --only {metrics}")
    command = ["python3", str(peer / "bench.py"), str(ROOT), "--only", metrics, *flags]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
