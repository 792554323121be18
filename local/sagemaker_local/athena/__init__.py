"""The embedded Athena: workgroups, and queries over Glue tables in S3 that DuckDB really executes.

What differs from Athena: SELECT statements only (everything else is refused by name); functions of Trino that are not
known here are refused by name; division of integers by zero gives NULL instead of an error; DuckDB compares text with
numbers where Trino refuses; a date plus an interval is a timestamp; the bytes scanned are those of all files of the
tables that a query names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import executions, tags, workgroups
from .service import Athena

if TYPE_CHECKING:
    from sagemaker_local.server import LocalAws

__all__ = ["Athena", "install"]


def install(aws: LocalAws) -> None:
    """Answer Athena's operations in an embedded AWS."""
    athena = Athena(aws)
    for part in (workgroups, tags, executions):
        part.install(athena)
    aws.on_stop(athena.stop)
