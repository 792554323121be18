"""From environment files to validated settings, with all mistakes reported together."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from . import document, schema
from .environment import Environment
from .names import name_problems, prefix
from .network import NetworkSettings
from .problems import PathKey, Problem, SettingsError, closest, render_path, render_value

_FILE_NAME = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")
_LONGEST_FILE_NAME = 16


def load_all(files: Iterable[Path]) -> dict[str, Environment]:
    """Reads environment files; the name of an environment is the file's without `.yaml`.

    Raises:
        SettingsError: with every mistake of every file.
    """
    files = list(files)
    environments: dict[str, Environment] = {}
    mistakes: dict[Path, list[Problem]] = {}
    for file in files:
        environment, problems = _load(file)
        if environment:
            environments[file.stem] = environment
        if problems:
            mistakes[file] = problems
    for file in files:
        clashes = [*_clashes(file.stem, environments), *_shared_vpcs(file.stem, environments)]
        if clashes:
            mistakes.setdefault(file, []).extend(clashes)
    if mistakes:
        raise SettingsError(mistakes)
    return environments


def load(file: Path) -> Environment:
    """Reads one environment file.

    Raises:
        SettingsError: with every mistake of the file.
    """
    return load_all([file])[file.stem]


def _clashes(name: str, environments: Mapping[str, Environment]) -> Iterator[Problem]:
    """Environments of one account and region whose names begin with this one's: permissions are tied to such names."""
    this = environments.get(name)
    for other, that in environments.items() if this else ():
        if this is None or (this.account, this.region) != (that.account, that.region):
            continue
        if prefix(that.project, other).startswith(f"{prefix(this.project, name)}-"):
            yield Problem(
                None,
                (),
                f"names of {prefix(that.project, other)} begin with {prefix(this.project, name)}-, in the same account "
                "and region; what one environment's controller may change, the other's could as well",
                allowed="names of which none begins with another's and a hyphen, or another account or region",
            )


def _shared_vpcs(name: str, environments: Mapping[str, Environment]) -> Iterator[Problem]:
    """Environments that make endpoints of one service in one VPC, where private DNS can lead to one of them only."""
    this = environments.get(name)
    for other, that in environments.items() if this else ():
        if this is None or other == name or this.network is None or that.network is None:
            continue
        both = sorted(set(this.vpc_endpoint_services) & set(that.vpc_endpoint_services))
        if this.network.vpc_id != that.network.vpc_id:
            continue
        if both:
            yield Problem(
                None,
                ("network", "vpc_endpoints"),
                f"{other} makes endpoints for {', '.join(both)} in {this.network.vpc_id} as well",
                allowed="one endpoint of each service in a VPC",
                hint="leave them to one of the environments, and remove vpc_endpoints from the other or name services",
            )
        tables = sorted(set(_tables_to_s3(this.network)) & set(_tables_to_s3(that.network)))
        if tables:
            yield Problem(
                None,
                ("network", "vpc_endpoints", "route_table_ids"),
                f"{other} leads {', '.join(tables)} to S3 as well",
                allowed="one endpoint for S3 in a route table",
                hint="leave S3 to one of the environments, and write route_table_ids: [] in the other",
            )


def _tables_to_s3(network: NetworkSettings) -> tuple[str, ...]:
    return network.vpc_endpoints.route_table_ids if network.vpc_endpoints else ()


def _load(file: Path) -> tuple[Environment | None, list[Problem]]:
    found, problems = document.read(file)
    if len(file.stem) > _LONGEST_FILE_NAME or not _FILE_NAME.match(file.stem):
        problems.append(
            Problem(
                None,
                (),
                f"the file's name, {file.stem}, is the environment's",
                allowed=f"lower-case letters, digits and inner hyphens, at most {_LONGEST_FILE_NAME} characters",
            )
        )
    if found is None:
        return None, problems
    environment = None
    try:
        # As JSON, because strict validation takes JSON's lists for tuples and Python's not.
        environment = Environment.model_validate_json(json.dumps(found.data))
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            problems.extend(_translate(detail, found))
    problems.extend(name_problems(file.stem, found))
    return (None if problems else environment), problems


