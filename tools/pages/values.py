"""The page of values: everything that props are made of."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from enum import Enum

from .constructs import classes, values
from .docstrings import parse
from .prices import AS_OF, PRICES, REGION
from .props import cell, documented, table


def rendered() -> str:
    """The whole page."""
    lines = [
        "# Values",
        "",
        "What props of the constructs are made of: every other class that `cdk_sagemaker_mlops` exports. Written by",
        "`python -m tools.pages` from the docstrings.",
        "",
    ]
    for name, owner in values().items():
        lines += [f"## {name}", "", *_body(owner), ""]
    return "\n".join(lines).rstrip() + "\n"


def prices() -> str:
    """The table of list prices as a page."""
    lines = [
        "# List prices",
        "",
        f"US dollars, on demand, {REGION}, without free tiers, {AS_OF}. Written by hand from the pages",
        "that are linked; they could not be checked against an account. `tools/pages/prices.py` is the one place",
        "to change them; [what watching costs](../monitoring-cost.md) says what a monitored model adds up to.",
        "",
        "| Type | Price |",
        "|---|---|",
    ]
    lines += [
        f"| `{name}` | {f'[{price.words}]({price.url})' if price.url else price.words} |"
        for name, price in sorted(PRICES.items())
    ]
    return "\n".join(
        [*lines, "", "What is not in the table and is created by a construct costs nothing by itself.", ""]
    )


def overview() -> str:
    """The first page of the constructs: what each is for."""
    lines = [
        "# Constructs",
        "",
        "One page each: the simplest example, what it creates and costs, the permissions of its roles, every prop.",
        "[Values](values.md) holds what props are made of, [list prices](prices.md) what the costs are added up from.",
        "Written by `python -m tools.pages`; the examples are synthesised in the tests.",
        "",
        "| Construct | |",
        "|---|---|",
    ]
    lines += [f"| [{owner.__name__}]({file}) | {cell(parse(owner).summary)} |" for file, owner in classes().items()]
    return "\n".join([*lines, ""])


def link(name: str) -> str | None:
    """Where a class is described, seen from the page of values."""
    if name in values():
        return f"#{name.lower()}"
    return next((file for file, owner in classes().items() if owner.__name__ == name), None)


def _body(owner: type) -> Iterator[str]:
    said = parse(owner)
    yield said.text
    yield ""
    if issubclass(owner, Enum):
        yield from ("| Member | Value |", "|---|---|")
        yield from (f"| `{owner.__name__}.{member.name}` | `{member.value}` |" for member in owner)
        yield ""
        return
    if issubclass(owner, Exception):
        return
    meanings = documented(owner)
    if meanings and not inspect.isabstract(owner):
        yield from table(owner, meanings, link)
        yield ""
    rows = [
        f"| `{owner.__name__}.{name}({', '.join(inspect.signature(made).parameters)})` | {cell(parse(made).summary)} |"
        for name, member in vars(owner).items()
        if not name.startswith("_")
        and isinstance(member, staticmethod | classmethod)
        and (made := getattr(owner, name)) is not None
    ]
    if rows:
        yield from ("| Made by | |", "|---|---|", *rows, "")
