"""How a batch transform job goes about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ._errors import Problems
from .transform_job import SplitType

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html
# The first one is for the product of payload and concurrency.
_MAX_PAYLOAD_MB = 100
_FILTER_LIMIT = 63
_MAX_VARIABLES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformSettings:
    """How a job goes about it.

    :param instance_type: Instance type. Default: `ml.m5.large`.
    :param instance_count: Instances; objects are shared out among them. Default: 1.
    :param max_payload_mb: Largest request to the container, 0 to 100 MB; 0 for no limit, with chunked encoding.
        Default: - SageMaker's, 6.
    :param max_concurrent: Requests that an instance is given at once. Default: - what the container says, or 1.
    :param many_records: Put as many records into a request as fit. Default: - SageMaker's choice.
    :param environment: Variables of the container, at most 16. Default: - none.
    :param input_filter: JSONPath of what the model gets of a record, such as `$[1:]`. Default: - all of it.
    :param join_input: Put each record before its answer. Default: False.
    :param output_filter: JSONPath of what is kept of the joined record. Default: - all of it.
    :param timeout_seconds: How long a request may take, 1 to 3600. Default: - SageMaker's, 600.
    :param retries: How often a request is repeated, 0 to 3. Default: - SageMaker's, 3.
    """

    instance_type: str = "ml.m5.large"
    instance_count: int = 1
    max_payload_mb: int | None = None
    max_concurrent: int | None = None
    many_records: bool | None = None
    environment: Mapping[str, str] | None = None
    input_filter: str | None = None
    join_input: bool = False
    output_filter: str | None = None
    timeout_seconds: int | None = None
    retries: int | None = None

    def problems(self, split: SplitType) -> Iterable[str]:
        """Say what SageMaker would refuse.

        :param split: Where the job's input is cut into records.
        """
        problems = Problems()
        problems.require(
            self.instance_count >= 1, f"instance_count is {self.instance_count}, at least 1 instance is needed"
        )
        problems.between("max_payload_mb", self.max_payload_mb, 0, _MAX_PAYLOAD_MB, "MB")
        at_once = (self.max_payload_mb or 0) * (self.max_concurrent or 1)
        problems.require(
            at_once <= _MAX_PAYLOAD_MB,
            f"max_payload_mb times max_concurrent is {at_once} MB, allowed are {_MAX_PAYLOAD_MB}; lower one of them",
        )
        problems.require(
            not self.many_records or split is not SplitType.NONE,
            "many_records is True, but the input is not cut into records; give it split=SplitType.LINE or another",
        )
        variables = len(self.environment or {})
        problems.require(
            variables <= _MAX_VARIABLES, f"environment holds {variables} variables, allowed are {_MAX_VARIABLES}"
        )
        for prop in ("input_filter", "output_filter"):
            text = getattr(self, prop)
            problems.require(
                text is None or len(text) <= _FILTER_LIMIT,
                f"{prop} has {len(text or '')} characters, allowed are {_FILTER_LIMIT}",
            )
        problems.require(
            self.output_filter is None or self.join_input,
            "output_filter is given without join_input; it chooses from the joined record, so set join_input=True",
        )
        problems.between("timeout_seconds", self.timeout_seconds, 1, 3600, "seconds")
        problems.between("retries", self.retries, 0, 3)
        return problems.found()

    def render(self, volume_key: str | None) -> dict[str, Any]:
        """The request's part.

        :param volume_key: ARN of the key of the instances' volumes.
        """
        resources: dict[str, Any] = {"InstanceType": self.instance_type, "InstanceCount": self.instance_count}
        if volume_key:
            resources["VolumeKmsKeyId"] = volume_key
        client = {"InvocationsTimeoutInSeconds": self.timeout_seconds, "InvocationsMaxRetries": self.retries}
        processing = {
            "InputFilter": self.input_filter,
            "OutputFilter": self.output_filter,
            "JoinSource": "Input" if self.join_input else None,
        }
        strategy = None if self.many_records is None else ("MultiRecord" if self.many_records else "SingleRecord")
        optional: dict[str, Any] = {
            "MaxPayloadInMB": self.max_payload_mb,
            "MaxConcurrentTransforms": self.max_concurrent,
            "BatchStrategy": strategy,
            "Environment": dict(self.environment or {}) or None,
            "ModelClientConfig": _given(client) or None,
            "DataProcessing": _given(processing) or None,
        }
        return {"TransformResources": resources, **_given(optional)}


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
