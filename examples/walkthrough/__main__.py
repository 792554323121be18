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
from examples.walkthrough.world import World

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / ".demo"


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
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where logs and the page go (default: .demo)")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    state = folder / "running.json"
    console = Console()
    down(state, console, quiet=not arguments.down)
    if arguments.down:
        return 0

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if not _prepare(folder):
        console.print(f"[red]{folder} holds files that are not the walk-through's; name another folder[/red]")
        return 2
    guardian = Guardian()
    story = Story(console)
    scenario = Scenario(story, guardian, folder)
    try:
        try:
            scenario.run()
        except StoryEnded:
            console.print("[red]The walk-through ends here: what comes next builds on this step.[/red]")
        story.summary()
        page = scenario.write_page()
        if page:
            console.print(f"The whole story as a page: {page}", highlight=False, soft_wrap=True)
        if arguments.keep and scenario.world is not None:
            _keep(console, scenario.world, state)
    except KeyboardInterrupt:
        console.print("interrupted; everything is being stopped")
        return 130
    finally:
        state.unlink(missing_ok=True)
        guardian.close()
    return 1 if story.failed else 0


def _prepare(folder: Path) -> bool:
    """Empty the folder of an earlier walk-through; never touch a folder of somebody else's files."""
    mark = folder / ".walkthrough"
    if folder.exists() and any(folder.iterdir()) and not mark.exists():
        return False
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    mark.touch()
    return True


def down(state: Path, console: Console, *, quiet: bool = False) -> None:
    """Stop the walk-through that wrote its process id down, if it still runs."""
    if not state.exists():
        if not quiet:
            console.print("nothing is running")
        return
    pid = json.loads(state.read_text())["pid"]
    command = Path(f"/proc/{pid}/cmdline")
    if command.exists() and b"examples.walkthrough" in command.read_bytes():
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 15
        while command.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        console.print("stopped what was left running")
    state.unlink(missing_ok=True)


def _keep(console: Console, world: World, state: Path) -> None:
    """Say how to use what is running, then wait."""
    names = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION")
    exports = "\n".join(f"export {name}={world.aws.variables[name]}" for name in names)
    script = state.parent / "environment.sh"
    script.write_text(exports + "\n")
    state.write_text(json.dumps({"pid": os.getpid(), "url": world.aws.url}))
    console.rule("running; Ctrl-C or `make demo-down` stops it")
    console.print(
        "In another terminal:\n\n"
        f"  source {os.path.relpath(script)}\n"
        f"  aws sagemaker describe-endpoint --endpoint-name {world.endpoint}\n"
        "  npx cdk diff '**' -c env=local\n"
        "  curl -s -X POST $AWS_ENDPOINT_URL/_local/clock -d '{\"advance_seconds\": 3600}'\n",
        highlight=False,
        markup=False,
    )
    while True:
        signal.pause()


if __name__ == "__main__":
    sys.exit(main())
