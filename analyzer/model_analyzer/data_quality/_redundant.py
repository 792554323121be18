"""Pairs of columns that say the same: near-perfect rank correlation, or a value of one for each value of the other.

Spearman's coefficient (1904), because what a tree makes of a feature does not depend on its scale, and because one
outlier must not decide. Of text and codes only a mapping in both directions counts. Pairs are looked for in a sample.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from model_analyzer._arrays import Floats

from ._fingerprints import parsed

LEAST_CORRELATION = 0.99
LEAST_ROWS = 100
_LEAST_VARYING = 20
_LEAST_REPEATED = 5
_MOST_PAIRS = 50


@dataclass(frozen=True)
class Pair:
    """Two columns that say the same.

    Attributes:
        first: The column further left.
        second: The other one.
        kind: `correlated` numbers, or `mapped` values, each of which goes with one of the other column.
        value: The rank correlation, -1 to 1; 1 for mapped values.
        rows: In how many rows both were looked at.
    """

    first: str
    second: str
    kind: Literal["correlated", "mapped"]
    value: float
    rows: int

    def to_dict(self) -> dict[str, Any]:
        return {"columns": [self.first, self.second], "kind": self.kind, "value": self.value, "rows": self.rows}


def redundant(rows: pl.DataFrame) -> list[Pair]:
    """Pairs of the columns of a sample of rows (text), the closest first; none of fewer than a hundred rows.

    Columns that hardly vary in the sample are passed over, and so are text columns whose values hardly repeat: any two
    of those would go together.
    """
    if rows.height < LEAST_ROWS:
        return []
    numbers = {name: found for name in rows.columns if (found := _numbers(rows[name].alias("value"))) is not None}
    correlated = list(_correlated(numbers))
    known = {(pair.first, pair.second) for pair in correlated}
    mapped = [pair for pair in _mapped(rows) if (pair.first, pair.second) not in known]
    return sorted([*correlated, *mapped], key=lambda pair: -abs(pair.value))[:_MOST_PAIRS]


def _numbers(text: pl.Series) -> Floats | None:
    """The ranks of a column's numbers, missing ones as NaN; None if it holds text, or hardly varies."""
    found = parsed(text)
    if found is None or found.null_count() > text.null_count():
        return None
    ranks = found.to_numpy().copy()
    known = np.isfinite(ranks)
    _, value_of, counts = np.unique(ranks[known], return_inverse=True, return_counts=True)
    if int(known.sum()) - counts.max(initial=0) < _LEAST_VARYING:
        return None
    # Equal values share the mean of their ranks.
    ranks[known] = (np.cumsum(counts) - (counts - 1) / 2)[value_of]
    return ranks


def _correlated(ranks: dict[str, Floats], least: float = LEAST_CORRELATION) -> Iterator[Pair]:
    if len(ranks) < 2:
        return
    names = list(ranks)
    matrix = np.column_stack(list(ranks.values()))
    known = np.isfinite(matrix).astype(float)
    # Of rows in which both are known; ranks stay those of all rows, which differ by little.
    values = np.nan_to_num(matrix - np.nanmean(matrix, axis=0))
    count = known.T @ known
    with np.errstate(divide="ignore", invalid="ignore"):
        means = (values.T @ known) / count
        spread = (values**2).T @ known / count - means**2
        shared = values.T @ values / count - means * means.T
        correlation = shared / np.sqrt(spread * spread.T)
    for one, other in zip(*np.nonzero(np.triu(np.abs(correlation) >= least, 1)), strict=True):
        if count[one, other] >= LEAST_ROWS:
            value = float(np.clip(correlation[one, other], -1, 1))
            yield Pair(names[one], names[other], "correlated", value, int(count[one, other]))


def _mapped(rows: pl.DataFrame) -> Iterator[Pair]:
    """Columns whose values map onto each other have the same counts: only those have to be compared."""
    codes: dict[str, npt.NDArray[np.int64]] = {}
    alike: dict[tuple[int, ...], list[str]] = defaultdict(list)
    # One call for all columns: each costs as much as thousands of values.
    for ranked in rows.select(pl.all().fill_null("\x00").rank("dense").cast(pl.Int64)).get_columns():
        name, dense = ranked.name, ranked.to_numpy()
        counts = np.bincount(dense)[1:]
        if 2 <= counts.size <= rows.height // _LEAST_REPEATED and rows.height - counts.max() >= _LEAST_VARYING:
            codes[name] = dense
            alike[tuple(sorted(counts.tolist()))].append(name)
    for (size, *rest), names in alike.items():
        for one, other in combinations(names, 2):
            pairs = codes[one] * (len(rest) + 2) + codes[other]
            if size and np.unique(pairs).size == len(rest) + 1:
                yield Pair(one, other, "mapped", 1.0, rows.height)
