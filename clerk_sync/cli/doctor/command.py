"""``flask sync-clerk doctor``: check a deployment, and report each finding with its fix."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click
from flask.cli import with_appcontext

if TYPE_CHECKING:
    from clerk_sync.cli.doctor.context import CheckContext
    from clerk_sync.cli.doctor.findings import Finding

HEALTHY, UNHEALTHY = 0, 1
SUBJECT_WIDTH = 30

_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "wrong": ("✗", "red")}


class Address(click.ParamType[str]):
    """The public address of the service."""

    name = "https://…"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the address; fail, without quoting it, if it is invalid or contains credentials."""
        if not _is_address(str(value)):
            self.fail(
                "expected an address such as https://shop.example.com, without login, query or fragment", param, ctx
            )
        return str(value)


def _is_address(text: str) -> bool:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
        has_more = parts.username is not None or parts.query or parts.fragment or parts.port == 0
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not has_more


@click.command(short_help="Check this deployment and say how to fix it.")
@click.option("--url", type=Address(), help="Send a signed test event to the webhook route at this public address.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as a JSON object.")
@with_appcontext
def doctor(*, url: str | None, as_json: bool) -> None:
    """Check settings, keys, clock, database, roles, webhooks and sync. Report each fault and its fix.

    Nothing changes, except that the service at --url stores the test event.

    Exit status: 0 nothing is wrong; 1 something is wrong.
    """
    from clerk_sync.cli.doctor.findings import Verdict
    from clerk_sync.cli.doctor.runner import run_checks

    context = _make_context(url)
    with context.transactions:
        findings = run_checks(context)
        seen = _print_json(findings) if as_json else _print_lines(findings)
    sys.exit(UNHEALTHY if any(finding.verdict is Verdict.WRONG for finding in seen) else HEALTHY)


def _make_context(url: str | None) -> CheckContext:
    from clerk_sync.cli.doctor.context import CheckContext
    from clerk_sync.db.transaction import TransactionalConnection
    from clerk_sync.services import services

    problems = services().settings.problems
    return CheckContext(
        settings=services().settings,
        histories=services().histories,
        transactions=TransactionalConnection(services().connect),
        problems={problem.partition(":")[0]: problem for problem in problems},
        names=frozenset(name for name, value in os.environ.items() if value.strip()),
        url=url,
        webhook_path=services().webhook_path,
        has_readiness=services().has_health_routes,
    )


def _print_json(findings: Iterable[Finding]) -> list[Finding]:
    seen = list(findings)
    healthy = not any(finding.verdict == "wrong" for finding in seen)
    click.echo(json.dumps({"healthy": healthy, "findings": [_as_json(each) for each in seen]}, indent=2))
    return seen


def _as_json(finding: Finding) -> dict[str, str | None]:
    return {"subject": finding.subject, "verdict": finding.verdict, "found": finding.found, "mend": finding.fix}


def _print_lines(findings: Iterator[Finding]) -> list[Finding]:
    seen: list[Finding] = []
    for finding in findings:
        seen.append(finding)
        click.echo(_line(finding))
    counts = {verdict: sum(finding.verdict == verdict for finding in seen) for verdict in _MARKS}
    click.echo(", ".join(f"{number} {verdict}" for verdict, number in counts.items()), err=True)
    return seen


def _line(finding: Finding) -> str:
    mark, color = _MARKS[finding.verdict]
    # click removes the colors if stdout is no terminal.
    head = click.style(f"{mark} {finding.verdict:<8}", fg=color)
    fix = f" -> {finding.fix}" if finding.fix else ""
    return f"{head}{finding.subject:<{SUBJECT_WIDTH}}{finding.found}{fix}"
