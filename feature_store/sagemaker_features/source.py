"""Tables to ingest: frames of polars or pandas, and files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from .errors import FeaturesError
from .groups import FeatureGroup

_DIGITS = {"ms": 3, "us": 6, "ns": 9}


@dataclass(frozen=True)
class Source:
    """A table with a column per feature, and what tells it from another one."""

    name: str
    frame: pl.DataFrame
    fingerprint: str


def load(
    source: Any,
    group: FeatureGroup,
    rename: Mapping[str, str] | None = None,
    ignore: Sequence[str] = (),
) -> Source:
    """Return a table with the columns of a feature group.

    Args:
        source: a polars or pandas frame, or the path of a Parquet, CSV or JSON Lines file.
        group: the feature group.
        rename: feature names by column name.
        ignore: columns that are no features.

    Raises:
        FeaturesError: naming every column that is missing or unknown.
    """
    frame = to_frame(source)
    name = str(source) if isinstance(source, (str, Path)) else f"frame of {frame.height} rows"
    missing = [column for column in [*(rename or {}), *ignore] if column not in frame.columns]
    if missing:
        raise FeaturesError(f"{name} has no column {', '.join(missing)}; it has {', '.join(frame.columns)}")
    fingerprint = _fingerprint(source, frame)
    frame = frame.drop(ignore).rename(dict(rename or {}))
    problems = []
    unknown = [column for column in frame.columns if column not in group.types]
    if unknown:
        problems.append(f"feature group {group.name} has no feature {', '.join(unknown)} (rename or ignore the column)")
    needed = [column for column in (group.identifier, group.event_time) if column not in frame.columns]
    if needed:
        problems.append(
            f"{' and '.join(needed)} {'is' if len(needed) == 1 else 'are'} needed for every record of {group.name}, "
            "but there is no such column"
        )
    if problems:
        raise FeaturesError(f"cannot ingest {name}: {'; '.join(problems)}")
    return Source(name, times_as_text(frame), fingerprint)


def to_frame(source: Any) -> pl.DataFrame:
    """Return any supported table as a polars frame.

    Raises:
        FeaturesError: if it cannot be read.
    """
    if isinstance(source, pl.DataFrame):
        return source
    if isinstance(source, (str, Path)):
        return _read(Path(source))
    if hasattr(source, "columns") and hasattr(source, "to_dict"):
        # pandas, without pyarrow: column by column, its several missing values as None.
        try:
            columns = {
                str(name): source[name].astype(object).where(source[name].notna(), None).tolist()
                for name in source.columns
            }
            return pl.DataFrame(columns, infer_schema_length=None, strict=False)
        except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
            raise FeaturesError(f"cannot read the pandas frame: {error}") from error
    raise FeaturesError(f"a {type(source).__name__} is no table: give a polars or pandas frame, or the path of a file")


def times_as_text(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame whose datetimes and dates are ISO-8601 text in UTC; datetimes without a zone are in UTC."""
    changed = []
    for name, kind in frame.schema.items():
        column = pl.col(name)
        if isinstance(kind, pl.Datetime):
            utc = column.dt.convert_time_zone("UTC") if kind.time_zone else column.dt.replace_time_zone("UTC")
            changed.append(utc.dt.strftime(f"%Y-%m-%dT%H:%M:%S%.{_DIGITS[kind.time_unit]}fZ").alias(name))
        elif kind == pl.Date:
            changed.append(column.dt.strftime("%Y-%m-%dT00:00:00Z").alias(name))
    return frame.with_columns(changed) if changed else frame


def _read(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise FeaturesError(f"there is no file {path}")
    try:
        if path.suffix.lower() == ".csv":
            # Text keeps leading zeros and long numbers; the features' types decide.
            return pl.read_csv(path, infer_schema=False)
        if path.suffix.lower() == ".parquet":
            return pl.read_parquet(path)
        if path.suffix.lower() in (".jsonl", ".ndjson"):
            return pl.read_ndjson(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise FeaturesError(f"cannot read {path}: {error}") from error
    raise FeaturesError(f"cannot read {path}: the formats are .parquet, .csv, .jsonl and .ndjson")


def _fingerprint(source: Any, frame: pl.DataFrame) -> str:
    digest = hashlib.sha256()
    if isinstance(source, (str, Path)):
        with Path(source).open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    else:
        digest.update(repr(frame.schema).encode())
        for rows in frame.iter_slices(10_000):
            digest.update(repr(rows.rows()).encode())
    return digest.hexdigest()
