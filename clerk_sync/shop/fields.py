"""Types with constraints. msgspec validates them in requests, and the OpenAPI document shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta

LARGEST_ID = 2**63 - 1
LARGEST_TOTAL_MINOR = 2**63 - 1

# 100 lines of 999 pieces at the highest price are about a hundredth of the largest bigint.
MOST_LINES = 100
MOST_PIECES = 999
HIGHEST_PRICE_MINOR = 10**12

Id = Annotated[int, Meta(ge=1, le=LARGEST_ID)]
Instant = Annotated[datetime, Meta(tz=True)]

# Python's $ alone also matches before a newline at the end.
_END = r"$(?!\n)"
Sku = Annotated[str, Meta(pattern=rf"^[A-Za-z0-9][A-Za-z0-9._-]{{0,63}}{_END}", description="A product's public name.")]
Currency = Annotated[str, Meta(pattern=rf"^[A-Z]{{3}}{_END}", description="An ISO 4217 code.", examples=["EUR"])]
PriceMinor = Annotated[int, Meta(ge=0, le=HIGHEST_PRICE_MINOR, description="Whole minor units: 1999 is 19.99.")]
Quantity = Annotated[int, Meta(ge=1, le=MOST_PIECES)]

# PostgreSQL cannot store NUL, and parcel labels cannot print control characters.
_PRINTABLE = r"[^\x00-\x1f\x7f-\x9f]"
SingleLineText = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=rf"^{_PRINTABLE}*[^\s\x00-\x1f\x7f-\x9f]{_PRINTABLE}*$",
        description="Text without control characters, not blank. Spaces around it are removed.",
    ),
]
LongText = Annotated[str, Meta(max_length=5_000, pattern=r"^[^\x00]*$")]
Country = Annotated[
    str,
    Meta(
        max_length=200,
        pattern=r"^ *[A-Za-z]{2} *$",
        description="An ISO 3166-1 alpha-2 code, in either case.",
        examples=["IE"],
    ),
]
