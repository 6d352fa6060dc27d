"""A user's addresses. Each function reads and changes the addresses of one user only."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType, structs
from sqlalchemy.orm import Session

from clerk_sync.shop import store
from clerk_sync.shop.errors import AddressBookFullError, AddressUnknownError
from clerk_sync.shop.fields import Country, Id, SingleLineText

MOST_ADDRESSES = 50


class NewAddress(Struct):
    """The fields of a new address, trimmed."""

    line1: SingleLineText
    city: SingleLineText
    country: Country
    name: SingleLineText | None = None
    line2: SingleLineText | None = None
    region: SingleLineText | None = None
    postal_code: SingleLineText | None = None
    phone: SingleLineText | None = None

    def __post_init__(self) -> None:
        _trim(self)


class AddressChanges(Struct):
    """Changes of an address. Fields that are not sent stay the same. Null clears an optional field."""

    line1: SingleLineText | UnsetType = UNSET
    city: SingleLineText | UnsetType = UNSET
    country: Country | UnsetType = UNSET
    name: SingleLineText | UnsetType | None = UNSET
    line2: SingleLineText | UnsetType | None = UNSET
    region: SingleLineText | UnsetType | None = UNSET
    postal_code: SingleLineText | UnsetType | None = UNSET
    phone: SingleLineText | UnsetType | None = UNSET

    def __post_init__(self) -> None:
        _trim(self)


class Address(Struct):
    """An address of a user. If ``name`` is null, parcels use the user's name."""

    id: Id
    name: str | None
    line1: str
    line2: str | None
    city: str
    region: str | None
    postal_code: str | None
    country: str
    phone: str | None


def _trim(fields: NewAddress | AddressChanges) -> None:
    for field, value in structs.asdict(fields).items():
        if isinstance(value, str):
            text = value.strip()
            setattr(fields, field, text.upper() if field == "country" else text)


def list_addresses(session: Session, user_id: int) -> list[Address]:
    """Return the user's addresses, oldest first."""
    return [Address(*row) for row in store.addresses.list_addresses(session, user_id)]


def get_address(session: Session, user_id: int, address_id: int) -> Address:
    """Return one address; raise AddressUnknownError."""
    return _known(store.addresses.find_address(session, user_id, address_id))


def add_address(session: Session, user_id: int, new: NewAddress) -> Address:
    """Add an address and return it; raise OwnerDeletedError or AddressBookFullError."""
    owner = store.lock_owner(session, user_id)
    row = store.addresses.insert_address(session, owner, structs.asdict(new), limit=MOST_ADDRESSES)
    if row is None:
        raise AddressBookFullError(MOST_ADDRESSES)
    return Address(*row)


def change_address(session: Session, user_id: int, address_id: int, changes: AddressChanges) -> Address:
    """Change an address and return it; raise AddressUnknownError."""
    wanted = {field: value for field, value in structs.asdict(changes).items() if value is not UNSET}
    if not wanted:
        return get_address(session, user_id, address_id)
    return _known(store.addresses.update_address(session, user_id, address_id, wanted))


def remove_address(session: Session, user_id: int, address_id: int) -> None:
    """Remove one address; raise AddressUnknownError. Orders keep their own copy."""
    if not store.addresses.delete_address(session, user_id, address_id):
        raise AddressUnknownError


def _known(row: store.addresses.AddressRow | None) -> Address:
    if row is None:
        raise AddressUnknownError
    return Address(*row)
