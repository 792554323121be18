"""One query in one DuckDB, which sees nothing but the files of the tables that the query names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from . import results
from .dialect import Refused, translate
from .functions import macros
from .tables import Table, catalogue, fetch, quoted, view

_CATALOG = "awsdatacatalog"
_COLUMN = re.compile(r'[Cc]olumn(?: with name)? "?([^"\s]+)"? (?:was )?(?:not found|does not exist)')
_TABLE = re.compile(r"Table with name ([^\s!]+) does not exist")


@dataclass(frozen=True)
class Request:
    """What is to be executed."""

    query: str
    database: str
    parameters: list[str] | None
    cutoff: int | None
    """Most bytes that may be scanned."""
    now: datetime


class Session:
    """The execution of a query.

    Args:
        glue: client whose catalogue is queried.
        s3: client that reads the files.
        folder: where copies of the files are kept between queries.
    """

    def __init__(self, glue: Any, s3: Any, folder: Path) -> None:
        self._glue = glue
        self._s3 = s3
        self._folder = folder
        self._connection = duckdb.connect(":memory:")
        self.scanned = 0

    def interrupt(self) -> None:
        """Stop the query that runs."""
        self._connection.interrupt()

    def run(self, request: Request) -> results.Result:
        """Execute a query and return all of its rows as Athena writes them.

        Raises:
            Refused: with Athena's error text.
        """
        statement = translate(request.query, request.parameters)
        try:
            self._prepare(request, statement.names)
            return results.collect(self._connection, statement.sql, statement.names)
        except duckdb.InterruptException:
            raise Refused("Query cancelled by user") from None
        except duckdb.Error as error:
            raise Refused(_explained(str(error), type(error), request.database)) from error
        finally:
            self._connection.close()

    def _prepare(self, request: Request, names: frozenset[str]) -> None:
        connection = self._connection
        self._folder.mkdir(parents=True, exist_ok=True)
        for setting in ("TimeZone = 'UTC'", "integer_division = true", "threads = 2", "memory_limit = '1GB'"):
            connection.execute(f"SET {setting}")
        connection.execute(f"ATTACH ':memory:' AS {_CATALOG}")
        moment = f"TIMESTAMPTZ '{request.now:%Y-%m-%d %H:%M:%S}.{request.now.microsecond // 1000:03d}+00'"
        for macro in macros(moment):
            connection.execute(macro)
        databases, tables = catalogue(self._glue)
        named = [table for table in tables if table.name.lower() in names]
        files = {id(table): self._fetched(table, request) for table in named}
        if request.database.lower() not in {name.lower() for name in databases} and request.database != "default":
            raise Refused(f"SCHEMA_NOT_FOUND: line 1:1: Schema '{request.database}' does not exist")
        for name in {*databases, "default"}:
            connection.execute(f"CREATE SCHEMA {_CATALOG}.{quoted(name)}")
        # From here on only copies of the tables' files can be read, whatever the query says.
        connection.execute(f"SET allowed_directories = ['{str(self._folder).replace(chr(39), chr(39) * 2)}']")
        connection.execute("SET enable_external_access = false")
        for table in named:
            target = f"{_CATALOG}.{quoted(table.database)}.{quoted(table.name)}"
            connection.execute(f"CREATE VIEW {target} AS {view(connection, table, files[id(table)])}")
        connection.execute(f"USE {_CATALOG}.{quoted(request.database)}")
        connection.execute("SET lock_configuration = true")

    def _fetched(self, table: Table, request: Request) -> list[Path]:
        files, size = fetch(self._s3, table, self._folder)
        self.scanned += size
        if request.cutoff is not None and self.scanned > request.cutoff:
            raise Refused(f"Bytes scanned limit was exceeded: {self.scanned} of {request.cutoff} bytes")
        return files


def _explained(text: str, kind: type[duckdb.Error], database: str) -> str:
    """Return the name that Athena has for an error, with DuckDB's explanation where there is no shorter one."""
    first = text.split("\n\nLINE", 1)[0].replace("\n", " ")
    missing = _TABLE.search(text)
    if missing is not None:
        return f"TABLE_NOT_FOUND: Table '{_CATALOG}.{database}.{missing[1]}' does not exist"
    column = _COLUMN.search(text)
    if column is not None:
        return f"COLUMN_NOT_FOUND: Column '{column[1]}' cannot be resolved"
    if issubclass(kind, duckdb.ParserException):
        return f"SYNTAX_ERROR: {first}"
    if issubclass(kind, (duckdb.ConversionException, duckdb.OutOfRangeException)):
        return f"INVALID_CAST_ARGUMENT: {first}"
    if issubclass(kind, (duckdb.BinderException, duckdb.CatalogException)):
        return f"TYPE_MISMATCH: {first}"
    return f"GENERIC_USER_ERROR: {first}"
