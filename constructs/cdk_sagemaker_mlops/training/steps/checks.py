"""SageMaker's own checks, for accounts that have Model Monitor and Clarify (closed to new customers in 2026).

A check compares with the baseline that the latest approved version of the group names, unless one is given:

===========  =====================  ==========================================================
`skip`       `register_baseline`    what happens
===========  =====================  ==========================================================
False        False                  it checks; the version keeps the old baseline
False        True                   it checks; the version gets the new baseline
True         False                  it does not check; the version keeps the old baseline
True         True                   it does not check; the version gets the new baseline
===========  =====================  ==========================================================

The first execution of a group has no old baseline and needs the last row.

https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-quality-clarify-baseline-lifecycle.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from cdk_sagemaker_mlops.training.values import Property, Value

from .base import Compute, Step, StepContext, Text
from .processing import ROOT, job_input, network_config, run_uri

QUALITY_CHECKS = ("DATA_QUALITY", "MODEL_QUALITY")
PROBLEM_TYPES = ("BinaryClassification", "MulticlassClassification", "Regression")
CLARIFY_CHECKS = ("DATA_BIAS", "MODEL_BIAS", "MODEL_EXPLAINABILITY")


@dataclass(frozen=True, kw_only=True)
class CheckStep(Step):
    """What both kinds of checks have in common.

    :param check: What is checked.
    :param image: Image of the check: `Images.model_monitor`, or `Images.clarify`.
    :param group: Model package group whose latest approved version names the baseline.
    :param data: S3 prefix of the data, CSV with a header.
    :param output: S3 prefix of what is found. Default: - below the pipeline's artifacts, new in each execution
    :param skip: Do not check. Default: False
    :param register_baseline: The version gets the new baseline. Default: False
    :param fail_on_violation: End the execution where the check finds something. Default: True
    :param constraints: Constraints to compare with. Default: - the latest approved version's
    :param compute: What it runs on.
    :param role_arn: Role of the job. Default: - the pipeline's role for jobs
    """

    check: str
    image: Text
    group: Text
    data: Text
    output: Text | None = None
    skip: bool | Value = False
    register_baseline: bool | Value = False
    fail_on_violation: bool | Value = True
    constraints: Text | None = None
    compute: Compute = field(default_factory=Compute)
    role_arn: Text | None = None

    @property
    def calculated_constraints(self) -> Property:
        """Constraints of this execution; of a check that runs."""
        return self.property("CalculatedBaselineConstraints")

    @property
    def used_constraints(self) -> Property:
        """Constraints that the version is registered with."""
        return self.property("BaselineUsedForDriftCheckConstraints")

    def extras(self, context: StepContext) -> Mapping[str, Any]:
        return {
            "CheckType": self.check,
            "ModelPackageGroupName": self.group,
            "SkipCheck": self.skip,
            "FailOnViolation": self.fail_on_violation,
            "RegisterNewBaseline": self.register_baseline,
            "SuppliedBaselineConstraints": self.constraints,
        }

    def _job(
        self, context: StepContext, output: str, inputs: Mapping[str, tuple[Text, str]], environment: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The processing job, with the folders that the images look into."""
        return {
            "ProcessingResources": {"ClusterConfig": self.compute.cluster(context)},
            "AppSpecification": {"ImageUri": self.image},
            "RoleArn": self.role_arn or context.role_arn,
            "ProcessingInputs": [job_input(name, uri, path) for name, (uri, path) in inputs.items()],
            "ProcessingOutputConfig": {
                "Outputs": [
                    {
                        "OutputName": output,
                        "S3Output": {
                            "S3Uri": self.output or run_uri(context, self.name),
                            "LocalPath": f"{ROOT}/output",
                            "S3UploadMode": "EndOfJob",
                        },
                        "AppManaged": False,
                    }
                ],
                "KmsKeyId": context.output_key_arn,
            },
            "Environment": dict(environment) or None,
            "StoppingCondition": {"MaxRuntimeInSeconds": self.compute.max_minutes * 60},
            "NetworkConfig": network_config(context),
        }


