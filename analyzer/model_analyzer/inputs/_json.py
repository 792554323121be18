"""JSON bodies to rows of text. Numbers keep their written form, so that `1` and `1.0` stay different."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

Row = list[str | None] | dict[str, str | None]
"""One row: values by position, or by name."""

WRAPPERS = ("instances", "predictions", "inputs", "outputs", "data", "rows", "records", "dataframe_records")
"""Keys under which serving containers put their rows."""

_FEATURE_KEYS = ("features", "values")


class _Number(str):
    """A JSON number in its written form."""

    __slots__ = ()


def _constant(_: str) -> None:
    """NaN and Infinity are no JSON; where servers write them they mean that there is no value."""
    return


_decoder = json.JSONDecoder(parse_int=_Number, parse_float=_Number, parse_constant=_constant)
decode: Callable[[str], Any] = _decoder.decode


def rows_of(text: str, rows: Callable[[Any], list[Row]] | None = None) -> list[Row]:
    """The rows of a JSON body: an object, an array of rows, JSON lines, or rows below a wrapper key.

    Args:
        text: The body.
        rows: Gives the rows of a decoded value. Default: they are looked for.

    Raises:
        ValueError: The text is not JSON.
    """
    find = rows if rows is not None else rows_of_value
    try:
        values = [decode(text)]
    except ValueError:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2:
            raise
        values = [decode(line) for line in lines]
    except RecursionError:
        raise ValueError("JSON is nested too deeply") from None
    return [row for value in values for row in find(value)]


def rows_of_value(value: Any) -> list[Row]:
    """The rows of a decoded body."""
    if isinstance(value, dict):
        return _rows_of_object(value)
    if not isinstance(value, list):
        return [[scalar_text(value)]]
    if value and all(isinstance(item, dict) for item in value):
        return [flatten(_unwrapped(item)) for item in value]
    if value and all(isinstance(item, list) for item in value):
        return [[scalar_text(cell) for cell in item] for item in value]
    return [[scalar_text(cell) for cell in value]]


def _rows_of_object(value: dict[str, Any]) -> list[Row]:
    if isinstance(split := value.get("dataframe_split"), dict):
        value = split
    if isinstance(names := value.get("columns"), list) and isinstance(cells := value.get("data"), list):
        return [
            dict(zip(map(str, names), map(scalar_text, row), strict=False)) for row in cells if isinstance(row, list)
        ]
    if len(value) == 1:
        ((key, inner),) = value.items()
        if isinstance(inner, list) and (key in WRAPPERS or (inner and all(isinstance(item, dict) for item in inner))):
            if key != "data" and inner and not isinstance(inner[0], dict | list):
                # One value per row: {"predictions": [0.1, 0.7]}
                return [[scalar_text(item)] for item in inner]
            return rows_of_value(inner)
    return [flatten(_unwrapped(value))]


def _unwrapped(value: Any) -> Any:
    """`{"features": [1, 2]}` is the row `[1, 2]`."""
    if isinstance(value, dict) and len(value) == 1:
        ((key, inner),) = value.items()
        if key in _FEATURE_KEYS and isinstance(inner, dict | list):
            return inner
    return value


def flatten(value: Any) -> Row:
    """A row without nesting: the names of nested members are joined by `_`; an array counts its members from 0."""
    if isinstance(value, list):
        return [scalar_text(item) for item in value]
    row: dict[str, str | None] = {}
    _flatten_into(row, "", value)
    return row


def _flatten_into(row: dict[str, str | None], prefix: str, value: Any) -> None:
    members = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in members:
        name = f"{prefix}_{key}" if prefix else str(key)
        if isinstance(inner, dict | list) and inner:
            _flatten_into(row, name, inner)
        else:
            row[name] = scalar_text(inner)


def scalar_text(value: Any) -> str | None:
    """The written form of a JSON value, None for null."""
    if value is None or isinstance(value, str):
        return None if value is None else str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value != value:
        return None
    if isinstance(value, int | float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False, default=str)
