"""What is on sale, for anyone."""

from __future__ import annotations

from flask import Blueprint, Response
from msgspec import Struct

from clerk_sync.db.orm import db
from clerk_sync.shop.catalogue import Product, ProductKey, list_products
from clerk_sync.web.docs.api_doc import describe, paged
from clerk_sync.web.pagination import HIGHEST_LIMIT, NextCursor, cursor_of, read_cursor, read_limit
from clerk_sync.web.responses import public_json_response

catalogue = Blueprint("catalogue", __name__, url_prefix="/api")


class ProductPage(Struct):
    """Products on sale, in the order of their skus."""

    products: list[Product]
    next_cursor: NextCursor


@catalogue.get("/products")
@describe(ProductPage, parameters=paged(HIGHEST_LIMIT))
def show_products() -> Response:
    """Show what is on sale."""
    # A shop's whole catalogue mostly fits on one page: the default is as much as is given at once.
    found, next_key = list_products(db.session(), after=read_cursor(ProductKey), limit=read_limit(HIGHEST_LIMIT))
    return public_json_response(ProductPage(found, cursor_of(next_key)))
