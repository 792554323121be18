"""Turns a template of the library into the program that somebody would have written without the library.

The program defines the same resources with bare L1 constructs and property structs, reads each reference once and does
nothing else: the floor for any CDK library in Python. It is generated from the library's own template, so that the two
cannot drift apart, and its templates are compared with the library's, resource by resource.
"""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Iterator
from typing import Any

PSEUDO = {
    "AWS::Region": "REGION",
    "AWS::AccountId": "ACCOUNT_ID",
    "AWS::Partition": "PARTITION",
    "AWS::StackName": "STACK_NAME",
    "AWS::StackId": "STACK_ID",
    "AWS::URLSuffix": "URL_SUFFIX",
    "AWS::NoValue": "NO_VALUE",
}

INTRINSICS = ("Ref", "Fn::GetAtt", "Fn::Join", "Fn::Sub", "Fn::If", "Fn::Select", "Fn::ImportValue", "Fn::FindInMap")

# Names of aws_cdk's modules where they are not the service's own in lower case.
MODULES = {"ApplicationAutoScaling": "applicationautoscaling", "Lambda": "lambda", "SecretsManager": "secretsmanager"}

# A model's number in generated text: `0007` becomes the value of the loop.
FIRST = "0000"


def index_text(text: str) -> str:
    """A Python string expression; the first model's number becomes the function's argument."""
    if FIRST in text:
        return "f" + repr(text.replace("{", "{{").replace("}", "}}")).replace(FIRST, "{i:04d}")
    return repr(text)


@functools.cache
def resource_class(resource_type: str) -> tuple[str, str, type]:
    """Module, class name and class of a CloudFormation type."""
    _, service, name = resource_type.split("::")
    module = f"aws_{MODULES.get(service, service.lower())}"
    loaded = importlib.import_module(f"aws_cdk.{module}")
    return module, f"Cfn{name}", getattr(loaded, f"Cfn{name}")


@functools.cache
def arguments(cls: type) -> dict[str, tuple[str, str]]:
    """CloudFormation name (lower case) -> (Python argument, its annotation) of a construct or property struct."""
    hints = {name: str(hint) for name, hint in cls.__init__.__annotations__.items()}  # type: ignore[misc]
    return {name.rstrip("_").replace("_", ""): (name, hint) for name, hint in hints.items()}


def attribute_name(cls: type, name: str) -> str:
    """The Python property of a `Fn::GetAtt` attribute."""
    wanted = "attr" + name.replace(".", "").lower()
    return next(found for found in dir(cls) if found.replace("_", "") == wanted)


