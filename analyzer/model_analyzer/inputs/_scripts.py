"""Pre-processing and post-analytics scripts of Model Monitor's contract.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-pre-and-post-processing.html
"""

from __future__ import annotations

import importlib.util
import inspect
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from ._json import Row, scalar_text

logger = logging.getLogger("model_analyzer.scripts")


class ScriptError(Exception):
    """A script that cannot be loaded, raised, or gave something that is no row."""


@dataclass(frozen=True)
class CapturedSide:
    """What the endpoint received or answered, as captured."""

    data: str
    encoding: str | None
    observedContentType: str | None


@dataclass(frozen=True)
class EventMetadata:
    """When and under which identity a record was captured."""

    event_id: str | None
    event_time: str | None
    custom_attribute: str | None
    inference_id: str | None = None


@dataclass(frozen=True)
class CapturedRecord:
    """The object that a `preprocess_handler` receives for captured traffic."""

    endpoint_input: CapturedSide | None
    endpoint_output: CapturedSide | None
    event_metadata: EventMetadata
    batch_transform_output: CapturedSide | None = None
    ground_truth: CapturedSide | None = None


RecordFunction = Callable[[Any], Any]


def load_preprocessor(path: Path | str) -> RecordFunction:
    """The `preprocess_handler(inference_record[, logger])` of a script, as a function of one record.

    Raises:
        ScriptError: The file is missing, does not load, or defines no such function.
    """
    handler = _function(path, "preprocess_handler")
    wants_logger = "logger" in inspect.signature(handler).parameters

    def run(record: Any) -> Any:
        try:
            return handler(record, logger=logger) if wants_logger else handler(record)
        except Exception as error:
            raise ScriptError(f"{path}: preprocess_handler raised {type(error).__name__}: {error}") from error

    return run


def run_postprocessor(path: Path | str) -> None:
    """Call the script's `postprocess_handler()`, once the reports are written.

    Raises:
        ScriptError: The file does not load, defines no such function, or the function raised.
    """
    handler = _function(path, "postprocess_handler")
    try:
        handler()
    except Exception as error:
        raise ScriptError(f"{path}: postprocess_handler raised {type(error).__name__}: {error}") from error


def rows_of_result(result: Any) -> list[Row]:
    """The rows that a handler returned: one mapping, a list of mappings, or nothing.

    Raises:
        ScriptError: The result is something else.
    """
    if result is None:
        return []
    items = [result] if isinstance(result, dict) else result
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ScriptError(
            f"preprocess_handler returned {type(result).__name__}: "
            "return a dict, a list of dicts, or [] to drop a record"
        )
    return [{str(name): scalar_text(value) for name, value in sorted_columns(item)} for item in items]


def sorted_columns(row: dict[Any, Any]) -> list[tuple[Any, Any]]:
    """Columns in the order of their names, which is why scripts pad positions with zeros."""
    return sorted(row.items(), key=lambda item: str(item[0]))


def _function(path: Path | str, name: str) -> Callable[..., Any]:
    module = _load(Path(path))
    function = getattr(module, name, None)
    if not callable(function):
        raise ScriptError(f"{path}: defines no function {name}")
    return function  # type: ignore[no-any-return]


def _load(path: Path) -> ModuleType:
    if not path.is_file():
        raise ScriptError(f"{path}: no such script")
    spec = importlib.util.spec_from_file_location(f"model_monitor_script_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ScriptError(f"{path}: is not a Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ScriptError(f"{path}: does not load: {type(error).__name__}: {error}") from error
    return module
