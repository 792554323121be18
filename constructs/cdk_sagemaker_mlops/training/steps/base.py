"""What all steps have in common: a name, an order, retries, caching, and arguments of an API call.

A step is thin on purpose. Its arguments are those of the SageMaker call that it stands for, under the call's own names
where there is nothing to improve: what AWS's documentation says of the call is true of the step.

https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-steps-types.html
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from cdk_sagemaker_mlops.training.values import Property, Value, render

if TYPE_CHECKING:
    from cdk_sagemaker_mlops._iam import Statement
    from cdk_sagemaker_mlops.functions import WheelSet

#: Texts that are known at synthesis, or values that the pipeline knows when it runs.
Text = str | Value


@dataclass(frozen=True, kw_only=True)
class JobNetwork:
    """Where jobs run and what they may reach.

    :param subnets: Ids of subnets. Default: - SageMaker's own network
    :param security_groups: Ids of security groups; needed with subnets.
    :param isolated: Containers reach nothing at all, not even S3; SageMaker moves the data. Default: False
    :param encrypt_traffic: Traffic between the containers of one job is encrypted. Default: False
    """

    subnets: Sequence[str] = ()
    security_groups: Sequence[str] = ()
    isolated: bool = False
    encrypt_traffic: bool = False

    @property
    def vpc(self) -> dict[str, Any] | None:
        """The VPC part; None without subnets."""
        if not self.subnets:
            return None
        return {"SecurityGroupIds": list(self.security_groups), "Subnets": list(self.subnets)}


class StepContext(Protocol):
    """What steps are rendered with: the pipeline's role for jobs, its place for files, its assets."""

    @property
    def role_arn(self) -> str:
        """Role of jobs that name none."""
        ...

    @property
    def artifacts_uri(self) -> str:
        """Where jobs write that name no place, without a slash at the end."""
        ...

    @property
    def network(self) -> JobNetwork | None:
        """Network of jobs that name none."""
        ...

    @property
    def volume_key_arn(self) -> str | None:
        """Key of volumes of jobs that name none."""
        ...

    @property
    def output_key_arn(self) -> str | None:
        """Key of what jobs write where they name none."""
        ...

    def upload(self, path: Path) -> str:
        """The S3 URI that a local file or folder has after deployment (a folder as a gzipped tar)."""
        ...

    def upload_tar(self, files: Mapping[str, bytes], display_name: str) -> str:
        """The S3 URI of files as a gzipped tar."""
        ...

    def upload_zip(self, files: Mapping[str, bytes], display_name: str) -> str:
        """The S3 URI of files as a zip."""
        ...

    def upload_wheels(self, wheels: WheelSet) -> str:
        """The S3 URI of third-party packages."""
        ...


@dataclass(frozen=True, kw_only=True)
class Retry:
    """Try a step again after failures of some kinds.

    https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-retry-policy.html

    :param on: e.g. `Step.SERVICE_FAULT`, `Step.THROTTLING`, `SageMaker.JOB_INTERNAL_ERROR`, `SageMaker.CAPACITY_ERROR`,
        `SageMaker.RESOURCE_LIMIT`. Default: faults and throttling of the service
    :param interval_seconds: Pause before the first retry. Default: 1
    :param backoff_rate: Factor of each further pause. Default: 2
    :param max_attempts: Default: 5, unless `expire_minutes` is given
    :param expire_minutes: Give up after this time instead.
    """

    on: Sequence[str] = ("Step.SERVICE_FAULT", "Step.THROTTLING")
    interval_seconds: int = 1
    backoff_rate: float = 2.0
    max_attempts: int | None = None
    expire_minutes: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The entry in the step's RetryPolicies."""
        limit = {"ExpireAfterMin": self.expire_minutes} if self.expire_minutes else {}
        if not limit or self.max_attempts:
            limit["MaxAttempts"] = self.max_attempts or 5
        return {
            "ExceptionType": list(self.on),
            "BackoffRate": self.backoff_rate,
            "IntervalSeconds": self.interval_seconds,
            **limit,
        }


@dataclass(frozen=True, kw_only=True)
class Step(ABC):
    """One step of a pipeline.

    :param name: Letters, digits, hyphens and underscores, at most 64, unique within the pipeline.
    :param depends_on: Steps that have to end before, besides those whose properties are used.
    :param display_name: Name in the console. Default: - the name
    :param description: Default: - none
    :param retry: When to try again. Default: - never
    :param cache: How long an execution with the same arguments stands for this one, as ISO duration such as `P7D`; not
        for every kind of step. Default: - no caching
    """

    type: ClassVar[str]

    name: str
    depends_on: Sequence[Step | str] = ()
    display_name: str | None = None
    description: str | None = None
    retry: Sequence[Retry] = ()
    cache: str | None = None

    @abstractmethod
    def arguments(self, context: StepContext) -> Mapping[str, Any] | None:
        """The request of the call that the step stands for."""

    def extras(self, context: StepContext) -> Mapping[str, Any]:
        """Keys of the step beside its arguments."""
        return {}

    def problems(self) -> Iterator[str]:
        """What is wrong with it that its JSON would not show, or that would keep it from being written."""
        yield from ()

    def statements(self) -> Sequence[Statement]:
        """What the pipeline's role needs for it that its JSON does not tell."""
        return ()

    def property(self, path: str) -> Property:
        """A property that later steps use, e.g. `ModelArtifacts.S3ModelArtifacts`."""
        return Property(f"Steps.{self.name}.{path}")

    def to_json(self, context: StepContext) -> dict[str, Any]:
        """The step as the definition writes it."""
        document: dict[str, Any] = {"Name": self.name, "Type": self.type}
        arguments = self.arguments(context)
        if arguments is not None:
            document["Arguments"] = render(arguments)
        if self.depends_on:
            document["DependsOn"] = [step if isinstance(step, str) else step.name for step in self.depends_on]
        if self.display_name:
            document["DisplayName"] = self.display_name
        if self.description:
            document["Description"] = self.description
        if self.cache:
            document["CacheConfig"] = {"Enabled": True, "ExpireAfter": self.cache}
        if self.retry:
            document["RetryPolicies"] = [policy.to_json() for policy in self.retry]
        extras: dict[str, Any] = render(self.extras(context))
        return document | extras


@dataclass(frozen=True, kw_only=True)
class Compute:
    """What a job runs on.

    :param instance_type: Default: ml.m5.xlarge
    :param instance_count: Default: 1
    :param volume_gb: Size of each instance's volume. Default: 30
    :param max_minutes: The job is stopped after this time. Default: 60
    """

    instance_type: Text = "ml.m5.xlarge"
    instance_count: int | Value = 1
    volume_gb: int = 30
    max_minutes: int = 60

    def cluster(self, context: StepContext) -> dict[str, Any]:
        """The cluster of a processing or training job."""
        return {
            "InstanceType": self.instance_type,
            "InstanceCount": self.instance_count,
            "VolumeSizeInGB": self.volume_gb,
            "VolumeKmsKeyId": context.volume_key_arn,
        }


def s3_source(uri: Text, *, content_type: Text | None = None, sharded: bool = False) -> dict[str, Any]:
    """A data source below a prefix, as training and transform channels have it."""
    return {
        "DataSource": {
            "S3DataSource": {
                "S3DataType": "S3Prefix",
                "S3Uri": uri,
                "S3DataDistributionType": "ShardedByS3Key" if sharded else "FullyReplicated",
            }
        },
        "ContentType": content_type,
    }
