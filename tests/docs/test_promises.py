"""The page on rollouts names, for each promise, tests that break it: they exist, and they assert something."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "rollouts.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\d) \| (.+?) \| (.+) \|$", PAGE, flags=re.MULTILINE)
NAMED = [(number, test) for number, _, tests in ROWS for test in re.findall(r"`([\w/]+\.py::\w+)`", tests)]


@cache
def functions(file: str) -> dict[str, ast.FunctionDef]:
    path = ROOT / file if "/" in file else ROOT / "tests" / "deploy" / file
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_promise_has_tests_that_break_it() -> None:
    assert [number for number, _, _ in ROWS] == list("1234567")
    assert {number for number, _ in NAMED} == set("1234567")


@pytest.mark.parametrize("test", sorted({test for _, test in NAMED}))
def test_a_named_test_exists_and_asserts(test: str) -> None:
    file, _, name = test.partition("::")
    found = functions(file).get(name)

    assert found is not None, f"docs/rollouts.md names {test}, which is not there"
    assert any(isinstance(node, ast.Assert) for node in ast.walk(found)), f"{test} asserts nothing"
