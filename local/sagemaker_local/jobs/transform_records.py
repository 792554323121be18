"""Records of batch transform: splitting inputs, filters, joining, and inference ids.

See https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform-data-processing.html
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sagemaker_local.errors import AwsError

JOINED = "SageMakerOutput"
_TOKEN = re.compile(r"\.([A-Za-z_][\w\-]*)|\[([^\]]*)\]")
_SLICE = re.compile(r"(-?\d*):(-?\d*)")


def problem(path: str) -> str | None:
    """Return what is wrong with a filter, or None."""
    if path.startswith("$") and _tokens(path) is not None:
        return None
    return f"{path} is no JSONPath that the embedded AWS knows; it knows $, $.name, $['a','b'], $[0], $[0,2] and $[1:]"


def apply(path: str, record: Any) -> Any:
    """Return what a filter selects of a record.

    Raises:
        AwsError: if it selects nothing that is there.
    """
    for names in _tokens(path) or []:
        try:
            record = _select(record, names)
        except (LookupError, TypeError, ValueError) as error:
            raise AwsError("ValidationException", f"the filter {path} does not fit a record: {error}") from error
    return record


def _tokens(path: str) -> list[str] | None:
    found, position = [], 1
    while position < len(path):
        match = _TOKEN.match(path, position)
        if match is None:
            return None
        found.append(f"'{match[1]}'" if match[1] is not None else match[2].strip())
        position = match.end()
    return found


def _select(record: Any, names: str) -> Any:
    bounds = _SLICE.fullmatch(names)
    if bounds is not None:
        start, end = (int(text) if text else None for text in bounds.groups())
        return record[start:end]
    parts = [part.strip() for part in names.split(",")]
    if parts[0].startswith(("'", '"')):
        keys = [part.strip("'\"") for part in parts]
        return record[keys[0]] if len(keys) == 1 else {key: record[key] for key in keys}
    numbers = [int(part) for part in parts]
    return record[numbers[0]] if len(numbers) == 1 else [record[number] for number in numbers]


@dataclass(frozen=True)
class Format:
    """How records of a content type are written: CSV or JSON."""

    csv: bool

    @classmethod
    def of(cls, content_type: str) -> Format:
        """Return the format of a content type; what is not CSV is taken for JSON."""
        return cls(content_type.split(";")[0].strip().lower() == "text/csv")

    def read(self, text: str) -> Any:
        """Read one record.

        Raises:
            AwsError: if it is not in this format.
        """
        if self.csv:
            return next(csv.reader([text]), [])
        try:
            return json.loads(text)
        except ValueError as error:
            raise AwsError("ValidationException", f"a record is not JSON: {error}") from error

    def write(self, record: Any) -> str:
        """Write one record."""
        if not self.csv:
            return json.dumps(record)
        stream = io.StringIO()
        csv.writer(stream, lineterminator="").writerow(record if isinstance(record, list) else [record])
        return stream.getvalue()


def batches(lines: list[str], multiple: bool, most_bytes: int) -> Iterator[list[str]]:
    """Return records as they are sent together.

    Raises:
        AwsError: if one alone is too large.
    """
    batch: list[str] = []
    size = 0
    for line in lines:
        length = len(line.encode()) + 1
        if length > most_bytes > 0:
            raise AwsError("ValidationException", f"a record of {length} bytes exceeds MaxPayloadInMB")
        if batch and (not multiple or size + length > most_bytes > 0):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += length
    if batch:
        yield batch


def join(source: Any, output: Any, form: Format) -> Any:
    """Return input and output of a record as one."""
    if form.csv:
        return [*source, *(output if isinstance(output, list) else [output])]
    if isinstance(source, dict):
        return {**source, JOINED: output}
    return {"SageMakerInput": source, JOINED: output}


def identify(record: Any, form: Format, identifier: str, time: str) -> Any:
    """Return a record with an inference id and the time of the inference."""
    if form.csv:
        return [*(record if isinstance(record, list) else [record]), identifier, time]
    body = record if isinstance(record, dict) and JOINED in record else {JOINED: record}
    return {**body, "SageMakerInferenceId": identifier, "SageMakerInferenceTime": time}
