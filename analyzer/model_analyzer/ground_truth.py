"""Ground truth as Model Monitor's merge reads it: one JSON line per label, kept by the hour of its upload.

Pure text and names, standard library only; `model_analyzer.inputs.read_ground_truth` is the reader.
Format: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-merge.html
"""

from __future__ import annotations

import hashlib
import json
import math
import numbers
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

Label = str | float | Sequence[str | float] | Mapping[str, str | float]
"""A class or a number; a list of them for a request of several rows; named ones go into a mapping."""

LONGEST_ID = 64
"""Characters of an inference id: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html"""


class LabelError(ValueError):
    """Labels that cannot be recorded; names each, up to a handful, and what is allowed."""


def label_line(inference_id: str, label: Label) -> str:
    """The line of one label, without a line end. The same label always gives the same text.

    Args:
        inference_id: What the caller of the endpoint gave as InferenceId, else the captured event id.
        label: What turned out to be true.

    Raises:
        LabelError: The id or the label cannot be matched with a prediction.
    """
    if not isinstance(inference_id, str) or not inference_id.strip() or not inference_id.isascii():
        raise LabelError(f"inference id {inference_id!r} is no ASCII text")
    if len(inference_id) > LONGEST_ID:
        raise LabelError(f"inference id {inference_id!r} has {len(inference_id)} characters: at most {LONGEST_ID}")
    try:
        data, encoding = _data(label)
    except LabelError as error:
        raise LabelError(f"inference id {inference_id!r}: {error}") from None
    record = {
        "groundTruthData": {"data": data, "encoding": encoding},
        "eventMetadata": {"eventId": inference_id},
        "eventVersion": "0",
    }
    return json.dumps(record, separators=(",", ":"))


def label_lines(rows: Iterable[tuple[str, Label]]) -> list[str]:
    """The lines of many labels.

    Raises:
        LabelError: Some cannot be recorded; tells how many and shows the first.
    """
    lines: list[str] = []
    mistakes: list[str] = []
    for number, (inference_id, label) in enumerate(rows, 1):
        try:
            lines.append(label_line(inference_id, label))
        except LabelError as error:
            mistakes.append(f"row {number}: {error}")
    if mistakes:
        more = f"; and {len(mistakes) - 5} more" if len(mistakes) > 5 else ""
        raise LabelError(f"{len(mistakes)} labels cannot be recorded: {'; '.join(mistakes[:5])}{more}")
    return lines


def object_name(hour: datetime, content: bytes) -> str:
    """`yyyy/mm/dd/hh/<digest>.jsonl`: one content has one name in an hour, so that a repeated upload replaces itself.

    Args:
        hour: When the labels are uploaded, an aware datetime.
        content: The lines.
    """
    digest = hashlib.sha256(content).hexdigest()[:32]
    return f"{hour.astimezone(UTC):%Y/%m/%d/%H}/{digest}.jsonl"


def _data(label: object) -> tuple[str, str]:
    if isinstance(label, Mapping):
        if not label:
            raise LabelError("the label is an empty mapping")
        return json.dumps({str(name): _scalar(value) for name, value in label.items()}), "JSON"
    if isinstance(label, Sequence) and not isinstance(label, str | bytes):
        if not label:
            raise LabelError("the label is an empty list")
        return "\n".join(_cell(_scalar(item)) for item in label), "CSV"
    return _cell(_scalar(label)), "CSV"


def _scalar(value: object) -> str | int | float:
    if isinstance(value, bool):
        raise LabelError(f'label {value!r} may mean 1 or "true": give the one that the model predicts')
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real) and math.isfinite(value):
        return float(value)
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise LabelError(f"label {value!r} is neither text nor a finite number")


def _cell(value: str | float) -> str:
    text = str(value)
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\r\n') else text
