"""The test command: every check that a change must pass, in the order of their cost.

All checks run even if one fails, so that one run tells everything; the exit code is 1 if any failed.
Arguments go to pytest: `make test ARGS="tests/library -k endpoint"`.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

CHECKS: list[tuple[str, list[str]]] = [
    ("format", ["ruff", "format", "--check", "--quiet", "."]),
    ("lint", ["ruff", "check", "--quiet", "."]),
    ("types", ["mypy"]),
    # By file, since a file's tests share what they deploy.
    ("tests", ["pytest", "-q", "-n", "2", "--dist", "loadfile", "--durations=15"]),
]


def main(arguments: list[str]) -> int:
    """Run the checks and return 1 if any of them failed."""
    failed = []
    for name, command in CHECKS:
        print(f"== {name}: {' '.join(command)}", flush=True)
        started = time.monotonic()
        # The tools of this virtual environment, whatever else is on PATH.
        tool = Path(sys.executable).parent / command[0]
        extra = arguments if name == "tests" else []
        code = subprocess.run([str(tool), *command[1:], *extra], cwd=ROOT, check=False).returncode
        verdict = f"FAILED ({code})" if code else "ok"
        print(f"== {name}: {verdict} in {time.monotonic() - started:.0f} s", flush=True)
        if code:
            failed.append(name)
    print(f"checks failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
