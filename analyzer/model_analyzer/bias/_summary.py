"""Contingency tables of facets, labels and predictions that merge in any order and any grouping."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from model_analyzer._columns import canonical, canonical_text, numbers, resolve, row_hashes
from model_analyzer.inputs import GROUND_TRUTH, RECORD

from ._config import BiasConfig, Facet
from ._flip import FlipRows
from ._metrics import Counts, Table

VALUE_CAP = 1_000
"""Values of a facet that are taken in turn, and values of the group variable."""

ABOVE, BELOW = "above", "not above"
CHOSEN, OTHER = "chosen", "other"
MISSING = ""


@dataclass
class FacetCounts:
    """Rows of one facet.

    Attributes:
        cells: Counts by label and prediction, for each stratum and member. Members are `chosen` and `other` for a facet
            with values, `above` and `not above` for one with a threshold, the values themselves otherwise.
        maximum: Largest value of a facet with a threshold.
        fractional: Whether any of its values is no integer.
        missing: Rows without a value of the facet; they belong to neither group.
    """

    cells: dict[tuple[str, str], Counts] = field(default_factory=dict)
    maximum: float = -np.inf
    fractional: bool = False
    missing: int = 0

    def merged(self, other: FacetCounts) -> FacetCounts:
        """The counts of both; neither changes."""
        cells = dict(self.cells)
        for key, counts in other.cells.items():
            cells[key] = cells[key] + counts if key in cells else counts
        return FacetCounts(
            cells, max(self.maximum, other.maximum), self.fractional or other.fractional, self.missing + other.missing
        )

    def members(self) -> list[str]:
        """The members that occur, in the order of their names."""
        return sorted({member for _, member in self.cells})

    def table(self, disadvantaged: str, with_strata: bool) -> Table:
        """Counts with one member against all the others."""
        total = np.zeros((2, 2, 2), np.int64)
        strata: dict[str, Counts] = {}
        for (stratum, member), counts in sorted(self.cells.items(), key=lambda item: item[0]):
            group = int(member == disadvantaged)
            total[group] += counts
            if with_strata:
                strata.setdefault(stratum, np.zeros((2, 2, 2), np.int64))[group] += counts
        return Table(total, strata)


@dataclass
class Summary:
    """What is known about the bias of a data set.

    Attributes:
        config: What was measured.
        rows: Rows with a usable label (and prediction, where one is configured).
        unusable: Rows without, by reason.
        facets: Counts by facet.
        flip: Rows kept for the flip test.
        label_maximum: Largest label, where labels have a threshold.
        label_fractional: Whether any such label is no integer.
    """

    config: BiasConfig
    rows: int = 0
    unusable: Counter[str] = field(default_factory=Counter)
    facets: dict[str, FacetCounts] = field(default_factory=dict)
    flip: FlipRows = field(default_factory=FlipRows)
    label_maximum: float = -np.inf
    label_fractional: bool = False


def summarize(frame: pl.DataFrame, config: BiasConfig, first_row: int = 0) -> Summary:
    """Summary of one batch.

    Args:
        frame: Rows with the columns that the configuration names.
        config: What to measure.
        first_row: Number of the batch's first row in the whole table, which decides on the sample of the flip test.

    Raises:
        ValueError: A facet taken value by value, or the group variable, has more than 1,000 values.
    """
    summary = Summary(config)
    wanted = [facet.name for facet in config.facets]
    wanted += [
        name for name in (config.label, config.predicted_label, config.probability, config.group_variable) if name
    ]
    columns = {name: resolve(frame, name) for name in wanted}
    lacking = [name for name, series in columns.items() if series is None]
    if lacking:
        summary.unusable[f"no column {', '.join(lacking)}"] += frame.height
        return summary
    found = {name: series for name, series in columns.items() if series is not None}
    positive, largest = _positive(found[config.label], config)
    keep = positive.is_not_null()
    summary.unusable["label missing or unusable"] += int((~keep).sum())
    predicted = _predicted(found, config)
    if predicted is not None:
        summary.unusable["prediction missing or unusable"] += int((keep & predicted.is_null()).sum())
        keep &= predicted.is_not_null()
    summary.unusable = +summary.unusable
    summary.rows = int(keep.sum())
    if not summary.rows:
        return summary
    if largest is not None:
        kept = largest.filter(keep)
        summary.label_maximum = float(kept.max())  # type: ignore[arg-type]
        summary.label_fractional = bool((kept != kept.floor()).any())
    strata = _strata(found, config).filter(keep)
    label = positive.filter(keep)
    guess = pl.Series(np.zeros(summary.rows, np.bool_)) if predicted is None else predicted.filter(keep)
    members: dict[str, pl.Series] = {}
    for facet in config.facets:
        summary.facets[facet.name], members[facet.name] = _count(
            facet, found[facet.name].filter(keep), label, guess, strata
        )
    if predicted is not None:
        summary.flip = _flip_rows(frame, config, found, keep, guess, members, first_row)
    return summary


def _positive(series: pl.Series, config: BiasConfig) -> tuple[pl.Series, pl.Series | None]:
    """Whether each label is positive, and the numbers where a threshold decides."""
    if config.label_threshold is not None:
        values = numbers(series)
        return values > config.label_threshold, values
    allowed = [canonical_text(value) for value in config.label_values or ()]
    return canonical(series).is_in(allowed), None


def _predicted(found: dict[str, pl.Series], config: BiasConfig) -> pl.Series | None:
    if config.predicted_label is not None:
        return _positive(found[config.predicted_label], config)[0]
    if config.probability is not None:
        return numbers(found[config.probability]) > config.probability_threshold
    return None


def _strata(found: dict[str, pl.Series], config: BiasConfig) -> pl.Series:
    if config.group_variable is None:
        return pl.repeat(MISSING, next(iter(found.values())).len(), eager=True)
    strata = canonical(found[config.group_variable]).fill_null(MISSING)
    if strata.n_unique() > VALUE_CAP:
        raise ValueError(
            f"group variable {config.group_variable} has more than {VALUE_CAP:,} values: "
            "use one with few values, or put them into classes"
        )
    return strata


def _members(facet: Facet, series: pl.Series) -> tuple[pl.Series, pl.Series | None]:
    """The member of each row, null where the facet has no value; and the numbers where a threshold decides."""
    if facet.threshold is not None:
        values = numbers(series)
        names = {True: ABOVE, False: BELOW}
        return (values > facet.threshold).replace_strict(names, return_dtype=pl.String), values
    text = canonical(series)
    if facet.values is not None:
        names = {True: CHOSEN, False: OTHER}
        chosen = text.is_in([canonical_text(value) for value in facet.values])
        return chosen.replace_strict(names, return_dtype=pl.String), None
    if text.n_unique() > VALUE_CAP:
        raise ValueError(f"facet {facet.name} has more than {VALUE_CAP:,} values: name the values, or a threshold")
    return text, None


def _count(
    facet: Facet, series: pl.Series, label: pl.Series, guess: pl.Series, strata: pl.Series
) -> tuple[FacetCounts, pl.Series]:
    member, values = _members(facet, series)
    result = FacetCounts(missing=member.null_count())
    if values is not None and values.count():
        result.maximum = float(values.max())  # type: ignore[arg-type]
        result.fractional = bool((values != values.floor()).any())
    frame = pl.DataFrame({"stratum": strata, "member": member, "label": label, "guess": guess}).drop_nulls("member")
    for stratum, name, positive, predicted, count in (
        frame.group_by("stratum", "member", "label", "guess").agg(pl.len().alias("rows")).iter_rows()
    ):
        cell = result.cells.setdefault((stratum, name), np.zeros((2, 2), np.int64))
        cell[int(positive), int(predicted)] += count
    if facet.values is None and facet.threshold is None and len(result.members()) > VALUE_CAP:
        raise ValueError(f"facet {facet.name} has more than {VALUE_CAP:,} values: name the values, or a threshold")
    return result, member.fill_null(MISSING)


def _flip_rows(
    frame: pl.DataFrame,
    config: BiasConfig,
    found: dict[str, pl.Series],
    keep: pl.Series,
    guess: pl.Series,
    members: dict[str, pl.Series],
    first_row: int,
) -> FlipRows:
    """Features are all columns but labels and predictions; facets stay, each is left out of its own test only."""
    used = {found[name].name for name in (config.label, config.predicted_label, config.probability) if name}
    names = [
        name for name in frame.columns if name not in used and name != RECORD and not name.startswith(GROUND_TRUTH)
    ]
    features = np.empty((guess.len(), len(names)))
    for position, name in enumerate(names):
        column = frame[name].filter(keep)
        features[:, position] = numbers(column).fill_null(np.nan).to_numpy()
    groups: npt.NDArray[np.str_] = np.stack(
        [members[facet.name].to_numpy().astype(np.str_) for facet in config.facets], 1
    )
    order = row_hashes(frame, first_row)[keep.to_numpy()]
    return FlipRows(tuple(names), features, guess.to_numpy(), groups, order, guess.len()).bounded()


def merge(first: Summary, second: Summary) -> Summary:
    """Summary of two batches; neither argument changes. Counts are exact whatever the order and grouping.

    Raises:
        ValueError: The summaries measure different things.
    """
    if first.config != second.config:
        raise ValueError(f"summaries of different settings do not merge: {first.config} and {second.config}")
    names = [facet.name for facet in first.config.facets]
    empty = FacetCounts()
    facets = {name: first.facets.get(name, empty).merged(second.facets.get(name, empty)) for name in names}
    return Summary(
        first.config,
        first.rows + second.rows,
        first.unusable + second.unusable,
        facets,
        first.flip.merged(second.flip),
        max(first.label_maximum, second.label_maximum),
        first.label_fractional or second.label_fractional,
    )


def summarize_all(frames: Iterable[pl.DataFrame], config: BiasConfig, first_row: int = 0) -> Summary:
    """Summary of a stream of batches, in memory that does not grow with their number.

    Rows without an id are numbered from `first_row` on.
    """
    result = Summary(config)
    row = first_row
    for frame in frames:
        result = merge(result, summarize(frame, config, row))
        row += frame.height
    return result
