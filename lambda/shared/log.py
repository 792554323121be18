"""Structured logs: one JSON object per line, which CloudWatch Logs Insights queries by field."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

_BOUND: ContextVar[dict[str, Any] | None] = ContextVar("bound_log_fields", default=None)


class JsonFormatter(logging.Formatter):
    """Renders a record with its bound and its own fields; an exception goes into one field, so it stays one line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update(_BOUND.get() or {})
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class StandardOutput(logging.Handler):
    """Writes to whatever standard output is at the moment, each line with one call, so that threads cannot mix them."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stdout.write(self.format(record) + "\n")


class Logger:
    """A logger whose calls take fields as keyword arguments: ``log.info("rollout started", model="churn")``."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)
        if not self._logger.handlers:
            handler = StandardOutput()
            handler.setFormatter(JsonFormatter())
            self._logger.addHandler(handler)
            self._logger.setLevel(logging.INFO)
            # Lambda installs a handler on the root logger; without this every line would appear twice.
            self._logger.propagate = False

    def info(self, message: str, **fields: Any) -> None:
        """Log what happened."""
        self._logger.info(message, extra={"fields": fields})

    def warning(self, message: str, **fields: Any) -> None:
        """Log what a person should know but need not act on at once."""
        self._logger.warning(message, extra={"fields": fields})

    def error(self, message: str, **fields: Any) -> None:
        """Log what a person must act on."""
        self._logger.error(message, extra={"fields": fields})

    def exception(self, message: str, **fields: Any) -> None:
        """Log the exception being handled, with its traceback as one field."""
        self._logger.exception(message, extra={"fields": fields})


@contextmanager
def bound(**fields: Any) -> Iterator[None]:
    """Add ``fields`` to every line that is logged inside the block."""
    token = _BOUND.set({**(_BOUND.get() or {}), **fields})
    try:
        yield
    finally:
        _BOUND.reset(token)
