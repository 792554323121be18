"""Settings of a monitor of feature attribution: its environment variables, typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from monitor.settings import Settings
from shared.environment import Environment
from shared.s3 import S3Uri

#: Clarify has fixed it: https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-model-monitor-feature-attribution-drift.html
THRESHOLD = 0.9
MAX_ROWS = 1_000_000


@dataclass(frozen=True)
class AttributionSettings(Settings):
    """Feature attribution.

    - `ANALYSIS_CONFIG` or `ANALYSIS_CONFIG_URI`: Clarify's analysis config as JSON, or where it lies: `headers`, the
      names of the input's columns; `methods.shap` with `baseline`, `num_samples`, `agg_method`, `use_logit`, `seed`;
      `predictor.label_headers`. All optional. Default: {}
    - `ATTRIBUTION_THRESHOLD`: the smallest agreement (nDCG) with the baseline's ranking, 0 to 1. Default: 0.9
    - `OUTPUT_COLUMNS`: JSON list, names of the output's CSV columns. Default: one column
    - `MODEL_DATA_URL`: the model's archive. Default: - the live version's, as the registry names it
    - `ALLOW_PICKLE`: load pickled models, which runs the code in them. Default: false
    - `MAX_ROWS`: rows explained at most, drawn evenly from the window. Default: 10000; 100 by a shadow endpoint
    - `SHADOW_INSTANCE_TYPE`: explain models that cannot be read through an endpoint of their own on such an instance,
      which exists during the run only. Default: - such models fail the run
    - `PUBLISH_METRICS`: the analysis' own metrics. Default: true
    """

    monitoring_type = "ModelExplainability"

    config: str | None
    config_uri: S3Uri | None
    threshold: float
    output_columns: tuple[str, ...]
    model_data: S3Uri | None
    allow_pickle: bool
    max_rows: int | None
    shadow_instance_type: str | None
    publish_metrics: bool

    @staticmethod
    def own(environment: Environment) -> dict[str, Any]:
        """The fields that attribution adds."""
        config, uri = environment.optional_text("ANALYSIS_CONFIG"), environment.optional_s3_uri("ANALYSIS_CONFIG_URI")
        if config is not None and uri is not None:
            environment.refuse("ANALYSIS_CONFIG and ANALYSIS_CONFIG_URI are both set; set one")
        threshold = environment.optional_fraction("ATTRIBUTION_THRESHOLD")
        return {
            "config": config,
            "config_uri": uri,
            "threshold": THRESHOLD if threshold is None else threshold,
            "output_columns": environment.names("OUTPUT_COLUMNS") or ("prediction",),
            "model_data": environment.optional_s3_uri("MODEL_DATA_URL"),
            "allow_pickle": environment.flag("ALLOW_PICKLE", False),
            "max_rows": environment.integer("MAX_ROWS", 0, maximum=MAX_ROWS) or None,
            "shadow_instance_type": environment.optional_text("SHADOW_INSTANCE_TYPE"),
            "publish_metrics": environment.flag("PUBLISH_METRICS", True),
        }

    @property
    def publishes(self) -> bool:
        """Whether the values themselves are published."""
        return self.publish_metrics
