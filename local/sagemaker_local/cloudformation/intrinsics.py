"""Intrinsic functions: from a template's values to the values that an API gets.

While a change is only being previewed some values cannot be known yet; they become `Unknown` and remember where they
would have come from.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from .template import SUB_VARIABLE, Template, split_get_att, validation_error

_DYNAMIC_REFERENCE = re.compile(r"\{\{resolve:(ssm|ssm-secure|secretsmanager):([^}]+)\}\}")


class NoValue:
    """AWS::NoValue: the property or list item that holds it does not exist."""


NO_VALUE = NoValue()


@dataclass(frozen=True)
class Unknown:
    """A value that exists only after the named resources were changed."""

    sources: frozenset[tuple[str, str | None]]


class Scope(Protocol):
    """What a template's functions can see."""

    def reference(self, name: str) -> Any:
        """Return what `Ref` gives for a parameter, pseudo parameter or resource."""

    def attribute(self, logical_id: str, name: str) -> Any:
        """Return what `Fn::GetAtt` gives."""

    def import_value(self, name: str) -> Any:
        """Return the value of an export of another stack."""

    def dynamic_reference(self, service: str, key: str) -> str:
        """Return the value of a `{{resolve:service:key}}`."""

    def availability_zones(self, region: str) -> list[str]:
        """Return the zones of a region."""


