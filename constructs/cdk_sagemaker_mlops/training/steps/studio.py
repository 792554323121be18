"""Notebooks as steps, and Autopilot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from cdk_sagemaker_mlops import _refs
from cdk_sagemaker_mlops.training.values import ExecutionVariable, Join, Property

from .base import Compute, Step, StepContext, Text
from .training import Channel, Trainer

_CHANNEL = "sagemaker_headless_execution_pipelinestep"


@dataclass(frozen=True, kw_only=True)
class NotebookStep(Step):
    """Runs a notebook as a job, which SageMaker does with a training job.

    https://docs.aws.amazon.com/sagemaker/latest/dg/create-notebook-auto-run-sdk.html

    :param notebook: A local path; or the S3 URI of a notebook, which comes with all that lies beside it.
    :param image: Image with the kernel, such as SageMaker Distribution's.
    :param kernel: Kernel of the image, e.g. python3.
    :param output: S3 prefix of the notebook with its results. Default: - below the pipeline's artifacts
    :param environment: Environment variables.
    :param compute: What it runs on.
    :param role_arn: Role of the job. Default: - the pipeline's role for jobs
    """

    type: ClassVar[str] = "Training"

    notebook: str | Path
    image: Text
    kernel: str = "python3"
    output: Text | None = None
    environment: Mapping[str, Text] = field(default_factory=dict)
    compute: Compute = field(default_factory=Compute)
    role_arn: Text | None = None

    @property
    def output_uri(self) -> Property:
        """Prefix below which the notebook with its results is."""
        return self.property("OutputDataConfig.S3OutputPath")

    def arguments(self, context: StepContext) -> Mapping[str, Any]:
        given = self.notebook
        stored = isinstance(given, str) and given.startswith("s3://")
        uri = str(given) if stored else context.upload(Path(given))
        folder, _, name = uri.rpartition("/")
        output = self.output or Join([context.artifacts_uri, ExecutionVariable.EXECUTION_ID, self.name], "/")
        trainer = Trainer(
            image=self.image,
            channels={_CHANNEL: Channel(uri=f"{folder}/" if stored else uri)},
            compute=self.compute,
            output=output,
            role_arn=self.role_arn,
            environment={
                **self.environment,
                "AWS_DEFAULT_REGION": _refs.region(),
                "SM_EXECUTION_INPUT_PATH": f"/opt/ml/input/data/{_CHANNEL}",
                "SM_INPUT_NOTEBOOK_NAME": name,
                "SM_JOB_DEF_VERSION": "1.0",
                "SM_KERNEL_NAME": self.kernel,
                "SM_OUTPUT_NOTEBOOK_NAME": f"{self.name}.ipynb",
                "SM_SKIP_EFS_SIMULATION": "true",
            },
        )
        arguments = trainer.common(context, self.name)
        arguments["AlgorithmSpecification"]["ContainerEntrypoint"] = ["amazon_sagemaker_scheduler"]
        return arguments


@dataclass(frozen=True, kw_only=True)
class AutoMLStep(Step):
    """Lets Autopilot find a model; pipelines allow its ensembling mode.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateAutoMLJob.html

    :param data: S3 prefix of the training data, CSV with a header.
    :param target: Column that is to be predicted.
    :param problem_type: BinaryClassification, MulticlassClassification or Regression. Default: - Autopilot's choice
    :param objective: Metric, e.g. AUC. Default: - Autopilot's choice
    :param max_minutes: Default: 60
    :param role_arn: Role of the job. Default: - the pipeline's role for jobs
    """

    type: ClassVar[str] = "AutoML"

    data: Text
    target: str
    problem_type: str | None = None
    objective: str | None = None
    max_minutes: int = 60
    role_arn: Text | None = None

    @property
    def best_model_uri(self) -> Property:
        """Archive of the best candidate."""
        return self.property("BestCandidate.InferenceContainers[0].ModelDataUrl")

    @property
    def best_image(self) -> Property:
        """Image that serves it."""
        return self.property("BestCandidate.InferenceContainers[0].Image")

    def arguments(self, context: StepContext) -> Mapping[str, Any]:
        return {
            "AutoMLJobConfig": {
                "Mode": "ENSEMBLING",
                "CompletionCriteria": {"MaxAutoMLJobRuntimeInSeconds": self.max_minutes * 60},
            },
            "AutoMLJobObjective": {"MetricName": self.objective} if self.objective else None,
            "InputDataConfig": [
                {
                    "ChannelType": "training",
                    "TargetAttributeName": self.target,
                    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": self.data}},
                }
            ],
            "OutputDataConfig": {
                "S3OutputPath": f"{context.artifacts_uri}/automl",
                "KmsKeyId": context.output_key_arn,
            },
            "ProblemType": self.problem_type,
            "RoleArn": self.role_arn or context.role_arn,
        }
