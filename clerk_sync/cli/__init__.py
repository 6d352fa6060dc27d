"""The desk towards the operator: translate, commit, count, print."""

from __future__ import annotations

from flask import Flask


def install(app: Flask) -> None:
    """Give ``app`` its command groups."""
