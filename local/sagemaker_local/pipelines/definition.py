"""Reading a pipeline's definition: parameters, steps, what depends on what, and what is wrong with it.

The document is the one that SageMaker takes (version 2020-12-01); nothing in it is changed here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

VERSION = "2020-12-01"
TYPES = {"String": str, "Integer": int, "Float": float, "Boolean": bool}
STEP_TYPES = frozenset(
    (
        *("Processing", "Training", "Tuning", "Transform", "Model", "RegisterModel", "Condition", "Fail", "Lambda"),
        *("Callback", "QualityCheck", "ClarifyCheck", "EMR", "EMRServerless", "AutoML", "EndpointConfig", "Endpoint"),
        *("InferenceComponent", "Lineage", "ForEach", "Athena", "Cleanup", "HubContent", "Job"),
        *("BedrockCustomModel", "BedrockCustomModelDeployment", "BedrockProvisionedModelThroughput"),
        "BedrockModelImport",
    )
)
_NAME = re.compile(r"[A-Za-z0-9\-_]{1,64}")
_STEP = re.compile(r"Steps\.([A-Za-z0-9\-_]+)(.*)", re.DOTALL)


class Invalid(Exception):
    """A definition that SageMaker would not take; the message names every problem."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of a pipeline."""

    name: str
    type: str
    default: Any = None
    required: bool = True
    allowed: tuple[Any, ...] = ()


@dataclass(frozen=True)
class StepDefinition:
    """A step as the document has it."""

    name: str
    type: str
    document: dict[str, Any]
    needs: frozenset[str]
    """Names of the steps that have to be done before."""
    branches: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    """For conditions: names of the steps of either branch."""

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments, references included."""
        return dict(self.document.get("Arguments") or {})


@dataclass(frozen=True)
class Definition:
    """A pipeline's definition, read."""

    parameters: dict[str, Parameter]
    steps: dict[str, StepDefinition]
    """All of them, also those inside of conditions, in the document's order."""
    top: tuple[str, ...] = field(default=())
    """Names of the steps that no condition decides about."""


def read(text: str) -> Definition:
    """Read a definition.

    Raises:
        Invalid: naming everything that is wrong with it.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise Invalid(f"the definition is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise Invalid("the definition is not a JSON object")
    problems: list[str] = []
    if document.get("Version") != VERSION:
        problems.append(f"Version is {document.get('Version')!r}; it must be {VERSION!r}")
    parameters = {item.name: item for item in _parameters(document.get("Parameters") or [], problems)}
    steps: dict[str, StepDefinition] = {}
    listed = document.get("Steps")
    if not isinstance(listed, list) or not listed:
        problems.append("Steps is missing or empty")
        listed = []
    top = _collect(listed, steps, problems)
    _check_references(parameters, steps, problems)
    _check_cycles(steps, problems)
    if problems:
        raise Invalid("; ".join(problems))
    return Definition(parameters, steps, tuple(top))


def references(value: Any) -> Iterator[str]:
    """Return every reference (`{"Get": ...}`) in a value."""
    if isinstance(value, dict):
        if set(value) == {"Get"} and isinstance(value["Get"], str):
            yield value["Get"]
            return
        for member in value.values():
            yield from references(member)
    elif isinstance(value, list):
        for member in value:
            yield from references(member)


def step_of(reference: str) -> tuple[str, str] | None:
    """Return step name and path of a reference to a step's property."""
    match = _STEP.fullmatch(reference)
    return (match[1], match[2]) if match else None


def _parameters(items: list[Any], problems: list[str]) -> Iterator[Parameter]:
    seen: set[str] = set()
    for item in items:
        name, kind = item.get("Name"), item.get("Type")
        if not name or name in seen:
            problems.append(f"parameter {name!r} has no name, or one that is used twice")
            continue
        seen.add(name)
        if kind not in TYPES:
            problems.append(f"parameter {name} has Type {kind!r}; it must be one of {', '.join(TYPES)}")
            continue
        default, allowed = item.get("DefaultValue"), tuple(item.get("EnumValues") or ())
        if default is not None and not fits(default, kind):
            problems.append(f"parameter {name} has DefaultValue {default!r}, which is no {kind}")
        elif default is not None and allowed and default not in allowed:
            problems.append(f"parameter {name} has DefaultValue {default!r}, which is not one of its EnumValues")
        yield Parameter(name, kind, default, "DefaultValue" not in item, allowed)


def fits(value: Any, kind: str) -> bool:
    """Return whether a JSON value has a parameter's type."""
    if kind in ("Integer", "Float") and isinstance(value, bool):
        return False
    return isinstance(value, (int, float)) if kind == "Float" else isinstance(value, TYPES[kind])


def _collect(items: list[Any], steps: dict[str, StepDefinition], problems: list[str]) -> list[str]:
    names: list[str] = []
    for item in items:
        name, kind = item.get("Name"), item.get("Type")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            problems.append(f"a step has the Name {name!r}; it must have 1 to 64 of A-Z, a-z, 0-9, - and _")
            continue
        if name in steps:
            problems.append(f"the step name {name} is used twice")
            continue
        if kind not in STEP_TYPES:
            problems.append(f"step {name} has Type {kind!r}, which is no type of step")
            continue
        names.append(name)
        needs = set(item.get("DependsOn") or [])
        arguments = item.get("Arguments") or {}
        if kind == "Condition":
            needs |= _steps_in(arguments.get("Conditions"))
            steps[name] = StepDefinition(name, kind, item, frozenset())  # keeps the document's order
            taken = tuple(_collect(arguments.get("IfSteps") or [], steps, problems))
            other = tuple(_collect(arguments.get("ElseSteps") or [], steps, problems))
            steps[name] = StepDefinition(name, kind, item, frozenset(needs), (taken, other))
        else:
            needs |= _steps_in({key: value for key, value in item.items() if key != "DependsOn"})
            steps[name] = StepDefinition(name, kind, item, frozenset(needs))
    return names


def _steps_in(value: Any) -> set[str]:
    return {found[0] for reference in references(value) if (found := step_of(reference))}


def _check_references(parameters: dict[str, Parameter], steps: dict[str, StepDefinition], problems: list[str]) -> None:
    fails = {name for name, step in steps.items() if step.type == "Fail"}
    for step in steps.values():
        for other in sorted(step.needs):
            if other not in steps:
                problems.append(f"step {step.name} refers to step {other}, which the pipeline does not have")
            elif other in fails:
                problems.append(f"step {step.name} refers to step {other}, but nothing may depend on a Fail step")
        own = step.document
        if step.type == "Condition":
            own = {"Conditions": step.arguments.get("Conditions")}
        for reference in sorted(set(references(own))):
            head, _, rest = reference.partition(".")
            if head == "Parameters" and rest not in parameters:
                problems.append(f"step {step.name} refers to parameter {rest}, which the pipeline does not have")
            elif head not in ("Parameters", "Steps", "Execution"):
                problems.append(
                    f"step {step.name} has the reference {reference}; it must begin with Parameters, Steps or Execution"
                )


def _check_cycles(steps: dict[str, StepDefinition], problems: list[str]) -> None:
    above = {inner: step.name for step in steps.values() for branch in step.branches for inner in branch}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> bool:
        if name in path:
            problems.append(
                f"the steps {' -> '.join([*path[path.index(name) :], name])} depend on each other in a circle"
            )
            return True
        if name in done or name not in steps:
            return False
        needs = steps[name].needs | ({above[name]} if name in above else set())
        found = any(visit(other, (*path, name)) for other in sorted(needs))
        done.add(name)
        return found

    for name in steps:
        if visit(name, ()):
            return
