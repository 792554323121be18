"""records.json: what only whole records tell, repeated ones (and what chance explains) and columns that say the same.

How many different records a number of rows has is computed from a baseline's counts: by rarefaction for fewer rows than
it has (Hurlbert, 1971, in the form of Coleman, 1981), by extrapolation for more (Chao, 1984; Colwell et al., 2012).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from ._profile import Profile
from ._redundant import redundant
from ._sample import COLUMNS

FORMAT = 1
_FEWEST = 20
_MOST_TIMES = 12
_FEWEST_PILED = 10
_ERRORS = 4.0
_MOST_COMBINATIONS = 1e15


def records(profile: Profile, baseline: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What a profile knows of whole records, in the shape of records.json: numbers and names of columns, no values.

    Args:
        profile: The data.
        baseline: The records.json of the baseline. It says how many repetitions chance explains if it is about the same
            columns. Default: nothing is said about that.

    Raises:
        ValueError: The baseline is no records.json, or the profile was made without looking at whole rows.
    """
    repeats = profile.records.repeats
    if profile.rows and not repeats.rows:
        raise ValueError("records: the profile was made without them; leave out records=False")
    columns = sorted(profile.features)
    distinct = repeats.distinct()
    times, of = np.unique(repeats.counts, return_counts=True)
    share = 1 - distinct / repeats.rows if repeats.rows else 0.0
    expected = _expected(repeats.rows, columns, baseline)
    sample = profile.records.sample.rows()
    return {
        "format": FORMAT,
        "rows": repeats.rows,
        "columns": columns,
        "repeated": {
            "rows": round(repeats.rows - distinct),
            "share": share,
            "standard_error": repeats.error * (1 - share),
            "exact": repeats.exact,
            "most_frequent": int(times[-1]) if times.size else 0,
            "times": {str(number): int(count) for number, count in zip(times, of, strict=True)},
            "expected_share": expected,
            "piled_up_at": piled_up_at(dict(zip(times.tolist(), of.tolist(), strict=True))),
        },
        "baseline_rows": None if expected is None or baseline is None else int(baseline["rows"]),
        "combinations": _combinations(sample) if len(columns) <= COLUMNS else None,
        "sampled_rows": sample.height,
        "redundant": [pair.to_dict() for pair in redundant(sample)],
    }


def _expected(rows: int, columns: list[str], baseline: Mapping[str, Any] | None) -> float | None:
    """The share of rows that would equal an earlier one if they were drawn as the baseline's were."""
    if baseline is None:
        return None
    try:
        repeated, known = baseline["repeated"], int(baseline["rows"])
        combinations = math.inf if baseline["combinations"] is None else float(baseline["combinations"])
        if not combinations > 0:
            raise ValueError(f"combinations is {combinations}")
        times = {int(number): int(count) for number, count in repeated["times"].items()}
        # The counts of a sample stand for all different rows.
        scale = (known - int(repeated["rows"])) / (sum(times.values()) or 1)
        same = baseline["columns"] == columns
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ValueError(f"records: expected the numbers that a baseline's run wrote: {error!r}") from error
    if not rows or not times or not same:
        return None
    distinct = different(rows, known, {number: count * scale for number, count in times.items()})
    # A baseline that was rid of its repetitions shows none: then the number of possible records is what limits.
    if combinations < math.inf:
        distinct = min(distinct, -combinations * math.expm1(-rows / combinations))
    return max(0.0, 1 - distinct / rows)


def different(rows: int, known: int, times: Mapping[int, float]) -> float:
    """How many different records that many rows have, by how many records occur how often among the known rows."""
    if rows <= known:
        left = 1 - rows / known
        return sum(count * (1 - left**number) for number, count in times.items())
    once, twice = times.get(1, 0.0), times.get(2, 0.0)
    unseen = once**2 / (2 * twice) if twice else once * (once - 1) / 2
    if unseen <= 0:
        return sum(times.values())
    share = once / (known * unseen + once)
    return sum(times.values()) + unseen * -math.expm1((rows - known) * math.log1p(-share))


def piled_up_at(times: Mapping[int, int]) -> int | None:
    """How many times more records occur than requests that know nothing of each other could give, if there is such.

    However popular each record is, among independent requests the number of records that occur k times is at most
    `sqrt((k + 1) / k)` times the geometric mean of its neighbours (the inequality that Chao's estimator rests on).
    Clients that try twice, queues that deliver twice and callers that ask every ten minutes break that; customers who
    are asked about again do not.
    """
    found: tuple[float, int] | None = None
    for number in range(2, _MOST_TIMES + 1):
        here = times.get(number, 0)
        if here < _FEWEST_PILED:
            continue
        fewer, more = times.get(number - 1, 0), times.get(number + 1, 0)
        part = number / (number + 1)
        # Roots of counts have a variance of a quarter, whatever the counts are (Anscombe, 1948).
        errors = (math.sqrt(part) * here - math.sqrt(fewer * more)) / math.sqrt((fewer + more) / 4 + part * here)
        if errors > _ERRORS and (found is None or errors > found[0]):
            found = errors, number
    return None if found is None else found[1]


def _combinations(sample: pl.DataFrame) -> float | None:
    """How many records there could be, were columns independent: the product of the effective number of their values.

    The effective number is one in how many pairs of rows agree (Simpson, 1949). None if it is too large to matter.
    """
    if sample.height < _FEWEST:
        return None
    product = 1.0
    pairs = sample.height * (sample.height - 1)
    for series in sample.get_columns():
        counts = series.alias("value").value_counts(name="rows")["rows"].cast(pl.Int64)
        equal = int((counts * (counts - 1)).sum())
        product *= pairs / max(equal, 1)
        if product > _MOST_COMBINATIONS:
            return None
    return product
