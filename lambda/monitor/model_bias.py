"""Bias: do predictions treat one group worse than they did when the model was approved?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from monitor import analysis_config
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
)
from monitor.labelled import LabelledTraffic
from monitor.settings import BiasSettings
from shared.environment import ConfigurationError
from shared.metrics import within_limits
from shared.s3 import S3Uri

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars

    from model_analyzer.bias import BiasAnalysis, BiasConfig, BiasEntry, BiasViolation
    from monitor.run import Run

#: Sections of analysis.json, and how the dimension BiasStage calls them.
STAGES = {"pre_training_bias_metrics": "Pre-training", "post_training_bias_metrics": "Post-Training"}


@dataclass(frozen=True)
class Prepared:
    """What to measure, and the baseline's analysis. ``label`` is the label's name in reports and metrics.

    ``columns`` are the names of captured CSV columns, output first.
    """

    config: BiasConfig
    label: str
    columns: tuple[str, ...]
    baseline: BiasAnalysis | None


class ModelBias(Analysis[Prepared]):
    """Clarify's bias metrics of labels and predictions, for every facet."""

    namespace = "aws/sagemaker/Endpoints/bias-metrics"
    document = "analysis.json"
    baseline_files = ("analysis.json",)
    worst_field = "worstMetrics"

    def __init__(self, settings: BiasSettings) -> None:
        self._settings = settings

    @property
    def ground_truth(self) -> S3Uri:
        """Where labels lie."""
        return self._settings.ground_truth

    def prepare(
        self, constraints: bytes | None, statistics: bytes | None, read: Callable[[S3Uri], bytes | None]
    ) -> Prepared:
        """Parse the analysis config and the baseline, whose constraints are an earlier analysis.json.

        Raises ConfigurationError when the config is wrong or missing.
        """
        from model_analyzer.bias import BiasAnalysis

        uri = self._settings.config_uri
        document = analysis_config.load(self._settings.config, uri, read)
        try:
            config, label, columns = self._configured(document)
        except (ValueError, TypeError) as error:
            raise ConfigurationError(f"{analysis_config.source_of(uri)} cannot be used: {error}") from error
        if constraints is None:
            return Prepared(config, label, columns, None)
        try:
            baseline = BiasAnalysis.from_json(constraints)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BaselineError(f"the baseline's constraints cannot be used: {error}") from error
        wanted, known = {facet.name for facet in config.facets}, {entry.facet for entry in baseline.entries}
        if wanted - known:
            raise BaselineError(
                f"the baseline's constraints know nothing of the facets {', '.join(sorted(wanted - known))}, only of "
                f"{', '.join(sorted(known)) or 'none'}; make the baseline with the monitor's analysis config"
            )
        return Prepared(config, label, columns, baseline)

    def analyse(self, traffic: Traffic, prepared: Prepared) -> Outcome | NoData:
        """Measure labelled predictions and compare each metric's distance from neutral with the baseline's."""
        from model_analyzer import bias, report

        labelled = LabelledTraffic(traffic, self._settings, columns=prepared.columns, with_input=True)
        summary = bias.summarize_all(labelled.frames(), prepared.config)
        nothing = labelled.nothing(summary.rows, summary.unusable)
        if nothing is not None:
            return nothing
        document = self._labelled(bias.analysis(summary), prepared)
        current = bias.BiasAnalysis(document)
        violations = None
        if prepared.baseline is not None:
            violations = bias.check(current, prepared.baseline, self._settings.tolerance)
        page = report.bias_html(
            current,
            violations,
            prepared.baseline,
            labelled.read,
            labelled.join,
            rows=summary.rows,
            title=f"Bias of {traffic.name}",
            subtitle=traffic.subtitle,
        )
        found = violations if violations is not None else bias.BiasViolations()
        return Outcome(
            records=labelled.join.captures,
            broken=labelled.broken,
            documents={
                self.document: json.dumps(document, indent=2, ensure_ascii=False),
                VIOLATIONS: found.to_json(),
                PAGE: page,
            },
            findings=tuple(_finding(item) for item in found),
            points=tuple(points(current, prepared)) if self._settings.publish_metrics else (),
            labels=labelled.counts(summary.unusable.total()),
            unchecked=tuple(f"{item.facet}={item.group} {item.name}" for item in found.not_computable),
        )

    def points_of(self, document: bytes, prepared: Prepared) -> Iterator[Point]:
        """Every metric of the analysis."""
        from model_analyzer.bias import BiasAnalysis

        yield from points(BiasAnalysis.from_json(document), prepared)

    def baseline(
        self,
        frames: Iterator[polars.DataFrame],
        run: Run,
        read: Callable[[S3Uri], bytes | None],
        tolerance: float,
    ) -> Mapping[str, str]:
        """The analysis of training data."""
        from model_analyzer import bias, inputs

        prepared = self.prepare(None, None, read)

        def named() -> Iterator[polars.DataFrame]:
            for frame in frames:
                own = [name for name in frame.columns if name != inputs.GROUND_TRUTH]
                yield frame.rename(dict(zip(own, prepared.columns, strict=False)))

        summary = bias.summarize_all(named(), prepared.config)
        if not summary.rows:
            reasons = ", ".join(f"{reason} ({count})" for reason, count in summary.unusable.items())
            raise ValueError(f"not one row can be used: {reasons or 'it has none'}")
        return {self.document: json.dumps(self._labelled(bias.analysis(summary), prepared), indent=2)}

    def _labelled(self, document: dict[str, Any], prepared: Prepared) -> dict[str, Any]:
        """The document with the label under the name that the config gives it."""
        for section in STAGES:
            if section in document:
                document[section]["label"] = prepared.label
        return document

    def _configured(self, document: Mapping[str, Any]) -> tuple[BiasConfig, str, tuple[str, ...]]:
        """The settings of the analysis, the label's name, and the names of captured columns.

        Clarify counts columns of the input, captured rows begin with the output: numbers become names.
        """
        from model_analyzer.bias import BiasConfig
        from model_analyzer.inputs import GROUND_TRUTH

        label = document.get("label")
        headers = [str(name) for name in document.get("headers") or () if name != label]
        columns = (*self._settings.output_columns, *headers)
        named = {**document, "headers": headers or _positions(document, len(self._settings.output_columns))}
        config = BiasConfig.from_analysis_config(
            named,
            label=GROUND_TRUTH,
            predicted_label=self._settings.inference,
            probability=self._settings.probability,
            probability_threshold=self._settings.probability_threshold,
        )
        return config, str(label) if isinstance(label, str) else GROUND_TRUTH, columns


