"""constraints.json: what a data set must satisfy, suggested from a profile and readable from Model Monitor's files.

Format: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-byoc-constraints.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

from ._feature import FeatureProfile
from ._profile import Profile
from ._statistics import categories
from ._types import InferredType

ComparisonMethod = Literal["Robust", "Simple"]
DriftMethod = Literal["LInfinity", "ChiSquared"]

DOMAIN_LIMIT = 120
"""Deequ's limit on the categories of which it draws a histogram."""
DOMAIN_UNIQUE_RATIO = 0.1
"""Deequ's rule for a categorical range: at most this many distinct values per value."""

_OVERRIDE_KEYS = ("monitoringConfigOverrides", "monitoring_config_overrides")
_SWITCHES = ("Enabled", "Disabled")


@dataclass(frozen=True)
class MonitoringConfig:
    """Thresholds and switches of a check; the defaults are those that Model Monitor's container uses.

    Attributes:
        evaluate_constraints: Whether constraints are checked at all.
        emit_metrics: Whether metrics are to be published; the checks do not depend on it.
        datatype_check_threshold: Share of values that must have the expected type.
        domain_content_threshold: Share of values that must lie in the column's domain.
        perform_comparison: Whether distributions are compared with the baseline.
        comparison_threshold: Largest distance allowed.
        comparison_method: `Robust` allows for small samples, `Simple` does not.
        categorical_comparison_threshold: The same for categories; None means `comparison_threshold`.
        categorical_drift_method: `LInfinity`, or `ChiSquared`, which tests at the significance level that the
            threshold gives.
    """

    evaluate_constraints: bool = True
    emit_metrics: bool = True
    datatype_check_threshold: float = 1.0
    domain_content_threshold: float = 1.0
    perform_comparison: bool = True
    comparison_threshold: float = 0.1
    comparison_method: ComparisonMethod = "Robust"
    categorical_comparison_threshold: float | None = None
    categorical_drift_method: DriftMethod = "LInfinity"

    @property
    def categorical_threshold(self) -> float:
        given = self.categorical_comparison_threshold
        return self.comparison_threshold if given is None else given

    def overridden(self, body: Mapping[str, Any], where: str) -> MonitoringConfig:
        """This configuration with the members of a `monitoring_config` block in place of its own.

        Raises:
            ValueError: Values that are not allowed, all of them in one message.
        """
        flat = {**body, **(body.get("distribution_constraints") or {})}
        changes: dict[str, Any] = {}
        problems: list[str] = []
        for key in ("evaluate_constraints", "emit_metrics", "perform_comparison"):
            if key in flat:
                if flat[key] not in _SWITCHES:
                    problems.append(f"{key} is {flat[key]!r}: use Enabled or Disabled")
                changes[key] = flat[key] == "Enabled"
        for key in (
            "datatype_check_threshold",
            "domain_content_threshold",
            "comparison_threshold",
            "categorical_comparison_threshold",
        ):
            if flat.get(key) is not None:
                if isinstance(flat[key], bool) or not isinstance(flat[key], int | float) or not 0 <= flat[key] <= 1:
                    problems.append(f"{key} is {flat[key]!r}: use a number from 0 to 1")
                changes[key] = flat[key]
        for key, allowed in (
            (
                "comparison_method",
                {"Robust": "Robust", "Simple": "Simple", "linf_robust": "Robust", "linf_simple": "Simple"},
            ),
            ("categorical_drift_method", {"LInfinity": "LInfinity", "ChiSquared": "ChiSquared"}),
        ):
            if key in flat:
                if flat[key] not in allowed:
                    problems.append(f"{key} is {flat[key]!r}: use {' or '.join(dict.fromkeys(allowed.values()))}")
                changes[key] = allowed.get(flat[key])
        if problems:
            raise ValueError(f"{where}: {'; '.join(problems)}")
        return replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """The `monitoring_config` block of constraints.json."""
        comparison: dict[str, Any] = {
            "perform_comparison": _switch(self.perform_comparison),
            "comparison_threshold": self.comparison_threshold,
            "comparison_method": self.comparison_method,
            "categorical_drift_method": self.categorical_drift_method,
        }
        if self.categorical_comparison_threshold is not None:
            comparison["categorical_comparison_threshold"] = self.categorical_comparison_threshold
        return {
            "evaluate_constraints": _switch(self.evaluate_constraints),
            "emit_metrics": _switch(self.emit_metrics),
            "datatype_check_threshold": self.datatype_check_threshold,
            "domain_content_threshold": self.domain_content_threshold,
            "distribution_constraints": comparison,
        }


def _switch(on: bool) -> str:
    return "Enabled" if on else "Disabled"


