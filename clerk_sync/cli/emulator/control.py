"""Commands that control a running local Clerk: faults, rotation, replay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

DEFAULT_PORT = 4010
DEFAULT_URL = f"http://127.0.0.1:{DEFAULT_PORT}"

at_emulator = click.option(
    "--emulator", "url", default=DEFAULT_URL, show_default=True, help="URL of the running local Clerk."
)


class NotRunningError(Exception):
    """No local Clerk answers at the address."""


@click.group()
def fault() -> None:
    """Inject faults into the running local Clerk."""


@fault.command("api")
@click.argument("path")
@click.option("--method", help="Match only this HTTP method.")
@click.option("--status", type=int, help="Answer with this status.")
@click.option("--code", help="Answer with this Clerk error code.")
@click.option("--retry-after", "retry_after_s", type=int, help="Retry-After in seconds (with --status).")
@click.option("--delay", "delay_s", default=0.0, help="Delay the response by this many seconds.")
@click.option("--hang-up", is_flag=True, help="Close the connection without a response.")
@click.option("--torn", is_flag=True, help="Send half of the body, then close the connection.")
@click.option("--ignore", "ignore_params", multiple=True, help="Ignore this query parameter.")
@click.option("--after", default=0, help="Skip this many requests first.")
@click.option("--times", default=1, show_default=True, help="Apply this many times; 0: always.")
@at_emulator
def fault_api(path: str, times: int, url: str, **settings: Any) -> None:
    """Inject faults into responses to PATH, for example /v1/users or '/v1/*'."""
    if not any(settings[effect] for effect in ("status", "delay_s", "hang_up", "torn", "ignore_params")):
        raise click.UsageError("Give a fault: --status, --delay, --hang-up, --torn or --ignore.")
    _ask_or_fail(url, "POST", "faults", {"path": path, "times": times or None, **settings})
    click.echo(f"Fault added: requests to {path}.")


@fault.command("webhook")
@click.argument("kind", type=click.Choice(["drop", "double", "delay", "shuffle"]))
@click.option("--type", "event_type", default="*", show_default=True, help="Match only this event type.")
@click.option("--delay", "delay_s", default=0.0, help="Delay in seconds (for delay).")
@click.option(
    "--window", default=10, show_default=True, help="Number of webhooks to collect and shuffle (for shuffle)."
)
@click.option("--probability", default=1.0, show_default=True, help="Apply to a webhook with this probability.")
@click.option("--after", default=0, help="Skip this many webhooks first.")
@click.option("--times", default=1, show_default=True, help="Apply this many times; 0: always.")
@at_emulator
def fault_webhook(kind: str, times: int, url: str, window: int, **settings: Any) -> None:
    """Drop, duplicate, delay or shuffle webhooks."""
    if kind == "delay" and not settings["delay_s"]:
        raise click.UsageError("Give the delay: --delay SECONDS.")
    form = {"kind": kind, "times": times or None, "window": window if kind == "shuffle" else 0, **settings}
    _ask_or_fail(url, "POST", "mishaps", form)
    click.echo(f"Webhook fault added: {kind}.")


@fault.command("list")
@at_emulator
def fault_list(url: str) -> None:
    """Print all faults, and how often each was applied, as JSON."""
    _print_json(_ask_or_fail(url, "GET", "faults"))


@fault.command("clear")
@at_emulator
def fault_clear(url: str) -> None:
    """Remove all faults."""
    _ask_or_fail(url, "DELETE", "faults")
    click.echo("All faults removed.")


@click.command(short_help="Rotate the token key or the webhook secret.")
@click.argument("what", type=click.Choice(["key", "signing-secret"]))
@click.option("--keep-kid", is_flag=True, help="key: give the new key the old kid.")
@click.option("--keep-old", is_flag=True, help="key: keep the old key in the key set.")
@click.option(
    "--grace",
    "grace_s",
    default=86400.0,
    show_default=True,
    help="signing-secret: sign with both secrets for this many seconds.",
)
@at_emulator
def rotate(what: str, keep_kid: bool, keep_old: bool, grace_s: float, url: str) -> None:
    """Rotate the key that signs tokens, or the secret that signs webhooks; print the new kid or secret."""
    if what == "key":
        answer = _ask_or_fail(url, "POST", "keys/rotate", {"keep_kid": keep_kid, "keep_old": keep_old})
        click.echo("\n".join(key["kid"] for key in answer["keys"]))
        return
    click.echo(_ask_or_fail(url, "POST", "webhooks/rotate", {"grace_s": grace_s})["webhook_secret"])


@click.command(short_help="Send webhooks again.")
@click.argument("svix_id", required=False)
@click.option("--failed", "which", flag_value="failed", help="Send all webhooks whose delivery failed.")
@click.option("--missing", "which", flag_value="missing", help="Send all webhooks that were never attempted.")
@at_emulator
def replay(svix_id: str | None, which: str | None, url: str) -> None:
    """Send webhooks again: the one with SVIX_ID, or all that failed or are missing."""
    if (svix_id is None) == (which is None):
        raise click.UsageError("Give a SVIX_ID, --failed or --missing.")
    answer = _ask_or_fail(url, "POST", "webhooks/replay", {"svix_id": svix_id, "which": which})
    click.echo(f"{answer['replayed']} sent again.")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, bodies included.")
@at_emulator
def deliveries(as_json: bool, url: str) -> None:
    """List every attempt to deliver a webhook."""
    lines = _ask_or_fail(url, "GET", "deliveries")
    if as_json:
        _print_json(lines)
        return
    for line in lines:
        click.echo(describe(line))


def describe(delivery: Mapping[str, Any]) -> str:
    """Return one line about one attempt: ids and outcome, never the body."""
    outcome = delivery["status"] or delivery["error"]
    return f"{delivery['type']} {delivery['svix_id']} attempt {delivery['attempt']}: {outcome}"


def ask(url: str, method: str, path: str, body: object = None) -> Any:
    """Return the control API's response; raise NotRunningError if no local Clerk runs."""
    import requests

    try:
        with requests.Session() as session:
            session.trust_env = False  # a proxy from the environment would break requests to loopback
            response = session.request(method, f"{url}/_local/{path}", json=body, timeout=60)
    except requests.ConnectionError as error:
        raise NotRunningError(url) from error
    if not response.ok:
        raise click.ClickException(response.json()["errors"][0]["long_message"])
    return response.json()


def _ask_or_fail(url: str, method: str, path: str, body: object = None) -> Any:
    try:
        return ask(url, method, path, body)
    except NotRunningError as error:
        raise click.ClickException(
            f"No local Clerk runs at {url}. Start it with 'flask clerk-emulator run'."
        ) from error


def _print_json(value: object) -> None:
    import json

    click.echo(json.dumps(value, indent=2))
