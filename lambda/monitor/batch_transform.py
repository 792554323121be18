"""Batch transform jobs as a monitor's input: lists of objects that jobs read and wrote, and what these hold.

- `TRANSFORM_NAME`: what reports, titles and events call the jobs
- `CAPTURE_URI`: lists lie below `<CAPTURE_URI>/{input,output}/yyyy/mm/dd/hh/`, the hour in which the job began
- `INFERENCE_IDS`: whether jobs add an id and a time to every answer (`GenerateInferenceId`). Default: true
- `DATASET_FORMAT`: how requests and answers are written, as `sources` has it: for containers; all else sees it itself.
  Default: CSV without header

An answer and its request become one record, as an endpoint would have captured them, so that every analysis reads both
in the same way.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-batch.html
"""

from __future__ import annotations

import gzip
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from monitor.sources import InputSource, RecordFunction, TableFormat, format_text, read_format
from monitor.storage import AHEAD, StoredFile
from monitor.window import Window
from shared.environment import Environment
from shared.log import Logger
from shared.s3 import S3Uri

if TYPE_CHECKING:
    import polars

    from model_analyzer.inputs import InputReport
    from monitor.storage import CaptureFile, Storage

OUTPUT_SUFFIX = ".out"
_HOUR_LENGTH = len("2026/11/21/07")
_LINE_END = re.compile(r"\r\n?|\n")
_ID, _TIME, _OUTPUT = "SageMakerInferenceId", "SageMakerInferenceTime", "SageMakerOutput"

log = Logger("monitor.batch_transform")


@dataclass(frozen=True)
class Answers(StoredFile):
    """Answers of a job, with the object that they are to; None where no list names one. ``size`` is that of both."""

    in_memory = True

    asked: S3Uri | None = None


@dataclass(frozen=True)
class BatchTransformSource(InputSource):
    """Jobs that record their objects below ``captures``."""

    type = "BatchTransform"

    captures: S3Uri
    inference_ids: bool
    format: TableFormat = "csv"
    header: bool = False

    @staticmethod
    def of(environment: Environment) -> BatchTransformSource:
        """Read its settings; mistakes are noted in ``environment``."""
        form, header = read_format(environment, ("csv", False))
        return BatchTransformSource(
            name=environment.text("TRANSFORM_NAME"),
            captures=environment.s3_uri("CAPTURE_URI"),
            inference_ids=environment.flag("INFERENCE_IDS", True),
            format=form,
            header=header,
        )

    @property
    def contract(self) -> Mapping[str, str]:
        """How requests and answers are written, and whether answers have ids."""
        return {
            "dataset_format": format_text(self.format, self.header),
            "monitoring_input_type": "BATCH_TRANSFORM_INPUT",
            "generate_inference_id": "true" if self.inference_ids else "false",
        }

    def files(self, storage: Storage, window: Window) -> list[StoredFile]:
        """Answers of the jobs that began in the window, each object once, in the order of their lists."""
        requests: dict[str, list[S3Uri]] = defaultdict(list)
        for uri, hour in self._listed(storage, "input", window).items():
            requests[f"{hour}/{_name(uri)}"].append(uri)
        answers = self._listed(storage, "output", window)
        pairs = {uri: _asked(uri, requests[f"{hour}/{_request_name(uri)}"]) for uri, hour in answers.items()}
        named = dict.fromkeys(uri for pair in pairs.items() for uri in pair if uri is not None)
        with ThreadPoolExecutor(AHEAD, thread_name_prefix="size") as pool:
            sizes = {uri: files[0].size for uri, files in zip(named, pool.map(storage.at, named), strict=True) if files}
        there = [(uri, asked if asked in sizes else None) for uri, asked in pairs.items() if uri in sizes]
        return [Answers(uri, sizes[uri] + (sizes[asked] if asked else 0), asked) for uri, asked in there]

    def contract_folders(self, storage: Storage, files: Sequence[StoredFile]) -> dict[str, list[S3Uri]]:
        """Answers and requests side by side, as the lists name them; `<name>.out` answers `<name>`."""
        asked = dict.fromkeys(item.asked for item in files if isinstance(item, Answers) and item.asked is not None)
        return {"output": [file.uri for file in files], **({"input": list(asked)} if asked else {})}

    def _listed(self, storage: Storage, side: str, window: Window) -> dict[S3Uri, str]:
        """The objects of a side, with the hour in which their job began: that of the folder of the list."""
        root = self.captures / side
        uris: dict[S3Uri, str] = {}
        for manifest in storage.below([root / f"{hour:%Y/%m/%d/%H}" for hour in window.hours()]):
            content, hour = storage.read(manifest.uri), manifest.uri.key.removeprefix(root.prefix)[:_HOUR_LENGTH]
            try:
                for uri in entries(content) if content is not None else ():
                    uris.setdefault(uri, hour)
            except (ValueError, TypeError, KeyError, IndexError) as error:
                log.warning("a list of objects cannot be read", uri=str(manifest.uri), error=str(error))
        return uris

    def open(
        self, storage: Storage, files: Sequence[StoredFile], before_each: Callable[[], None]
    ) -> Iterator[CaptureFile]:
        """The records of each object of answers."""
        for item in files:
            before_each()
            asked = item.asked if isinstance(item, Answers) else None
            with ThreadPoolExecutor(2, thread_name_prefix="fetch") as pool:
                answer = pool.submit(storage.read, item.uri)
                request = pool.submit(storage.read, asked) if asked is not None else None
            answers, requests = answer.result(), request.result() if request is not None else None
            if answers is None:
                log.warning("object disappeared after it was listed", uri=str(item.uri))
                continue
            lines = records(str(item.uri), text_of(answers), text_of(requests), self.inference_ids)
            yield str(item.uri), "\n".join(lines).encode()

    def frames(
        self,
        files: Iterable[CaptureFile],
        *,
        columns: Sequence[str] | None,
        report: InputReport,
        preprocessor: RecordFunction | None = None,
    ) -> Iterator[polars.DataFrame]:
        """Answers with their requests behind them."""
        from model_analyzer import inputs

        return inputs.read_capture(files, columns=columns, report=report, preprocessor=preprocessor)


