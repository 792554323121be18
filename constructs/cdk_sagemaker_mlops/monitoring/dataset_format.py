"""How tables in S3 are written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class DatasetFormat:
    """How data without an endpoint is written. Made by the static factories.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_MonitoringDatasetFormat.html

    :param document: As SageMaker's API writes it in `dataset_format`.
    """

    document: dict[str, dict[str, Any]]

    @staticmethod
    def csv(*, header: bool = True) -> DatasetFormat:
        """CSV files.

        :param header: Whether the first line of each file names the columns. Default: True
        """
        return DatasetFormat({"csv": {"header": header}})

    @staticmethod
    def json_lines() -> DatasetFormat:
        """One JSON object a line."""
        return DatasetFormat({"json": {"line": True}})

    @staticmethod
    def parquet() -> DatasetFormat:
        """Parquet files, which name and type their columns."""
        return DatasetFormat({"parquet": {}})

    def text(self) -> str:
        """As runs are told."""
        return json.dumps(self.document)
