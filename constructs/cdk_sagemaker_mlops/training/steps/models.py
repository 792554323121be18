"""Steps about trained models: register a version, make a model, transform data in a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from .base import Compute, Step, StepContext, Text, s3_source


@dataclass(frozen=True, kw_only=True)
class ModelContainer:
    """What serves a model.

    :param image: Image of the container.
    :param model_uri: The model archive.
    :param environment: Environment variables.
    """

    image: Text
    model_uri: Text
    environment: Mapping[str, Text] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The container in a request."""
        return {"Image": self.image, "ModelDataUrl": self.model_uri, "Environment": dict(self.environment) or None}


@dataclass(frozen=True, kw_only=True)
class Reports:
    """Files about a version that its registry entry names, as URIs. Each is optional.

    :param data_quality: Statistics and constraints of its data.
    :param model_quality: Statistics (or an evaluation report) and constraints of its quality.
    :param bias: Bias report.
    :param bias_pre_training: Bias report of the labels alone.
    :param explainability: Attribution report.
    """

    data_quality: tuple[Text | None, Text | None] = (None, None)
    model_quality: tuple[Text | None, Text | None] = (None, None)
    bias: Text | None = None
    bias_pre_training: Text | None = None
    explainability: Text | None = None

    def metrics(self) -> dict[str, Any] | None:
        """As `ModelMetrics`."""
        return _present(
            ModelDataQuality=_quality(self.data_quality),
            ModelQuality=_quality(self.model_quality),
            Bias=_present(Report=_file(self.bias), PreTrainingReport=_file(self.bias_pre_training)),
            Explainability=_present(Report=_file(self.explainability)),
        )

    def baselines(self) -> dict[str, Any] | None:
        """As `DriftCheckBaselines`, where an analysis is its own constraints."""
        return _present(
            ModelDataQuality=_quality(self.data_quality),
            ModelQuality=_quality(self.model_quality),
            Bias=_present(
                PostTrainingConstraints=_file(self.bias), PreTrainingConstraints=_file(self.bias_pre_training)
            ),
            Explainability=_present(Constraints=_file(self.explainability)),
        )


@dataclass(frozen=True, kw_only=True)
class RegisterStep(Step):
    """Registers a version in a model package group.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModelPackage.html

    :param group: Name of the group.
    :param containers: What serves it, in the order of an inference pipeline.
    :param approval: PendingManualApproval, Approved or Rejected. Default: PendingManualApproval
    :param content_types: What it takes. Default: text/csv
    :param response_types: What it answers. Default: text/csv
    :param instance_types: What it runs on. Default: ml.m5.large and ml.m5.xlarge
    :param metrics: Reports that people see beside the version.
    :param baselines: Baselines that its monitors compare with.
    :param properties: What else is worth knowing, at most 50 entries; letters, digits, spaces and `_.:/=+-@`.
    :param generated_by: What made it, for lineage: the execution's ARN.
    :param version_description: Description of the version. Default: - none
    """

    type: ClassVar[str] = "RegisterModel"

    group: Text
    containers: Sequence[ModelContainer]
    approval: Text = "PendingManualApproval"
    content_types: Sequence[str] = ("text/csv",)
    response_types: Sequence[str] = ("text/csv",)
    instance_types: Sequence[str] = ("ml.m5.large", "ml.m5.xlarge")
    metrics: Reports | None = None
    baselines: Reports | None = None
    properties: Mapping[str, Text] = field(default_factory=dict)
    generated_by: Text | None = None
    version_description: str | None = None

    def arguments(self, context: StepContext) -> Mapping[str, Any]:
        return {
            "ModelPackageGroupName": self.group,
            "ModelPackageDescription": self.version_description,
            "ModelApprovalStatus": self.approval,
            "ModelMetrics": self.metrics.metrics() if self.metrics else None,
            "DriftCheckBaselines": self.baselines.baselines() if self.baselines else None,
            "MetadataProperties": {"GeneratedBy": self.generated_by} if self.generated_by else None,
            "CustomerMetadataProperties": dict(self.properties) or None,
            "InferenceSpecification": {
                "Containers": [container.to_json() for container in self.containers],
                "SupportedContentTypes": list(self.content_types),
                "SupportedResponseMIMETypes": list(self.response_types),
                "SupportedRealtimeInferenceInstanceTypes": list(self.instance_types),
                "SupportedTransformInstanceTypes": list(self.instance_types),
            },
        }


@dataclass(frozen=True, kw_only=True)
class ModelStep(Step):
    """Makes a SageMaker model, for a transform step.

    :param containers: What serves it.
    :param role_arn: Role of the model. Default: - the pipeline's role for jobs
    """

    type: ClassVar[str] = "Model"

    containers: Sequence[ModelContainer]
    role_arn: Text | None = None

    def arguments(self, context: StepContext) -> Mapping[str, Any]:
        several = len(self.containers) > 1
        containers = [container.to_json() for container in self.containers]
        network = context.network
        return {
            "ExecutionRoleArn": self.role_arn or context.role_arn,
            "PrimaryContainer": None if several else containers[0],
            "Containers": containers if several else None,
            "VpcConfig": network.vpc if network else None,
        }


@dataclass(frozen=True, kw_only=True)
class TransformStep(Step):
    """Runs a model over files of S3.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html

    :param model_name: Name of the model: `model_step.property("ModelName")`.
    :param data: S3 prefix.
    :param content_type: Default: text/csv
    :param split: Line, RecordIO, TFRecord or None. Default: Line
    :param output: S3 prefix. Default: - below the pipeline's artifacts
    :param join_input: Write each record's input before its output. Default: False
    :param compute: What it runs on.
    """

    type: ClassVar[str] = "Transform"

    model_name: Text
    data: Text
    content_type: str = "text/csv"
    split: str = "Line"
    output: Text | None = None
    join_input: bool = False
    compute: Compute = field(default_factory=Compute)

    def arguments(self, context: StepContext) -> Mapping[str, Any]:
        source = s3_source(self.data, content_type=self.content_type)
        # Transform jobs divide data themselves and know no distribution type.
        source["DataSource"]["S3DataSource"].pop("S3DataDistributionType")
        return {
            "ModelName": self.model_name,
            "TransformInput": {**source, "SplitType": self.split},
            "TransformOutput": {
                "S3OutputPath": self.output or f"{context.artifacts_uri}/transform",
                "AssembleWith": "Line" if self.split == "Line" else "None",
                "KmsKeyId": context.output_key_arn,
            },
            "TransformResources": {
                "InstanceCount": self.compute.instance_count,
                "InstanceType": self.compute.instance_type,
                "VolumeKmsKeyId": context.volume_key_arn,
            },
            "DataProcessing": {"JoinSource": "Input"} if self.join_input else None,
        }


def _file(uri: Text | None) -> dict[str, Any] | None:
    return None if uri is None else {"ContentType": "application/json", "S3Uri": uri}


def _quality(files: tuple[Text | None, Text | None]) -> dict[str, Any] | None:
    return _present(Statistics=_file(files[0]), Constraints=_file(files[1]))


def _present(**parts: Any) -> dict[str, Any] | None:
    return {name: part for name, part in parts.items() if part is not None} or None
