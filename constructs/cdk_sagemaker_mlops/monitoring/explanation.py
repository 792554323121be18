"""How a model is explained: the settings of SHAP, and endpoints that exist to be asked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from cdk_sagemaker_mlops import _naming, _refs
from cdk_sagemaker_mlops._iam import Statement

_AGGREGATIONS = ("mean_abs", "median", "mean_sq")
#: What names of shadow endpoints hold, and how much of the endpoint's name is left of them: see `lambda/monitor`.
_SHADOW_MARK, _SHADOW_DIGITS = "-shap-", 8


@dataclass(frozen=True, kw_only=True)
class Shap:
    """How SHAP values are computed, in the terms of Clarify's analysis config.

    Models of trees are explained exactly and need none of it but `aggregation`. The rest is for kernel SHAP, which asks
    the model about mixtures of a request and the baseline rows.

    https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-config-json-monitor-model-explainability-parameters.html

    :param baseline: Rows that stand for "the feature is not known", features in the order of requests; or the URI of
        such rows as CSV without a header. Default: - none
    :param num_samples: Mixtures for each request. Default: - by the number of features
    :param aggregation: How values become one number for each feature: `mean_abs`, `median` or `mean_sq`. Default:
        mean_abs
    :param use_logit: Explain log odds of a model that answers with probabilities. Default: False
    :param seed: Of the drawing of mixtures; the same seed gives the same values. Default: 0
    """

    baseline: Sequence[Sequence[float]] | str = ()
    num_samples: int | None = None
    aggregation: Literal["mean_abs", "median", "mean_sq"] = "mean_abs"
    use_logit: bool = False
    seed: int = 0

    @property
    def config(self) -> dict[str, object]:
        """`methods.shap` of the analysis config."""
        config: dict[str, object] = {"agg_method": self.aggregation}
        if self.baseline:
            rows = self.baseline if isinstance(self.baseline, str) else [list(row) for row in self.baseline]
            config["baseline"] = rows
        if self.num_samples is not None:
            config["num_samples"] = self.num_samples
        if self.use_logit:
            config["use_logit"] = True
        if self.seed:
            config["seed"] = self.seed
        return config

    def problems(self, features: int) -> Iterator[str]:
        """What is wrong with it.

        :param features: How many features are known by name; 0 where they are not.
        """
        if self.aggregation not in _AGGREGATIONS:
            yield f'shap.aggregation is "{self.aggregation}", allowed are {", ".join(_AGGREGATIONS)}'
        if self.num_samples is not None and self.num_samples < 1:
            yield f"shap.num_samples is {self.num_samples}, allowed are 1 and more"
        if isinstance(self.baseline, str):
            if not self.baseline.startswith("s3://"):
                yield f'shap.baseline is "{self.baseline}", allowed are rows of numbers, or a URI: s3://bucket/key'
            return
        widths = sorted({len(row) for row in self.baseline})
        if len(widths) > 1:
            yield f"rows of shap.baseline have {', '.join(map(str, widths))} values; all need one for each feature"
        elif widths and features and widths[0] != features:
            yield f"rows of shap.baseline have {widths[0]} values, headers name {features} features"
        if any(not math.isfinite(value) for row in self.baseline for value in row):
            yield "shap.baseline holds a value that is no finite number"


@dataclass(frozen=True, kw_only=True)
class ShadowEndpoint:
    """An endpoint of the live model that exists during a run only, to be asked for explanations.

    It is for models that cannot be read out of their archive: anything but trees of XGBoost, LightGBM and scikit-learn.
    The live endpoint is not asked: it would answer thousands of made-up rows, and capture them as traffic.

    :param instance_type: Its only instance. It costs what an instance costs, for the minutes of a run.
    """

    instance_type: str = "ml.m5.large"


def shadow_statements(endpoint: str) -> list[Statement]:
    """Making, asking and deleting endpoints of this endpoint's own names, out of what it runs itself."""
    begin = endpoint[: _naming.NAME_LIMIT - len(_SHADOW_MARK) - _SHADOW_DIGITS].rstrip("-").lower()
    shadows = [_refs.arn("sagemaker", f"{kind}/{begin}{_SHADOW_MARK}*") for kind in ("endpoint", "endpoint-config")]
    return [
        Statement(
            sid="MakeShadow",
            actions=[
                "sagemaker:CreateEndpoint",
                "sagemaker:CreateEndpointConfig",
                "sagemaker:DeleteEndpoint",
                "sagemaker:DeleteEndpointConfig",
                "sagemaker:DescribeEndpoint",
                "sagemaker:InvokeEndpoint",
            ],
            resources=shadows,
            reason="every run has a shadow endpoint of its own",
        ),
        Statement(
            sid="LookAtEndpoint",
            actions=["sagemaker:DescribeEndpoint", "sagemaker:DescribeEndpointConfig"],
            resources=[
                _refs.arn("sagemaker", f"endpoint/{endpoint.lower()}"),
                _refs.arn("sagemaker", "endpoint-config/*"),
            ],
            reason="CloudFormation makes up names of configurations; reading only",
        ),
    ]
