"""The shop's tables. Money is whole minor units of an ISO 4217 currency; owned rows reference the mirrored users."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from clerk_sync.shop.db import NOW, Base, users
from clerk_sync.shop.fields import HIGHEST_PRICE_MINOR, MOST_PIECES

CURRENCY = "currency ~ '^[A-Z]{3}$'"


class Product(Base):
    """A product; ``sku`` is its public name."""

    __tablename__ = "products"
    __table_args__ = (
        CheckConstraint(f"price_minor BETWEEN 0 AND {HIGHEST_PRICE_MINOR}", name="price_minor"),
        CheckConstraint(CURRENCY, name="currency"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    sku: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    description: Mapped[str] = mapped_column(server_default=text("''"))
    price_minor: Mapped[int]
    currency: Mapped[str]
    active: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    updated_at: Mapped[datetime] = mapped_column(server_default=NOW)


class Address(Base):
    """An address of a user."""

    __tablename__ = "addresses"
    __table_args__ = (
        CheckConstraint("country ~ '^[A-Z]{2}$'", name="country"),
        Index("ix_addresses_user_id", "user_id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(users.c.id))
    name: Mapped[str | None]
    line1: Mapped[str]
    line2: Mapped[str | None]
    city: Mapped[str]
    region: Mapped[str | None]
    postal_code: Mapped[str | None]
    country: Mapped[str]
    phone: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    updated_at: Mapped[datetime] = mapped_column(server_default=NOW)


class Cart(Base):
    """A user's open cart; checkout turns it into an order and removes it."""

    __tablename__ = "carts"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(users.c.id), unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    updated_at: Mapped[datetime] = mapped_column(server_default=NOW)


class CartItem(Base):
    """One product in one cart."""

    __tablename__ = "cart_items"
    __table_args__ = (
        CheckConstraint(f"quantity BETWEEN 1 AND {MOST_PIECES}", name="quantity"),
        Index("ix_cart_items_product_id", "product_id"),
    )

    cart_id: Mapped[int] = mapped_column(ForeignKey("carts.id", ondelete="CASCADE"), primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"), primary_key=True)
    # The owner again, so that every owned row names its user without a join.
    user_id: Mapped[int] = mapped_column(ForeignKey(users.c.id))
    quantity: Mapped[int]
    added_at: Mapped[datetime] = mapped_column(server_default=NOW)


class Order(Base):
    """An order. It is a copy: later changes of catalogue, address and user do not change it."""

    __tablename__ = "orders"
    __table_args__ = (
        CheckConstraint("status IN ('pending', 'paid', 'shipped', 'delivered', 'cancelled')", name="status"),
        CheckConstraint("total_minor >= 0", name="total_minor"),
        CheckConstraint(CURRENCY, name="currency"),
        UniqueConstraint("user_id", "idempotency_key"),
        Index("ix_orders_user_id_created_at", "user_id", text("created_at DESC"), text("id DESC")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    number: Mapped[str] = mapped_column(unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(users.c.id))
    status: Mapped[str] = mapped_column(server_default=text("'pending'"))
    currency: Mapped[str]
    total_minor: Mapped[int]
    shipping_address: Mapped[dict[str, object]] = mapped_column(JSONB)
    idempotency_key: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    updated_at: Mapped[datetime] = mapped_column(server_default=NOW)


class OrderItem(Base):
    """One line of an order, with the name and the price at checkout."""

    __tablename__ = "order_items"
    __table_args__ = (
        CheckConstraint("quantity >= 1", name="quantity"),
        CheckConstraint("unit_price_minor >= 0", name="unit_price_minor"),
    )

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    user_id: Mapped[int] = mapped_column(ForeignKey(users.c.id))
    sku: Mapped[str]
    name: Mapped[str]
    quantity: Mapped[int]
    unit_price_minor: Mapped[int]
