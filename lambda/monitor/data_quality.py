"""Data quality: is captured traffic still like the data that the model was trained on?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from monitor.analysis import (
    PAGE,
    VIOLATIONS,
    Analysis,
    BaselineError,
    Finding,
    NoData,
    Outcome,
    Point,
    Traffic,
    UnreadableCaptures,
    unreadable,
)
from monitor.settings import DataQualitySettings
from shared.log import Logger
from shared.metrics import StatisticSet
from shared.s3 import S3Uri

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import polars

    from model_analyzer.data_quality import Profile, Violation
    from monitor.run import Run

#: Beside Model Monitor's files: what whole records tell, of a run and of its baseline.
RECORDS = "records.json"

log = Logger("monitor.data_quality")


@dataclass(frozen=True)
class Baseline:
    """The parsed files of a version's baseline, reduced to the features that are watched; either may be missing.

    ``columns`` are the names of all its columns in order: captured CSV has none and takes them by position.
    """

    constraints: dict[str, Any] | None = None
    statistics: dict[str, Any] | None = None
    columns: tuple[str, ...] | None = None


class DataQuality(Analysis[Baseline]):
    """Types, missing values, unknown categories, drift of distributions, feature by feature."""

    namespace = "aws/sagemaker/Endpoints/data-metrics"
    worst_field = "worstFeatures"

    def __init__(self, settings: DataQualitySettings) -> None:
        self._settings = settings

    def prepare(
        self, constraints: bytes | None, statistics: bytes | None, read: Callable[[S3Uri], bytes | None]
    ) -> Baseline:
        """Parse the baseline's files and apply the monitor's own threshold and choice of features."""
        from model_analyzer.data_quality import Constraints, Statistics

        columns = None
        documents: dict[str, dict[str, Any]] = {}
        for kind, content in (("statistics", statistics), ("constraints", constraints)):
            if content is None:
                continue
            try:
                document = _document(content)
                columns = tuple(str(feature["name"]) for feature in document["features"])
                document["features"] = [
                    item for item in document["features"] if self._settings.monitors(str(item["name"]))
                ]
                if kind == "constraints":
                    self._override(document)
                    Constraints.from_dict(document)
                else:
                    Statistics(document)
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise BaselineError(f"the baseline's {kind} cannot be used: {error}") from error
            documents[kind] = document
        return Baseline(documents.get("constraints"), documents.get("statistics"), columns)

    def analyse(self, traffic: Traffic, prepared: Baseline) -> Outcome | NoData:
        """Profile the features and compare their profiles with the baseline's."""
        from model_analyzer import data_quality, inputs, report

        read = inputs.InputReport()

        def of_frames(frames: Iterable[polars.DataFrame]) -> data_quality.Profile:
            return data_quality.profile_all(self._selected(frames))

        profile = traffic.summarize(of_frames, data_quality.merge, columns=prepared.columns, report=read)
        if not read.rows:
            if read.broken_lines:
                raise UnreadableCaptures(unreadable(read, "captured records"))
            return NoData("NoCaptures")
        statistics = data_quality.statistics(profile)
        suggested = data_quality.suggest(profile)
        violations = None
        emit_metrics = self._settings.publish_feature_metrics
        if prepared.constraints is not None:
            constraints = data_quality.Constraints.from_dict(prepared.constraints)
            emit_metrics &= constraints.config.emit_metrics
            violations = data_quality.check(profile, constraints, prepared.statistics)
        distances = {name: item.value for name, item in violations.distances.items()} if violations is not None else {}
        records = _records(profile, traffic.beside_baseline(RECORDS))
        page = report.data_quality_html(
            statistics,
            prepared.constraints or suggested,
            violations,
            prepared.statistics,
            read,
            records,
            title=f"Data quality of {traffic.name}",
            subtitle=traffic.subtitle,
        )
        found = violations.to_json() if violations is not None else json.dumps({"violations": []}, indent=2)
        return Outcome(
            records=read.records,
            broken=read.broken_lines,
            documents={
                self.document: json.dumps(statistics, indent=2, ensure_ascii=False),
                "constraints.json": suggested.to_json(),
                VIOLATIONS: found,
                RECORDS: json.dumps(records, indent=2, ensure_ascii=False),
                PAGE: page,
            },
            findings=tuple(_finding(item) for item in violations or ()),
            points=tuple(points(statistics, distances)) if emit_metrics else (),
        )

    def points_of(self, document: bytes, prepared: Baseline) -> Iterator[Point]:
        """Those of the watched features, with distances between the two files of statistics."""
        from model_analyzer import data_quality

        statistics = _document(document)
        statistics["features"] = [item for item in statistics["features"] if self._settings.monitors(str(item["name"]))]
        distances: dict[str, float] = {}
        if prepared.constraints is not None:
            constraints = data_quality.Constraints.from_dict(prepared.constraints)
            if not constraints.config.emit_metrics:
                return
            compared = {item.name for item in constraints.features if constraints.config_of(item).perform_comparison}
            found = data_quality.compare(statistics, prepared.statistics or {"features": []}, constraints)
            distances = {name: distance.value for name, distance in found.items() if name in compared}
        yield from points(statistics, distances)

    def baseline(
        self,
        frames: Iterator[polars.DataFrame],
        run: Run,
        read: Callable[[S3Uri], bytes | None],
        tolerance: float,
    ) -> Mapping[str, str]:
        """Statistics and suggested constraints of training data."""
        from model_analyzer import data_quality

        profile = data_quality.profile_all(self._selected(frames))
        statistics = data_quality.statistics(profile)
        if not statistics["dataset"]["item_count"]:
            raise ValueError("it has no rows")
        return {
            "statistics.json": json.dumps(statistics, indent=2, ensure_ascii=False),
            "constraints.json": data_quality.suggest(profile).to_json(),
            RECORDS: json.dumps(data_quality.records(profile), indent=2, ensure_ascii=False),
        }

    def _selected(self, frames: Iterable[polars.DataFrame]) -> Iterator[polars.DataFrame]:
        for frame in frames:
            yield frame.select([name for name in frame.columns if self._settings.monitors(name)])

    def _override(self, constraints: dict[str, Any]) -> None:
        """Put the monitor's threshold and method into the baseline's constraints, for numbers and categories alike."""
        changes: dict[str, Any] = {}
        if self._settings.drift_threshold is not None:
            threshold = self._settings.drift_threshold
            changes["comparison_threshold"] = changes["categorical_comparison_threshold"] = threshold
        if self._settings.comparison_method is not None:
            changes["comparison_method"] = self._settings.comparison_method
        if changes:
            config = constraints.setdefault("monitoring_config", {})
            config["distribution_constraints"] = {**config.get("distribution_constraints", {}), **changes}