def _translate(error: ErrorDetails, found: document.Document) -> Iterator[Problem]:
    path: PathKey = tuple(part for part in error["loc"] if part != "[key]")
    match error["type"]:
        case "extra_forbidden":
            yield _unknown_key(path, error["input"], found)
        case "missing":
            yield Problem(found.line(path), path, "is missing", allowed=schema.allowed(path))
        case "conflict":
            context = error["ctx"]
            # The path leads to the mapping whose keys do not go together; the message is about one of them.
            at = (*path, str(context["key"]))
            yield Problem(found.line(at), at, str(context["message"]))
        case "conflicts":
            for key, message in error["ctx"]["found"]:
                at = (*path, str(key))
                yield Problem(found.line(at), at, str(message))
        case _ if "[key]" in error["loc"]:
            parent = schema.at(path[:-1]) or {}
            names = parent.get("propertyNames", {})
            allowed = names.get("x-allowed") or _pattern_words(parent)
            yield Problem(
                found.line(path), path, "this name cannot be used", given=render_value(path[-1]), allowed=allowed
            )
        case _:
            yield _wrong_value(path, error["input"], found)


def _pattern_words(parent: dict[str, Any]) -> str | None:
    pattern = next(iter(parent.get("patternProperties", {})), None)
    return f"names that match {pattern}" if pattern else None


def _unknown_key(path: PathKey, value: object, found: document.Document) -> Problem:
    line = found.line(path)
    key = str(path[-1])
    legal = list(schema.keys(path[:-1]))
    near = closest(key, legal)
    hint = f"did you mean {near}?" if near else _elsewhere(key, path)
    return Problem(line, path, "unknown key", given=render_value(value), allowed=", ".join(legal), hint=hint)


def _elsewhere(key: str, path: PathKey) -> str | None:
    """A key that is right but stands in the wrong place."""
    places = schema.places(key)
    if not places:
        return None
    # The place that shares the most with where it was written, with the user's own names filled in.
    best = max(places, key=lambda place: sum(want in ("*", part) for want, part in zip(place, path, strict=False)))
    filled = [
        part if want == "*" else want for want, part in zip(best, (*path, *("<name>",) * len(best)), strict=False)
    ]
    return f"it belongs at {render_path(filled)}"


def _wrong_value(path: PathKey, value: object, found: document.Document) -> Problem:
    line = found.line(path)
    allowed = schema.allowed(path)
    expected = (schema.at(path) or {}).get("type")
    hint = None
    message = "this value cannot be used"
    if expected == "string" and isinstance(value, int | float) and not isinstance(value, bool):
        written = found.written.get(path, str(value))
        fits = re.search((schema.at(path) or {}).get("pattern", ""), written)
        message, hint = "must be text", f'put quotes around it: "{written}"' if fits else None
    elif expected == "array" and isinstance(value, str):
        message, hint = "must be a list", f"write it as a list: [{value}]"
    elif expected in ("integer", "number", "boolean") and isinstance(value, str):
        message, hint = f"must be {schema.WORDS[expected]}", _unquoted(value, expected)
    elif isinstance(value, str) and "enum" in (node := schema.at(path) or {}):
        near = closest(value, map(str, node["enum"]))
        hint = f"did you mean {near}?" if near else None
    elif value is None:
        message, hint = "has no value", "give it one, or remove the key"
    return Problem(line, path, message, given=render_value(value), allowed=allowed, hint=hint)


def _unquoted(value: str, expected: str) -> str | None:
    if expected == "boolean":
        meant = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}
        return f"write {meant[value.lower()]}" if value.lower() in meant else None
    number = value.removesuffix("%").strip()
    return f"write {number}, without quotes or unit" if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", number) else None
