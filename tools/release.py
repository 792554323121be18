"""A release: `python -m tools.release record` before it, `python -m tools.release check vX.Y.Z` at its tag.

`record` writes `releases/<version>.json`: what the templates of `environments/*.yaml` hold that no later version may
delete or replace. `check` refuses a tag unless pyproject.toml, CHANGELOG.md and that file agree with it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from tools.stateful import Record, record

ROOT = Path(__file__).resolve().parent.parent
RELEASES = ROOT / "releases"
CHANGELOG = ROOT / "CHANGELOG.md"


def version() -> str:
    """The version in pyproject.toml."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def current() -> Record:
    """What the templates hold now."""
    with tempfile.TemporaryDirectory() as folder:
        # A process of its own, as the CDK's command line would start it.
        command = [sys.executable, "-c", _PROGRAM]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, env=_environ(folder))
        templates: dict[str, dict[str, Any]] = {}
        for file in sorted(Path(folder).rglob("manifest.json")):
            artifacts = json.loads(file.read_text(encoding="utf-8")).get("artifacts", {})
            for artifact in artifacts.values():
                if artifact["type"] == "aws:cloudformation:stack":
                    properties = artifact["properties"]
                    template = file.parent / properties["templateFile"]
                    templates[properties["stackName"]] = json.loads(template.read_text(encoding="utf-8"))
    return record(templates)


# app.py with the feature flags of cdk.json, which otherwise the command line passes on.
_PROGRAM = """
import json, os, runpy
from pathlib import Path
os.environ["CDK_CONTEXT_JSON"] = json.dumps(json.loads(Path("cdk.json").read_text(encoding="utf-8"))["context"])
runpy.run_path("app.py", run_name="__main__")
"""


def _environ(folder: str) -> dict[str, str]:
    return {**os.environ, "CDK_OUTDIR": folder, "CDK_VALIDATION": "false"}


def newest_release() -> tuple[str, Record] | None:
    """The record of the latest release, if there was one."""
    files = sorted(RELEASES.glob("*.json"), key=lambda file: tuple(map(int, file.stem.split("."))))
    return (files[-1].stem, json.loads(files[-1].read_text(encoding="utf-8"))) if files else None


def problems(tag: str) -> list[str]:
    """What keeps a tag from being a release."""
    found = []
    here = version()
    if tag != f"v{here}":
        found.append(f"the tag is {tag}, pyproject.toml says {here}: tag v{here}, or change the version")
    if not re.search(rf"^## {re.escape(here)} - \d{{4}}-\d\d-\d\d$", CHANGELOG.read_text(encoding="utf-8"), re.M):
        found.append(f"CHANGELOG.md has no heading '## {here} - <date>': give the unreleased changes that heading")
    file = RELEASES / f"{here}.json"
    if not file.exists():
        found.append(f"releases/{here}.json is missing: run `python -m tools.release record` and commit it")
    elif json.loads(file.read_text(encoding="utf-8")) != current():
        found.append(f"releases/{here}.json differs from the templates: run `python -m tools.release record` again")
    return found


def main() -> int:
    """Record or check; 1 if the check finds anything."""
    parser = argparse.ArgumentParser(prog="python -m tools.release", description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("record", help="write releases/<version>.json")
    commands.add_parser("check", help="check a tag").add_argument("tag")
    arguments = parser.parse_args()
    if arguments.command == "record":
        file = RELEASES / f"{version()}.json"
        file.write_text(json.dumps(current(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
        print(f"wrote {file.relative_to(ROOT)}")
        return 0
    found = problems(arguments.tag)
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
