"""What SageMaker would refuse of a definition, and what would only fail hours into an execution: found at synthesis.

Works on the rendered document, so that every source of definitions goes through the same checks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

from cdk_sagemaker_mlops._errors import Problems, did_you_mean
from cdk_sagemaker_mlops._refs import is_token

VERSION = "2020-12-01"
STEP_NAME = r"[A-Za-z0-9\-_]{1,64}"
PARAMETER_NAME = r"[A-Za-z0-9\-_]{1,256}"
PARAMETER_TYPES = ("String", "Integer", "Float", "Boolean")
EXECUTION_VARIABLES = (
    "CurrentDateTime",
    "PipelineArn",
    "PipelineExecutionArn",
    "PipelineExecutionId",
    "PipelineName",
    "ProcessingJobName",
    "StartDateTime",
    "TrainingJobName",
)
_REFERENCE_KINDS = ("Steps", "Parameters", "Execution", "MLFlow")
_NAME_RULE = "allowed are 1 to 64 letters, digits, hyphens and underscores"
# How the CDK writes unresolved lists into data; JSON text has no place for a list that comes at deployment.
_LIST_TOKEN = "#{Token["  # noqa: S105


@dataclass
class Found:
    """A step of a definition, wherever it is nested.

    :ivar document: The step.
    :ivar parent: The condition that it hangs on.
    :ivar needs: Names of steps that have to end before.
    """

    document: Mapping[str, Any]
    parent: str | None
    needs: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """Name of the step."""
        return str(self.document.get("Name", ""))

    @property
    def type(self) -> str:
        """Type of the step."""
        return str(self.document.get("Type", ""))


def steps_of(document: Mapping[str, Any]) -> list[Found]:
    """All steps of a definition, those inside of conditions behind their condition."""
    return list(_walk(document.get("Steps") or (), None))


def definition_problems(document: Mapping[str, Any]) -> list[str]:
    """Everything that is wrong with a definition."""
    problems = Problems()
    version = document.get("Version")
    problems.require(version == VERSION, f'Version is "{version}", allowed is {VERSION}')
    found = steps_of(document)
    problems.require(bool(found), "the definition has no steps")
    parameters = _parameter_problems(document, problems)
    _name_problems(found, problems)
    _reference_problems(found, parameters, problems)
    _order_problems(found, problems)
    for step in found:
        _fields(step, problems)
    for path in _unwritable(document, ""):
        problems.add(
            f"{path} is a number or a list that only the deployment knows; a definition is text, so give it as text"
        )
    return list(problems.found())


def _walk(steps: Any, parent: str | None) -> Iterator[Found]:
    for step in steps:
        if not isinstance(step, Mapping):
            continue
        found = Found(step, parent)
        yield found
        if found.type == "Condition":
            arguments = step.get("Arguments") or {}
            for branch in ("IfSteps", "ElseSteps"):
                yield from _walk(arguments.get(branch) or (), found.name)


def _parameter_problems(document: Mapping[str, Any], problems: Problems) -> set[str]:
    names: set[str] = set()
    for parameter in document.get("Parameters") or ():
        name, kind = str(parameter.get("Name", "")), str(parameter.get("Type", ""))
        problems.matches("parameter", name, PARAMETER_NAME, "allowed are letters, digits, hyphens and underscores")
        problems.require(name not in names, f"parameter {name} is declared twice")
        names.add(name)
        problems.one_of(f"parameter {name}: Type", kind, PARAMETER_TYPES)
        default, allowed = parameter.get("DefaultValue"), parameter.get("EnumValues")
        problems.require(
            default is None or not allowed or default in allowed,
            f"parameter {name}: DefaultValue is {default!r}, allowed are {allowed}",
        )
    return names


def _name_problems(found: list[Found], problems: Problems) -> None:
    seen: set[str] = set()
    for step in found:
        problems.matches("step", step.name, STEP_NAME, _NAME_RULE)
        problems.require(step.name not in seen, f"two steps are called {step.name}; names are unique, nested ones too")
        seen.add(step.name)
        problems.require(bool(step.type), f"step {step.name} has no Type")


def _reference_problems(found: list[Found], parameters: set[str], problems: Problems) -> None:
    names = {step.name: step for step in found}
    for step in found:
        if step.parent:
            step.needs.add(step.parent)
        for other in step.document.get("DependsOn") or ():
            _need(step, str(other), names, problems, "depends on")
        for path in references(_own(step)):
            kind, _, rest = path.partition(".")
            target = re.split(r"[.\[]", rest)[0]
            if kind == "Steps":
                _need(step, target, names, problems, "refers to")
                problems.extend(_output_problems(step, path, names.get(target)))
            elif kind == "Parameters":
                problems.require(
                    target in parameters,
                    f"step {step.name} refers to parameter {target}, which is not declared"
                    f"{did_you_mean(target, parameters)}",
                )
            elif kind == "Execution":
                problems.one_of(f"step {step.name}: Execution variable", target, EXECUTION_VARIABLES)
            else:
                problems.one_of(f"step {step.name}: reference {path} begins", kind, _REFERENCE_KINDS)


def _need(step: Found, target: str, names: Mapping[str, Found], problems: Problems, verb: str) -> None:
    if target not in names:
        problems.add(f"step {step.name} {verb} step {target}, which does not exist{did_you_mean(target, names)}")
        return
    problems.require(
        names[target].type != "Fail", f"step {step.name} {verb} {target}, a Fail step, after which nothing runs"
    )
    step.needs.add(target)


def _output_problems(step: Found, path: str, target: Found | None) -> Iterator[str]:
    """References to property files and outputs that the other step does not have."""
    if target is None:
        return
    match = re.fullmatch(r"Steps\.[^.]+\.PropertyFiles\.(.+)", path)
    if match:
        files = [file.get("PropertyFileName") for file in target.document.get("PropertyFiles") or ()]
        if match[1] not in files:
            yield f"step {step.name} reads property file {match[1]} of {target.name}, which has {_listed(files)}"
    match = re.match(r"Steps\.[^.]+\.ProcessingOutputConfig\.Outputs\['(.+?)'\]", path)
    if match:
        config = (target.document.get("Arguments") or {}).get("ProcessingOutputConfig") or {}
        outputs = [output.get("OutputName") for output in config.get("Outputs") or ()]
        if match[1] not in outputs:
            yield f"step {step.name} uses output {match[1]} of {target.name}, which has {_listed(outputs)}"


def _listed(names: list[Any]) -> str:
    return ", ".join(map(str, names)) or "none"


def _own(step: Found) -> Mapping[str, Any]:
    """A step without the steps inside of it, whose references are their own."""
    if step.type != "Condition":
        return step.document
    arguments = {key: value for key, value in (step.document.get("Arguments") or {}).items() if key == "Conditions"}
    return {**step.document, "Arguments": arguments}


def references(value: Any) -> Iterator[str]:
    """Paths of all references in a part of a definition."""
    if isinstance(value, Mapping):
        if set(value) == {"Get"} and isinstance(value["Get"], str):
            yield value["Get"]
            return
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from references(inner)


def _order_problems(found: list[Found], problems: Problems) -> None:
    graph = {step.name: step.needs for step in found}
    # What a condition's branch needs, the branch waits for; the condition itself does not, unless it says so.
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        problems.add(f"steps wait for each other: {' -> '.join(reversed(error.args[1]))}")


_NEEDED: Mapping[str, tuple[str, ...]] = {
    "Processing": ("ProcessingResources", "AppSpecification", "RoleArn"),
    "Training": ("OutputDataConfig", "RoleArn"),
    "Tuning": ("HyperParameterTuningJobConfig",),
    "Transform": ("ModelName", "TransformInput", "TransformOutput", "TransformResources"),
    "Model": ("ExecutionRoleArn",),
    "RegisterModel": ("ModelPackageGroupName", "InferenceSpecification"),
    "AutoML": ("InputDataConfig", "OutputDataConfig", "RoleArn"),
    "Condition": ("Conditions",),
    "Fail": ("ErrorMessage",),
}
_NEEDED_BESIDE: Mapping[str, tuple[str, ...]] = {
    "Lambda": ("FunctionArn",),
    "Callback": ("SqsQueueUrl",),
    "QualityCheck": ("CheckType",),
    "ClarifyCheck": ("CheckType",),
}
_METADATA_TEXT = re.compile(r"[\w \u00a0.:/=+\-@]*")


def _fields(step: Found, problems: Problems) -> None:
    arguments = step.document.get("Arguments") or {}
    for key in _NEEDED.get(step.type, ()):
        problems.require(arguments.get(key) not in (None, []), f"step {step.name} ({step.type}) has no {key}")
    for key in _NEEDED_BESIDE.get(step.type, ()):
        problems.require(bool(step.document.get(key)), f"step {step.name} ({step.type}) has no {key}")
    for policy in step.document.get("RetryPolicies") or ():
        problems.between(f"step {step.name}: IntervalSeconds", policy.get("IntervalSeconds"), 1, 43200, "seconds")
    metadata = arguments.get("CustomerMetadataProperties") or {}
    problems.require(len(metadata) <= 50, f"step {step.name} has {len(metadata)} metadata properties, allowed are 50")
    for key, value in metadata.items():
        if isinstance(value, str) and not is_token(value):
            legal = 1 <= len(value) <= 256 and _METADATA_TEXT.fullmatch(value) is not None
            problems.require(
                legal,
                f'step {step.name}: metadata {key} is "{value}", allowed are 1 to 256 letters, digits, spaces and '
                "_ . : / = + - @",
            )


def _unwritable(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _unwritable(inner, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list | tuple):
        for position, inner in enumerate(value):
            yield from _unwritable(inner, f"{path}[{position}]")
    elif isinstance(value, str):
        if _LIST_TOKEN in value:
            yield path
    elif not isinstance(value, bool) and isinstance(value, int | float) and is_token(value):
        yield path
