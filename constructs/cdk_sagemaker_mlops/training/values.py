"""Values that a pipeline knows only when it runs: parameters, properties of steps, variables of the execution.

They are written into the definition as JSON objects, wherever a plain value could stand. Text that is put together from
them needs :class:`Join`; an f-string would write the object's representation into the definition as literal text.

https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-access.html
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


class Value(ABC):
    """Something that has its value when the pipeline runs."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """How the definition writes it."""

    def __format__(self, specification: str) -> str:
        raise TypeError(
            f"{type(self).__name__} has no text before the pipeline runs; put text together with Join instead of an "
            "f-string"
        )


@dataclass(frozen=True)
class Property(Value):
    """A property of a step's job, as its `Describe` call answers it; see :meth:`Step.property`.

    :param path: e.g. `Steps.Train.ModelArtifacts.S3ModelArtifacts`.
    """

    path: str

    def to_json(self) -> dict[str, Any]:
        return {"Get": self.path}


@dataclass(frozen=True)
class ExecutionVariable(Value):
    """What is known of the execution itself."""

    name: str

    EXECUTION_ID: ClassVar[ExecutionVariable]
    EXECUTION_ARN: ClassVar[ExecutionVariable]
    PIPELINE_NAME: ClassVar[ExecutionVariable]
    PIPELINE_ARN: ClassVar[ExecutionVariable]
    START_TIME: ClassVar[ExecutionVariable]

    def to_json(self) -> dict[str, Any]:
        return {"Get": f"Execution.{self.name}"}


ExecutionVariable.EXECUTION_ID = ExecutionVariable("PipelineExecutionId")
ExecutionVariable.EXECUTION_ARN = ExecutionVariable("PipelineExecutionArn")
ExecutionVariable.PIPELINE_NAME = ExecutionVariable("PipelineName")
ExecutionVariable.PIPELINE_ARN = ExecutionVariable("PipelineArn")
ExecutionVariable.START_TIME = ExecutionVariable("StartDateTime")


@dataclass(frozen=True)
class PipelineParameter(Value):
    """A parameter that every execution may be started with.

    :param name: Letters, digits, hyphens and underscores.
    :param default: Value of executions that say nothing. Default: - none, and every execution has to give one
    :param type: String, Integer, Float or Boolean. Default: - the default's type, else String
    :param allowed: The only values. Default: - any
    """

    name: str
    default: str | int | float | bool | None = None
    type: str = ""
    allowed: Sequence[str | int | float] = ()

    @property
    def kind(self) -> str:
        """The type that the definition declares."""
        if self.type or self.default is None:
            return self.type or "String"
        # bool before int: a bool is an int in Python.
        for kind, of in (("Boolean", bool), ("Integer", int), ("Float", float)):
            if isinstance(self.default, of):
                return kind
        return "String"

    def to_json(self) -> dict[str, Any]:
        return {"Get": f"Parameters.{self.name}"}

    def declaration(self) -> dict[str, Any]:
        """Its entry among the definition's parameters."""
        declared: dict[str, Any] = {"Name": self.name, "Type": self.kind}
        if self.default is not None:
            declared["DefaultValue"] = self.default
        if self.allowed:
            declared["EnumValues"] = list(self.allowed)
        return declared


@dataclass(frozen=True)
class Join(Value):
    """Text put together when the pipeline runs.

    :param values: Texts and other values.
    :param on: What stands between them. Default: nothing
    """

    values: Sequence[Any]
    on: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"Std:Join": {"On": self.on, "Values": render(list(self.values))}}


@dataclass(frozen=True)
class JsonGet(Value):
    """A value out of a JSON file that a processing step wrote; for conditions.

    :param step: Name of the step.
    :param property_file: Name of its property file.
    :param path: Where in the file: `binary_classification_metrics.auc.value`.
    """

    step: str
    property_file: str
    path: str

    def to_json(self) -> dict[str, Any]:
        reference = {"Get": f"Steps.{self.step}.PropertyFiles.{self.property_file}"}
        return {"Std:JsonGet": {"PropertyFile": reference, "Path": self.path}}


def render(value: Any) -> Any:
    """A value, and whatever is in it, as JSON data; keys without a value are left out."""
    if isinstance(value, Value):
        return value.to_json()
    if isinstance(value, Mapping):
        return {key: render(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [render(inner) for inner in value]
    return value
