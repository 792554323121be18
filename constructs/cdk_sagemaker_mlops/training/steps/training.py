"""Steps that train: built-in algorithms, scripts in prebuilt images, own images."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from cdk_sagemaker_mlops.training.values import Join, Property, Value

from .base import Compute, Step, StepContext, Text, s3_source

#: What a hyper-parameter may be.
Hyperparameter = str | int | float | bool | Value


@dataclass(frozen=True, kw_only=True)
class Spot:
    """Managed spot instances: cheaper by what nobody else wants, and taken away when somebody does.

    https://docs.aws.amazon.com/sagemaker/latest/dg/model-managed-spot-training.html

    :param max_wait_minutes: How long SageMaker waits and works altogether. Default: - twice the job's own limit
    :param checkpoints: S3 prefix that `/opt/ml/checkpoints` is kept in. Default: - below the pipeline's artifacts
    """

    max_wait_minutes: int | None = None
    checkpoints: Text | None = None


@dataclass(frozen=True, kw_only=True)
class Channel:
    """Data of a training job.

    :param uri: S3 prefix; it appears as `/opt/ml/input/data/<name>`.
    :param content_type: e.g. text/csv. Default: - none is said
    :param sharded: Each instance gets a part only. Default: False
    """

    uri: Text
    content_type: Text | None = None
    sharded: bool = False


@dataclass(frozen=True, kw_only=True)
class Trainer:
    """What one training job is, be it alone or one of a tuning's.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html

    :param image: Image; :class:`Images` knows SageMaker's.
    :param channels: Data by channel: a prefix, or a :class:`Channel`.
    :param script: Entry point of script mode, a path within `source`. Default: - a built-in algorithm, or an own image
    :param source: Folder with the script: a local path, or the S3 URI of a gzipped tar.
    :param hyperparameters: Default: - none
    :param metrics: Metrics by name with the regular expression that finds their values in the log.
    :param compute: What it runs on.
    :param spot: Use spot instances. Default: - on demand
    :param output: S3 prefix of model archives. Default: - below the pipeline's artifacts
    :param environment: Environment variables.
    :param role_arn: Role of the job. Default: - the pipeline's role for jobs
    """

    image: Text
    channels: Mapping[str, Text | Channel] = field(default_factory=dict)
    script: str | None = None
    source: str | Path | None = None
    hyperparameters: Mapping[str, Hyperparameter] = field(default_factory=dict)
    metrics: Mapping[str, str] = field(default_factory=dict)
    compute: Compute = field(default_factory=Compute)
    spot: Spot | None = None
    output: Text | None = None
    environment: Mapping[str, Text] = field(default_factory=dict)
    role_arn: Text | None = None

    def output_uri(self, context: StepContext) -> Text:
        """Where SageMaker writes model archives below."""
        return self.output or f"{context.artifacts_uri}/models"

    def common(self, context: StepContext, step: str) -> dict[str, Any]:
        """What `CreateTrainingJob` and the definition inside a tuning job have in common."""
        network = context.network
        seconds = self.compute.max_minutes * 60
        stopping = {"MaxRuntimeInSeconds": seconds}
        checkpoints = None
        if self.spot:
            wait = self.spot.max_wait_minutes
            stopping["MaxWaitTimeInSeconds"] = wait * 60 if wait else 2 * seconds
            default = Join([context.artifacts_uri, Property("Execution.PipelineExecutionId"), step, "checkpoints"], "/")
            checkpoints = {"S3Uri": self.spot.checkpoints or default, "LocalPath": "/opt/ml/checkpoints"}
        return {
            "AlgorithmSpecification": {
                "TrainingInputMode": "File",
                "TrainingImage": self.image,
                "MetricDefinitions": [{"Name": name, "Regex": regex} for name, regex in self.metrics.items()] or None,
            },
            "OutputDataConfig": {"S3OutputPath": self.output_uri(context), "KmsKeyId": context.output_key_arn},
            "StoppingCondition": stopping,
            "ResourceConfig": self.compute.cluster(context),
            "RoleArn": self.role_arn or context.role_arn,
            "InputDataConfig": [_channel(name, channel) for name, channel in self.channels.items()] or None,
            "EnableManagedSpotTraining": True if self.spot else None,
            "CheckpointConfig": checkpoints,
            "VpcConfig": network.vpc if network else None,
            "EnableNetworkIsolation": True if network and network.isolated else None,
            "EnableInterContainerTrafficEncryption": True if network and network.encrypt_traffic else None,
            "Environment": dict(self.environment) or None,
        }

    def all_hyperparameters(self, context: StepContext) -> dict[str, Any] | None:
        """Hyper-parameters with those that tell a prebuilt image's toolkit which script to run.

        The toolkit reads each as JSON, and what is no JSON as text; the SageMaker SDK writes these two as JSON.
        https://github.com/aws/sagemaker-training-toolkit
        """
        given = {name: _text(value) for name, value in self.hyperparameters.items()}
        if self.script is None or self.source is None:
            return given or None
        source = self.source
        uri = source if isinstance(source, str) and source.startswith("s3://") else context.upload(Path(source))
        return given | {"sagemaker_program": json.dumps(self.script), "sagemaker_submit_directory": json.dumps(uri)}


@dataclass(frozen=True, kw_only=True)
class MlflowRun:
    """Where SageMaker logs a training job, or each execution of a pipeline: its managed MLflow.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_MlflowConfig.html

    :param resource_arn: ARN of the MLflow app or tracking server.
    :param experiment: Name of the experiment. Default: - SageMaker's choice
    """

    resource_arn: str
    experiment: str | None = None

    def to_json(self) -> dict[str, str]:
        """As requests and definitions write it."""
        named = {"MlflowExperimentName": self.experiment} if self.experiment else {}
        return {"MlflowResourceArn": self.resource_arn, **named}


@dataclass(frozen=True, kw_only=True)
class TrainingStep(Step):
    """Trains one model.

    :param trainer: The job.
    :param mlflow: Log it to MLflow. Default: - no
    :param debugger_rules: Debugger's built-in rules, by name, with the image that evaluates them (accounts that have
        Debugger only). Default: - none
    """

    type: ClassVar[str] = "Training"

    trainer: Trainer
    mlflow: MlflowRun | None = None
    debugger_rules: Mapping[str, str] = field(default_factory=dict)

    @property
    def model_uri(self) -> Property:
        """The model archive."""
        return self.property("ModelArtifacts.S3ModelArtifacts")

    def arguments(self, context: StepContext) -> Mapping[str, Any]:
        arguments = self.trainer.common(context, self.name)
        arguments["HyperParameters"] = self.trainer.all_hyperparameters(context)
        if self.mlflow:
            arguments["MlflowConfig"] = self.mlflow.to_json()
        if self.debugger_rules:
            arguments["DebugHookConfig"] = {"S3OutputPath": f"{context.artifacts_uri}/debugger"}
            arguments["DebugRuleConfigurations"] = [
                {
                    "RuleConfigurationName": rule,
                    "RuleEvaluatorImage": image,
                    "RuleParameters": {"rule_to_invoke": rule},
                }
                for rule, image in self.debugger_rules.items()
            ]
        return arguments


def _channel(name: str, channel: Text | Channel) -> dict[str, Any]:
    given = channel if isinstance(channel, Channel) else Channel(uri=channel)
    return {"ChannelName": name, **s3_source(given.uri, content_type=given.content_type, sharded=given.sharded)}


def _text(value: Hyperparameter) -> Any:
    """Hyper-parameters are text in SageMaker's API."""
    if isinstance(value, Value):
        return value
    return value if isinstance(value, str) else json.dumps(value)


#: Names of Debugger's built-in rules: https://docs.aws.amazon.com/sagemaker/latest/dg/debugger-built-in-rules.html
DEBUGGER_RULES: Sequence[str] = (
    "Overfit",
    "Overtraining",
    "VanishingGradient",
    "ExplodingTensor",
    "LossNotDecreasing",
    "ClassImbalance",
)
