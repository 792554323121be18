"""The offline store of a feature group: Parquet files of all records that were ever written.

`INPUT_TYPE=FeatureGroup`:

- `FEATURE_GROUP_NAME`: what reports, titles and events call it
- `OFFLINE_STORE_URI`: prefix of the group's files; Feature Store names the folders below it
- `LEAVE_OUT`: JSON list of columns that are no features, such as the record identifier. Default: - those alone that
  Feature Store adds

Records count by the time at which Feature Store wrote them, not by their event time: late records and back-fills are
looked at as well, once. Deletions are records, too, without any feature; they are left out.

https://docs.aws.amazon.com/sagemaker/latest/dg/feature-store-offline.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.sources import DatasetSource, RecordFunction
from monitor.window import Window
from shared.environment import Environment

if TYPE_CHECKING:
    import polars

    from model_analyzer.inputs import InputReport
    from monitor.storage import CaptureFile, Storage, StoredFile

_DELETED = "is_deleted"
#: Columns that Feature Store adds to the features.
ADDED = (_DELETED, "write_time", "api_invocation_time")


@dataclass(frozen=True)
class OfflineStoreSource(DatasetSource):
    """Files below ``root``; ``left_out`` are columns that are no features."""

    type = "FeatureGroup"

    left_out: tuple[str, ...] = ()

    @staticmethod
    def of(environment: Environment) -> OfflineStoreSource:
        """The group that the settings name; mistakes are noted in ``environment``."""
        return OfflineStoreSource(
            name=environment.text("FEATURE_GROUP_NAME"),
            root=environment.s3_uri("OFFLINE_STORE_URI"),
            format="parquet",
            header=False,
            partitions=None,
            left_out=(*(environment.names("LEAVE_OUT") or ()), *ADDED),
        )

    def files(self, storage: Storage, window: Window) -> list[StoredFile]:
        """Files of records that were written in the window, by key; an Iceberg table's metadata is none of them."""
        return [file for file in super().files(storage, window) if file.uri.key.endswith(".parquet")]

    def frames(
        self,
        files: Iterable[CaptureFile],
        *,
        columns: Sequence[str] | None,
        report: InputReport,
        preprocessor: RecordFunction | None = None,
    ) -> Iterator[polars.DataFrame]:
        """Features of the records that were put."""
        import polars as pl

        for frame in super().frames(files, columns=columns, report=report, preprocessor=preprocessor):
            put = frame.filter(~pl.col(_DELETED)) if _DELETED in frame.columns else frame
            report.records -= frame.height - put.height
            if put.height:
                yield put.drop(self.left_out, strict=False)
