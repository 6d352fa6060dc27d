"""Numbers, times, spans and amounts as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from clerk_sync.telemetry.logs import escape_controls

# ISO 4217: currencies whose minor unit is not a hundredth.
_WHOLE = (
    *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW"),
    *("PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"),
)
_THOUSANDTHS = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]


def visible(text: str | None, otherwise: str) -> str:
    """Return ``text`` with escaped control characters, or ``otherwise`` if it is blank: a link needs a text."""
    return escape_controls(text.strip()) if text and text.strip() else otherwise


def number(value: int) -> str:
    """Return 12,345 for 12345."""
    return f"{value:,}"


def span(seconds: float) -> str:
    """Return a span in one or two units: 850 ms, 12.3 s, 4 min 10 s, 3 h 2 min."""
    if seconds < 1:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if seconds < 3_600:
        return f"{whole // 60} min {whole % 60} s"
    if seconds < 86_400:
        return f"{whole // 3_600} h {whole % 3_600 // 60} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3_600} h"


def ago(instant: datetime, now: datetime) -> str:
    """Return how long ago ``instant`` was, in one unit."""
    seconds = (now - instant).total_seconds()
    for length_s, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        if seconds >= length_s:
            return f"{int(seconds // length_s)} {unit} ago"
    return "just now"


def instant(moment: datetime) -> str:
    """Return ``moment`` in UTC, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def from_ms(milliseconds: int) -> datetime | None:
    """Return Clerk's milliseconds as a datetime, or None for 0 and for values out of range."""
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds) if milliseconds > 0 else None
    except OverflowError:
        return None


def money(minor: int, currency: str) -> str:
    """Return an amount in the currency's major unit."""
    decimals = 0 if currency in _WHOLE else 3 if currency in _THOUSANDTHS else 2
    whole, rest = divmod(minor, 10**decimals)
    return f"{whole:,}{f'.{rest:0{decimals}}' if decimals else ''} {currency}"
