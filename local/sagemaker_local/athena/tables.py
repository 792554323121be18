"""Glue tables as DuckDB views over local copies of their files."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb

from .dialect import Refused

_SCALARS = {
    "string": "VARCHAR", "bigint": "BIGINT", "int": "INTEGER", "integer": "INTEGER", "smallint": "SMALLINT",
    "tinyint": "TINYINT", "double": "DOUBLE", "float": "FLOAT", "boolean": "BOOLEAN", "date": "DATE",
    "timestamp": "TIMESTAMP_MS", "binary": "BLOB",
}  # fmt: skip
_SIZED = re.compile(r"(decimal\(\d+(?:,\s*\d+)?\))|(?:varchar|char)\(\d+\)")
_CSV = ("LazySimpleSerDe", "OpenCSVSerde")


@dataclass(frozen=True)
class Table:
    """A table of the catalogue."""

    database: str
    name: str
    definition: dict[str, Any]

    @property
    def location(self) -> str:
        """The S3 URI under which its files are."""
        return str(self.definition.get("StorageDescriptor", {}).get("Location", ""))


def catalogue(glue: Any) -> tuple[list[str], list[Table]]:
    """Return the names of all databases, and all tables."""
    databases = [
        item["Name"] for page in glue.get_paginator("get_databases").paginate() for item in page["DatabaseList"]
    ]
    tables = [
        Table(name, item["Name"], item)
        for name in databases
        for page in glue.get_paginator("get_tables").paginate(DatabaseName=name)
        for item in page["TableList"]
    ]
    return databases, tables


def fetch(s3: Any, table: Table, folder: Path) -> tuple[list[Path], int]:
    """Copy a table's files to a folder, unless they are there; return the copies and their size in bytes.

    Raises:
        Refused: if the table has no location in S3.
    """
    place = urlsplit(table.location)
    if place.scheme not in ("s3", "s3a", "s3n") or not place.netloc:
        raise Refused(f"HIVE_METASTORE_ERROR: Table {table.database}.{table.name} has no location in S3")
    prefix = place.path.strip("/") + "/"
    copies, size = [], 0
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=place.netloc, Prefix=prefix):
        for item in page.get("Contents", []):
            name = item["Key"].rsplit("/", 1)[-1]
            if item["Size"] == 0 or name.startswith(("_", ".")):
                continue
            # Partitions are read from the path; the tag tells versions of one key apart.
            version = hashlib.sha256(f"{place.netloc}/{item['ETag']}".encode()).hexdigest()[:16]
            copy = folder / version / item["Key"]
            if not copy.exists():
                copy.parent.mkdir(parents=True, exist_ok=True)
                partial = copy.with_suffix(copy.suffix + f".{id(copy):x}")
                partial.write_bytes(s3.get_object(Bucket=place.netloc, Key=item["Key"])["Body"].read())
                partial.rename(copy)
            copies.append(copy)
            size += item["Size"]
    return copies, size


def view(connection: duckdb.DuckDBPyConnection, table: Table, files: list[Path]) -> str:
    """Return the SELECT that gives a table's rows in the types of the catalogue.

    Raises:
        Refused: if the table has columns or a file format that the embedded Athena cannot read.
    """
    storage = table.definition["StorageDescriptor"]
    wanted = [(column["Name"], _type(table, column)) for column in storage.get("Columns", [])]
    partitions = [(column["Name"], _type(table, column)) for column in table.definition.get("PartitionKeys", [])]
    empty = ", ".join(f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in wanted + partitions)
    if not files:
        return f"SELECT {empty} WHERE false"
    source = _source(table, storage, files, [name for name, _ in wanted])
    described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()  # noqa: S608 - names are quoted
    present = {str(row[0]).lower() for row in described}
    columns = [
        f"CAST({quoted(name) if name.lower() in present else 'NULL'} AS {kind}) AS {quoted(name)}"
        for name, kind in wanted + partitions
    ]
    return f"SELECT {', '.join(columns)} FROM {source}"  # noqa: S608 - names are quoted


def quoted(name: str) -> str:
    """Return an identifier in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _type(table: Table, column: dict[str, Any]) -> str:
    text = str(column.get("Type", "string")).strip().lower()
    if text in _SCALARS:
        return _SCALARS[text]
    sized = _SIZED.fullmatch(text)
    if sized is not None:
        return sized[1] or "VARCHAR"
    if text.startswith("array<") and text.endswith(">"):
        return _type(table, {**column, "Type": text[6:-1]}) + "[]"
    raise Refused(
        f"NOT_SUPPORTED: the embedded Athena does not read columns of type {text} (column {column['Name']} of "
        f"{table.database}.{table.name})"
    )


def _source(table: Table, storage: dict[str, Any], files: list[Path], columns: list[str]) -> str:
    names = f"[{', '.join(_literal(str(file)) for file in files)}]"
    serde = storage.get("SerdeInfo", {})
    library = str(serde.get("SerializationLibrary", ""))
    hive = "true" if table.definition.get("PartitionKeys") else "false"
    common = f"hive_partitioning = {hive}" + (", hive_types_autocast = 0" if hive == "true" else "")
    if "parquet" in library.lower() or "parquet" in str(storage.get("InputFormat", "")).lower():
        return f"read_parquet({names}, union_by_name = true, {common})"
    if library.rsplit(".", 1)[-1] in _CSV:
        settings = {**table.definition.get("Parameters", {}), **serde.get("Parameters", {})}
        delimiter = settings.get("field.delim") or settings.get("separatorChar") or ","
        skipped = int(settings.get("skip.header.line.count", 0))
        typed = ", ".join(f"{_literal(name)}: 'VARCHAR'" for name in columns)
        return (
            f"read_csv({names}, columns = {{{typed}}}, delim = {_literal(delimiter)}, header = false, "
            f"skip = {skipped}, auto_detect = false, quote = '\"', escape = '\"', {common})"
        )
    raise Refused(
        f"NOT_SUPPORTED: the embedded Athena reads Parquet and CSV, not {library or 'an unknown format'} (table "
        f"{table.database}.{table.name})"
    )
