"""Captured batch transform jobs as captured records: what a job answered, with what it was asked.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-batch.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_SUFFIX = ".out"
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}")
_ID, _AT, _OUTPUT = "SageMakerInferenceId", "SageMakerInferenceTime", "SageMakerOutput"


def as_captures(folder: Path, target: Path) -> Path:
    """Write the objects below `folder`, in `output` and `input`, as files of captured records.

    Returns:
        The folder of the files.
    """
    asked = {path.name: path for path in (folder / "input").rglob("*") if path.is_file()}
    answers = sorted(path for path in (folder / "output").rglob("*") if path.is_file())
    target.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(answers):
        lines = list(_records(path, asked.get(path.name.removesuffix(_SUFFIX))))
        (target / f"{number:05}.jsonl").write_text("\n".join(lines) + "\n")
    return target


def _records(answers: Path, asked: Path | None) -> Iterator[str]:
    given = _lines(answers)
    requests: list[str | None] = [None] * len(given)
    if asked is not None:
        requests = [*_lines(asked)]
    if len(requests) != len(given):
        return
    for number, (answer, request) in enumerate(zip(given, requests, strict=True)):
        identity, body = _apart(answer)
        event = {"eventId": identity or f"{answers.name}#{number}"}
        sides = {"endpointOutput": _side("OUTPUT", body)}
        if request is not None:
            sides["endpointInput"] = _side("INPUT", request)
        yield json.dumps({"captureData": sides, "eventMetadata": event, "eventVersion": "0"})


def _apart(answer: str) -> tuple[str | None, str]:
    """The id that the job added, if it added one, and the model's own answer."""
    if answer.lstrip()[:1] == "{":
        document: dict[str, Any] = json.loads(answer)
        identity = document.pop(_ID, None)
        document.pop(_AT, None)
        return identity, json.dumps(document.get(_OUTPUT, document))
    cells = answer.rsplit(",", 2)
    if len(cells) == 3 and _TIME.match(cells[2].strip()):
        return cells[1].strip(), cells[0]
    return None, answer


def _side(mode: str, text: str) -> dict[str, str]:
    is_json = text.lstrip()[:1] in ("{", "[")
    kind = "application/json" if is_json else "text/csv"
    return {"observedContentType": kind, "mode": mode, "data": text, "encoding": "JSON" if is_json else "CSV"}


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
