"""The committed records of feature groups: `environments/feature-groups/<environment>/<group>.json`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cdk_sagemaker_mlops.feature_store import SchemaRecord

COMMAND = "python -m tools.feature_schema"


def directory(environment_file: Path) -> Path:
    """Where the records of an environment are, beside its file."""
    return environment_file.parent / "feature-groups" / environment_file.stem


def read(environment_file: Path) -> dict[str, SchemaRecord]:
    """The records of an environment, by name of the group in its file.

    Raises:
        RecordError: a file is not a record.
    """
    return {
        file.stem: replace(
            SchemaRecord.read(file),
            accept=f"{COMMAND} accept {environment_file.stem} {file.stem}",
            replace=f"{COMMAND} accept {environment_file.stem} {file.stem} --replace",
        )
        for file in sorted(directory(environment_file).glob("*.json"))
    }
