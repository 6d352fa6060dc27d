"""The catalogue: what is on sale, and how that changes."""

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
    """A thing on sale."""

    sku: str
    name: str
    description: str
    price_minor: int
    currency: Currency


class ProductEntry(Struct):
    """What makes a product, or changes it."""

    sku: Sku
    name: SingleLineText
    price_minor: PriceMinor
    currency: Currency
    description: LongText = ""
    active: bool = True

    def __post_init__(self) -> None:
        self.name = self.name.strip()


class Loaded(Struct):
    """What loading did with the products that it was given."""

    inserted: int
    updated: int
    unchanged: int


class ProductKey(NamedTuple):
    """The place of a product in the catalogue."""

    sku: Annotated[str, Meta(pattern=r"^[^\x00]*$")]


class ProductsFound(NamedTuple):
    """Some products; ``next_key`` is where the next page goes on, None behind the last."""

    products: list[Product]
    next_key: ProductKey | None


def list_products(session: Session, *, after: ProductKey | None, limit: int) -> ProductsFound:
    """Return up to ``limit`` products on sale, in the order of their skus, behind ``after``."""
    rows = store.products.list_products(session, after_sku=after.sku if after else "", limit=limit + 1)
    found = [Product(*row) for row in rows[:limit]]
    return ProductsFound(found, ProductKey(found[-1].sku) if len(rows) > limit else None)


def load_products(session: Session, entries: Iterable[ProductEntry]) -> Loaded:
    """Write ``entries`` into the catalogue by their skus; products that are not among them stay as they are.

    In batches, because each statement has a time limit. Loads wait for each other: in batches they would deadlock.
    """
    store.products.lock_catalogue(session)
    loaded = Loaded(0, 0, 0)
    waiting = iter(entries)
    while batch := list(islice(waiting, BATCH_SIZE)):
        changed = store.products.upsert_products(session, msgspec.json.encode(batch).decode())
        inserted = sum(changed)
        loaded.inserted += inserted
        loaded.updated += len(changed) - inserted
        loaded.unchanged += len(batch) - len(changed)
    return loaded
