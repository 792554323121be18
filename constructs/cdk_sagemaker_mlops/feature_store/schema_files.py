"""Features told from data: Parquet, CSV, DataFrames."""

from __future__ import annotations

import csv
import itertools
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from . import _parquet
from .feature_type import FeatureType

_INTEGER = re.compile(r"[-+]?(0|[1-9]\d*)")
_LARGEST = 2**63 - 1
_INSTEAD = "leave the column out, or turn it into numbers or text before"

_LOGICAL_TYPES = {
    "STRING": FeatureType.STRING,
    "ENUM": FeatureType.STRING,
    "JSON": FeatureType.STRING,
    "DATE": FeatureType.STRING,
    "TIME": FeatureType.STRING,
    "TIMESTAMP": FeatureType.STRING,
    "INTEGER": FeatureType.INTEGRAL,
    "DECIMAL": FeatureType.FRACTIONAL,
    "FLOAT16": FeatureType.FRACTIONAL,
}
_PHYSICAL_TYPES = {
    "BOOLEAN": FeatureType.INTEGRAL,
    "INT32": FeatureType.INTEGRAL,
    "INT64": FeatureType.INTEGRAL,
    # Only timestamps were ever written this way.
    "INT96": FeatureType.STRING,
    "FLOAT": FeatureType.FRACTIONAL,
    "DOUBLE": FeatureType.FRACTIONAL,
    "BYTE_ARRAY": FeatureType.STRING,
}
# Beginnings of the names that pandas and polars give their types, in lower case.
_FRAME_TYPES: Mapping[str, FeatureType] = {
    "int": FeatureType.INTEGRAL,
    "uint": FeatureType.INTEGRAL,
    "bool": FeatureType.INTEGRAL,
    "float": FeatureType.FRACTIONAL,
    "double": FeatureType.FRACTIONAL,
    "decimal": FeatureType.FRACTIONAL,
    "str": FeatureType.STRING,
    "object": FeatureType.STRING,
    "large_string": FeatureType.STRING,
    "utf8": FeatureType.STRING,
    "categor": FeatureType.STRING,
    "enum": FeatureType.STRING,
    "date": FeatureType.STRING,
    "timestamp": FeatureType.STRING,
}


def parquet_types(file: str | os.PathLike[str]) -> dict[str, FeatureType]:
    """The columns of a Parquet file."""
    types = {}
    for column in _parquet.columns(file):
        kind = _LOGICAL_TYPES.get(column.logical) if column.logical else _PHYSICAL_TYPES.get(column.physical)
        types[column.name] = (None if column.nested else kind, column.logical or column.physical or "STRUCTURE")
    return _known(str(file), types)


def frame_types(frame: Any) -> dict[str, FeatureType]:
    """The columns of a DataFrame."""
    types = {}
    for name, kind in zip(frame.columns, frame.dtypes, strict=True):
        text = str(kind).lower()
        known = next((known for beginning, known in _FRAME_TYPES.items() if text.startswith(beginning)), None)
        # A feature of pandas' interval type holds pairs, though its name begins as integers' does.
        types[str(name)] = (None if text.startswith("interval") else known, str(kind))
    return _known("the frame", types)


def csv_types(file: str | os.PathLike[str], *, rows: int) -> dict[str, FeatureType]:
    """The columns of a CSV file with a header."""
    with Path(file).open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream)
        header = next(reader, [])
        body = list(itertools.islice(reader, rows))
    if not header or not body:
        raise ValueError(f"{file} has {'no rows below its header' if header else 'no header'}; types cannot be told")
    uneven = next((number for number, row in enumerate(body, start=2) if row and len(row) != len(header)), None)
    if uneven:
        raise ValueError(f"{file} has {len(header)} columns in its header but not in row {uneven}")
    values = zip(*(row for row in body if row), strict=True)
    return {name: _type_of(column) for name, column in zip(header, values, strict=True)}


def _type_of(values: Iterable[str]) -> FeatureType:
    """Integral while all values are whole numbers, then Fractional, then String; empty fields say nothing."""
    kinds = {_kind(value.strip()) for value in values if value.strip()}
    if not kinds or FeatureType.STRING in kinds:
        return FeatureType.STRING
    return FeatureType.FRACTIONAL if FeatureType.FRACTIONAL in kinds else FeatureType.INTEGRAL


def _kind(text: str) -> FeatureType:
    if _INTEGER.fullmatch(text):
        return FeatureType.INTEGRAL if abs(int(text)) <= _LARGEST else FeatureType.STRING
    # A number with leading zeros is a code (00123), and as a number would lose them.
    if re.fullmatch(r"[-+]?0\d.*", text):
        return FeatureType.STRING
    if re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", text):
        return FeatureType.FRACTIONAL
    return FeatureType.STRING


def _known(source: str, types: Mapping[str, tuple[FeatureType | None, str]]) -> dict[str, FeatureType]:
    unknown = [f"{name} ({kind})" for name, (known, kind) in types.items() if known is None]
    if unknown:
        raise ValueError(f"{source} has columns that no feature can hold: {', '.join(unknown)}; {_INSTEAD}")
    return {name: known for name, (known, _) in types.items() if known is not None}
