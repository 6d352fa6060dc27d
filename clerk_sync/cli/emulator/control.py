"""What can be done to a running local Clerk from the command line: faults, rotation, replay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

DEFAULT_PORT = 4010
DEFAULT_URL = f"http://127.0.0.1:{DEFAULT_PORT}"

at_emulator = click.option("--emulator", "url", default=DEFAULT_URL, show_default=True, help="The running local Clerk.")


class NotThere(Exception):
    """No local Clerk answers at the address."""


@click.group()
def fault() -> None:
    """Let things go wrong in the running local Clerk."""


@fault.command("api")
@click.argument("path")
@click.option("--method", help="Only for this method.")
@click.option("--status", type=int, help="Answer this instead.")
@click.option("--code", help="Clerk's error code of the answer.")
@click.option("--retry-after", "retry_after_s", type=int, help="Seconds, with --status.")
@click.option("--delay", "delay_s", default=0.0, help="Answer so many seconds late.")
@click.option("--hang-up", is_flag=True, help="Close the connection instead of answering.")
@click.option("--torn", is_flag=True, help="Send half of the body, then close the connection.")
@click.option("--ignore", "ignore_params", multiple=True, help="Act as if this query parameter were not there.")
@click.option("--after", default=0, help="Let so many requests pass first.")
@click.option("--times", default=1, show_default=True, help="Strike so often; 0 is for ever.")
@at_emulator
def fault_api(path: str, times: int, url: str, **settings: Any) -> None:
    """Spoil answers to PATH, such as /v1/users or '/v1/*'."""
    if not any(settings[effect] for effect in ("status", "delay_s", "hang_up", "torn", "ignore_params")):
        raise click.UsageError("Say what goes wrong: --status, --delay, --hang-up, --torn or --ignore.")
    _ask_or_fail(url, "POST", "faults", {"path": path, "times": times or None, **settings})
    click.echo(f"Requests to {path} will go wrong.")


@fault.command("webhook")
@click.argument("kind", type=click.Choice(["drop", "double", "delay", "shuffle"]))
@click.option("--type", "event_type", default="*", show_default=True, help="Only events of this type.")
@click.option("--delay", "delay_s", default=0.0, help="Seconds, for delay.")
@click.option("--window", default=10, show_default=True, help="How many are collected, for shuffle.")
@click.option("--probability", default=1.0, show_default=True)
@click.option("--after", default=0, help="Spare so many first.")
@click.option("--times", default=1, show_default=True, help="Strike so often; 0 is for ever.")
@at_emulator
def fault_webhook(kind: str, times: int, url: str, window: int, **settings: Any) -> None:
    """Lose, double, delay or shuffle webhooks."""
    if kind == "delay" and not settings["delay_s"]:
        raise click.UsageError("Say how late: --delay SECONDS.")
    wish = {"kind": kind, "times": times or None, "window": window if kind == "shuffle" else 0, **settings}
    _ask_or_fail(url, "POST", "mishaps", wish)
    click.echo(f"Webhooks will meet this: {kind}.")


@fault.command("list")
@at_emulator
def fault_list(url: str) -> None:
    """Show the faults, and how often each has struck, as JSON."""
    _print_json(_ask_or_fail(url, "GET", "faults"))


@fault.command("clear")
@at_emulator
def fault_clear(url: str) -> None:
    """Take all faults back."""
    _ask_or_fail(url, "DELETE", "faults")
    click.echo("Nothing goes wrong any more.")


@click.command(short_help="Rotate the token key, or the secret that signs webhooks.")
@click.argument("what", type=click.Choice(["key", "signing-secret"]))
@click.option("--keep-kid", is_flag=True, help="key: the new one gets the old id.")
@click.option("--keep-old", is_flag=True, help="key: the old one stays in the key set.")
@click.option("--grace", "grace_s", default=86400.0, show_default=True, help="signing-secret: seconds that both sign.")
@at_emulator
def rotate(what: str, keep_kid: bool, keep_old: bool, grace_s: float, url: str) -> None:
    """Rotate the token key, or the secret that signs webhooks (and print the new one)."""
    if what == "key":
        answer = _ask_or_fail(url, "POST", "keys/rotate", {"keep_kid": keep_kid, "keep_old": keep_old})
        click.echo("\n".join(key["kid"] for key in answer["keys"]))
        return
    click.echo(_ask_or_fail(url, "POST", "webhooks/rotate", {"grace_s": grace_s})["webhook_secret"])


@click.command(short_help="Send webhooks again.")
@click.argument("svix_id", required=False)
@click.option("--failed", "which", flag_value="failed", help="Send again whatever was given up.")
@click.option("--missing", "which", flag_value="missing", help="Send whatever was never attempted.")
@at_emulator
def replay(svix_id: str | None, which: str | None, url: str) -> None:
    """Send webhooks again: one by its SVIX_ID, or all that failed or are missing."""
    if (svix_id is None) == (which is None):
        raise click.UsageError("Give a SVIX_ID, --failed or --missing.")
    answer = _ask_or_fail(url, "POST", "webhooks/replay", {"svix_id": svix_id, "which": which})
    click.echo(f"{answer['replayed']} sent again.")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Everything, bodies included.")
@at_emulator
def deliveries(as_json: bool, url: str) -> None:
    """Show every attempt to deliver a webhook."""
    lines = _ask_or_fail(url, "GET", "deliveries")
    if as_json:
        _print_json(lines)
        return
    for line in lines:
        click.echo(sentence(line))


def sentence(delivery: Mapping[str, Any]) -> str:
    """Return one line about one attempt: ids and outcomes, never what was in it."""
    outcome = delivery["status"] or delivery["error"]
    return f"{delivery['type']} {delivery['svix_id']} attempt {delivery['attempt']}: {outcome}"


def ask(url: str, method: str, path: str, body: object = None) -> Any:
    """Return what the control API answers; raise NotThere where nobody does."""
    import requests

    try:
        with requests.Session() as session:
            session.trust_env = False  # a proxy of the environment must not come between us and loopback
            response = session.request(method, f"{url}/_local/{path}", json=body, timeout=60)
    except requests.ConnectionError as error:
        raise NotThere(url) from error
    if not response.ok:
        raise click.ClickException(response.json()["errors"][0]["long_message"])
    return response.json()


def _ask_or_fail(url: str, method: str, path: str, body: object = None) -> Any:
    try:
        return ask(url, method, path, body)
    except NotThere as error:
        raise click.ClickException(
            f"No local Clerk answers at {url}: start it with 'flask clerk-emulator run'."
        ) from error


def _print_json(value: object) -> None:
    import json

    click.echo(json.dumps(value, indent=2))
