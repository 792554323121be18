"""How a column is distributed, now and in the baseline: bars per value or category, or a histogram."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from model_analyzer._arrays import Floats
from model_analyzer.data_quality import FeatureStatistics, Ranks

from ._charts import category_bars, histogram
from ._page import number

BINS = 28
TAIL = 0.005
CATEGORIES = 7


def distribution(now: FeatureStatistics, then: FeatureStatistics | None) -> str:
    """Its chart, or a sentence on why there is none."""
    if now.ranks is not None and now.ranks.count:
        return _number_chart(now.name, now.ranks, then.ranks if then is not None else None)
    counts, reference = _shares(now), _shares(then) if then is not None else None
    if counts:
        return _categories_chart(counts, reference, now.name)
    text = "No values in this data." if not now.present else "Too many distinct values to draw."
    return f'<p class="note">{text}</p>'


def _shares(feature: FeatureStatistics) -> dict[str, float] | None:
    if not feature.categories or not feature.present:
        return None
    return {name: count / feature.present for name, count in feature.categories.items()}


def _number_chart(label: str, now: Ranks, then: Ranks | None) -> str:
    """Bars per value for a handful of values, else a histogram; the outermost bins take the tails."""
    ranks = [now] if then is None or not then.count else [now, then]
    values = np.unique(np.concatenate([rank.values for rank in ranks]))
    if values.size <= BINS // 2:
        names = [number(float(value)) for value in values]
        per_value = [((rank.at_most(values) - rank.below(values)) / rank.count).tolist() for rank in ranks]
        tables = [dict(zip(names, shares, strict=True)) for shares in per_value]
        reference = tables[1] if len(tables) > 1 else None
        return _categories_chart(tables[0], reference, label, keep_order=True)
    low = min(rank.quantile(TAIL) for rank in ranks)
    high = max(rank.quantile(1 - TAIL) for rank in ranks)
    if low == high:
        low, high = float(values[0]), float(values[-1])
    edges = _edges(low, high, whole=bool((values == np.rint(values)).all()))
    binned = []
    for rank in ranks:
        below = rank.below(edges).astype(float)
        below[0], below[-1] = 0, rank.count
        binned.append((np.diff(below) / rank.count).tolist())
    return histogram(edges.tolist(), binned[0], binned[1] if len(binned) > 1 else None, label)


def _edges(low: float, high: float, *, whole: bool) -> Floats:
    """Edges of bins; those of whole numbers hold equally many of them each, or the bars would look like a comb."""
    if not whole:
        return np.linspace(low, high, BINS + 1)
    first, last = np.floor(low), np.ceil(high)
    width = max(1.0, np.ceil((last - first + 1) / BINS))
    edges: Floats = first + width * np.arange(np.ceil((last - first + 1) / width) + 1)
    return edges


def _categories_chart(
    now: Mapping[str, float], then: Mapping[str, float] | None, label: str, keep_order: bool = False
) -> str:
    names = list(dict.fromkeys([*now, *(then or ())]))
    if not keep_order:
        names.sort(key=lambda name: -max(now.get(name, 0.0), (then or {}).get(name, 0.0)))
    shown = names if keep_order else names[:CATEGORIES]
    rows: list[tuple[str, float, float | None]] = [
        (name, now.get(name, 0.0), None if then is None else then.get(name, 0.0)) for name in shown
    ]
    if len(names) > len(shown):
        rest = max(0.0, 1 - sum(row[1] for row in rows))
        rest_then = None if then is None else max(0.0, 1 - sum(row[2] or 0.0 for row in rows))
        rows.append((f"{len(names) - len(shown)} others", rest, rest_then))
    return category_bars(rows, label)
