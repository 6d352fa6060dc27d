"""``python -m clerk_sync.demo``: run the demo and keep running; ``--once`` exits with 0, or 1 if a step failed."""

from __future__ import annotations

import signal
import sys
from contextlib import suppress

from clerk_sync.cli.group import INTERRUPTED
from clerk_sync.demo.stage import ENV_FILE, LOG, ROOT, Stage, only_demo, start_stage
from clerk_sync.demo.story import run_story
from clerk_sync.demo.timeline import MismatchError, Timeline
from clerk_sync.telemetry.stdio import prepare_for_a_command

USAGE = "usage: python -m clerk_sync.demo [--once]\n"


def main(arguments: list[str]) -> int:
    """Run the demo and return its exit status."""
    if "--help" in arguments:
        sys.stdout.write(USAGE)
        return 0
    if set(arguments) - {"--once"}:
        sys.stderr.write(USAGE)
        return 2
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.default_int_handler)
    timeline = Timeline()
    timeline.heading("clerk_sync: the first sign-in, from beginning to end")
    try:
        with only_demo(), start_stage(timeline) as stage:
            run_story(stage, timeline)
            timeline.heading(f"Every step gave the expected result, in {timeline.total()}.")
            if "--once" not in arguments:
                _keep_running(stage, timeline)
                timeline.note("\nStopped.")
    except MismatchError as error:
        sys.stderr.write(f"\nThe demo failed: {error}\nThe log of the service is {LOG}.\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted before the end of the demo.\n")
        return INTERRUPTED
    return 0


def _keep_running(stage: Stage, timeline: Timeline) -> None:
    flask = f".venv/bin/flask -e {ENV_FILE.relative_to(ROOT)}"
    timeline.note("Try it: open the storefront, sign up, and watch the panel beside it:")
    timeline.note(f"    storefront      {stage.service_url}/storefront")
    timeline.note(f"    API documents   {stage.service_url}/api/docs")
    timeline.note(f"    local Clerk     {stage.clerk.url}")
    timeline.note(f"    repair          {flask} sync-clerk sync")
    timeline.note(f"    database        DATABASE_URL='{stage.database_url}' make psql")
    timeline.note(f"    log             {LOG}")
    timeline.note("Everything listens on 127.0.0.1 only. Press Ctrl-C to stop it.")
    with suppress(KeyboardInterrupt):
        signal.pause()


if __name__ == "__main__":
    prepare_for_a_command()
    sys.exit(main(sys.argv[1:]))