def _records(profile: Profile, baseline: bytes | None) -> dict[str, Any]:
    """What whole records tell. A run does not fail for a file of which it compares nothing else."""
    from model_analyzer import data_quality

    if baseline is not None:
        try:
            return data_quality.records(profile, json.loads(baseline))
        except ValueError as error:
            log.warning("the baseline's records cannot be compared with", reason=str(error))
    return data_quality.records(profile)


def points(statistics: Mapping[str, Any], distances: Mapping[str, float]) -> Iterator[Point]:
    """Every feature's presence, values and drift under Model Monitor's names.

    https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-interpreting-cloudwatch.html
    """
    for feature in statistics["features"]:
        name = feature["name"]
        numbers = feature.get("numerical_statistics")
        common = (numbers or feature.get("string_statistics") or {}).get("common", {})
        present, missing = int(common.get("num_present", 0)), int(common.get("num_missing", 0))
        if present + missing:
            # One value per row, 1 if it is there: Sum counts the values, Average is the completeness.
            ones = StatisticSet(present + missing, present, 0.0 if missing else 1.0, 1.0 if present else 0.0)
            yield Point(f"feature_non_null_{name}", ones)
        if numbers and present and all(_is_number(numbers.get(key)) for key in ("sum", "min", "max")):
            values = StatisticSet(present, numbers["sum"], numbers["min"], numbers["max"])
            yield Point(f"feature_data_{name}", values)
        if name in distances:
            yield Point(f"feature_baseline_drift_{name}", distances[name])


def _finding(item: Violation) -> Finding:
    """How far it is beyond its threshold, relative to it; checks without numbers are worst."""
    severity = float("inf")
    if item.value is not None and item.threshold is not None:
        severity = abs(item.value - item.threshold) / max(abs(item.threshold), 1e-9)
    subject = {"feature": item.feature_name}
    return Finding(subject, str(item.constraint_check_type), item.value, item.threshold, severity)


def _document(content: bytes) -> dict[str, Any]:
    document = json.loads(content)
    if not isinstance(document, dict) or not isinstance(document.get("features"), list):
        raise TypeError("it is not a JSON object with a list 'features'")
    return document


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
