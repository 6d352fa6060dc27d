"""``flask clerk-emulator``: run the local Clerk, and control it while it runs."""

from __future__ import annotations

import signal
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clerk_sync.cli.emulator.control import (
    DEFAULT_PORT,
    NotRunningError,
    ask,
    at_emulator,
    deliveries,
    describe,
    fault,
    replay,
    rotate,
)
from clerk_sync.cli.group import Group

if TYPE_CHECKING:
    from clerk_sync.emulator.server import LocalClerk
    from clerk_sync.emulator.webhooks.messages import Delivery

DEFAULT_ENDPOINT = "http://127.0.0.1:5000/api/webhooks/clerk"
DEFAULT_ORIGIN = "http://127.0.0.1:5000"


@click.group("clerk-emulator", cls=Group, help="Run and control a local Clerk, for development and tests.")
def emulator() -> None:
    """Group the commands."""


for command in (fault, rotate, replay, deliveries):
    emulator.add_command(command)


@emulator.command()
@click.option(
    "--port",
    default=DEFAULT_PORT,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0: any free port.",
)
@click.option(
    "--webhook-url", default=DEFAULT_ENDPOINT, show_default=True, help="Send webhooks here; empty: send none."
)
@click.option(
    "--origin", default=DEFAULT_ORIGIN, show_default=True, help="Origin of the front end: azp of session tokens."
)
@click.option(
    "--schedule-factor", default=1.0, show_default=True, help="Scale retry delays: 0.001 turns 5 min into 0.3 s."
)
@click.option("--users", "count", default=0, type=click.IntRange(min=0), help="Create this many users.")
@click.option("--seed", default=0, show_default=True, help="The same seed gives the same users.")
@click.option(
    "--state", "state_path", type=click.Path(dir_okay=False, path_type=Path), help="Save state in FILE and restore it."
)
@click.option(
    "--instance",
    default=1,
    show_default=True,
    type=click.IntRange(1, 99),
    help="Number of the instance: each has its own keys.",
)
@click.option(
    "--events", default="user.*", show_default=True, help="Event types to send, for example 'user.*,session.*'."
)
@click.option("--rate-limit", is_flag=True, help="Answer 429 after 100 requests in 10 s, as for test keys.")
def run(
    port: int,
    webhook_url: str,
    origin: str,
    schedule_factor: float,
    count: int,
    seed: int,
    state_path: Path | None,
    instance: int,
    events: str,
    rate_limit: bool,
) -> None:
    """Run the local Clerk on 127.0.0.1 until Ctrl-C."""
    from clerk_sync.emulator.server import LocalClerk

    ended = _event_set_by_signals()
    try:
        clerk = LocalClerk.start(
            port=port,
            state_path=state_path,
            webhook_url=webhook_url or None,
            authorized_origin=origin,
            schedule_factor=schedule_factor,
            instance=instance,
            event_types=tuple(pattern.strip() for pattern in events.split(",")),
            rate_limit=(100, 10.0) if rate_limit else None,
            history=10_000,
        )
    except (OSError, ValueError) as error:
        raise click.ClickException(f"The local Clerk cannot start on port {port}: {_reason_of(error)}") from error
    with clerk:
        if not len(clerk.users):
            clerk.users.seed(count, seed=seed)
        clerk.webhook_sender.watch(_print_delivery)
        _print_start(clerk)
        ended.wait()
    click.echo("The local Clerk has stopped.", err=True)


@emulator.command(short_help="Send a signed example of an event.")
@click.argument("event_type", metavar="TYPE")
@click.option("--twice", is_flag=True, help="Deliver it twice under one svix-id.")
@click.option("--out-of-order", is_flag=True, help="Deliver a newer version first, then the older one.")
@click.option(
    "--delay", "delay_s", default=0.0, type=click.FloatRange(min=0), help="Seconds to wait before the delivery."
)
@click.option("--user", "user_id", help="Use this user of the running local Clerk.")
@click.option("--url", "endpoint", help="Send to this URL, not through the running local Clerk.")
@click.option("--secret", help="Sign with this secret (with --url).")
@at_emulator
def trigger(
    event_type: str,
    twice: bool,
    out_of_order: bool,
    delay_s: float,
    user_id: str | None,
    endpoint: str | None,
    secret: str | None,
    url: str,
) -> None:
    """Send a signed example event of TYPE. Exit with 0 if every delivery was answered 2xx, otherwise with 1.

    The running local Clerk sends the event to its endpoint, signed with its secret. If none runs, or with --url, this
    command sends the event itself.
    """
    form: dict[str, Any] = {"type": event_type, "twice": twice, "out_of_order": out_of_order, "user_id": user_id}
    form["at_ms"] = time.time_ns() // 1_000_000
    time.sleep(delay_s)
    if endpoint or secret:
        lines = _trigger_offline(form, endpoint or DEFAULT_ENDPOINT, secret)
    else:
        try:
            lines = ask(url, "POST", "webhooks/trigger", form)
        except NotRunningError:
            lines = _trigger_offline(form, DEFAULT_ENDPOINT, secret)
    for line in lines:
        click.echo(describe(line))
    sys.exit(0 if all(200 <= (line["status"] or 0) <= 299 for line in lines) else 1)


def _reason_of(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _print_start(clerk: LocalClerk) -> None:
    click.echo(f"The local Clerk runs at {clerk.url} with {len(clerk.users)} users. Press Ctrl-C to stop it.", err=True)
    click.echo(f"  sign up  {clerk.url}/sign-up\n  sign in  {clerk.url}/sign-in", err=True)
    click.echo(f"  webhooks {', '.join(clerk.webhook_sender.urls) or 'none'}\nFor .env:\n", err=True)
    for name, value in clerk.environment.items():
        click.echo(f"{name}={value}")
    sys.stdout.flush()


def _event_set_by_signals() -> threading.Event:
    """Return an event that Ctrl-C and SIGTERM set."""
    ended = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):  # a shell starts background jobs with SIGINT ignored
        signal.signal(each, lambda *_: ended.set())
    return ended


def _print_delivery(delivery: Delivery) -> None:
    click.echo(describe(asdict(delivery)), err=True)


def _trigger_offline(form: dict[str, Any], endpoint: str, secret: str | None) -> list[dict[str, Any]]:
    from clerk_sync.emulator.errors import ClerkApiError
    from clerk_sync.emulator.webhooks.trigger import trigger_offline

    try:
        return [asdict(delivery) for delivery in trigger_offline(form, endpoint, secret)]
    except ClerkApiError as error:
        raise click.ClickException(error.long_message) from error
