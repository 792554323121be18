"""The real CDK CLI, pointed at the embedded AWS."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from examples.walkthrough.processes import Guardian
from examples.walkthrough.story import Difference

ROOT = Path(__file__).resolve().parent.parent.parent


class Cdk:
    """Runs `cdk <command>` for one environment file; the output goes into a log and, line by line, to `progress`."""

    def __init__(self, guardian: Guardian, *, environment: str, variables: Mapping[str, str], folder: Path) -> None:
        self._guardian = guardian
        self._environment = environment
        self._folder = folder
        # The app writes into a folder of its own, so that a person may use `cdk` beside the walk-through.
        self._variables = {
            **os.environ,
            **variables,
            # `python` of cdk.json and `node` of the CLI are those that `make setup` installed.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "CDK_VALIDATION": "false",  # the same templates pass cfn-lint in `make test`
            "CI": "true",
        }

    def run(self, *arguments: str, progress: Callable[[str], None] = lambda _: None) -> str:
        """Run one command on the app; return what it printed. A non-zero exit code is a difference."""
        of_the_app = ("--output", str(self._folder / "cdk.out"), "--context", f"env={self._environment}")
        return self._run([*arguments, *of_the_app], progress)

    def redeploy(self, *, progress: Callable[[str], None] = lambda _: None) -> str:
        """Deploy what the last command synthesised, as a pipeline does with what was checked."""
        return self._run(
            ["deploy", "**", "--app", str(self._folder / "cdk.out"), "--require-approval", "never"], progress
        )

    def _run(self, arguments: Sequence[str], progress: Callable[[str], None]) -> str:
        command: list[str | Path] = [
            ROOT / "node_modules" / ".bin" / "cdk", *arguments,
            "--no-notices", "--no-version-reporting", "--no-color",
        ]  # fmt: skip
        log = self._folder / f"cdk-{arguments[0]}.log"
        with log.open("w+") as output:
            process = self._guardian.start(command, environment=self._variables, directory=ROOT, output=output)
            with log.open() as lines:
                while process.poll() is None:
                    for line in lines:
                        if line.strip():
                            progress(f"cdk {arguments[0]}: {line.strip()[:110]}")
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(timeout=0.2)
        self._guardian.release(process)
        printed = log.read_text()
        if process.returncode:
            tail = "\n".join(printed.strip().splitlines()[-15:])
            raise Difference(f"cdk {arguments[0]} ended with exit code {process.returncode}:\n{tail}")
        return printed