class Generator:
    """Writes one function for what a stack holds once and one for what it holds per model.

    :param template: A template of the library with one model, number 0000.
    """

    def __init__(self, template: dict[str, Any]) -> None:
        self._resources: dict[str, Any] = template["Resources"]
        self._parameters: dict[str, Any] = template.get("Parameters", {})
        self._conditions: dict[str, Any] = template.get("Conditions", {})
        self._mappings: dict[str, Any] = template.get("Mappings", {})
        self._model_ids = [logical_id for logical_id in self._resources if FIRST in logical_id]
        self._shared_ids = [logical_id for logical_id in self._resources if FIRST not in logical_id]
        self._modules: set[str] = set()
        self._pseudo: set[str] = set()
        self._lines: list[str] = []
        self._read: dict[str, str] = {}
        self._variables: dict[str, str] = {}
        self._shared_reads: dict[tuple[str, str | None], str] = {}

    def program(self) -> str:
        """Source of a module with `shared(stack)` and `model(stack, i, known)`."""
        model = self._function("model(stack, i, known)", self._model_ids, "f'M{{i:04d}}R{:02d}'", parameters=True)
        shared = self._function("shared(stack)", self._shared_ids, "'S{:02d}'", parameters=False)
        for (logical_id, attribute), name in self._shared_reads.items():
            self._lines.append(f"{name} = {self._reading(logical_id, attribute)}")
        for name, mapping in self._mappings.items():
            self._lines.append(f"cdk.CfnMapping(stack, {name!r}, mapping={mapping!r})")
        shared = self._rendered("shared(stack)")
        shared += "    return (" + "".join(f"{name}, " for name in self._shared_reads.values()) + ")\n"
        unpacked = "".join(f"{name}, " for name in self._shared_reads.values())
        if unpacked:
            model = model.replace("known):\n", f"known):\n    ({unpacked}) = known\n", 1)
        imports = "".join(f"from aws_cdk import {module}\n" for module in sorted(self._modules))
        constants = "".join(f"{name} = cdk.Aws.{name}\n" for name in sorted(self._pseudo))
        return f"import aws_cdk as cdk\n{imports}\n{constants}\n\n{shared}\n\n{model}"

    def _function(self, signature: str, ids: list[str], construct_id: str, *, parameters: bool) -> str:
        self._lines, self._read = [], {}
        self._variables = {logical_id: f"r{number}" for number, logical_id in enumerate(ids)}
        if parameters:
            self._define_parameters()
        for logical_id in self._ordered(ids):
            self._define(logical_id, construct_id.format(ids.index(logical_id)))
        return self._rendered(signature)

    def _rendered(self, signature: str) -> str:
        return f"def {signature}:\n" + "".join(f"    {line}\n" for line in self._lines)

    def _define_parameters(self) -> None:
        for name, parameter in self._parameters.items():
            if FIRST in name:
                properties = ", ".join(f"{snake(key)}={self._json(value)}" for key, value in parameter.items())
                self._lines.append(
                    f"p{len(self._variables)} = cdk.CfnParameter(stack, {index_text(name)}, {properties})"
                )
                self._variables[name] = f"p{len(self._variables)}"
        for name, expression in self._conditions.items():
            (compared,) = expression["Fn::Not"]
            left, right = compared["Fn::Equals"]
            rendered = f"cdk.Fn.condition_not(cdk.Fn.condition_equals({self._json(left)}, {self._json(right)}))"
            self._lines.append(f"cdk.CfnCondition(stack, {index_text(name)}, expression={rendered})")

    def _ordered(self, ids: list[str]) -> Iterator[str]:
        """What is referred to comes first."""
        done: set[str] = set()

        def visit(logical_id: str) -> Iterator[str]:
            if logical_id in done:
                return
            done.add(logical_id)
            for other in sorted(references(self._resources[logical_id]) & set(ids), key=ids.index):
                yield from visit(other)
            yield logical_id

        for logical_id in ids:
            yield from visit(logical_id)

    def _define(self, logical_id: str, construct_id: str) -> None:
        resource = self._resources[logical_id]
        name = self._variables[logical_id]
        module, class_name, cls = resource_class(resource["Type"])
        self._modules.add(module)
        rendered = self._arguments(cls, resource.get("Properties", {}))
        self._lines.append(f"{name} = {module}.{class_name}(stack, {construct_id}, {rendered})")
        if "Condition" in resource:
            # One call; `cfn_options.condition = …` would be two.
            self._lines.append(f"{name}.add_override('Condition', {index_text(resource['Condition'])})")
        for other in resource.get("DependsOn", []):
            self._lines.append(f"{name}.add_dependency({self._variables[other]})")
        for key, value in resource.get("Metadata", {}).items():
            self._lines.append(f"{name}.add_metadata({key!r}, {self._json(value)})")
        if "DeletionPolicy" in resource:
            policy = {"Retain": "RETAIN", "Delete": "DESTROY"}[resource["DeletionPolicy"]]
            self._lines.append(f"{name}.apply_removal_policy(cdk.RemovalPolicy.{policy})")

    def _arguments(self, cls: type, properties: dict[str, Any]) -> str:
        known = arguments(cls)
        return ", ".join(
            f"{known[key.lower()][0]}={self._value(value, known[key.lower()][1])}" for key, value in properties.items()
        )

    def _value(self, value: Any, hint: str) -> str:
        """A property: a struct where its annotation names one, so that typing errors cannot pass."""
        struct = re.search(r"(?:_aws_(\w+?)_[0-9a-f]{8}\.)?Cfn(\w+)\.(\w+Property)\b", hint)
        if struct and isinstance(value, dict) and not is_intrinsic(value):
            module = next(module for module in sorted(self._modules) if owns(module, struct[2], struct[3]))
            cls = getattr(getattr(importlib.import_module(f"aws_cdk.{module}"), f"Cfn{struct[2]}"), struct[3])
            return f"{module}.Cfn{struct[2]}.{struct[3]}({self._arguments(cls, value)})"
        if isinstance(value, list):
            return "[" + ", ".join(self._value(item, hint) for item in value) + "]"
        if isinstance(value, dict) and value.get("Ref") in self._parameters and "bool" in hint:
            return f"{self._variables[value['Ref']]}.value"
        return self._json(value)

    def _json(self, value: Any) -> str:
        """Anything that is no struct: literals, documents, references."""
        if isinstance(value, str):
            return index_text(value)
        if isinstance(value, list):
            return "[" + ", ".join(self._json(item) for item in value) + "]"
        if isinstance(value, dict):
            if is_intrinsic(value):
                return self._intrinsic(*next(iter(value.items())))
            return "{" + ", ".join(f"{index_text(key)}: {self._json(item)}" for key, item in value.items()) + "}"
        return repr(value)

    def _intrinsic(self, function: str, operand: Any) -> str:
        if function == "Ref":
            return self._reference(operand, None)
        if function == "Fn::GetAtt":
            return self._reference(operand[0], operand[1])
        if function == "Fn::Join" and operand[0] == "":
            return " + ".join(self._json(part) for part in operand[1])
        if function == "Fn::Sub":
            return f"cdk.Fn.sub({self._json(operand)})"
        if function == "Fn::FindInMap":
            return f"cdk.Fn.find_in_map({', '.join(self._json(part) for part in operand)})"
        raise ValueError(f"the benchmark does not know {function}")

    def _reference(self, logical_id: str, attribute: str | None) -> str:
        if logical_id in PSEUDO:
            self._pseudo.add(PSEUDO[logical_id])
            return PSEUDO[logical_id]
        if logical_id in self._shared_ids and logical_id not in self._variables:
            return self._shared_reads.setdefault((logical_id, attribute), f"k{len(self._shared_reads)}")
        expression = self._reading(logical_id, attribute)
        if expression not in self._read:
            self._read[expression] = f"v{len(self._read)}"
            self._lines.append(f"{self._read[expression]} = {expression}")
        return self._read[expression]

    def _reading(self, logical_id: str, attribute: str | None) -> str:
        if logical_id in self._parameters:
            return f"{self._variables[logical_id]}.value_as_string"
        if attribute is None:
            return f"{self._variables[logical_id]}.ref"
        _, _, cls = resource_class(self._resources[logical_id]["Type"])
        return f"{self._variables[logical_id]}.{attribute_name(cls, attribute)}"


