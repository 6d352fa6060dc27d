"""Clerk's objects, with exactly the fields of Clerk's JSON.

They are immutable: a change replaces the object, so a response or webhook that is being encoded never shows half a
change. Structs need less memory than dictionaries, which matters with 100,000 users.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

Metadata = dict[str, Any] | None


class Verification(Struct, frozen=True, gc=False, kw_only=True):
    """How an address was verified."""

    object: str
    status: str
    strategy: str
    attempts: int | None = None
    expire_at: int | None = None


ADMIN_VERIFICATION = Verification(object="verification_admin", status="verified", strategy="admin")
EMAIL_CODE_VERIFIED = Verification(
    object="verification_otp", status="verified", strategy="email_code", attempts=1, expire_at=1_700_000_600_000
)
EMAIL_CODE_PENDING = Verification(
    object="verification_otp", status="unverified", strategy="email_code", attempts=0, expire_at=1_700_000_600_000
)
PHONE_CODE_VERIFIED = Verification(
    object="verification_otp", status="verified", strategy="phone_code", attempts=1, expire_at=1_700_000_600_000
)


class Link(Struct, frozen=True, gc=False, kw_only=True):
    """An account at another service that verified an address."""

    type: str
    id: str


class EmailAddress(Struct, frozen=True, gc=False, kw_only=True):
    """One e-mail address of a user."""

    id: str
    object: str = "email_address"
    email_address: str
    reserved: bool = False
    verification: Verification | None = ADMIN_VERIFICATION
    linked_to: tuple[Link, ...] = ()
    matches_sso_connection: bool = False
    created_at: int
    updated_at: int


class PhoneNumber(Struct, frozen=True, gc=False, kw_only=True):
    """One phone number of a user."""

    id: str
    object: str = "phone_number"
    phone_number: str
    reserved_for_second_factor: bool = False
    default_second_factor: bool = False
    reserved: bool = False
    verification: Verification | None = ADMIN_VERIFICATION
    linked_to: tuple[Link, ...] = ()
    backup_codes: list[str] | None = None
    created_at: int
    updated_at: int


class Web3Wallet(Struct, frozen=True, gc=False, kw_only=True):
    """One wallet of a user."""

    id: str
    object: str = "web3_wallet"
    web3_wallet: str
    verification: Verification | None = ADMIN_VERIFICATION
    created_at: int
    updated_at: int


class ExternalAccount(Struct, frozen=True, gc=False, kw_only=True):
    """An OAuth account that a user has connected."""

    object: str = "external_account"
    id: str
    provider: str
    identification_id: str
    provider_user_id: str
    approved_scopes: str = "email profile"
    email_address: str
    email_address_verified: bool | None = None
    first_name: str = ""
    last_name: str = ""
    image_url: str | None = None
    username: str | None = None
    phone_number: str | None = None
    public_metadata: dict[str, Any] = {}
    label: str | None = None
    created_at: int
    updated_at: int
    verification: Verification | None = None


class User(Struct, frozen=True, gc=False, kw_only=True):
    """A user, as ``GET /v1/users`` lists it and as ``user.created`` and ``user.updated`` carry it."""

    id: str
    object: str = "user"
    username: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    locale: str | None = None
    image_url: str
    profile_image_url: str
    has_image: bool = False
    primary_email_address_id: str | None = None
    primary_phone_number_id: str | None = None
    primary_web3_wallet_id: str | None = None
    password_enabled: bool = False
    password_last_updated_at: int | None = None
    two_factor_enabled: bool = False
    totp_enabled: bool = False
    backup_code_enabled: bool = False
    mfa_enabled_at: int | None = None
    mfa_disabled_at: int | None = None
    email_addresses: tuple[EmailAddress, ...] = ()
    phone_numbers: tuple[PhoneNumber, ...] = ()
    web3_wallets: tuple[Web3Wallet, ...] = ()
    passkeys: tuple[Any, ...] = ()
    external_accounts: tuple[ExternalAccount, ...] = ()
    saml_accounts: tuple[Any, ...] = ()
    enterprise_accounts: tuple[Any, ...] = ()
    public_metadata: Metadata = {}
    private_metadata: Metadata = {}
    unsafe_metadata: Metadata = {}
    external_id: str | None = None
    last_sign_in_at: int | None = None
    last_active_at: int | None = None
    banned: bool = False
    locked: bool = False
    lockout_expires_in_seconds: int | None = None
    verification_attempts_remaining: int | None = 100
    deprovisioned: bool = False
    scim: dict[str, Any] | UnsetType = UNSET
    delete_self_enabled: bool = True
    create_organization_enabled: bool = True
    create_organizations_limit: int | None = None
    legal_accepted_at: int | None = None
    bypass_client_trust: bool = False
    created_at: int
    updated_at: int

    @property
    def primary_email(self) -> str | None:
        """The address that ``primary_email_address_id`` names."""
        for address in self.email_addresses:
            if address.id == self.primary_email_address_id:
                return address.email_address
        return None

    @property
    def primary_phone(self) -> str | None:
        """The number that ``primary_phone_number_id`` names."""
        for number in self.phone_numbers:
            if number.id == self.primary_phone_number_id:
                return number.phone_number
        return None


class Session(Struct, frozen=True, gc=False, kw_only=True):
    """A user who is, or was, signed in."""

    id: str
    object: str = "session"
    client_id: str
    user_id: str
    status: str = "active"
    last_active_at: int
    last_active_organization_id: str | None = None
    actor: dict[str, Any] | None = None
    expire_at: int
    abandon_at: int
    created_at: int
    updated_at: int


class Deleted(Struct, frozen=True, gc=False, kw_only=True):
    """A deleted user: ``data`` of ``user.deleted`` and the response to DELETE."""

    object: str = "user"
    id: str
    external_id: str | UnsetType = UNSET
    deleted: bool = True


def as_json(value: object) -> Any:
    """Return ``value`` as plain dictionaries and lists."""
    return msgspec.json.decode(msgspec.json.encode(value))
