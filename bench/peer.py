"""Another stack beside ours, where a bench for both is at hand; ours does not need it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from bench.report import say
from tests.stage.service import ROOT

LEFT_OUT = "Beside another stack: left out. --peer PATH, or $BENCH_PEER, names the folder of a bench that runs both."


def beside(peer: Path | None, metrics: str, *, quick: bool) -> str:
    """Return what the bench in ``peer`` prints when it measures this checkout beside its own stack.

    Raises CalledProcessError where its own checks fail: then its ratios mean nothing.
    """
    if peer is None:
        return LEFT_OUT
    flags = ["--quick"] if quick else []
    say(f"beside another stack: {peer}/bench.py --only {metrics}")
    command = ["python3", str(peer / "bench.py"), str(ROOT), "--only", metrics, *flags]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
