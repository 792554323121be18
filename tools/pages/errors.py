"""The error reference: every refusal of the code, with what is allowed or what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from .marked import DOCS, replace
from .messages import Message, messages
from .props import cell

FILE = DOCS / "reference" / "errors.md"
#: Parts of the page: what it is called, and where its messages are looked for, with the class that carries those which
#: are collected and raised together.
PARTS = {
    "Constructs, at synthesis": (("constructs",), "ConstructError"),
    "Environment files": (("stacks",), "SettingsError"),
    "model-analyzer": (("analyzer",), "ValueError"),
    "Clients of features and labels": (("feature_store", "labels"), "FeaturesError"),
    "Steps of the ready pipeline": (("training",), "DataError"),
    "Functions, in their logs and events": (
        (
            "lambda/deploy",
            "lambda/monitor",
            "lambda/retrain",
            "lambda/emptying",
            "lambda/insights/own_rules.py",
            "lambda/shared",
        ),
        "ValueError",
    ),
    "Callback steps, as the reason of their failure": (("lambda/callbacks",), "FailureReason"),
    "Tools": (
        (
            "tools/compatibility.py",
            "tools/feature_schema.py",
            "tools/oracles.py",
            "tools/release.py",
            "tools/stateful.py",
        ),
        "ValueError",
    ),
}
#: Its messages are templates of others' messages.
_HELPERS = ("constructs/cdk_sagemaker_mlops/_errors.py",)
_CLASS_ROW = re.compile(r"^\| (`\w+`(?:, `\w+`)*) \|", re.M)


def rendered(page: str) -> str:
    """The page with its generated part renewed."""
    return replace(page, "errors", "\n".join(_lines()))


def documented_classes(page: str) -> set[str]:
    """Classes that the page says cause and way out of."""
    return {name.strip("` ") for row in _CLASS_ROW.findall(page) for name in row.split(",")}


def raised_classes() -> set[str]:
    """Classes that a row of the page refers to."""
    return {message.error or default for folders, default in PARTS.values() for message in messages(*folders)}


def _lines() -> Iterator[str]:
    for title, (folders, default) in PARTS.items():
        found = [message for message in messages(*folders) if message.file not in _HELPERS]
        yield from (f"## {title}", "", f"{len(found)} messages.", "")
        for file, group in groupby(found, key=lambda message: message.file):
            yield from (f"**`{Path(file).as_posix()}`**", "", "| Message | Way out |", "|---|---|")
            yield from (_row(message, default) for message in group)
            yield ""


def _row(message: Message, default: str) -> str:
    cause, way_out = message.parts
    name = message.error or default
    return f"| {_code(cause)} | {_code(way_out) if way_out else f'[as every `{name}`](#classes)'} |"


def _code(text: str) -> str:
    """A template as text of a cell: what differs stands in italics."""
    open_, close = "\x01", "\x02"
    marked = cell(text.replace("<", open_).replace(">", close)).replace("*", "\\*").replace("_", "\\_")
    marked = re.sub(f"{open_}+([^{open_}{close}]+){close}+", r"*\1*", marked)
    return marked.replace(open_, "&lt;").replace(close, "&gt;")
