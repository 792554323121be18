"""Resolve `requirements*.in` into exact pins, the same on every platform."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The pins of the project itself come first: an editable install cannot be part of a resolved list.
EDITABLE = {"requirements": "-e .[app]", "requirements-dev": "-e .[app,analyzer,local]"}


def main() -> int:
    """Write requirements.txt and requirements-dev.txt."""
    for name, editable in EDITABLE.items():
        resolved = subprocess.run(
            ["uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--no-header",
             "--no-emit-index-url", "--no-annotate", f"{name}.in"],
            cwd=ROOT, check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        (ROOT / f"{name}.txt").write_text(f"{editable}\n{resolved}")
        print(f"{name}.txt: {len(resolved.splitlines())} pins")
    return 0


if __name__ == "__main__":
    sys.exit(main())
