"""New users and the addresses that belong to them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from clerk_sync.emulator.identity import Ids
from clerk_sync.emulator.users.schemas import (
    ADMIN_VERIFICATION,
    EmailAddress,
    PhoneNumber,
    User,
    Verification,
    Web3Wallet,
)


def new_email(
    ids: Ids,
    address: str,
    at_ms: int,
    *,
    verification: Verification | None = ADMIN_VERIFICATION,
    reserved: bool = False,
) -> EmailAddress:
    """Return an address; by default it is verified."""
    return EmailAddress(
        id=ids.new("idn", at_ms),
        email_address=address.lower(),
        reserved=reserved,
        verification=None if reserved else verification,
        created_at=at_ms,
        updated_at=at_ms,
    )


def new_phone(
    ids: Ids,
    number: str,
    at_ms: int,
    *,
    verification: Verification | None = ADMIN_VERIFICATION,
    reserved: bool = False,
) -> PhoneNumber:
    """Return a phone number; by default it is verified."""
    return PhoneNumber(
        id=ids.new("idn", at_ms),
        phone_number=number,
        reserved=reserved,
        verification=None if reserved else verification,
        created_at=at_ms,
        updated_at=at_ms,
    )


def new_wallet(ids: Ids, wallet: str, at_ms: int) -> Web3Wallet:
    """Return a wallet."""
    return Web3Wallet(id=ids.new("idn", at_ms), web3_wallet=wallet, created_at=at_ms, updated_at=at_ms)


def new_user(
    ids: Ids,
    *,
    created_at_ms: int,
    updated_at_ms: int,
    emails: Sequence[EmailAddress] = (),
    phones: Sequence[PhoneNumber] = (),
    wallets: Sequence[Web3Wallet] = (),
    primary_email: int = 0,
    **fields: Any,
) -> User:
    """Return a user whose primary addresses are the first ones, or the e-mail address at index ``primary_email``."""
    user_id = ids.new("user", created_at_ms)
    fields.setdefault("image_url", generated_avatar_url(user_id))
    fields.setdefault("profile_image_url", fields["image_url"])
    fields.setdefault("primary_email_address_id", emails[primary_email].id if emails else None)
    fields.setdefault("primary_phone_number_id", phones[0].id if phones else None)
    fields.setdefault("primary_web3_wallet_id", wallets[0].id if wallets else None)
    fields.setdefault("id", user_id)
    return User(
        created_at=created_at_ms,
        updated_at=updated_at_ms,
        email_addresses=tuple(emails),
        phone_numbers=tuple(phones),
        web3_wallets=tuple(wallets),
        **fields,
    )


def generated_avatar_url(user_id: str) -> str:
    """Return the address of the picture that Clerk generates for users who uploaded none."""
    return "https://img.clerk.com/" + base64.urlsafe_b64encode(user_id.encode()).decode().rstrip("=")
