"""Where a pipeline's definition comes from: steps, a document, a file, or the SageMaker SDK's pipeline object."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from .validation import VERSION
from .values import PipelineParameter

if TYPE_CHECKING:
    from constructs import Construct

    from cdk_sagemaker_mlops._iam import Statement

    from .steps import MlflowRun, Step, StepContext


class SdkPipeline(Protocol):
    """What of the SageMaker SDK's `Pipeline` is used; versions 2 and 3 have it."""

    def definition(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class SourceRequest:
    """What a pipeline tells the source of its definition.

    :param scope: The pipeline's construct.
    :param context: What steps are rendered with.
    :param name: Name of the pipeline.
    """

    scope: Construct
    context: StepContext
    name: str


@dataclass(frozen=True, kw_only=True)
class BoundDefinition:
    """A definition as a pipeline uses it.

    :param document: The definition.
    :param statements: What the pipeline's role needs besides what the document tells.
    :param job_statements: What the role of jobs needs besides what the document tells.
    """

    document: Mapping[str, Any]
    statements: Sequence[Statement] = ()
    job_statements: Sequence[Statement] = ()


class PipelineSource(ABC):
    """A strategy that gives a pipeline its definition."""

    def problems(self) -> list[str]:
        """What is wrong with it."""
        return []

    @abstractmethod
    def bind(self, request: SourceRequest) -> BoundDefinition:
        """The definition for one pipeline."""


class PipelineDefinition:
    """Sources of definitions.

    The SageMaker SDK is never imported here: whoever gives a pipeline object of it has imported it already.
    """

    @staticmethod
    def from_steps(
        steps: Sequence[Step], parameters: Sequence[PipelineParameter] = (), *, mlflow: MlflowRun | None = None
    ) -> PipelineSource:
        """Steps of this library.

        :param steps: The steps, in any order: what they use of each other says when they run.
        :param parameters: What executions may be started with. Default: - nothing
        :param mlflow: Log executions to SageMaker's managed MLflow. Default: - no
        """
        return _Steps(tuple(steps), tuple(parameters), mlflow)

    @staticmethod
    def from_document(document: Mapping[str, Any] | str) -> PipelineSource:
        """A definition as SageMaker takes it: data, or JSON text.

        :param document: The definition; texts in it may be tokens.
        """
        return _Document(document)

    @staticmethod
    def from_file(path: str | Path) -> PipelineSource:
        """A definition in a JSON file.

        :param path: Path of the file, from the working directory if it is relative.
        """
        return _File(Path(path))

    @staticmethod
    def from_sdk(pipeline: SdkPipeline) -> PipelineSource:
        """A `sagemaker.workflow.pipeline.Pipeline` (SDK 2) or `sagemaker.mlops.workflow.pipeline.Pipeline` (SDK 3).

        Make it with a `PipelineSession` or `LocalPipelineSession` that neither uploads nor asks: scripts have to be S3
        URIs, or the SDK would upload them while the app is synthesised.

        :param pipeline: The pipeline.
        """
        return _Sdk(pipeline)


@dataclass(frozen=True)
class _Steps(PipelineSource):
    steps: tuple[Step, ...]
    parameters: tuple[PipelineParameter, ...]
    mlflow: MlflowRun | None = None

    def problems(self) -> list[str]:
        return [problem for step in self.steps for problem in step.problems()]

    def bind(self, request: SourceRequest) -> BoundDefinition:
        document: dict[str, Any] = {
            "Version": VERSION,
            "Metadata": {},
            "Parameters": [parameter.declaration() for parameter in self.parameters],
            "Steps": [step.to_json(request.context) for step in self.steps],
        }
        if self.mlflow:
            document["MlflowConfig"] = self.mlflow.to_json()
        return BoundDefinition(
            document=document, statements=[statement for step in self.steps for statement in step.statements()]
        )


@dataclass(frozen=True)
class _Document(PipelineSource):
    document: Mapping[str, Any] | str

    def problems(self) -> list[str]:
        return _json_problems(self.document, "the definition") if isinstance(self.document, str) else []

    def bind(self, request: SourceRequest) -> BoundDefinition:
        document = json.loads(self.document) if isinstance(self.document, str) else self.document
        return BoundDefinition(document=document)


@dataclass(frozen=True)
class _File(PipelineSource):
    path: Path

    def problems(self) -> list[str]:
        try:
            text = self.path.read_text(encoding="utf-8")
        except OSError as error:
            return [f"the definition {self.path} cannot be read: {error.strerror}"]
        return _json_problems(text, str(self.path))

    def bind(self, request: SourceRequest) -> BoundDefinition:
        return BoundDefinition(document=json.loads(self.path.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class _Sdk(PipelineSource):
    pipeline: SdkPipeline

    def problems(self) -> list[str]:
        if not callable(getattr(self.pipeline, "definition", None)):
            return [
                f"the pipeline is {type(self.pipeline).__name__}, allowed are pipeline objects of the SageMaker SDK, "
                "which have definition()"
            ]
        return []

    def bind(self, request: SourceRequest) -> BoundDefinition:
        return BoundDefinition(document=json.loads(self.pipeline.definition()))


def _json_problems(text: str, what: str) -> list[str]:
    try:
        document = json.loads(text)
    except ValueError as error:
        return [f"{what} is not JSON: {error}"]
    if not isinstance(document, dict):
        return [f"{what} is a JSON {type(document).__name__}, allowed is an object with Version and Steps"]
    return []