class Resolver:
    """Evaluates values of one template in one scope."""

    def __init__(self, template: Template, scope: Scope) -> None:
        self._template = template
        self._scope = scope
        self._conditions: dict[str, bool] = {}
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::If": self._if,
            "Fn::FindInMap": self._find_in_map,
            "Fn::ImportValue": self._import_value,
            "Fn::Base64": self._base64,
            "Fn::Cidr": self._cidr,
            "Fn::GetAZs": self._get_azs,
            "Fn::Equals": self._equals,
            "Fn::And": lambda argument: all(self._truth(item) for item in argument),
            "Fn::Or": lambda argument: any(self._truth(item) for item in argument),
            "Fn::Not": lambda argument: not self._truth(argument[0]),
            "Fn::Contains": lambda argument: self.resolve(argument[1]) in self.resolve(argument[0]),
            "Fn::Length": lambda argument: len(self.resolve(argument)),
            "Fn::ToJsonString": self._to_json_string,
        }

    def resolve(self, value: Any) -> Any:
        """Evaluate every function inside `value`; members that are AWS::NoValue are left out.

        Raises:
            AwsError: `ValidationError` naming what cannot be evaluated.
        """
        if isinstance(value, dict):
            if len(value) == 1:
                name, argument = next(iter(value.items()))
                function = self._functions.get(name)
                if function is not None:
                    return function(argument)
                if name == "Condition" and isinstance(argument, str) and argument in self._template.conditions:
                    return self.condition(argument)
                if name.startswith("Fn::"):
                    raise validation_error(f"Template error: the function {name} is not supported")
            resolved = {key: self.resolve(member) for key, member in value.items()}
            return {key: member for key, member in resolved.items() if member is not NO_VALUE}
        if isinstance(value, list):
            items = [self.resolve(item) for item in value]
            return [item for item in items if item is not NO_VALUE]
        if isinstance(value, str) and "{{resolve:" in value:
            return _DYNAMIC_REFERENCE.sub(lambda match: self._scope.dynamic_reference(match[1], match[2]), value)
        return value

    def condition(self, name: str) -> bool:
        """Evaluate a condition by name."""
        if name not in self._template.conditions:
            raise validation_error(
                f"Template format error: Unresolved dependencies [{name}]. "
                "Cannot reference conditions that are not defined"
            )
        if name not in self._conditions:
            self._conditions[name] = bool(self.resolve(self._template.conditions[name]))
        return self._conditions[name]

    def included(self) -> list[str]:
        """Return the logical ids whose condition holds, in creation order."""
        resources = self._template.resources
        return [name for name in self._template.order() if self._holds(resources[name].condition)]

    def outputs(self) -> dict[str, dict[str, Any]]:
        """Return the outputs whose condition holds: `{"Value", "Description"?, "Export"?}`."""
        chosen = {name: body for name, body in self._template.outputs.items() if self._holds(body.get("Condition"))}
        outputs = {}
        for name, body in chosen.items():
            output = {"Value": self.resolve(body.get("Value")), "Description": body.get("Description")}
            if "Export" in body:
                output["Export"] = self.resolve(body["Export"]["Name"])
            outputs[name] = output
        return outputs

    def _holds(self, condition: str | None) -> bool:
        return condition is None or self.condition(condition)

    def _truth(self, item: Any) -> bool:
        value = self.resolve(item)
        return value is True or value == "true"

    def _ref(self, name: str) -> Any:
        return self._scope.reference(name)

    def _get_att(self, argument: Any) -> Any:
        target, attribute = split_get_att(argument)
        return self._scope.attribute(target, str(self.resolve(attribute)))

    def _if(self, argument: list[Any]) -> Any:
        return self.resolve(argument[1] if self.condition(argument[0]) else argument[2])

    def _equals(self, argument: list[Any]) -> bool:
        left, right = (self.resolve(item) for item in argument)
        return bool(_text(left) == _text(right))

    def _sub(self, argument: Any) -> Any:
        text, variables = (argument, {}) if isinstance(argument, str) else (argument[0], argument[1])
        unknown: set[tuple[str, str | None]] = set()

        def replace(match: re.Match[str]) -> str:
            name = match[1].strip()
            if name in variables:
                value = self.resolve(variables[name])
            elif "." in name:
                value = self._scope.attribute(*name.split(".", 1))
            else:
                value = self._scope.reference(name)
            if isinstance(value, Unknown):
                unknown.update(value.sources)
                return ""
            return _text(value)

        resolved = SUB_VARIABLE.sub(replace, text).replace("${!", "${")
        return Unknown(frozenset(unknown)) if unknown else self.resolve(resolved)

    def _join(self, argument: list[Any]) -> Any:
        delimiter, items = argument[0], self.resolve(argument[1])
        if isinstance(items, Unknown):
            return items
        unknown = [item for item in items if isinstance(item, Unknown)]
        if unknown:
            return Unknown(frozenset().union(*(item.sources for item in unknown)))
        return self.resolve(delimiter.join(_text(item) for item in items))

    def _select(self, argument: list[Any]) -> Any:
        index, items = int(self.resolve(argument[0])), self.resolve(argument[1])
        if isinstance(items, Unknown):
            return items
        if not 0 <= index < len(items):
            raise validation_error(f"Template error: Fn::Select cannot select nonexistent value at index {index}")
        return items[index]

    def _split(self, argument: list[Any]) -> Any:
        text = self.resolve(argument[1])
        return text if isinstance(text, Unknown) else _text(text).split(argument[0])

    def _find_in_map(self, argument: list[Any]) -> Any:
        name, first, second = (self.resolve(item) for item in argument[:3])
        found = self._template.mappings.get(name, {}).get(first, {}).get(second)
        if found is None and len(argument) > 3 and "DefaultValue" in argument[3]:
            return self.resolve(argument[3]["DefaultValue"])
        if found is None:
            raise validation_error(f"Template error: Unable to get mapping for {name}::{first}::{second}")
        return self.resolve(found)

    def _import_value(self, argument: Any) -> Any:
        name = self.resolve(argument)
        return name if isinstance(name, Unknown) else self._scope.import_value(name)

    def _base64(self, argument: Any) -> Any:
        value = self.resolve(argument)
        return value if isinstance(value, Unknown) else base64.b64encode(_text(value).encode()).decode()

    def _cidr(self, argument: list[Any]) -> Any:
        block, count, bits = self.resolve(argument[0]), int(self.resolve(argument[1])), argument[2:] or [8]
        if isinstance(block, Unknown):
            return block
        network = ipaddress.ip_network(block)
        subnets = network.subnets(new_prefix=network.max_prefixlen - int(self.resolve(bits[0])))
        return [str(subnet) for subnet, _ in zip(subnets, range(count), strict=False)]

    def _get_azs(self, argument: Any) -> Any:
        return self._scope.availability_zones(self.resolve(argument) or "")

    def _to_json_string(self, argument: Any) -> Any:
        value = self.resolve(argument)
        found = unknowns(value)
        return Unknown(found) if found else json.dumps(value, separators=(",", ":"))


def unknowns(value: Any) -> frozenset[tuple[str, str | None]]:
    """Return the sources of all unknown values inside `value`."""
    if isinstance(value, Unknown):
        return value.sources
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return frozenset().union(*(unknowns(member) for member in members))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(_text(item) for item in value)
    return str(value)
