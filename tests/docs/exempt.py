"""Commands of the documents that cannot run in the test, each with the reason and the check that replaces it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tests.docs.documents import Command

Check = Callable[[Command, Path], None]


@dataclass(frozen=True)
class Exempt:
    """Commands that fully match ``pattern`` do not run, for ``reason``. ``checked_by`` checks them instead."""

    pattern: str
    reason: str
    checked_by: Check | tuple[str, ...]

    def takes(self, command: Command) -> bool:
        """Return True if ``pattern`` matches the command."""
        return re.fullmatch(self.pattern, command.bare, re.DOTALL) is not None


def make_knows_it(command: Command, directory: Path) -> None:
    """Fail unless make knows the target; do not run it."""
    planned = subprocess.run(
        ["/bin/sh", "-c", f"{command.bare} --dry-run"], cwd=directory, capture_output=True, text=True, check=False
    )
    assert planned.returncode == 0, planned.stderr


def sets_what_is_read(command: Command, directory: Path) -> None:
    """Fail unless the service reads every variable that the command sets on the platform."""
    read = re.findall(r"^([A-Z_]+)=", (directory / ".env.example").read_text(), re.MULTILINE)
    assert set(re.findall(r"\b([A-Z_]+)=", command.bare)) <= set(read)


def quotes_a_file(command: Command, directory: Path) -> None:
    """Fail unless the block, after its first line, is a part of the file that the first line names."""
    first, _, quoted = command.text.partition("\n")
    file = directory / first.removeprefix("# ")
    assert quoted in file.read_text(), f"line {command.line} differs from {file.name}"


def heads_the_dockerfile(command: Command, directory: Path) -> None:
    """Fail unless the comment of the example's Dockerfile has the command."""
    assert f"#   {command.bare}\n" in (directory / "examples" / "projects" / "Dockerfile").read_text()


EXEMPT = (
    Exempt(r"(docker|pip wheel) .*", "needs a container builder: .ci/image builds it", heads_the_dockerfile),
    Exempt(r"# examples/.*", "is a part of a file", quotes_a_file),
    Exempt(
        r"pip install .*",
        "asks a package registry",
        ("tests/deploy/test_without_extras.py::test_every_command_of_the_mirror_works_without_extras",),
    ),
    Exempt(r"(heroku (?!run -- |pg:psql -c )|git push heroku ).*", "needs an account", sets_what_is_read),
    Exempt(
        r"(ngrok|clerk) .*",
        "needs an account and the internet",
        ("tests/emulator/webhooks/test_webhook_sender.py::test_a_webhook_is_signed_and_has_clerks_envelope",),
    ),
    Exempt(r"make (demo|test|storm|bench|lint|clean)\b.*", "runs for minutes, and runs all of this", make_knows_it),
    Exempt(
        r"uv pip compile .*",
        "asks a package registry",
        (
            "tests/deploy/test_dependencies.py::test_every_dependency_is_pinned_with_hashes",
            "tests/deploy/test_dependencies.py::test_what_production_installs_is_what_tests_installed",
        ),
    ),
)

REPLACED = {
    r"heroku run -- (.*)": r"\1",
    r"heroku pg:psql -c (.*)": r'psql "$OWNER_URL" --command \1',
    r"(python -m tests\.deploy\.measure) \d+": r"\1 20",
}
"""Commands that a platform runs for us, or that take their time, and what they are here."""

LONG_RUNNING = {
    r"flask run\b.*": "Running on",
    r"flask clerk-emulator run\b.*": "For .env:",
}
"""Commands that do not end by themselves, and what they say once they are up."""

FROM_DEBIAN = {"curl", "promtool", "nginx", "pgbouncer"}
"""Programs that come with a package of their own: a document's other commands run without them."""

TYPED = {r".*\\password .*": "a-password\na-password\n"}
"""What a person types at the commands that ask."""


def replaced(command: Command) -> Command:
    """Return ``command`` with the values of this test."""
    for pattern, here in REPLACED.items():
        if re.fullmatch(pattern, command.bare):
            return replace(command, text=re.sub(pattern, here, command.bare))
    return command


def find_exemption(command: Command) -> Exempt | None:
    """Return the row of the table that matches ``command``."""
    return next((row for row in EXEMPT if row.takes(command)), None)


def find_ready_text(command: Command) -> str | None:
    """Return the output that shows that ``command`` is ready, if it does not end by itself."""
    return next((sign for pattern, sign in LONG_RUNNING.items() if re.fullmatch(pattern, command.bare)), None)


def find_typed(command: Command) -> str:
    """Return the standard input of ``command``."""
    return next((typed for pattern, typed in TYPED.items() if re.fullmatch(pattern, command.bare, re.DOTALL)), "")
