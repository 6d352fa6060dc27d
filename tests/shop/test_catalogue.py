"""The catalogue: repeated loads create no duplicates, and products are ordered by sku."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clerk_sync.shop.catalogue import Loaded, Product, ProductEntry, list_products, load_products
from tests.shop.conftest import Work

TEA = ProductEntry("TEA", "Tea, loose", 1290, "EUR", "Malty.", True)
CUP = ProductEntry("CUP", "Cup", 2400, "EUR", "", False)


def test_loading_again_duplicates_nothing(work: Work) -> None:
    assert work(load_products, [TEA, CUP]) == Loaded(inserted=2, updated=0, unchanged=0)
    assert work(load_products, [TEA, CUP]) == Loaded(inserted=0, updated=0, unchanged=2)
    dearer = ProductEntry("TEA", "Tea, loose", 1390, "EUR", "Malty.", True)
    assert work(load_products, [CUP, dearer]) == Loaded(inserted=0, updated=1, unchanged=1)
    assert work(list_products, after=None, limit=10).products == [Product("TEA", "Tea, loose", "Malty.", 1390, "EUR")]


def test_an_unchanged_product_is_not_written(work: Work, query: Callable[..., list[tuple[Any, ...]]]) -> None:
    work(load_products, [TEA])
    before = query("SELECT xmin, updated_at FROM products")
    work(load_products, [TEA])
    assert query("SELECT xmin, updated_at FROM products") == before


def test_products_that_a_file_does_not_name_stay(work: Work) -> None:
    work(load_products, [TEA])
    work(load_products, [CUP])
    assert [product.sku for product in work(list_products, after=None, limit=10).products] == ["TEA"]


def test_two_loads_at_once_do_not_deadlock(work: Work, together: Callable[..., list[Any]]) -> None:
    for price in range(5):
        entries = [ProductEntry(f"SKU-{n}", "x", price, "EUR") for n in range(50)]
        results = together(
            lambda entries=entries: work(load_products, entries),
            lambda entries=entries: work(load_products, entries[::-1]),
        )
        assert all(isinstance(result, Loaded) for result in results), results


def test_products_come_in_pages_in_the_order_of_their_skus(work: Work) -> None:
    work(load_products, [ProductEntry(sku, sku, 1, "EUR") for sku in ("B", "A", "D", "C", "E")])
    first, key = work(list_products, after=None, limit=2)
    second, key_behind = work(list_products, after=key, limit=3)
    assert [product.sku for product in first + second] == ["A", "B", "C", "D", "E"]
    assert key_behind is None
