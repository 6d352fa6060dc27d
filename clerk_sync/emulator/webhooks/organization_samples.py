"""Examples of what organizations, their members, domains, invitations, roles and permissions send."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clerk_sync.emulator.ids import Ids

Json = dict[str, Any]


def _organization(ids: Ids, at_ms: int) -> Json:
    return {
        "object": "organization",
        "id": ids.new("org", at_ms),
        "name": "Example Organization",
        "slug": "example-organization",
        "image_url": "https://img.clerk.com/example",
        "has_image": False,
        "max_allowed_memberships": 5,
        "admin_delete_enabled": True,
        "public_metadata": {},
        "private_metadata": {},
        "created_by": ids.new("user", at_ms),
        "created_at": at_ms,
        "updated_at": at_ms,
    }


def _membership(ids: Ids, at_ms: int) -> Json:
    return {
        "object": "organization_membership",
        "id": ids.new("orgmem", at_ms),
        "role": "org:member",
        "role_name": "Member",
        "permissions": ["org:sys_memberships:read"],
        "public_metadata": {},
        "private_metadata": {},
        "organization": _organization(ids, at_ms),
        "public_user_data": {
            "user_id": ids.new("user", at_ms),
            "first_name": "Example",
            "last_name": "User",
            "profile_image_url": "https://img.clerk.com/example",
            "image_url": "https://img.clerk.com/example",
            "has_image": False,
            "identifier": "user@example.com",
        },
        "created_at": at_ms,
        "updated_at": at_ms,
    }


def _domain(ids: Ids, at_ms: int) -> Json:
    return {
        "object": "organization_domain",
        "id": ids.new("orgdmn", at_ms),
        "organization_id": ids.new("org", at_ms),
        "name": "example.com",
        "enrollment_mode": "manual_invitation",
        "affiliation_email_address": None,
        "affiliation_verification": None,
        "ownership_verification": None,
        "verification": None,
        "total_pending_invitations": 0,
        "total_pending_suggestions": 0,
        "created_at": at_ms,
        "updated_at": at_ms,
    }


def _invitation(status: str) -> Callable[[Ids, int], Json]:
    def sample(ids: Ids, at_ms: int) -> Json:
        return {
            "object": "organization_invitation",
            "id": ids.new("orginv", at_ms),
            "email_address": "invited@example.com",
            "role": "org:member",
            "role_name": "Member",
            "organization_id": ids.new("org", at_ms),
            "inviter_id": None,
            "public_inviter_data": None,
            "status": status,
            "public_metadata": {},
            "private_metadata": {},
            "url": None,
            "expires_at": at_ms + 30 * 24 * 3600 * 1000,
            "created_at": at_ms,
            "updated_at": at_ms,
        }

    return sample


def _accepted_invitation(ids: Ids, at_ms: int) -> Json:
    return {**_invitation("accepted")(ids, at_ms), "user_id": ids.new("user", at_ms), "data": {}}


def _permission(ids: Ids, at_ms: int) -> Json:
    return {
        "object": "permission",
        "id": ids.new("perm", at_ms),
        "name": "Read invoices",
        "key": "org:invoices:read",
        "description": "May read invoices",
        "type": "user",
        "created_at": at_ms,
        "updated_at": at_ms,
    }


def _role(ids: Ids, at_ms: int) -> Json:
    return {
        "object": "role",
        "id": ids.new("role", at_ms),
        "name": "Accountant",
        "key": "org:accountant",
        "description": None,
        "is_creator_eligible": False,
        "permissions": [_permission(ids, at_ms)],
        "created_at": at_ms,
        "updated_at": at_ms,
    }


def _deleted(kind: str, prefix: str) -> Callable[[Ids, int], Json]:
    return lambda ids, at_ms: {"object": kind, "id": ids.new(prefix, at_ms), "deleted": True}


SAMPLES: dict[str, Callable[[Ids, int], Any]] = {
    "organization.created": _organization,
    "organization.updated": _organization,
    "organization.deleted": _deleted("organization", "org"),
    "organizationMembership.created": _membership,
    "organizationMembership.updated": _membership,
    "organizationMembership.deleted": _membership,
    "organizationDomain.created": _domain,
    "organizationDomain.updated": _domain,
    "organizationDomain.deleted": _deleted("organization_domain", "orgdmn"),
    "organizationInvitation.created": _invitation("pending"),
    "organizationInvitation.accepted": _accepted_invitation,
    "organizationInvitation.revoked": _invitation("revoked"),
    "permission.created": _permission,
    "permission.updated": _permission,
    "permission.deleted": _deleted("permission", "perm"),
    "role.created": _role,
    "role.updated": _role,
    "role.deleted": _deleted("role", "role"),
}