@dataclass(frozen=True, kw_only=True)
class QualityCheckStep(CheckStep):
    """A check of data or of model quality by Model Monitor's analyzer.

    :param check: DATA_QUALITY or MODEL_QUALITY.
    :param statistics: Statistics to compare with. Default: - the latest approved version's
    :param problem_type: BinaryClassification, MulticlassClassification or Regression; of model quality.
    :param label: Column of the label; of model quality.
    :param prediction: Column of the predicted label or number; of model quality. Default: - the probability decides
    :param probability: Column of the positive label's probability; of a binary classification.
    :param threshold: Probability above which it says yes. Default: 0.5
    """

    type: ClassVar[str] = "QualityCheck"

    statistics: Text | None = None
    problem_type: str | None = None
    label: str | None = None
    prediction: str | None = None
    probability: str | None = None
    threshold: float = 0.5

    @property
    def calculated_statistics(self) -> Property:
        """Statistics of this execution; of a check that runs."""
        return self.property("CalculatedBaselineStatistics")

    @property
    def used_statistics(self) -> Property:
        """Statistics that the version is registered with."""
        return self.property("BaselineUsedForDriftCheckStatistics")

    def arguments(self, context: StepContext) -> Mapping[str, Any]:
        folder = f"{ROOT}/input/baseline_dataset_input"
        environment: dict[str, Any] = {
            "dataset_format": json.dumps({"csv": {"header": True, "output_columns_position": "START"}}),
            "dataset_source": folder,
            "output_path": f"{ROOT}/output",
            "publish_cloudwatch_metrics": "Disabled",
        }
        if self.check == "MODEL_QUALITY":
            environment |= {
                "analysis_type": "MODEL_QUALITY",
                "problem_type": self.problem_type,
                "ground_truth_attribute": self.label,
                "inference_attribute": self.prediction,
                "probability_attribute": self.probability,
                "probability_threshold_attribute": str(self.threshold) if self.probability else None,
            }
        inputs = {"baseline_dataset_input": (self.data, folder)}
        return self._job(context, "quality_check_output", inputs, environment)

    def extras(self, context: StepContext) -> Mapping[str, Any]:
        return {**super().extras(context), "SuppliedBaselineStatistics": self.statistics}

    def problems(self) -> Iterator[str]:
        if self.check not in QUALITY_CHECKS:
            yield f'step {self.name}: check is "{self.check}", allowed are {", ".join(QUALITY_CHECKS)}'
        if self.check == "MODEL_QUALITY":
            if self.problem_type not in PROBLEM_TYPES:
                yield f'step {self.name}: problem_type is "{self.problem_type}", allowed are {", ".join(PROBLEM_TYPES)}'
            if self.label is None:
                yield f"step {self.name} has no label; name the column"
            if self.prediction is None and self.probability is None:
                yield f"step {self.name} has neither prediction nor probability; name a column"


@dataclass(frozen=True, kw_only=True)
class ClarifyCheckStep(CheckStep):
    """A check of bias or of attributions by Clarify.

    :param check: DATA_BIAS, MODEL_BIAS or MODEL_EXPLAINABILITY.
    :param config: S3 prefix with Clarify's `analysis_config.json`; an earlier step may have written it.
    :param model_name: The model that Clarify asks, through an endpoint for the time of the job:
        `model_step.property("ModelName")`. Default: - predictions stand in the data
    """

    type: ClassVar[str] = "ClarifyCheck"

    config: Text
    model_name: Text | None = None

    def arguments(self, context: StepContext) -> Mapping[str, Any]:
        inputs = {
            "analysis_config": (self.config, f"{ROOT}/input/config"),
            "dataset": (self.data, f"{ROOT}/input/data"),
        }
        return self._job(context, "analysis_result", inputs, {})

    def extras(self, context: StepContext) -> Mapping[str, Any]:
        return {**super().extras(context), "ModelName": self.model_name}

    def problems(self) -> Iterator[str]:
        if self.check not in CLARIFY_CHECKS:
            yield f'step {self.name}: check is "{self.check}", allowed are {", ".join(CLARIFY_CHECKS)}'
        if self.check == "MODEL_EXPLAINABILITY" and self.model_name is None:
            yield f"step {self.name} explains a model and has no model_name"
