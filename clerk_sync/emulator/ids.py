"""Identifiers in Clerk's form: a prefix and a KSUID, 27 base-62 characters that sort by the second of their making."""

from __future__ import annotations

import random

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_LENGTH = 27
_EPOCH_S = 1_400_000_000  # KSUIDs count from May 2014, so that four bytes last until 2150


class Ids:
    """Makes identifiers; equal seeds and equal times give equal ones."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)  # noqa: S311 - names, not secrets; tests want the same ones every time

    def new(self, prefix: str, at_ms: int) -> str:
        """Return a fresh identifier such as ``user_2g7np7Hrk0SN6kj5EDMLDaKNL0S``."""
        seconds = min(max(at_ms // 1000 - _EPOCH_S, 0), 0xFFFFFFFF)
        return f"{prefix}_{_base62(seconds << 128 | self._random.getrandbits(128))}"


def _base62(number: int) -> str:
    # Two digits a step: a hundred thousand users need half a million of these.
    pairs = []
    while number:
        number, pair = divmod(number, 3844)
        pairs.append(_PAIRS[pair])
    return "".join(reversed(pairs)).rjust(_LENGTH, "0")[-_LENGTH:]