def points(analysis: BiasAnalysis, prepared: Prepared) -> Iterator[Point]:
    """Every metric with a value, under Clarify's names and dimensions; infinite ones as the largest that there is.

    The interval of a threshold ends at the window's own maximum in analysis.json. A dimension that changes from run to
    run could not be watched, so here it ends at infinity.

    https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-model-monitor-bias-drift-cw.html
    """
    config = prepared.config
    thresholds = {facet.name: facet.threshold for facet in config.facets}
    value = (
        _above(config.label_threshold) if config.label_threshold is not None else ",".join(config.label_values or ())
    )
    for entry in analysis.entries:
        if entry.value is None:
            continue
        threshold = thresholds.get(entry.facet)
        dimensions = {
            "BiasStage": STAGES[entry.section],
            "Label": prepared.label,
            "LabelValue": value,
            "Facet": entry.facet,
            "FacetValue": entry.group if threshold is None else _above(threshold),
        }
        yield Point(f"bias_metric_{entry.name}", within_limits(entry.value), dimensions)


def _positions(document: Mapping[str, Any], outputs: int) -> list[str]:
    """Names of input columns by position, as the reader calls them, up to the last one that the config refers to."""
    entries = document.get("facet")
    entries = entries if isinstance(entries, list) else [entries]
    used = [entry.get("name_or_index") for entry in entries if isinstance(entry, dict)]
    used.append(document.get("group_variable"))
    last = max((index for index in used if isinstance(index, int)), default=-1)
    return [f"_c{outputs + position}" for position in range(last + 1)]


def _above(threshold: float) -> str:
    return f"({int(threshold) if threshold == int(threshold) else threshold}, Infinity)"


def _distance(entry: BiasEntry, value: float) -> float:
    return abs(value - entry.neutral)


def _finding(item: BiasViolation) -> Finding:
    """How much farther from neutral it is than the baseline."""
    entry = item.entry
    severity = _distance(entry, item.value) - _distance(entry, item.baseline)
    subject = {"metric": entry.name, "facet": entry.facet, "facetValue": entry.group}
    return Finding(subject, "bias_drift_check", item.value, item.baseline, severity)
