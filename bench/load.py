"""Send load to a port of 127.0.0.1: with the driver in C if there is a compiler, else with Python processes."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench import machine
from tests.stage.service import ROOT

CONNECTIONS = 16
SOURCE = Path(__file__).with_name("load.c")


@dataclass(frozen=True, kw_only=True)
class Load:
    """The responses of one interval. ``refused`` counts those that are not 2xx."""

    requests: int
    per_s: float
    p50_ms: float
    p99_ms: float
    refused: int
    first_refused: str
    driver_cpu_us: float


class _Said(msgspec.Struct):
    elapsed_s: float
    refused: int
    first_refused: str
    latencies_us: list[int]


def find_compiler() -> str | None:
    """Return the path of the C compiler, or None. Without one the Python driver runs, which costs more."""
    return shutil.which("cc")


class LoadDriver:
    """Sends prepared requests on 16 connections. Each sends its next request after the last response."""

    def __init__(self, directory: Path, compiler: str | None) -> None:
        self._requests = directory / "requests"
        self.kind = "C" if compiler else "Python"
        self._command = (
            _compiled(compiler, directory / "load") if compiler else [sys.executable, "-m", "bench.slow_load"]
        )

    def send(self, port: int, requests: Iterable[bytes], *, seconds: float = 0.0) -> Load:
        """Send ``requests`` repeatedly for ``seconds``, or each of them once.

        Raises CalledProcessError if a connection broke or no response came for 20 s.
        """
        self._requests.write_bytes(b"".join(struct.pack("=I", len(each)) + each for each in requests))
        command = [*self._command, str(port), str(CONNECTIONS), str(seconds), str(self._requests)]
        before_s = machine.ended_children_cpu_s()
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT)
        cpu_s = machine.ended_children_cpu_s() - before_s
        said = msgspec.json.decode(done.stdout, type=_Said)
        latencies_us = sorted(said.latencies_us)
        return Load(
            requests=len(latencies_us),
            per_s=len(latencies_us) / said.elapsed_s,
            p50_ms=_percentile(latencies_us, 50) / 1000,
            p99_ms=_percentile(latencies_us, 99) / 1000,
            refused=said.refused,
            first_refused=said.first_refused,
            driver_cpu_us=cpu_s / len(latencies_us) * 1e6,
        )


def _compiled(compiler: str, program: Path) -> list[str]:
    subprocess.run([compiler, "-O2", "-o", str(program), str(SOURCE)], check=True)
    return [str(program)]


def _percentile(ordered: list[int], percent: int) -> int:
    """Return the smallest value that at least ``percent`` of the values do not exceed."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
