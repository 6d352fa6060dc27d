"""Routes for the user's own addresses. Another user's address is answered 404."""

from __future__ import annotations

from flask import Blueprint, Response, url_for
from msgspec import Struct

from clerk_sync import current_user
from clerk_sync.shop import addresses as shop
from clerk_sync.shop.addresses import Address, AddressChanges, NewAddress
from clerk_sync.shop.db import clerk, db
from clerk_sync.shop.routes.api_doc import describe
from clerk_sync.shop.routes.json_http import json_response, read_body

addresses = Blueprint("addresses", __name__, url_prefix="/api/addresses")
addresses.before_request(clerk.guard)


class AddressList(Struct):
    """All the addresses of a user, oldest first."""

    addresses: list[Address]


@addresses.get("")
@describe(AddressList)
def list_addresses() -> Response:
    """List your addresses."""
    return json_response(AddressList(shop.list_addresses(db.session(), current_user().id)))


@addresses.post("")
@describe(Address, status=201, body=NewAddress, headers={"Location": "The address."}, refusals=(409,))
def add_address() -> Response:
    """Add an address. A user may have 50."""
    user = current_user()
    added = shop.add_address(db.session(), user.id, read_body(NewAddress))
    db.session.commit()
    response = json_response(added, 201)
    response.headers["Location"] = url_for(".show_address", id=added.id)
    return response


@addresses.get("/<id:id>")
@describe(Address)
def show_address(id: int) -> Response:  # noqa: A002 - the contract's word
    """Show one of your addresses."""
    return json_response(shop.get_address(db.session(), current_user().id, id))


@addresses.patch("/<id:id>")
@describe(Address, body=AddressChanges)
def change_address(id: int) -> Response:  # noqa: A002 - the contract's word
    """Change the fields of an address that are sent. Null clears an optional field."""
    user = current_user()
    changed = shop.change_address(db.session(), user.id, id, read_body(AddressChanges))
    db.session.commit()
    return json_response(changed)


@addresses.delete("/<id:id>")
@describe(None, status=204)
def remove_address(id: int) -> Response:  # noqa: A002 - the contract's word
    """Remove an address. Orders keep their own copy."""
    shop.remove_address(db.session(), current_user().id, id)
    db.session.commit()
    return Response(status=204)
