"""Reading templates: JSON or YAML with the short forms of intrinsic functions, and what depends on what."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from sagemaker_local.errors import AwsError

SUB_VARIABLE = re.compile(r"\$\{([^!{}][^{}]*)\}")
_SHORT_FORMS_WITHOUT_PREFIX = {"Ref", "Condition"}


def validation_error(message: str) -> AwsError:
    """Return the error with which CloudFormation refuses a request."""
    return AwsError("ValidationError", message)


class _Loader(yaml.SafeLoader):
    """YAML as CloudFormation reads it: short forms are functions, dates are text."""

    yaml_implicit_resolvers = {
        first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in _SHORT_FORMS_WITHOUT_PREFIX else f"Fn::{suffix}"
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if suffix == "GetAtt" and "." in value:
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]
    return {name: value}


yaml.add_multi_constructor("!", _short_form, Loader=_Loader)


@dataclass(frozen=True)
class ResourceTemplate:
    """One entry of `Resources`."""

    logical_id: str
    type: str
    properties: dict[str, Any]
    body: dict[str, Any]

    @property
    def condition(self) -> str | None:
        return self.body.get("Condition")

    @property
    def deletion_policy(self) -> str:
        # A resource that CloudFormation snapshots on AWS keeps no snapshot here.
        return str(self.body.get("DeletionPolicy", "Delete"))

    @property
    def replace_policy(self) -> str:
        return str(self.body.get("UpdateReplacePolicy", "Delete"))


class Template:
    """A parsed template.

    Raises:
        AwsError: `ValidationError`, in CloudFormation's words, if it is not a template.
    """

    def __init__(self, body: str) -> None:
        self.body = body
        document = _parse(body)
        self.document = document
        self.parameters: dict[str, dict[str, Any]] = _section(document, "Parameters")
        self.conditions: dict[str, Any] = _section(document, "Conditions")
        self.mappings: dict[str, Any] = _section(document, "Mappings")
        self.outputs: dict[str, dict[str, Any]] = _section(document, "Outputs")
        self.rules: dict[str, Any] = _section(document, "Rules")
        self.description: str | None = document.get("Description")
        self.resources = dict(self._read_resources())
        self._check_references()

    def dependencies(self, logical_id: str) -> set[str]:
        """Return the logical ids that a resource must be created after."""
        resource = self.resources[logical_id]
        explicit = resource.body.get("DependsOn", [])
        names = {explicit} if isinstance(explicit, str) else set(explicit)
        names.update(name for name, _ in references(resource.properties) if name in self.resources)
        return names & self.resources.keys()

    def order(self) -> list[str]:
        """Return all logical ids such that everything comes after what it depends on, else in template order.

        Raises:
            AwsError: `ValidationError` if the dependencies form a circle.
        """
        waiting = {name: self.dependencies(name) - {name} for name in self.resources}
        ordered: list[str] = []
        while waiting:
            ready = [name for name, needed in waiting.items() if not needed]
            if not ready:
                raise validation_error(f"Circular dependency between resources: [{', '.join(sorted(waiting))}]")
            for name in ready:
                del waiting[name]
                ordered.append(name)
            done = set(ready)
            for needed in waiting.values():
                needed -= done
        return ordered

    def _read_resources(self) -> Iterator[tuple[str, ResourceTemplate]]:
        section = _section(self.document, "Resources")
        if not section:
            raise validation_error("Template format error: At least one Resources member must be defined.")
        for name, body in section.items():
            if not isinstance(body, dict) or not isinstance(body.get("Type"), str):
                raise validation_error(
                    f"Template format error: [/Resources/{name}] Every Resources object must contain a Type member."
                )
            yield name, ResourceTemplate(name, body["Type"], body.get("Properties") or {}, body)

    def _check_references(self) -> None:
        known = self.resources.keys() | self.parameters.keys()
        used = {name for resource in self.resources.values() for name, _ in references(resource.properties)}
        used |= {name for output in self.outputs.values() for name, _ in references(output)}
        unknown = sorted(name for name in used - known if "::" not in name)
        if unknown:
            raise validation_error(
                f"Template format error: Unresolved resource dependencies [{', '.join(unknown)}] "
                "in the Resources block of the template"
            )
        for name, resource in self.resources.items():
            explicit = resource.body.get("DependsOn", [])
            missing = [
                item for item in ([explicit] if isinstance(explicit, str) else explicit) if item not in self.resources
            ]
            if missing:
                raise validation_error(
                    f"Template format error: Unresolved resource dependencies [{', '.join(missing)}] "
                    "in the Resources block of the template"
                )
            if resource.condition is not None and resource.condition not in self.conditions:
                raise validation_error(
                    f"Template format error: Unresolved condition {resource.condition} in resource {name}"
                )


def references(value: Any) -> Iterator[tuple[str, str | None]]:
    """Yield `(logical id, attribute or None)` for every Ref, GetAtt and Sub inside a value."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
        return
    if not isinstance(value, dict):
        return
    if len(value) == 1:
        name, argument = next(iter(value.items()))
        if name == "Ref" and isinstance(argument, str):
            yield argument, None
            return
        if name == "Fn::GetAtt":
            target, attribute = split_get_att(argument)
            yield target, attribute if isinstance(attribute, str) else None
            if not isinstance(attribute, str):
                yield from references(attribute)
            return
        if name == "Fn::Sub":
            yield from _sub_references(argument)
            return
    for item in value.values():
        yield from references(item)


def split_get_att(argument: Any) -> tuple[str, Any]:
    """Return logical id and attribute of a GetAtt argument, in either of its two spellings."""
    if isinstance(argument, str) and "." in argument:
        target, attribute = argument.split(".", 1)
        return target, attribute
    if isinstance(argument, list) and len(argument) >= 2 and isinstance(argument[0], str):
        return argument[0], ".".join(argument[1:]) if all(isinstance(x, str) for x in argument[1:]) else argument[1]
    raise validation_error(
        "Template error: every Fn::GetAtt object requires two non-empty parameters, "
        "the resource name and the resource attribute"
    )


def _sub_references(argument: Any) -> Iterator[tuple[str, str | None]]:
    text, variables = (argument, {}) if isinstance(argument, str) else (argument[0], argument[1])
    yield from references(variables)
    for name in SUB_VARIABLE.findall(text):
        target, _, attribute = name.strip().partition(".")
        if name.strip() not in variables:
            yield target, attribute or None


def _parse(body: str) -> dict[str, Any]:
    try:
        document = json.loads(body) if body.lstrip().startswith("{") else yaml.load(body, Loader=_Loader)  # noqa: S506
    except (ValueError, yaml.YAMLError) as error:
        raise validation_error(f"Template format error: {error}") from error
    if not isinstance(document, dict):
        raise validation_error("Template format error: unsupported structure.")
    return document


def _section(document: dict[str, Any], name: str) -> dict[str, Any]:
    section = document.get(name) or {}
    if not isinstance(section, dict):
        raise validation_error(f"Template format error: {name} must be an object.")
    return section
