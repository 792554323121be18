"""Feature attribution: do the model's answers still depend on the features that they depended on?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

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
    UnreadableCaptures,
    unreadable,
)
from monitor.attribution_settings import AttributionSettings
from shared.environment import ConfigurationError
from shared.metrics import within_limits
from shared.s3 import S3Uri

if TYPE_CHECKING:
    import polars

    from model_analyzer.attribution import AttributionAnalysis, AttributionScore, Explainer, Summary
    from monitor.explained_model import Shap
    from monitor.run import Run

CHECK = "feature_attribution_drift_check"
#: Rows explained where the settings do not say: exact explanations of trees are cheap, asking an endpoint is not.
TREE_ROWS, KERNEL_ROWS = 10_000, 100
#: The dimension under which readers look for SHAP values, however they were computed.
METHOD = "KernelShap"


@dataclass(frozen=True)
class Prepared:
    """How to explain, and the baseline's analysis. ``read`` brings objects."""

    shap: Shap
    baseline: AttributionAnalysis | None
    read: Callable[[S3Uri], bytes | None]


class ModelAttribution(Analysis[Prepared]):
    """SHAP values of the window's requests, and how well their ranking agrees with the baseline's.

    https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-model-monitor-feature-attribution-drift.html
    """

    namespace = "aws/sagemaker/Endpoints/explainability-metrics"
    document = "analysis.json"
    baseline_files = ("analysis.json",)
    worst_field = "worstMetrics"

    def __init__(self, settings: AttributionSettings) -> None:
        self._settings = settings

    def prepare(
        self, constraints: bytes | None, statistics: bytes | None, read: Callable[[S3Uri], bytes | None]
    ) -> Prepared:
        """Parse the analysis config and the baseline, whose constraints are an earlier analysis.json.

        Raises ConfigurationError when the config is wrong or missing.
        """
        from model_analyzer.attribution import AttributionAnalysis

        uri = self._settings.config_uri
        document = analysis_config.load(self._settings.config or "{}", uri, read)
        try:
            shap = configured(document)
        except (ValueError, TypeError, AttributeError) as error:
            raise ConfigurationError(f"{analysis_config.source_of(uri)} cannot be used: {error}") from error
        if constraints is None:
            return Prepared(shap, None, read)
        try:
            return Prepared(shap, AttributionAnalysis.from_json(constraints), read)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BaselineError(f"the baseline's constraints cannot be used: {error}") from error

    def analyse(self, traffic: Traffic, prepared: Prepared) -> Outcome | NoData:
        """Explain the window's requests and compare the ranking of the features with the baseline's.

        Raises UnexplainableModel when the live version cannot be explained.
        """
        from model_analyzer import attribution, inputs, report

        shap = prepared.shap
        read = inputs.InputReport()
        columns = (*self._settings.output_columns, *shap.features) if shap.features else None
        frames = traffic.frames(columns=columns, report=read)
        summary = self._explained(frames, traffic.run, prepared)
        if not summary.rows:
            if read.broken_lines:
                raise UnreadableCaptures(unreadable(read, "captured records"))
            return NoData("NoCaptures")
        document = attribution.analysis(summary, shap.aggregation, shap.labels or None)
        current = attribution.AttributionAnalysis(document)
        violations = None
        if prepared.baseline is not None:
            _comparable(current, prepared.baseline)
            violations = attribution.check(current, prepared.baseline, self._settings.threshold)
        page = report.attribution_html(
            current,
            violations,
            prepared.baseline,
            read,
            title=f"Feature attribution of {traffic.name}",
            subtitle=traffic.subtitle,
        )
        found = violations if violations is not None else attribution.AttributionViolations()
        return Outcome(
            records=read.records,
            broken=read.broken_lines,
            documents={
                self.document: json.dumps(document, indent=2, ensure_ascii=False),
                VIOLATIONS: found.to_json(),
                PAGE: page,
            },
            findings=tuple(_finding(score) for score in found.violations),
            points=tuple(points(current, found.scores)) if self._settings.publish_metrics else (),
            unchecked=tuple(f"{score.label} shap" for score in found.scores if score.value is None),
        )

    def points_of(self, document: bytes, prepared: Prepared) -> Iterator[Point]:
        """Every value of the analysis, and its agreement with the baseline's."""
        from model_analyzer import attribution

        current = attribution.AttributionAnalysis.from_json(document)
        found = attribution.AttributionViolations()
        if prepared.baseline is not None:
            found = attribution.check(current, prepared.baseline, self._settings.threshold)
        yield from points(current, found.scores)

    def baseline(
        self,
        frames: Iterator[polars.DataFrame],
        run: Run,
        read: Callable[[S3Uri], bytes | None],
        tolerance: float,
    ) -> Mapping[str, str]:
        """The attributions of training data."""
        from model_analyzer import attribution

        prepared = self.prepare(None, None, read)
        summary = self._explained(frames, run, prepared)
        if not summary.rows:
            raise ValueError("it has no rows")
        document = attribution.analysis(summary, prepared.shap.aggregation, prepared.shap.labels or None)
        return {self.document: json.dumps(document, indent=2, ensure_ascii=False)}

    def _explained(self, frames: Iterator[polars.DataFrame], run: Run, prepared: Prepared) -> Summary:
        from model_analyzer import attribution
        from monitor.explained_model import explainer_of

        shap = prepared.shap
        with explainer_of(self._settings, run, shap, prepared.read) as explainer:
            default = TREE_ROWS if explainer.method == "tree_shap" else KERNEL_ROWS
            rows = drawn(_cut(frames, explainer, shap), self._settings.max_rows or default)
            return attribution.summarize_all(rows, explainer, shap.features or None)


