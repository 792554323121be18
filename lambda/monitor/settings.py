"""Settings of a monitor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.environment import ConfigurationError, Environment
from shared.s3 import S3Uri

#: The longest window in hours: a month, more than any schedule asks for.
MAX_PERIOD_HOURS = 744


@dataclass(frozen=True)
class Settings:
    """The monitor's environment variables, typed."""

    endpoint_name: str
    schedule_name: str
    captures: S3Uri
    reports: S3Uri
    period_hours: int
    offset_hours: int
    drift_threshold: float | None
    comparison_method: str | None
    include_features: tuple[str, ...]
    exclude_features: tuple[str, ...]
    publish_feature_metrics: bool
    kms_key_arn: str | None

    @classmethod
    def read(cls, variables: Mapping[str, str] | None = None) -> Settings:
        """Read them from the process's environment; raises ConfigurationError naming every mistake."""
        environment = Environment(variables)
        environment.choice("MONITORING_TYPE", ("DataQuality",), "DataQuality")
        method = environment.choice("COMPARISON_METHOD", ("Robust", "Simple", ""), "")
        settings = cls(
            endpoint_name=environment.text("ENDPOINT_NAME"),
            schedule_name=environment.text("MONITORING_SCHEDULE_NAME"),
            captures=environment.s3_uri("CAPTURE_URI"),
            reports=environment.s3_uri("REPORTS_URI"),
            period_hours=environment.integer("PERIOD_HOURS", minimum=1, maximum=MAX_PERIOD_HOURS),
            offset_hours=environment.integer("WINDOW_OFFSET_HOURS", 0, maximum=MAX_PERIOD_HOURS),
            drift_threshold=environment.optional_fraction("DRIFT_THRESHOLD"),
            comparison_method=method or None,
            include_features=environment.names("INCLUDE_FEATURES"),
            exclude_features=environment.names("EXCLUDE_FEATURES"),
            publish_feature_metrics=environment.flag("PUBLISH_FEATURE_METRICS", True),
            kms_key_arn=environment.optional_text("KMS_KEY_ARN"),
        )
        environment.check()
        both = sorted(set(settings.include_features) & set(settings.exclude_features))
        if both:
            raise ConfigurationError(
                f"INCLUDE_FEATURES and EXCLUDE_FEATURES both name {', '.join(both)}; name a feature in one of them"
            )
        return settings

    def monitors(self, feature: str) -> bool:
        """Whether the feature is watched: included if any are, and not excluded."""
        included = not self.include_features or feature in self.include_features
        return included and feature not in self.exclude_features
