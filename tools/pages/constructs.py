"""Pages of constructs: what the example creates, what that costs, its permissions, every prop, every method."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from constructs import Construct

import cdk_sagemaker_mlops as mlops

from .docstrings import parse
from .examples import Resource, resources_of
from .marked import DOCS, replace
from .prices import AS_OF, REGION, price_of
from .props import cell, documented, public, table

FOLDER = DOCS / "constructs"
VALUES = "values.md"
_EXAMPLE = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)
_ASSETS = re.compile(r"cdk-\w+-assets-")
_METHODS = (
    *("grant", "metric", "add_", "from_", "show", "annotate", "subscribe", "watch"),
    *("start_on", "on_", "interface_"),
)


def classes() -> dict[str, type]:
    """The constructs that get a page, by the name of its file. What others only inherit from has none."""
    found = {name: value for name, value in public(mlops).items() if issubclass(value, Construct)}
    return {
        f"{_slug(name)}.md": value for name, value in found.items() if not name.endswith("Base") and name != "Monitor"
    }


def values() -> dict[str, type]:
    """Everything else that the library exports: what props are made of."""
    pages = {value.__name__ for value in classes().values()}
    return {name: value for name, value in public(mlops).items() if name not in pages}


def rendered(page: str, file_name: str, folder: Path) -> str:
    """A page with its generated part renewed.

    :param page: The page as it is.
    :param file_name: Name of its file, which says which construct it is about.
    :param folder: A folder for the assembly.
    """
    owner = classes()[file_name]
    example = _EXAMPLE.search(page)
    if example is None:
        raise ValueError(f"docs/constructs/{file_name} has no example")
    resources = resources_of(example[1], owner.__name__, folder)
    parts = [_creates(resources), _costs(resources), _permissions(resources), _props(owner), _members(owner)]
    return replace(page, owner.__name__, "\n".join(line for part in parts for line in part))


def link(name: str) -> str | None:
    """Where a class of this library is described, seen from a page of a construct."""
    if name in values():
        return f"{VALUES}#{name.lower()}"
    for file_name, owner in classes().items():
        if owner.__name__ == name:
            return file_name
    return None


def _creates(resources: Sequence[Resource]) -> Iterator[str]:
    yield "## What it creates"
    yield ""
    yield f"The example above makes {len(resources)} resources:"
    yield ""
    yield "| Type | Number | Which |"
    yield "|---|---:|---|"
    counts = Counter(resource.type for resource in resources)
    for resource_type, count in sorted(counts.items()):
        names = [resource.path for resource in resources if resource.type == resource_type]
        kept = sum(resource.is_kept for resource in resources if resource.type == resource_type)
        note = "" if not kept else "; stays when the stack goes" if kept == count else f"; {kept} stay"
        shown = ", ".join(f"`{name}`" for name in names[:8]) + (f" and {count - 8} more" if count > 8 else "")
        yield f"| `{resource_type}` | {count} | {shown}{note} |"
    yield ""


def _costs(resources: Sequence[Resource]) -> Iterator[str]:
    yield "## What it costs"
    yield ""
    counts = Counter(resource.type for resource in resources)
    lines, fixed = [], 0.0
    for resource_type, count in sorted(counts.items()):
        price = price_of(resource_type)
        if not price.url:
            continue
        monthly = sum(_monthly(resource) for resource in resources if resource.type == resource_type)
        fixed += monthly
        lines.append(f"| `{resource_type}` | {count} | [{price.words}]({price.url}) |")
    if not lines:
        yield "Nothing: AWS does not charge for these resources."
        yield ""
        return
    yield (
        f"{fixed:.2f} US dollars a month even if nobody uses it, instances not counted; the rest is by use."
        if fixed
        else "Nothing while nobody uses it."
    )
    yield f"List prices of {REGION}, {AS_OF}, without free tiers; [look at yours](prices.md)."
    yield ""
    yield "| Type | Number | Price in US dollars |"
    yield "|---|---:|---|"
    yield from lines
    yield ""


def _monthly(resource: Resource) -> float:
    """Dollars a month for what a resource costs without being used; instances apart."""
    monthly = price_of(resource.type).monthly
    if resource.type == "AWS::CloudWatch::Alarm":
        metrics = [item for item in resource.body["Properties"].get("Metrics", ()) if "MetricStat" in item]
        return monthly * max(len(metrics), 1)
    if resource.type == "AWS::EC2::VPCEndpoint":
        # An interface in each subnet; a gateway has none and is free.
        return monthly * len(resource.body["Properties"].get("SubnetIds", ()))
    return monthly


def _permissions(resources: Sequence[Resource]) -> Iterator[str]:
    roles = [resource for resource in resources if resource.type == "AWS::IAM::Role"]
    yield "## Permissions"
    yield ""
    if not roles:
        yield "It makes no role and needs no permission of its own."
        yield ""
        return
    yield "Roles of the example; with other props they hold less or more. A wildcard stands with its reason."
    for role in roles:
        properties = role.body["Properties"]
        principal = _principal(properties["AssumeRolePolicyDocument"])
        yield ""
        yield f"**`{role.path}`**, for {principal}: {cell(str(properties.get('Description', '')))}"
        yield ""
        yield "| Statement | Actions | On |"
        yield "|---|---|---|"
        reasons: Mapping[str, str] = role.body.get("Metadata", {}).get("WildcardReasons", {})
        for policy in properties.get("Policies", ()):
            for statement in policy["PolicyDocument"]["Statement"]:
                sid = statement.get("Sid", "")
                actions = ", ".join(f"`{action}`" for action in _many(statement["Action"]))
                yield f"| {sid} | {actions} | {_on(statement, reasons.get(sid, ''))} |"
    yield ""


def _on(statement: Mapping[str, Any], reason: str) -> str:
    kinds = list(dict.fromkeys(_kind(item) for item in _many(statement["Resource"])))
    text = ", ".join(kinds)
    if statement.get("Condition"):
        keys = sorted({key for operands in statement["Condition"].values() for key in operands})
        text += f", if {' and '.join(f'`{key}`' for key in keys)}"
    return f"{text} ({cell(reason)})" if reason else text


def _kind(resource: Any) -> str:
    """An ARN in a word: the resource of this template, or service and kind."""
    if isinstance(resource, Mapping):
        if "Fn::GetAtt" in resource or "Ref" in resource:
            return "one of this stack"
        if "Fn::ImportValue" in resource:
            return "one of another stack"
        if "Fn::If" in resource:
            return _kind(resource["Fn::If"][1])
        join = resource.get("Fn::Join", resource.get("Fn::Sub"))
        parts = join[1] if isinstance(join, list) and isinstance(join[1], list) else [join]
        resource = "".join(part if isinstance(part, str) else "…" for part in parts)
    text = str(resource)
    if _ASSETS.search(text):
        # Named after their content: every change of code would be a change of the page.
        return "the CDK's assets"
    if text == "*":
        return "`*`"
    if not text.startswith("arn:"):
        return f"`{text}`"
    fields = text.split(":", 5)
    return f"`{fields[2]}: {fields[5]}`" if len(fields) == 6 else f"`{text}`"


def _principal(document: Mapping[str, Any]) -> str:
    named = [
        name
        for statement in document["Statement"]
        for kind in statement.get("Principal", {}).values()
        for name in _many(kind)
    ]
    return ", ".join(f"`{name}`" if isinstance(name, str) else "an account" for name in named)


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _props(owner: type) -> Iterator[str]:
    yield "## Props"
    yield ""
    yield "All are keyword-only."
    yield ""
    yield from table(owner, documented(owner), link)
    yield ""


def _members(owner: type) -> Iterator[str]:
    """Factories, grants and the like; then what can be read from an object."""
    said = parse(owner)
    methods, attributes = [], []
    for name, member in inspect.getmembers_static(owner):
        if name.startswith("_") or not _is_ours(owner, name):
            continue
        plain = member.__func__ if isinstance(member, staticmethod | classmethod) else member
        if inspect.isfunction(plain) and name.startswith(_METHODS):
            given = ", ".join(item for item in inspect.signature(plain).parameters if item not in ("self", "cls"))
            methods.append(f"| `{name}({given})` | {cell(parse(plain).summary)} |")
        elif isinstance(member, property) or type(member).__name__ == "cached_property":
            attributes.append(f"| `{name}` | {cell(parse(member).summary)} |")
    attributes += [f"| `{name}` | {cell(meaning)} |" for name, meaning in said.attributes.items()]
    if methods:
        yield from ("## Methods", "", "| Method | |", "|---|---|", *methods, "")
    if attributes:
        yield from ("## Attributes", "", "| Attribute | |", "|---|---|", *sorted(set(attributes)), "")


def _is_ours(owner: type, name: str) -> bool:
    definer = next((above for above in owner.__mro__ if name in vars(above)), None)
    return definer is not None and definer.__module__.startswith("cdk_sagemaker_mlops")


def _slug(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()