def snake(name: str) -> str:
    """`AllowedValues` as `allowed_values`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def owns(module: str, owner: str, struct: str) -> bool:
    """Whether a module of aws_cdk has the construct with the struct."""
    return hasattr(getattr(importlib.import_module(f"aws_cdk.{module}"), f"Cfn{owner}", None), struct)


def is_intrinsic(value: dict[str, Any]) -> bool:
    """Whether a document is a single function call such as `{"Ref": …}`."""
    return len(value) == 1 and next(iter(value)) in INTRINSICS


def references(value: Any) -> set[str]:
    """Logical ids that a resource refers to or depends on."""
    found: set[str] = set()
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "Ref" and isinstance(inner, str):
                found.add(inner)
            elif key == "Fn::GetAtt":
                found.add(inner[0])
            elif key == "DependsOn":
                found.update([inner] if isinstance(inner, str) else inner)
            else:
                found |= references(inner)
    elif isinstance(value, list):
        for inner in value:
            found |= references(inner)
    return found


def normalised(template: dict[str, Any]) -> dict[str, Any]:
    """A template whose logical ids of resources are their model's number and their position in it."""
    spelling: dict[str, str] = {}
    counts: dict[str, int] = {}
    for logical_id in template["Resources"]:
        number = re.search(r"[0-9]{4}", logical_id)
        group = f"M{number[0]}R" if number else "S"
        spelling[logical_id] = f"{group}{counts.setdefault(group, 0):02d}"
        counts[group] += 1
    if any(re.fullmatch(r"M[0-9]{4}R[0-9]{2}|S[0-9]{2}", logical_id) for logical_id in template["Resources"]):
        spelling = {logical_id: logical_id for logical_id in spelling}

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {spelling.get(key, key): renamed(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [renamed(inner) for inner in value]
        return spelling.get(value, value) if isinstance(value, str) else value

    result: dict[str, Any] = renamed(template)
    return result
