"""How far a metric of bias may be off because the sample is what it is: confidence intervals by the bootstrap.

Clarify's rule for drift with intervals is at
https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-model-monitor-bias-drift.html: a normal bootstrap interval
around the metric, and an alert only if it lies wholly outside the range that is allowed (Efron and Tibshirani, 1993,
"An Introduction to the Bootstrap", chapter 13).

The metrics are functions of counts, and drawing rows with replacement draws counts from a multinomial distribution. So
the replicates come from a summary, without the rows. The flip test is no function of counts and has no interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from ._analysis import POST, PRE, BiasAnalysis, analysis, groups
from ._metrics import POST_TRAINING, PRE_TRAINING, Metric, NotComputable, Table
from ._summary import FacetCounts, Summary

REPLICATES = 200
_MOST_UNUSABLE = 0.1


@dataclass(frozen=True)
class Interval:
    """Both ends of a confidence interval."""

    low: float
    high: float


Key = tuple[str, str, str, str]
"""Section, facet, group and metric, as in `BiasEntry.key`."""


def intervals(
    summary: Summary, confidence: float = 0.95, replicates: int = REPLICATES, seed: int = 0
) -> dict[Key, Interval]:
    """Confidence intervals of the metrics of a summary.

    Args:
        summary: The summary.
        confidence: How often such intervals hold the true value, between 0 and 1. Default: 0.95.
        replicates: Samples drawn. Default: 200.
        seed: Of the drawing; equal seeds give equal intervals.

    Returns:
        Intervals by the keys of analysis.json's entries. Metrics that have no finite value, or none in more than a
        tenth of the samples, have no interval, and neither has the flip test.

    Raises:
        ValueError: `confidence` is not between 0 and 1, or `replicates` is below 2.
    """
    problems = []
    if not 0 < confidence < 1:
        problems.append(f"confidence is {confidence!r}: use a number between 0 and 1, such as 0.95")
    if replicates < 2:
        problems.append(f"replicates is {replicates!r}: use 2 or more")
    if problems:
        raise ValueError("; ".join(problems))
    width = NormalDist().inv_cdf((1 + confidence) / 2)
    config = summary.config
    metrics = {PRE: PRE_TRAINING, **({POST: POST_TRAINING} if config.has_predictions else {})}
    entries = BiasAnalysis(analysis(summary)).entries
    values = {entry.key: entry.value for entry in entries}
    keys = {(entry.section, entry.facet, entry.group): entry.key for entry in entries}
    found: dict[Key, Interval] = {}
    for facet in config.facets:
        counts = summary.facets.get(facet.name, FacetCounts())
        for member, text in groups(facet, counts):
            table = counts.table(member, config.group_variable is not None)
            samples = _samples(table, replicates, np.random.default_rng(seed))
            for section, functions in metrics.items():
                prefix = keys[section, facet.name, text][:3]
                for name, (_, function) in functions.items():
                    value = values.get((*prefix, name))
                    error = None if value is None else _standard_error(function, samples)
                    if value is not None and error is not None and np.isfinite(value):
                        found[*prefix, name] = Interval(value - width * error, value + width * error)
    return found


def _samples(table: Table, replicates: int, chance: np.random.Generator) -> list[Table]:
    """Tables of as many rows, drawn with replacement."""
    strata: Mapping[str, np.ndarray[tuple[int, ...], np.dtype[np.int64]]] = table.strata or {"": table.counts}
    cells = np.stack(list(strata.values()))
    rows = int(cells.sum())
    if not rows:
        return []
    drawn = chance.multinomial(rows, cells.ravel() / rows, replicates).reshape(replicates, *cells.shape)
    return [
        Table(sample.sum(axis=0), dict(zip(strata, sample, strict=True)) if table.strata else {}) for sample in drawn
    ]


def _standard_error(metric: Metric, samples: list[Table]) -> float | None:
    values = []
    for sample in samples:
        try:
            values.append(metric(sample))
        except NotComputable:
            continue
    finite = np.asarray(values, float)
    finite = finite[np.isfinite(finite)]
    if finite.size < (1 - _MOST_UNUSABLE) * len(samples) or finite.size < 2:
        return None
    return float(np.std(finite, ddof=1))
