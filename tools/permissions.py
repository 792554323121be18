"""Records which actions of roles the end-to-end tests use: `python -m tools.permissions`, or `make permissions`.

Runs these tests, takes some minutes, and writes `tests/compliance/recorded_actions.json`: by statement id, the actions
that a call needed; the same code gives the same file. What roles may do beside that needs a reason in
`tests/compliance/unrecorded_actions.yaml`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "tests" / "compliance" / "recorded_actions.json"
Actions = dict[str, list[str]]
#: Set for the tests: a folder for what each module finds.
FOLDER = "MLOPS_RECORDED_ACTIONS"
TESTS = ["tests/e2e", "tests/examples/test_deployed.py"]
# These drive the command line in processes of its own.
LEFT_OUT = ["--ignore", "tests/e2e/test_walkthrough.py", "--ignore", "tests/e2e/test_wrong_environments.py"]


def main() -> int:
    """Run the tests and write the file, unless one of them fails."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", *TESTS, *LEFT_OUT],
            cwd=ROOT,
            check=False,
            env=os.environ | {FOLDER: folder},
        )
        if done.returncode:
            print("a test failed, so nothing was written", file=sys.stderr)
            return done.returncode
        found = merged(Path(folder))
    before: Actions = json.loads(FILE.read_text(encoding="utf-8"))
    FILE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(*changes(before, found), f"wrote {FILE.relative_to(ROOT)}", sep="\n")
    return 0


def merged(folder: Path) -> Actions:
    """What all modules found, as one."""
    used: dict[str, set[str]] = defaultdict(set)
    for found in folder.glob("*.json"):
        for sid, actions in json.loads(found.read_text(encoding="utf-8")).items():
            used[sid].update(actions)
    return {sid: sorted(actions) for sid, actions in sorted(used.items())}


def changes(before: Actions, after: Actions) -> Iterator[str]:
    """What is seen for the first time, and what is not seen any more: a statement that is gone, or a test."""
    old, new = ({(sid, action) for sid in document for action in document[sid]} for document in (before, after))
    for sid, action in sorted(old ^ new):
        yield f"{'+' if (sid, action) in new else '-'} {sid}: {action}"


if __name__ == "__main__":
    sys.exit(main())
