"""First step: read, divide, encode."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .configuration import Configuration
from .encoding import FILE, Encoder, canonical, is_missing
from .errors import DataError
from .quality import quality
from .reading import read_files

_LEAST_ROWS = 10
_MOST_CATEGORIES = 1000


def prepare(configuration: Configuration, data: Path, out: Path) -> dict[str, Any]:
    """Write training and validation data as numbers, test data as they are, and what was learnt of the columns.

    :param configuration: What to do.
    :param data: Folder of the files, or of a query's result.
    :param out: Folder below which `train`, `validation`, `test`, `baseline` and `preparation` are written.
    :returns: The summary that is written to `preparation/summary.json`.
    :raises DataError: The data lack columns, rows or labels.
    """
    frame = read_files(data, configuration.format if configuration.query is None else "csv")
    frame, features = _columns(configuration, frame)
    total = len(frame)
    frame = frame[~frame[configuration.label].map(is_missing)].reset_index(drop=True)
    unlabelled = total - len(frame)
    if len(frame) < _LEAST_ROWS:
        raise DataError(f"{len(frame)} rows have a label, at least {_LEAST_ROWS} are needed to divide them")
    # Of all rows: a label that only the newest have must not end the job where the newest are the test data.
    classes = _classes(configuration, frame)
    parts = dict(zip(("train", "validation", "test"), _divide(configuration, frame), strict=True))
    encoder = _learn(configuration, parts["train"], features, classes)
    for name in ("train", "validation"):
        part = parts[name]
        labels = encoder.label_numbers(part[configuration.label])
        matrix = encoder.matrix(part[features].itertuples(index=False, name=None))
        _write(out / name / f"{name}.csv", np.column_stack([labels, matrix]))
    for name, part in (("test", parts["test"]), ("baseline", parts["train"])):
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        part[[configuration.label, *features]].to_csv(folder / f"{name}.csv", index=False)
    folder = out / "preparation"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(encoder.to_json())
    summary = {
        "rows": {name: len(part) for name, part in parts.items()},
        "unlabelled_rows": unlabelled,
        "features": len(features),
        "categorical": sorted(encoder.categories),
        "labels": _label_counts(configuration, parts["train"]),
        "quality": quality(parts["train"], [parts["validation"], parts["test"]], [configuration.label, *features]),
        "split": "by time" if configuration.time_column else f"by chance, seed {configuration.seed}",
    }
    (folder / "summary.json").write_text(json.dumps(summary, indent=1))
    return summary


def _columns(configuration: Configuration, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    # Athena writes names in lower case, whatever the query calls them.
    lower = {str(name).lower(): str(name) for name in frame.columns}
    wanted = [configuration.label, *configuration.features, *configuration.categorical]
    wanted += [configuration.time_column] if configuration.time_column else []
    missing = [name for name in wanted if name not in frame.columns and name.lower() not in lower]
    if missing:
        raise DataError(f"the data have no column {', '.join(missing)}; they have {', '.join(map(str, frame.columns))}")
    renamed = {lower[name.lower()]: name for name in wanted if name not in frame.columns}
    frame = frame.rename(columns=renamed)
    left_out = {configuration.label, *configuration.exclude}
    if configuration.time_column:
        left_out.add(configuration.time_column)
    features = list(configuration.features) or [str(name) for name in frame.columns if name not in left_out]
    if not features:
        raise DataError("no column is left to predict from")
    return frame, features


def _divide(configuration: Configuration, frame: pd.DataFrame) -> list[pd.DataFrame]:
    """Training, validation and test data; by chance with equal shares of each label, or by time."""
    if configuration.time_column:
        ordered = frame.sort_values(configuration.time_column, kind="stable")
        return _cut(configuration, ordered)
    random = np.random.default_rng(configuration.seed)
    if configuration.problem == "regression":
        return _cut(configuration, frame.iloc[random.permutation(len(frame))])
    pieces: list[list[pd.DataFrame]] = [[], [], []]
    labels = frame[configuration.label].map(canonical)
    for label in sorted(labels.unique()):
        rows = np.flatnonzero((labels == label).to_numpy())
        for piece, part in zip(pieces, _cut(configuration, frame.iloc[random.permutation(rows)]), strict=True):
            piece.append(part)
    # In their old order again, so that files do not depend on how labels sort.
    parts = [pd.concat(piece).sort_index() for piece in pieces]
    _refuse_empty(parts)
    return parts


def _cut(configuration: Configuration, frame: pd.DataFrame) -> list[pd.DataFrame]:
    first = round(len(frame) * configuration.split[0])
    second = first + round(len(frame) * configuration.split[1])
    parts = [frame.iloc[:first], frame.iloc[first:second], frame.iloc[second:]]
    if configuration.problem == "regression" or configuration.time_column:
        _refuse_empty(parts)
    return parts


def _refuse_empty(parts: list[pd.DataFrame]) -> None:
    for name, part in zip(("training", "validation", "test"), parts, strict=True):
        if part.empty:
            raise DataError(f"no row is left for {name} data; give more rows, or other shares")


def _learn(configuration: Configuration, train: pd.DataFrame, features: list[str], classes: tuple[str, ...]) -> Encoder:
    categories = {}
    for name in features:
        column = train[name]
        if name not in configuration.categorical and pd.api.types.is_numeric_dtype(column):
            continue
        if name not in configuration.categorical and _is_numeric_text(column):
            continue
        found = sorted({canonical(value) for value in column if not is_missing(value)})
        if len(found) > _MOST_CATEGORIES:
            raise DataError(
                f"column {name} has {len(found)} different texts, allowed are {_MOST_CATEGORIES}: an identifier, which "
                "nothing can be learnt from? Exclude it"
            )
        categories[name] = tuple(found)
    return Encoder(
        features=tuple(features),
        label=configuration.label,
        problem=configuration.problem,
        categories=categories,
        classes=classes,
        threshold=configuration.threshold,
    )


def _is_numeric_text(column: pd.Series) -> bool:
    given = column[~column.map(is_missing)]
    return bool(len(given)) and bool(pd.to_numeric(given, errors="coerce").notna().all())


def _classes(configuration: Configuration, frame: pd.DataFrame) -> tuple[str, ...]:
    if configuration.problem == "regression":
        return ()
    found = sorted({canonical(value) for value in frame[configuration.label]})
    if configuration.problem == "binary-classification":
        positive = canonical(configuration.positive_label)
        others = [name for name in found if name != positive]
        if len(others) != 1 or positive not in found:
            raise DataError(
                f"column {configuration.label} holds the labels {', '.join(found[:20])}; a binary classification needs "
                f"two, one of them {positive}"
            )
        return (others[0], positive)
    if len(found) < 2:
        raise DataError(f"column {configuration.label} holds one label only: {', '.join(found)}")
    return tuple(found)


def _label_counts(configuration: Configuration, train: pd.DataFrame) -> dict[str, int]:
    if configuration.problem == "regression":
        return {}
    counts = train[configuration.label].map(canonical).value_counts()
    return {str(name): int(count) for name, count in sorted(counts.items())}


def _write(path: Path, table: np.ndarray) -> None:
    """Numbers as XGBoost's CSV: no header, label first, nothing where a value is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(table).to_csv(path, index=False, header=False)
