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

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from cdk_sagemaker_mlops.training.values import Property, Value

from .base import StepContext
from .processing import ProcessingStep

QUALITY_CHECKS = ("DATA_QUALITY", "MODEL_QUALITY")
CLARIFY_CHECKS = ("DATA_BIAS", "MODEL_BIAS", "MODEL_EXPLAINABILITY")


@dataclass(frozen=True, kw_only=True)
class QualityCheckStep(ProcessingStep):
    """A check of data or of model quality by Model Monitor's analyzer.

    :param check: DATA_QUALITY or MODEL_QUALITY.
    :param group: Model package group whose latest approved version names the baseline.
    :param skip: Do not check. Default: False
    :param register_baseline: The version gets the new baseline. Default: False
    :param fail_on_violation: End the execution where the check finds something. Default: True
    :param constraints: Constraints to compare with. Default: - the latest approved version's
    :param statistics: Statistics to compare with, likewise.
    """

    type: ClassVar[str] = "QualityCheck"

    check: str
    group: str
    skip: bool | Value = False
    register_baseline: bool | Value = False
    fail_on_violation: bool | Value = True
    constraints: str | Value | None = None
    statistics: str | Value | None = None

    @property
    def calculated_constraints(self) -> Property:
        """Constraints of this execution."""
        return self.property("CalculatedBaselineConstraints")

    @property
    def used_constraints(self) -> Property:
        """Constraints that the version is registered with."""
        return self.property("BaselineUsedForDriftCheckConstraints")

    def extras(self, context: StepContext) -> Mapping[str, Any]:
        return {
            **super().extras(context),
            "CheckType": self.check,
            "ModelPackageGroupName": self.group,
            "SkipCheck": self.skip,
            "FailOnViolation": self.fail_on_violation,
            "RegisterNewBaseline": self.register_baseline,
            "SuppliedBaselineConstraints": self.constraints,
            "SuppliedBaselineStatistics": self.statistics,
        }


@dataclass(frozen=True, kw_only=True)
class ClarifyCheckStep(QualityCheckStep):
    """A check of bias or of attributions by Clarify.

    :param check: DATA_BIAS, MODEL_BIAS or MODEL_EXPLAINABILITY.
    """

    type: ClassVar[str] = "ClarifyCheck"

    def extras(self, context: StepContext) -> Mapping[str, Any]:
        # Clarify's baseline is its analysis, which has no statistics.
        return {key: value for key, value in super().extras(context).items() if key != "SuppliedBaselineStatistics"}
