"""The public route of the catalogue."""

from __future__ import annotations

from flask import Blueprint, Response
from msgspec import Struct

from clerk_sync.shop.catalogue import Product, ProductKey, list_products
from clerk_sync.shop.db import db
from clerk_sync.shop.routes.api_doc import describe
from clerk_sync.shop.routes.json_http import public_json_response
from clerk_sync.shop.routes.pagination import HIGHEST_LIMIT, NextCursor, cursor_of, paged, read_cursor, read_limit

products = Blueprint("products", __name__, url_prefix="/api")


class ProductPage(Struct):
    """Products on sale, ordered by sku. Prices are in whole minor units of an ISO 4217 currency."""

    products: list[Product]
    next_cursor: NextCursor


@products.get("/products")
@describe(ProductPage, parameters=paged(HIGHEST_LIMIT))
def show_products() -> Response:
    """List the products on sale."""
    # Most catalogues fit on one page, so the default limit is the highest.
    found, next_key = list_products(db.session(), after=read_cursor(ProductKey), limit=read_limit(HIGHEST_LIMIT))
    return public_json_response(ProductPage(found, cursor_of(next_key)))
