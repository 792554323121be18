"""The committed records of endpoints: `environments/endpoints/<environment>/<model>.json`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cdk_sagemaker_mlops import EndpointRecord

COMMAND = "python -m tools.endpoint_record"


def directory(environment_file: Path) -> Path:
    """Where the records of an environment are, beside its file."""
    return environment_file.parent / "endpoints" / environment_file.stem


def read(environment_file: Path) -> dict[str, EndpointRecord]:
    """The records of an environment, by model. A model without one is compared with nothing.

    Raises:
        EndpointRecordError: a file is not a record.
    """
    return {
        file.stem: replace(
            EndpointRecord.read(file), accept=f"{COMMAND} accept {environment_file.stem} {file.stem} --anyway"
        )
        for file in sorted(directory(environment_file).glob("*.json"))
    }
