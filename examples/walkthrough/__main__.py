"""`python -m examples.walkthrough`: see `--help`."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from rich.console import Console

from examples.walkthrough.processes import Guardian
from examples.walkthrough.scenario import Scenario
from examples.walkthrough.story import Story, StoryEnded

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / ".demo"
STATE = FOLDER / "running.json"


def main() -> int:
    """Run the walk-through; 0 if everything was as expected, 1 if anything was not, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="make demo",
        description="Deploy the stacks into the embedded AWS, serve a real model, break it, watch it being noticed.",
    )
    parser.add_argument(
        "--keep", action="store_true", help="keep everything running at the end, until Ctrl-C or --down"
    )
    parser.add_argument("--down", action="store_true", help="stop what an earlier --keep left running")
    arguments = parser.parse_args()
    console = Console()
    down(console, quiet=not arguments.down)
    if arguments.down:
        return 0

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    guardian = Guardian()
    story = Story(console)
    scenario = Scenario(story, guardian, FOLDER)
    try:
        try:
            scenario.run()
        except StoryEnded:
            console.print("[red]The walk-through ends here: what comes next builds on this step.[/red]")
        story.summary()
        page = scenario.write_page()
        if page:
            console.print(f"The whole story as a page: {page}", highlight=False, soft_wrap=True)
        if arguments.keep and scenario.aws is not None and not story.failed:
            _keep(console, scenario)
    except KeyboardInterrupt:
        console.print("interrupted; everything is being stopped")
        return 130
    finally:
        STATE.unlink(missing_ok=True)
        guardian.close()
    return 1 if story.failed else 0


def down(console: Console, *, quiet: bool = False) -> None:
    """Stop the walk-through that wrote its process id down, if it still runs."""
    if not STATE.exists():
        if not quiet:
            console.print("nothing is running")
        return
    pid = json.loads(STATE.read_text())["pid"]
    command = Path(f"/proc/{pid}/cmdline")
    if command.exists() and b"examples.walkthrough" in command.read_bytes():
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 15
        while command.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        console.print("stopped what was left running")
    STATE.unlink(missing_ok=True)


def _keep(console: Console, scenario: Scenario) -> None:
    """Say how to use what is running, then wait."""
    assert scenario.aws is not None
    names = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION")
    exports = "\n".join(f"export {name}={scenario.aws.variables[name]}" for name in names)
    (FOLDER / "environment.sh").write_text(exports + "\n")
    STATE.write_text(json.dumps({"pid": os.getpid(), "url": scenario.aws.url}))
    console.rule("running; Ctrl-C or `make demo-down` stops it")
    console.print(
        "In another terminal:\n\n"
        "  source .demo/environment.sh\n"
        f"  aws sagemaker describe-endpoint --endpoint-name {scenario.endpoint}\n"
        "  npx cdk diff '**' -c env=local\n"
        "  curl -s -X POST $AWS_ENDPOINT_URL/_local/clock -d '{\"advance_seconds\": 3600}'\n",
        highlight=False,
        markup=False,
    )
    while True:
        signal.pause()


if __name__ == "__main__":
    sys.exit(main())
