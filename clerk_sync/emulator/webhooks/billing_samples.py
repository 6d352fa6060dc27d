"""Examples of what subscriptions and payments send."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clerk_sync.emulator.ids import Ids

Json = dict[str, Any]
MONTH_MS = 30 * 24 * 3600 * 1000


def _amount(cents: int) -> Json:
    return {
        "amount": cents,
        "amount_formatted": f"{cents / 100:.2f}",
        "currency": "USD",
        "currency_symbol": "$",
    }


def _payer(ids: Ids, at_ms: int) -> Json:
    return {
        "object": "commerce_payer",
        "id": ids.new("cpayer", at_ms),
        "user_id": ids.new("user", at_ms),
        "first_name": "Example",
        "last_name": "User",
        "email": "user@example.com",
        "organization_id": "",
        "organization_name": "",
        "image_url": "https://img.clerk.com/example",
        "created_at": at_ms,
        "updated_at": at_ms,
    }


def _plan(ids: Ids, at_ms: int) -> Json:
    return {
        "id": ids.new("cplan", at_ms),
        "slug": "gold",
        "name": "Gold",
        "is_recurring": True,
        "amount": 1000,
        "currency": "USD",
    }


def _item(status: str, *, is_free_trial: bool = False) -> Callable[[Ids, int], Json]:
    def sample(ids: Ids, at_ms: int) -> Json:
        plan = _plan(ids, at_ms)
        return {
            "object": "commerce_subscription_item",
            "id": ids.new("csubitem", at_ms),
            "status": status,
            "is_free_trial": is_free_trial,
            "created_at": at_ms,
            "updated_at": at_ms,
            "period_start": at_ms,
            "period_end": at_ms + MONTH_MS,
            "interval": "month",
            "plan_id": plan["id"],
            "plan": plan,
            "payer": _payer(ids, at_ms),
            "subscription_id": ids.new("csub", at_ms),
        }

    return sample


def _subscription(status: str) -> Callable[[Ids, int], Json]:
    def sample(ids: Ids, at_ms: int) -> Json:
        payer = _payer(ids, at_ms)
        return {
            "object": "commerce_subscription",
            "id": ids.new("csub", at_ms),
            "status": status,
            "active_at": at_ms,
            "canceled_at": None,
            "created_at": at_ms,
            "ended_at": None,
            "past_due_at": at_ms if status == "past_due" else None,
            "updated_at": at_ms,
            "latest_payment_id": None,
            "payer_id": payer["id"],
            "payer": payer,
            "payment_source_id": None,
            "items": [_item("active")(ids, at_ms)],
        }

    return sample


def _payment_attempt(status: str) -> Callable[[Ids, int], Json]:
    def sample(ids: Ids, at_ms: int) -> Json:
        return {
            "id": ids.new("cpayatt", at_ms),
            "instance_id": ids.new("ins", at_ms),
            "payment_id": ids.new("cpay", at_ms),
            "invoice_id": ids.new("cinv", at_ms),
            "statement_id": ids.new("cstmt", at_ms),
            "gateway_external_id": "pi_example",
            "status": status,
            "created_at": at_ms,
            "updated_at": at_ms,
            "paid_at": at_ms if status == "paid" else None,
            "failed_at": None,
            "failed_reason": None,
            "billing_date": at_ms,
            "charge_type": "recurring",
            "payee": {
                "id": ids.new("cpayee", at_ms),
                "gateway_type": "stripe",
                "gateway_external_id": "acct_example",
                "gateway_status": "active",
            },
            "payer": _payer(ids, at_ms),
            "totals": {"subtotal": _amount(1000), "tax_total": _amount(0), "grand_total": _amount(1000)},
            "payment_source": {
                "id": ids.new("csrc", at_ms),
                "gateway": "stripe",
                "gateway_external_id": "pm_example",
                "gateway_external_account_id": None,
                "payment_method": "card",
                "status": "active",
                "card_type": "visa",
                "last4": "4242",
            },
            "subscription_items": [_paid_item(ids, at_ms)],
        }

    return sample


def _paid_item(ids: Ids, at_ms: int) -> Json:
    item = _item("active")(ids, at_ms)
    del item["is_free_trial"]  # an item inside a payment is another schema than an item's own event
    return item


SAMPLES: dict[str, Callable[[Ids, int], Any]] = {
    "subscription.created": _subscription("active"),
    "subscription.updated": _subscription("active"),
    "subscription.active": _subscription("active"),
    "subscription.pastDue": _subscription("past_due"),
    "subscriptionItem.abandoned": _item("abandoned"),
    "subscriptionItem.active": _item("active"),
    "subscriptionItem.canceled": _item("canceled"),
    "subscriptionItem.ended": _item("ended"),
    "subscriptionItem.freeTrialEnding": _item("active", is_free_trial=True),
    "subscriptionItem.incomplete": _item("incomplete"),
    "subscriptionItem.pastDue": _item("past_due"),
    "subscriptionItem.upcoming": _item("upcoming"),
    "subscriptionItem.updated": _item("active"),
    "paymentAttempt.created": _payment_attempt("pending"),
    "paymentAttempt.updated": _payment_attempt("paid"),
}
