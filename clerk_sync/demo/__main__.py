"""``python -m clerk_sync.demo``: play the story, then stay up; with ``--once`` end with status 0, or 1 if it failed."""

from __future__ import annotations

import signal
import sys
from contextlib import suppress

from clerk_sync.cli.group import INTERRUPTED
from clerk_sync.demo.stage import ENV_FILE, LOG, ROOT, Stage, alone, set_stage
from clerk_sync.demo.story import tell
from clerk_sync.demo.timeline import Mismatch, Timeline
from clerk_sync.telemetry.stdio import prepare_for_a_command

USAGE = "usage: python -m clerk_sync.demo [--once]\n"


def main(arguments: list[str]) -> int:
    """Run the demonstration and return its exit status."""
    if "--help" in arguments:
        sys.stdout.write(USAGE)
        return 0
    if set(arguments) - {"--once"}:
        sys.stderr.write(USAGE)
        return 2
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    timeline = Timeline()
    timeline.heading("clerk_sync: the first sign-in, from beginning to end")
    try:
        with alone(), set_stage(timeline) as stage:
            tell(stage, timeline)
            timeline.heading(f"All as it must be, in {timeline.total()}.")
            if "--once" not in arguments:
                _stay_up(stage, timeline)
                timeline.note("\nEnded.")
    except Mismatch as error:
        sys.stderr.write(f"\nThe story broke off: {error}\nThe service's log is in {LOG}.\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted before the end of the story.\n")
        return INTERRUPTED
    return 0


def _stay_up(stage: Stage, timeline: Timeline) -> None:
    flask = f".venv/bin/flask -e {ENV_FILE.relative_to(ROOT)}"
    timeline.note("Now you. Open the storefront, sign up, and watch what happens behind the counter:")
    timeline.note(f"    storefront      {stage.service_url}/storefront")
    timeline.note(f"    API documents   {stage.service_url}/api/docs")
    timeline.note(f"    local Clerk     {stage.clerk.url}")
    timeline.note(f"    repair          {flask} sync-clerk sync")
    timeline.note(f"    database        DATABASE_URL='{stage.database_url}' make psql")
    timeline.note(f"    log             {LOG}")
    timeline.note("Everything listens on 127.0.0.1: no other machine reaches it. Ctrl-C ends it.")
    with suppress(KeyboardInterrupt):
        signal.pause()


if __name__ == "__main__":
    prepare_for_a_command()
    sys.exit(main(sys.argv[1:]))