@dataclass(frozen=True)
class FeatureConstraints:
    """What one column must satisfy.

    Attributes:
        name: The column's name.
        inferred_type: The type of its values.
        completeness: Smallest share of rows with a value, 0 to 1.
        is_non_negative: Whether numbers below zero are violations; None if nothing is said.
        domains: The values allowed; None if any is.
        overrides: Members of `monitoring_config` that differ for this column.
    """

    name: str
    inferred_type: InferredType = "Unknown"
    completeness: float | None = None
    is_non_negative: bool | None = None
    domains: tuple[str, ...] | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The member of `features` of constraints.json."""
        entry: dict[str, Any] = {"name": self.name, "inferred_type": self.inferred_type}
        if self.completeness is not None:
            entry["completeness"] = self.completeness
        if self.is_non_negative is not None:
            entry["num_constraints"] = {"is_non_negative": self.is_non_negative}
        if self.domains is not None:
            entry["string_constraints"] = {"domains": list(self.domains)}
        if self.overrides:
            entry["monitoringConfigOverrides"] = dict(self.overrides)
        return entry


@dataclass(frozen=True)
class Constraints:
    """A constraints.json."""

    features: tuple[FeatureConstraints, ...]
    config: MonitoringConfig = field(default_factory=MonitoringConfig)

    def to_dict(self) -> dict[str, Any]:
        return {
            "version": 0.0,
            "features": [feature.to_dict() for feature in self.features],
            "monitoring_config": self.config.to_dict(),
        }

    def to_json(self, indent: int | None = 2) -> str:
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Constraints:
        """Parse a file of ours or of Model Monitor's.

        Raises:
            ValueError: It is no constraints.json, or holds values that are not allowed (all named in one message).
        """
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_dict(cls, body: Any) -> Constraints:
        """The same from a parsed file."""
        features = body.get("features") if isinstance(body, Mapping) else None
        if not isinstance(features, list):
            raise ValueError("constraints: expected an object with a list 'features'")  # noqa: TRY004
        problems: list[str] = []
        parsed: list[FeatureConstraints] = []
        config = MonitoringConfig()
        try:
            config = config.overridden(body.get("monitoring_config") or {}, "monitoring_config")
        except ValueError as error:
            problems.append(str(error))
        for position, entry in enumerate(features):
            try:
                feature = _parse_feature(entry, position)
                config.overridden(feature.overrides, f"feature {feature.name}")
                parsed.append(feature)
            except ValueError as error:
                problems.append(str(error))
        if problems:
            raise ValueError("constraints: " + "; ".join(problems))
        return cls(tuple(parsed), config)

    def config_of(self, feature: FeatureConstraints) -> MonitoringConfig:
        """The configuration that holds for one column."""
        return self.config.overridden(feature.overrides, feature.name) if feature.overrides else self.config


def _parse_feature(entry: Any, position: int) -> FeatureConstraints:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        raise ValueError(f"features[{position}] has no name")  # noqa: TRY004
    name = entry["name"]
    numbers, strings = entry.get("num_constraints") or {}, entry.get("string_constraints") or {}
    overrides: dict[str, Any] = {}
    # AWS's own tools write the overrides in three different places.
    for holder in (numbers, strings, entry):
        for key in _OVERRIDE_KEYS:
            overrides.update(holder.get(key) or {})
    kind = entry.get("inferred_type", "Unknown")
    if kind not in ("Integral", "Fractional", "String", "Unknown"):
        raise ValueError(f"feature {name}: inferred_type is {kind!r}: use Integral, Fractional, String or Unknown")
    completeness = entry.get("completeness")
    if completeness is not None and not (isinstance(completeness, int | float) and 0 <= completeness <= 1):
        raise ValueError(f"feature {name}: completeness is {completeness!r}: use a number from 0 to 1")
    domains = strings.get("domains")
    return FeatureConstraints(
        name,
        cast("InferredType", kind),
        completeness,
        numbers.get("is_non_negative"),
        None if domains is None else tuple(str(value) for value in domains),
        overrides,
    )


def suggest(profile: Profile, config: MonitoringConfig | None = None) -> Constraints:
    """Constraints that the profiled data satisfy.

    Text gets a domain when it has at most 120 distinct values, each ten times on average.
    """
    features = tuple(_suggest_feature(profile, feature) for feature in profile.ordered())
    return Constraints(features, config or MonitoringConfig())


def _suggest_feature(profile: Profile, feature: FeatureProfile) -> FeatureConstraints:
    kind = feature.inferred_type
    is_number = kind in ("Integral", "Fractional")
    domains: tuple[str, ...] | None = None
    if kind == "String" and (counts := categories(feature, DOMAIN_LIMIT + 1)) is not None:
        few = len(counts) <= DOMAIN_LIMIT and len(counts) <= DOMAIN_UNIQUE_RATIO * feature.present
        domains = tuple(value for value, _ in counts) if few else None
    return FeatureConstraints(
        feature.name,
        kind,
        profile.completeness(feature),
        feature.negative == 0 if is_number else None,
        domains,
    )
