"""The training pipeline as it is deployed: labelled customers in, versions with their baselines out."""

from __future__ import annotations

import json
from typing import Any

from examples.walkthrough import churn
from examples.walkthrough.deployed import Deployed
from examples.walkthrough.embedded import EmbeddedAws

LABEL = "churn"
DATA = "training-data/churn/labelled.csv"


class Training:
    """The model's pipeline and the versions that it registers.

    Args:
        aws: where it is deployed.
        live: what is deployed there.
        group: name of the model package group.
    """

    def __init__(self, aws: EmbeddedAws, live: Deployed, group: str) -> None:
        self._sagemaker = aws.client("sagemaker")
        self._s3 = aws.client("s3")
        self._live = live
        self._group = group
        self.pipeline = live.output("Training", f"Pipeline{live.model}")

    def bring(self, customers: churn.Customers) -> None:
        """Put labelled customers where the pipeline reads them, instead of those that were there."""
        lines = [",".join((LABEL, *churn.FEATURES))]
        lines += [f"{left},{churn.csv_line(row)}" for left, row in zip(customers.left, customers.features, strict=True)]
        self._live.upload("Models", DATA, "\n".join(lines).encode())

    def start(self) -> None:
        """Start it as a person would."""
        self._sagemaker.start_pipeline_execution(PipelineName=self.pipeline, ClientRequestToken="by-hand-" * 5)

    def registered(self, number: int) -> dict[str, Any] | None:
        """A version, or None while there is none of this number."""
        found = self._sagemaker.list_model_packages(ModelPackageGroupName=self._group)["ModelPackageSummaryList"]
        arns = [item["ModelPackageArn"] for item in found if item["ModelPackageVersion"] == number]
        return dict(self._sagemaker.describe_model_package(ModelPackageName=arns[0])) if arns else None

    def failures(self) -> list[str]:
        """Steps that failed in its latest execution, with their reasons."""
        executions = self._sagemaker.list_pipeline_executions(PipelineName=self.pipeline)["PipelineExecutionSummaries"]
        if not executions:
            return []
        latest = executions[0]["PipelineExecutionArn"]
        steps = self._sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=latest)["PipelineExecutionSteps"]
        return [
            f"{step['StepName']}: {step.get('FailureReason', '')}" for step in steps if step["StepStatus"] == "Failed"
        ]

    def evaluation(self, package: dict[str, Any]) -> dict[str, Any]:
        """The report that a version's registry entry names."""
        uri = package["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return dict(json.loads(self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()))
