"""What is odd about the data: rows that occur twice, columns that say nothing, values that are missing."""

from __future__ import annotations

from typing import Any

import pandas as pd

from .encoding import is_missing

#: Columns with fewer gaps are not named.
_LEAST_MISSING = 0.01
_MOST_NAMED = 50


def quality(train: pd.DataFrame, others: list[pd.DataFrame], columns: list[str]) -> dict[str, Any]:
    """Findings about the training data.

    :param train: Rows to train with.
    :param others: Rows to validate and to test with.
    :param columns: Features and label.
    :returns: `rows`; `duplicates`, rows that an earlier one equals; `in_both`, rows of the others that training has
        seen as well, which flatter an evaluation; `constant` features; `missing`, shares by feature.
    """
    seen = _hashes(train[columns])
    missing = {str(name): float(train[name].map(is_missing).mean()) for name in columns[1:]}
    return {
        "rows": len(train),
        "duplicates": int(seen.duplicated().sum()),
        "in_both": int(sum(_hashes(part[columns]).isin(set(seen)).sum() for part in others)),
        "constant": [str(name) for name in columns[1:] if train[name].nunique(dropna=False) == 1][:_MOST_NAMED],
        "missing": dict(
            sorted(
                ((name, share) for name, share in missing.items() if share >= _LEAST_MISSING),
                key=lambda item: (-item[1], item[0]),
            )[:_MOST_NAMED]
        ),
    }


def _hashes(rows: pd.DataFrame) -> pd.Series:
    return pd.util.hash_pandas_object(rows.astype(str), index=False)
