"""Rows as Athena writes them: every value as text, and a CSV file of them."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

_TYPES = {
    "HUGEINT": "bigint", "UBIGINT": "bigint", "BIGINT": "bigint", "INTEGER": "integer", "SMALLINT": "smallint",
    "TINYINT": "tinyint", "DOUBLE": "double", "FLOAT": "float", "VARCHAR": "varchar", "BOOLEAN": "boolean",
    "DATE": "date", "BLOB": "varbinary", "JSON": "json", '"NULL"': "unknown", "INTERVAL": "interval day to second",
    "TIME": "time", "UUID": "uuid",
}  # fmt: skip


@dataclass(frozen=True)
class Result:
    """Names and types of the columns, and all rows as text; None is NULL."""

    columns: list[tuple[str, str]]
    rows: list[tuple[str | None, ...]]


def collect(connection: duckdb.DuckDBPyConnection, sql: str, identifiers: frozenset[str]) -> Result:
    """Execute a SELECT and return its rows as text.

    Args:
        connection: where to execute it.
        sql: the statement.
        identifiers: every identifier in it, in lower case. A column that none of them names gets Trino's `_col<n>`.
    """
    described = [(str(row[0]), str(row[1])) for row in connection.execute(f"DESCRIBE {sql}").fetchall()]
    # Columns of a result may share a name; positions do not.
    names = [f"c{number}" for number in range(len(described))]
    rendered = ", ".join(f"{_rendered(name, kind)} AS {name}" for name, (_, kind) in zip(names, described, strict=True))
    rows = connection.execute(f"SELECT {rendered} FROM ({sql}) AS result({', '.join(names)})").fetchall()  # noqa: S608 - SQL is what this executes
    labels = [
        name if name.lower() in identifiers or _is_from_star(name, sql) else f"_col{number}"
        for number, (name, _) in enumerate(described)
    ]
    return Result([(label, athena_type(kind)) for label, (_, kind) in zip(labels, described, strict=True)], rows)


def _is_from_star(name: str, sql: str) -> bool:
    return "*" in sql and name.isidentifier()


def athena_type(kind: str) -> str:
    """Return Athena's name of a DuckDB type."""
    if kind.endswith("[]"):
        return "array"
    if kind.startswith("TIMESTAMP"):
        return "timestamp with time zone" if "TIME ZONE" in kind or "TZ" in kind else "timestamp"
    if kind.startswith("DECIMAL"):
        return "decimal"
    if kind.startswith("STRUCT"):
        return "row"
    if kind.startswith("MAP"):
        return "map"
    return _TYPES.get(kind, kind.lower())


def csv(result: Result) -> bytes:
    """Return a result as the CSV file that Athena writes: every value in quotes, NULL as nothing."""
    lines = [",".join(_quoted(name) for name, _ in result.columns)]
    lines += [",".join("" if value is None else _quoted(value) for value in row) for row in result.rows]
    return ("\n".join(lines) + "\n").encode()


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _rendered(name: str, kind: str) -> str:
    athena = athena_type(kind)
    if athena == "timestamp":
        return f"strftime(CAST({name} AS TIMESTAMP), '%Y-%m-%d %H:%M:%S.%g')"
    if athena == "timestamp with time zone":
        return f"strftime(CAST(CAST({name} AS TIMESTAMPTZ) AS TIMESTAMP), '%Y-%m-%d %H:%M:%S.%g UTC')"
    if athena in ("double", "float"):
        special = f"WHEN isnan({name}) THEN 'NaN' WHEN isinf({name}) AND {name} > 0 THEN 'Infinity'"
        return f"CASE {special} WHEN isinf({name}) THEN '-Infinity' ELSE CAST({name} AS VARCHAR) END"
    return f"CAST({name} AS VARCHAR)"
