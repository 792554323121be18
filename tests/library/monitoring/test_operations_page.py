"""The page for those who get the messages names every alarm."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGES = "".join((ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("operations", "feature-store"))


MAKERS = ("AlarmRule", "_error_rate", "_traffic_rules.rule", "rule")


def rule_ids() -> Iterator[str]:
    """Ids of all alarms that the library can define; of computed ones the text that they begin with."""
    for file in (ROOT / "constructs").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or ast.unparse(node.func) not in MAKERS:
                continue
            given = [keyword.value for keyword in node.keywords if keyword.arg == "id"]
            for value in given or node.args[1:2]:
                if isinstance(value, ast.JoinedStr):
                    value = value.values[0]
                # Other functions called `rule` take sentences there.
                if isinstance(value, ast.Constant) and " " not in (name := str(value.value).strip()):
                    yield name


@pytest.mark.parametrize("name", sorted(set(rule_ids())))
def test_every_alarm_is_explained(name: str) -> None:
    assert re.search(rf"`(<\w+>-|-)?([\w-]+-)?{name}\b", PAGES), name


def test_alarms_are_found() -> None:
    assert {"Heartbeat", "ServerErrors", "Violations", "Stale", "Stuck"} <= set(rule_ids())
