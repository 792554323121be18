"""`cdk diff` as a comment for a pull request: `python -m tools.diff_comment NAME=FILE ... > comment.md`.

One line per stack tells what is added, changed, replaced and removed; what deletes data stands at the top; the whole
text follows, folded away and cut where GitHub would refuse it.
"""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path

MARK = "<!-- cdk-diff -->"
MOST_CHARACTERS = 60_000  # GitHub takes 65,536 in a comment.
_STACK = re.compile(r"^Stack (?P<name>\S+)")
_RESOURCE = re.compile(r"^\[(?P<sign>[-+~])\] (?P<type>[A-Z]\w+::\w+::\w+|Custom::\w+) (?P<rest>.+)$")
_STATEFUL = (
    "AWS::S3::Bucket ",
    "AWS::KMS::Key ",
    "AWS::SageMaker::ModelPackageGroup ",
    "AWS::SageMaker::FeatureGroup ",
)


@dataclass
class StackDiff:
    """What changes in one stack."""

    name: str
    added: int = 0
    changed: int = 0
    replaced: int = 0
    removed: int = 0

    @property
    def row(self) -> str:
        """Its line in the table."""
        return f"| {self.name} | {self.added} | {self.changed} | {self.replaced} | {self.removed} |"

    @property
    def empty(self) -> bool:
        """Whether no resource changes."""
        return not (self.added or self.changed or self.replaced or self.removed)


def read(text: str) -> tuple[list[StackDiff], list[str]]:
    """The stacks of one output, and the lines that delete or replace what holds data."""
    stacks: list[StackDiff] = []
    dangers: list[str] = []
    for line in text.splitlines():
        if found := _STACK.match(line):
            stacks.append(StackDiff(found["name"]))
            continue
        if not (found := _RESOURCE.match(line)) or not stacks:
            continue
        stack, replaces = stacks[-1], "replace" in found["rest"]
        if found["sign"] == "+":
            stack.added += 1
        elif found["sign"] == "-":
            stack.removed += 1
        elif replaces:
            stack.replaced += 1
        else:
            stack.changed += 1
        if (found["sign"] == "-" or replaces) and line[4:].startswith(_STATEFUL):
            dangers.append(f"{stack.name}: {line}")
    return stacks, dangers


def comment(outputs: dict[str, str]) -> str:
    """The comment about the outputs of `cdk diff`, by environment."""
    parts = [MARK, "### What a deployment would change"]
    for name, text in outputs.items():
        stacks, dangers = read(text)
        changed = [stack for stack in stacks if not stack.empty]
        parts.append(f"#### {name}")
        if dangers:
            parts.append("**Data would be deleted or replaced:**\n\n```\n" + "\n".join(dangers) + "\n```")
        if not changed:
            parts.append("No resource changes.")
            continue
        rows = "\n".join(stack.row for stack in changed)
        parts.append(f"| Stack | added | changed | replaced | removed |\n|---|---|---|---|---|\n{rows}")
    room = (MOST_CHARACTERS - sum(map(len, parts))) // max(len(outputs), 1)
    for name, text in outputs.items():
        shown = text if len(text) <= room else text[:room] + "\n… cut; the whole text is in the workflow's log"
        # Four backticks: a template may hold three.
        parts.append(f"<details><summary>cdk diff of {name}</summary>\n\n````\n{shown.strip()}\n````\n</details>")
    return "\n\n".join(parts) + "\n"


def main() -> int:
    """Print the comment; 2 if an output cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m tools.diff_comment", description=__doc__.partition("\n")[0])
    parser.add_argument("outputs", nargs="+", metavar="NAME=FILE", help="output of `cdk diff` for an environment")
    outputs: dict[str, str] = {}
    for given in parser.parse_args().outputs:
        name, _, file = given.partition("=")
        try:
            outputs[name] = Path(file).read_text(encoding="utf-8")
        except OSError as error:
            print(f"{given}: {error.strerror or error}; give NAME=FILE", file=sys.stderr)
            return 2
    print(comment(outputs), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