def entries(content: bytes) -> list[S3Uri]:
    """The objects that a list names: a prefix, then what comes after it; raises ValueError and its like."""
    head, *names = json.loads(content)
    return [S3Uri.parse(head["prefix"] + name) for name in names]


def text_of(content: bytes | None) -> str | None:
    """An object's text, compressed or not."""
    if content is None:
        return None
    return (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode("utf-8", errors="replace")


def records(name: str, answers: str | None, requests: str | None, inference_ids: bool) -> Iterator[str]:
    """Captured records of an object of answers and what was asked, line by line.

    Answers that do not fit the requests become one line that no reader takes for a record, which counts as broken.
    """
    given = _lines(answers or "")
    asked = _lines(requests) if requests is not None else [None] * len(given)
    if len(asked) != len(given):
        yield f"{name} has {len(given)} answers to {len(asked)} requests"
        return
    for number, (answer, request) in enumerate(zip(given, asked, strict=True)):
        identity, time, body = _taken_apart(answer) if inference_ids else (None, None, answer)
        event: dict[str, str] = {"eventId": identity or f"{name}#{number}"}
        if identity:
            event["inferenceId"] = identity
        if time:
            event["inferenceTime"] = time
        sides: dict[str, Any] = {"endpointOutput": _side("OUTPUT", body)}
        if request is not None:
            sides["endpointInput"] = _side("INPUT", request)
        yield json.dumps({"captureData": sides, "eventMetadata": event, "eventVersion": "0"})


def _taken_apart(answer: str) -> tuple[str | None, str | None, str]:
    """Id, time and the model's own answer; a list followed by both is a line of CSV."""
    try:
        document = json.loads(answer) if _is_json(answer) else None
    except ValueError:
        document = None
    if isinstance(document, dict):
        identity, time = document.pop(_ID, None), document.pop(_TIME, None)
        return identity, time, json.dumps(document.get(_OUTPUT, document))
    if document is not None:
        return None, None, answer
    cells = answer.rsplit(",", 2)
    return (cells[1].strip(), cells[2].strip(), cells[0]) if len(cells) == 3 else (None, None, answer)


def _side(mode: str, text: str) -> dict[str, str]:
    json_ = _is_json(text)
    kind = "application/json" if json_ else "text/csv"
    return {"observedContentType": kind, "mode": mode, "data": text, "encoding": "JSON" if json_ else "CSV"}


def _is_json(text: str) -> bool:
    return text.lstrip()[:1] in ("{", "[")


def _lines(text: str) -> list[str]:
    # Not what else ends a line elsewhere, such as U+2028: within a request's text that is a character.
    return [line for line in _LINE_END.split(text) if line.strip()]


def _name(uri: S3Uri) -> str:
    return uri.key.rpartition("/")[2]


def _request_name(answers: S3Uri) -> str:
    return _name(answers).removesuffix(OUTPUT_SUFFIX)


def _asked(answers: S3Uri, candidates: Sequence[S3Uri]) -> S3Uri | None:
    """Which requests of the same name are answered: those in the most similar folders; None if that leaves several."""
    # `model_analyzer.inputs.read_transform` finds them likewise; a function that only starts jobs does not carry it.
    folders = answers.key.split("/")[:-1]
    alike = {uri: _common_end(folders, uri.key.split("/")[:-1]) for uri in candidates}
    best = [uri for uri, length in alike.items() if length == max(alike.values())]
    if len(best) > 1:
        log.warning("several requests could belong to the answers", answers=str(answers), requests=[*map(str, best)])
    return best[0] if len(best) == 1 else None


def _common_end(first: Sequence[str], second: Sequence[str]) -> int:
    pairs = zip(reversed(first), reversed(second), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
