"""Prometheus metrics, right with several worker processes."""

from __future__ import annotations

from flask import Flask


def install(app: Flask) -> None:
    """Count what ``app`` does."""
