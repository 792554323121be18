"""Labelling jobs of Ground Truth and compilation jobs of Neo: started, looked at, stopped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from shared.clients import error_code

_LONGEST_NAME = 63


@dataclass(frozen=True)
class Kind:
    """A kind of jobs.

    :ivar method: boto3's word for it.
    :ivar prefix: Beginning of its members: `<prefix>Name`, `<prefix>Status`.
    :ivar output: Members that lead to the S3 URI of what it made.
    """

    method: str
    prefix: str
    output: tuple[str, str]


KINDS: Mapping[str, Kind] = {
    "labeling": Kind("labeling_job", "LabelingJob", ("LabelingJobOutput", "OutputDatasetS3Uri")),
    "compilation": Kind("compilation_job", "CompilationJob", ("ModelArtifacts", "S3ModelArtifacts")),
}
_ENDED_WELL, _ENDED_BADLY = "completed", ("failed", "stopped")


@dataclass(frozen=True)
class State:
    """How a job is.

    :ivar over: Whether it has ended.
    :ivar uri: What it made, if it ended well.
    :ivar reason: Why it did not.
    """

    over: bool
    uri: str = ""
    reason: str = ""


class Jobs:
    """Jobs of both kinds."""

    def __init__(self, sagemaker: Any) -> None:
        self._sagemaker = sagemaker

    def look(self, kind: Kind, name: str, request: str) -> State:
        """Start a job unless it was started, and say how it is.

        :param request: The request without the name, as JSON.
        :raises ValueError: The request is no JSON object.
        :raises ClientError: SageMaker refuses it.
        """
        try:
            found = self._describe(kind, name)
        except ClientError as error:
            if error_code(error) != "ResourceNotFound":
                raise
            self._create(kind, name, request)
            return State(over=False)
        status = str(found[f"{kind.prefix}Status"]).lower()
        if status == _ENDED_WELL:
            section, member = kind.output
            return State(over=True, uri=str((found.get(section) or {}).get(member, "")))
        if status in _ENDED_BADLY:
            return State(over=True, reason=found.get("FailureReason") or f"the job {name} was {status}")
        return State(over=False)

    def stop(self, kind: Kind, name: str) -> None:
        """Stop a job, if there is one that can be stopped."""
        try:
            getattr(self._sagemaker, f"stop_{kind.method}")(**{f"{kind.prefix}Name": name})
        except ClientError as error:
            if error_code(error) not in ("ResourceNotFound", "ValidationException"):
                raise

    def _describe(self, kind: Kind, name: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = getattr(self._sagemaker, f"describe_{kind.method}")(**{f"{kind.prefix}Name": name})
        return found

    def _create(self, kind: Kind, name: str, request: str) -> None:
        document = json.loads(request)
        if not isinstance(document, dict):
            # Wrong text, as far as whoever gave it is concerned.
            raise ValueError(f"the request of {name} is no JSON object")  # noqa: TRY004
        try:
            getattr(self._sagemaker, f"create_{kind.method}")(**{**document, f"{kind.prefix}Name": name})
        except ClientError as error:
            # Two looks at the same time: one of them has made it.
            if error_code(error) != "ResourceInUse":
                raise


def name_of(execution_arn: str, token: str) -> str:
    """Name of a step's job: the same at every look, since the token is the step's."""
    pipeline = execution_arn.partition(":pipeline/")[2].partition("/")[0] or "pipeline"
    return f"{pipeline[: _LONGEST_NAME - len(token) - 1]}-{token}"
