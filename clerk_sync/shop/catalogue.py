"""The catalogue: list the products on sale, and load products."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, Struct
from sqlalchemy.orm import Session

from clerk_sync.shop import store
from clerk_sync.shop.fields import Currency, LongText, PriceMinor, SingleLineText, Sku

BATCH_SIZE = 1000


class Product(Struct):
    """A product on sale."""

    sku: str
    name: str
    description: str
    price_minor: int
    currency: Currency


class ProductEntry(Struct):
    """A product in a catalogue file."""

    sku: Sku
    name: SingleLineText
    price_minor: PriceMinor
    currency: Currency
    description: LongText = ""
    active: bool = True

    def __post_init__(self) -> None:
        self.name = self.name.strip()


class Loaded(Struct):
    """The result of a load: how many products were inserted, updated and unchanged."""

    inserted: int
    updated: int
    unchanged: int


class ProductKey(NamedTuple):
    """The position of a product in the catalogue, for the next page."""

    sku: Annotated[str, Meta(pattern=r"^[^\x00]*$")]


class ProductsFound(NamedTuple):
    """One page of products; ``next_key`` is None on the last page."""

    products: list[Product]
    next_key: ProductKey | None


def list_products(session: Session, *, after: ProductKey | None, limit: int) -> ProductsFound:
    """Return up to ``limit`` products on sale after the key ``after``, ordered by sku."""
    rows = store.products.list_products(session, after_sku=after.sku if after else "", limit=limit + 1)
    found = [Product(*row) for row in rows[:limit]]
    return ProductsFound(found, ProductKey(found[-1].sku) if len(rows) > limit else None)


def load_products(session: Session, entries: Iterable[ProductEntry]) -> Loaded:
    """Upsert ``entries`` by sku. Other products stay unchanged.

    Each statement has a time limit, so this writes batches. Parallel loads would deadlock on batches, so they wait for
    each other.
    """
    store.products.lock_catalogue(session)
    loaded = Loaded(0, 0, 0)
    remaining = iter(entries)
    while batch := list(islice(remaining, BATCH_SIZE)):
        changed = store.products.upsert_products(session, msgspec.json.encode(batch).decode())
        inserted = sum(changed)
        loaded.inserted += inserted
        loaded.updated += len(changed) - inserted
        loaded.unchanged += len(batch) - len(changed)
    return loaded