def configured(document: Mapping[str, Any]) -> Shap:
    """What the analysis config says; raises ValueError or TypeError that names what is wrong."""
    from monitor.explained_model import Shap

    method = (document.get("methods") or {}).get("shap") or {}
    predictor = document.get("predictor") or {}
    aggregation = method.get("agg_method", "mean_abs")
    if aggregation not in ("mean_abs", "median", "mean_sq"):
        raise ValueError(f"methods.shap.agg_method is {aggregation!r}; allowed are mean_abs, median, mean_sq")
    samples = method.get("num_samples")
    if samples is not None and (not isinstance(samples, int) or samples < 1):
        raise ValueError(f"methods.shap.num_samples is {samples!r}; allowed are whole numbers from 1 on")
    baseline = method.get("baseline") or ()
    uri = S3Uri.parse(baseline) if isinstance(baseline, str) else None
    label = document.get("label")
    return Shap(
        features=tuple(str(name) for name in document.get("headers") or () if name != label),
        labels=tuple(str(name) for name in predictor.get("label_headers") or ()),
        background=() if uri else tuple(tuple(float(value) for value in row) for row in baseline),
        background_uri=uri,
        num_samples=samples,
        aggregation=cast("Any", aggregation),
        link="logit" if method.get("use_logit") else "identity",
        seed=int(method.get("seed", 0)),
    )


def drawn(frames: Iterable[polars.DataFrame], limit: int) -> Iterator[polars.DataFrame]:
    """At most ``limit`` rows, each with the same chance; the same rows whenever the same frames come.

    Every row gets a random key and the smallest keys stay, so that no more than twice the limit is in memory.
    """
    import numpy as np
    import polars as pl

    chance = np.random.default_rng(0)
    key = "__key__"
    kept: pl.DataFrame | None = None
    for frame in frames:
        keyed = frame.with_columns(pl.Series(key, chance.random(frame.height)))
        kept = keyed if kept is None else pl.concat([kept, keyed], how="vertical_relaxed")
        if kept.height > limit:
            kept = kept.sort(key).head(limit)
    if kept is not None and kept.height:
        yield kept.drop(key)


def _cut(frames: Iterable[polars.DataFrame], explainer: Explainer, shap: Shap) -> Iterator[polars.DataFrame]:
    """The features' columns alone, so that rows of all widths of output stand under the same names."""
    from model_analyzer import attribution

    names: list[str] | None = None
    for frame in frames:
        columns = attribution.columns_of(frame, explainer, shap.features or None)
        names = names or columns
        yield frame.select(columns).rename(dict(zip(columns, names, strict=True)))


def points(current: AttributionAnalysis, scores: Iterable[AttributionScore]) -> Iterator[Point]:
    """Clarify's metrics: every feature's global SHAP value and the expected value, by label; and the agreement.

    https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-feature-attribute-shap-baselines.html
    """
    for label in current.labels.values():
        where = {"ExplainabilityMethod": METHOD, "Label": label.label}
        for feature, value in label.values.items():
            yield Point(f"feature_{feature}", within_limits(value), where | {"ValueType": "GlobalShapValues"})
        if label.expected is not None:
            yield Point("ExpectedValue", within_limits(label.expected), where | {"ValueType": "ExpectedValue"})
    yield from agreements(scores)


def agreements(scores: Iterable[AttributionScore]) -> Iterator[Point]:
    """How well each label's ranking agrees with the baseline's, which Clarify does not publish."""
    for score in scores:
        if score.value is not None:
            where = {"ExplainabilityMethod": METHOD, "Label": score.label}
            yield Point("NDCG", score.value, where | {"ValueType": "NDCG"})


def _comparable(current: AttributionAnalysis, baseline: AttributionAnalysis) -> None:
    shared = current.labels.keys() & baseline.labels.keys()
    if not shared:
        raise BaselineError(
            f"the baseline's constraints are of the labels {', '.join(baseline.labels) or 'none'}, the model has "
            f"{', '.join(current.labels)}; make the baseline with the monitor's label_headers"
        )
    for name in shared:
        known, now = baseline.labels[name].values, current.labels[name].values
        if not known.keys() & now.keys():
            raise BaselineError(
                f"the baseline's constraints know none of the features {', '.join(list(now)[:5])}, only "
                f"{', '.join(list(known)[:5]) or 'none'}; make the baseline with the monitor's headers"
            )


def _finding(score: AttributionScore) -> Finding:
    value = cast("float", score.value)
    return Finding({"metric": "shap", "label": score.label}, CHECK, value, score.threshold, score.threshold - value)
