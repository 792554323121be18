"""What a bias analysis measures: facets, positive labels, metrics, alarms."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cdk_sagemaker_mlops.alarming import AlarmRule
from cdk_sagemaker_mlops.measures import Measure, MetricMath

from .analysis import Chart, MonitorView
from .labelled import LabelledAnalysis, MetricAlarm

# https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-measure-data-bias.html
PRE_TRAINING = ("CDDL", "CI", "DPL", "JS", "KL", "KS", "LP", "TVD")
# https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-measure-post-training-bias.html
POST_TRAINING = ("AD", "CDDPL", "DAR", "DCA", "DCR", "DI", "DPPL", "DRR", "GE", "RD", "SD", "TE")
_NEUTRAL = {"DI": 1}
_NEED_GROUPS = ("CDDL", "CDDPL")
_CHARTED = ("DPPL", "AD", "RD")
DEFAULT_LABEL = "ground_truth"
# Lambda allows 4 KB for all environment variables; the rest of them needs about one.
_MAX_CONFIG_BYTES = 2800


@dataclass(frozen=True, kw_only=True)
class Facet:
    """A sensitive attribute, and which of its values form the disadvantaged group.

    :param name_or_index: Column of the input: its name, or its number counted from 0.
    :param values: Values of the disadvantaged group. Default: - every value in turn, against all others
    :param threshold: Numbers above it form the disadvantaged group, instead of `values`.
    """

    name_or_index: str | int
    values: Sequence[str] = ()
    threshold: float | None = None

    @property
    def group(self) -> str | None:
        """What metrics call the disadvantaged group; None where only the data tells."""
        if self.threshold is not None:
            return _above(self.threshold)
        return ",".join(self.values) or None


@dataclass(frozen=True, kw_only=True)
class BiasAnalysis(LabelledAnalysis):
    """Settings of the bias analysis; see :class:`BiasMonitor`."""

    monitoring_type = "ModelBias"
    slug = "bias"
    namespace = "aws/sagemaker/Endpoints/bias-metrics"
    has_statistics = False

    facets: tuple[Facet, ...]
    headers: tuple[str, ...] = ()
    label: str = DEFAULT_LABEL
    label_values: tuple[str, ...] = ("1",)
    label_threshold: float | None = None
    group_variable: str | int | None = None
    tolerance: float = 0

    @property
    def predicts_probability(self) -> bool:
        """Whether the answer's first column is a probability where nothing says what it is."""
        return True

    @property
    def config(self) -> dict[str, object]:
        """Clarify's analysis config.

        https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-config-json-monitor-bias-parameters.html
        """
        config: dict[str, object] = {
            "label": self.label,
            "label_values_or_threshold": _one_of(self.label_values, self.label_threshold),
            "facet": [
                {"name_or_index": facet.name_or_index}
                | (
                    {"value_or_threshold": _one_of(facet.values, facet.threshold)}
                    if facet.values or facet.threshold is not None
                    else {}
                )
                for facet in self.facets
            ],
        }
        if self.headers:
            config["headers"] = list(self.headers)
        if self.group_variable is not None:
            config["group_variable"] = self.group_variable
        return config

    def problems(self) -> list[str]:
        """What is wrong with the settings."""
        found = [*super().problems(), *self._facet_problems(), *self._column_problems(), *self._alarm_problems()]
        if not 0 <= self.tolerance <= 1:
            found.append(f"tolerance is {self.tolerance:g}, allowed are 0 to 1")
        for name, value in (("label_threshold", self.label_threshold), *self._thresholds()):
            if value in (0, 1):
                found.append(
                    f"{name} is {value:g}, which an analysis config takes for a value; of whole numbers, those above "
                    f"{value:g} are also those above {value + 0.5:g}: give that"
                )
        if self.label_threshold is None and not self.label_values:
            found.append("label_values is empty; name the positive labels, or give label_threshold")
        size = len(json.dumps(self.config).encode())
        if size > _MAX_CONFIG_BYTES:
            found.append(
                f"facets and headers take {size} bytes, allowed are {_MAX_CONFIG_BYTES} because Lambda's environment "
                "is small; leave headers out and give facets by number"
            )
        return found

    def _thresholds(self) -> Iterator[tuple[str, float | None]]:
        for facet in self.facets:
            yield f'threshold of facet "{facet.name_or_index}"', facet.threshold

    def _facet_problems(self) -> Iterator[str]:
        names = [self.column(facet.name_or_index) for facet in self.facets]
        if not names:
            yield "facets is empty; name at least one sensitive attribute"
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f'facets name "{name}" twice; put its values into one facet'
        for facet in self.facets:
            if facet.values and facet.threshold is not None:
                yield f'facet "{facet.name_or_index}" has values and a threshold; leave one of them out'

    def _column_problems(self) -> Iterator[str]:
        referred = [facet.name_or_index for facet in self.facets]
        referred += [] if self.group_variable is None else [self.group_variable]
        for reference in referred:
            if isinstance(reference, int) and reference < 0:
                yield f"column {reference} does not exist; columns are counted from 0"
            elif self.headers and isinstance(reference, int) and reference >= len(self._inputs):
                yield f"column {reference} does not exist; headers name {len(self._inputs)} columns, counted from 0"
            elif self.headers and isinstance(reference, str) and reference not in self.headers:
                yield f'"{reference}" is none of the headers ({", ".join(self.headers)})'

    def _alarm_problems(self) -> Iterator[str]:
        yield from self.unknown_metrics((*PRE_TRAINING, *POST_TRAINING), "bias")
        open_groups = [str(facet.name_or_index) for facet in self.facets if facet.group is None]
        if self.metric_alarms and open_groups:
            yield (
                f"metric_alarms need to know the groups of every facet; give values or a threshold to "
                f"{', '.join(open_groups)}, or rely on the alarm for all violations"
            )
        for alarm in self.metric_alarms:
            if alarm.metric in _NEED_GROUPS and self.group_variable is None:
                yield f"metric_alarms holds {alarm.metric}, which has no value without a group_variable; give one"
            if alarm.threshold < 0:
                yield f"metric_alarms[{alarm.metric}] is {alarm.threshold:g}, allowed are distances from 0 on"

    @property
    def _inputs(self) -> list[str]:
        return [name for name in self.headers if name != self.label]

    def column(self, reference: str | int) -> str:
        """How metrics call a column: its header, else its place among captured columns, the answer's first."""
        if isinstance(reference, str):
            return reference
        if 0 <= reference < len(self._inputs):
            return self._inputs[reference]
        return f"_c{(len(self.predictions.output_columns) or 1) + reference}"

    def settings(self, name: str) -> dict[str, str]:
        """The settings as environment variables of the run."""
        values = super().settings(name) | {"ANALYSIS_CONFIG": json.dumps(self.config)}
        return values | ({"BIAS_TOLERANCE": f"{self.tolerance:g}"} if self.tolerance else {})

    def measure(self, view: MonitorView, metric: str, facet: Facet, statistic: str = "Average") -> Measure:
        """A metric of one facet, under Clarify's name and dimensions."""
        label_value = ",".join(self.label_values) if self.label_threshold is None else _above(self.label_threshold)
        dimensions = (
            ("BiasStage", "Pre-training" if metric in PRE_TRAINING else "Post-Training"),
            ("Label", self.label),
            ("LabelValue", label_value),
            ("Facet", self.column(facet.name_or_index)),
            ("FacetValue", facet.group or ""),
        )
        return view.analysis_measure(f"bias_metric_{metric}", statistic, f"{metric} {dimensions[3][1]}", dimensions)

    def rules(self, view: MonitorView) -> list[AlarmRule]:
        """An alarm on labels that stay away, and one per facet, metric and severity that was asked for."""
        asked = [self._rule(view, alarm, facet) for alarm in self.metric_alarms for facet in self.facets]
        return [*super().rules(view), *asked]

    def _rule(self, view: MonitorView, alarm: MetricAlarm, facet: Facet) -> AlarmRule:
        neutral = _NEUTRAL.get(alarm.metric, 0)
        column = self.column(facet.name_or_index)
        return AlarmRule(
            id=f"Bias {alarm.id(column)}",
            severity=alarm.severity,
            title=(
                f"Bias of {view.subject}: {alarm.metric} of {column} = {facet.group} is more than "
                f"{alarm.threshold:g} away from {neutral}"
            ),
            advice=f"Compare the groups with the baseline's in the report: {view.report_hint}",
            measure=MetricMath(
                expression="distance",
                expressions={"distance": f"ABS(bias - {neutral})"},
                measures={"bias": self.measure(view, alarm.metric, facet)},
                label=f"distance of {alarm.metric} from {neutral}",
            ),
            threshold=alarm.threshold,
            evaluation_periods=self.datapoints,
        )

    def charts(self, view: MonitorView) -> list[Chart]:
        """The metrics that have alarms, else the usual ones, of facets whose groups are known; then labels."""
        names = dict.fromkeys(alarm.metric for alarm in self.metric_alarms) or _CHARTED
        lines = [self.measure(view, name, facet) for facet in self.facets if facet.group for name in names]
        charts = [Chart(title="Bias", measures=tuple(lines), minimum=None)] if lines else []
        return [*charts, *super().charts(view)]


def _one_of(values: Sequence[str], threshold: float | None) -> list[str] | list[float]:
    return list(values) if threshold is None else [threshold]


def _above(threshold: float) -> str:
    return f"({int(threshold) if threshold == int(threshold) else threshold}, Infinity)"
