"""What a run looks at: an endpoint's captured traffic, or data that lies in S3 without any endpoint.

`INPUT_TYPE` chooses:

- `Endpoint` (the default): `ENDPOINT_NAME`; captured traffic lies below
  `<CAPTURE_URI>/<endpoint>/<variant>/yyyy/mm/dd/hh/`
- `Dataset`: `DATASET_NAME`; files lie below `DATASET_URI`, written as `DATASET_FORMAT` says, a dataset format as
  SageMaker's API writes it: `{"parquet": {}}`, `{"csv": {"header": true}}` or `{"json": {"line": true}}`. Files of a
  window are those in the folders of its hours, whose names `DATASET_PARTITIONS` gives in strftime's notation
  (`year=%Y/month=%m/day=%d/hour=%H`; without hour: folders of the days that begin in the window). Default: - those
  written in the window
- `FeatureGroup`: see `offline_store`
- `BatchTransform`: see `batch_transform`
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from monitor.window import Window
from shared.environment import Environment
from shared.s3 import S3Uri

if TYPE_CHECKING:
    import polars

    from model_analyzer.inputs import InputReport
    from monitor.storage import CaptureFile, Storage, StoredFile

#: Model Monitor publishes about endpoints in one family of namespaces and about everything else in another.
_OF_ENDPOINTS, _OF_OTHERS = "aws/sagemaker/Endpoints/", "aws/sagemaker/ModelMonitoring/"

RecordFunction = Callable[[Any], Any]
TableFormat = Literal["csv", "jsonl", "parquet"]
_FORMATS: Mapping[str, TableFormat] = {"csv": "csv", "json": "jsonl", "parquet": "parquet"}


@dataclass(frozen=True)
class InputSource(ABC):
    """What a run looks at. ``name`` is what reports, titles and events call it."""

    #: As events say it.
    type: ClassVar[str]

    name: str

    @property
    def endpoint_name(self) -> str | None:
        """The endpoint, where there is one."""
        return None

    @property
    def folders(self) -> tuple[str, ...]:
        """Folders of reports above the monitor's own."""
        return ()

    @property
    def dimensions(self) -> Mapping[str, str]:
        """Dimensions of metrics besides the monitor's."""
        return {}

    def namespace(self, of_endpoints: str) -> str:
        """The CloudWatch namespace of an analysis' metrics about this input."""
        return of_endpoints.replace(_OF_ENDPOINTS, _OF_OTHERS)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Columns that are no features."""
        return ()

    @property
    @abstractmethod
    def contract(self) -> Mapping[str, str]:
        """What containers are told of it, in Model Monitor's words: how objects are written, above all."""

    @abstractmethod
    def files(self, storage: Storage, window: Window) -> list[StoredFile]:
        """Objects of the window, in an order that every run of it gets."""

    def contract_folders(self, storage: Storage, files: Sequence[StoredFile]) -> dict[str, list[S3Uri]]:
        """Objects by the folder in which containers find them, below that of the data."""
        return {"": [file.uri for file in files]}

    def open(
        self, storage: Storage, files: Sequence[StoredFile], before_each: Callable[[], None]
    ) -> Iterator[CaptureFile]:
        """The contents of objects, in their order; ``before_each`` may raise to end it."""
        return storage.fetch(files, before_each)

    @abstractmethod
    def frames(
        self,
        files: Iterable[CaptureFile],
        *,
        columns: Sequence[str] | None,
        report: InputReport,
        preprocessor: RecordFunction | None = None,
    ) -> Iterator[polars.DataFrame]:
        """Rows in batches: features, and predictions before them where there are any."""


@dataclass(frozen=True)
class EndpointSource(InputSource):
    """Captured traffic below ``captures``."""

    type = "Endpoint"

    captures: S3Uri

    @property
    def endpoint_name(self) -> str:
        """The endpoint."""
        return self.name

    @property
    def folders(self) -> tuple[str, ...]:
        """Folders of reports above the monitor's own."""
        return (self.name,)

    @property
    def dimensions(self) -> Mapping[str, str]:
        """Dimensions of metrics besides the monitor's."""
        return {"Endpoint": self.name}

    def namespace(self, of_endpoints: str) -> str:
        """The CloudWatch namespace of an analysis' metrics."""
        return of_endpoints

    @property
    def contract(self) -> Mapping[str, str]:
        """Captured records, both sides of them."""
        form = {"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}}
        return {
            "dataset_format": json.dumps(form),
            "monitoring_input_type": "ENDPOINT_INPUT",
            "sagemaker_endpoint_name": self.name,
        }

    def files(self, storage: Storage, window: Window) -> list[StoredFile]:
        """Captured objects of the window, of all variants."""
        return storage.captures(self.captures / self.name, window)

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

        return inputs.read_capture(files, columns=columns, report=report, preprocessor=preprocessor, numbers=True)


@dataclass(frozen=True)
class DatasetSource(InputSource):
    """Files below ``root``; ``partitions`` are the folders of an hour or a day, None counts files by their time."""

    type = "Dataset"

    root: S3Uri
    format: TableFormat
    header: bool
    partitions: str | None

    @property
    def contract(self) -> Mapping[str, str]:
        """How the table is written; Model Monitor has no word for what it is."""
        return {"dataset_format": format_text(self.format, self.header)}

    def files(self, storage: Storage, window: Window) -> list[StoredFile]:
        """Objects of the window, by key."""
        if self.partitions is None:
            return storage.written(self.root, window)
        by_hour = "%H" in self.partitions
        hours = (hour for hour in window.hours() if by_hour or hour.hour == 0)
        return storage.below([self.root / f"{hour:{self.partitions}}" for hour in hours])

    def frames(
        self,
        files: Iterable[CaptureFile],
        *,
        columns: Sequence[str] | None,
        report: InputReport,
        preprocessor: RecordFunction | None = None,
    ) -> Iterator[polars.DataFrame]:
        """The table's rows."""
        from model_analyzer import inputs

        return inputs.read_table(
            files, format=self.format, header=self.header, columns=columns, report=report, numbers=True
        )


def dataset_format(text: str) -> tuple[TableFormat, bool]:
    """Format and whether there is a header, of a dataset format as SageMaker's API writes it; raises ValueError."""
    document = json.loads(text)
    if not isinstance(document, dict) or len(document) != 1:
        raise ValueError
    ((kind, options),) = document.items()
    if kind not in _FORMATS or not isinstance(options, dict):
        raise ValueError
    return _FORMATS[kind], bool(options.get("header", False))


def format_text(format: TableFormat, header: bool) -> str:
    """The dataset format as SageMaker's API writes it."""
    (kind,) = (kind for kind, ours in _FORMATS.items() if ours == format)
    return json.dumps({kind: {"csv": {"header": header}, "jsonl": {"line": True}}.get(format, {})})


def read_format(
    environment: Environment, default: tuple[TableFormat, bool] | None = None, name: str = "DATASET_FORMAT"
) -> tuple[TableFormat, bool]:
    """A dataset format as SageMaker's API writes it; required unless a default is given. Notes mistakes."""
    if default is not None and environment.optional_text(name) is None:
        return default
    written = environment.parsed(name, dataset_format, "must be a dataset format of SageMaker's API")
    # None after a mistake, which is reported before anything is read.
    return written or ("parquet", False)
