"""The data of an execution of a monitoring schedule, as inputs of a processing job."""

from __future__ import annotations

from typing import Any

from .faults import invalid
from .monitoring_plan import HOUR, MOST_INPUTS, Execution, folders_of, prefix_input

Params = dict[str, Any]


def captured_inputs(execution: Execution, root: str, variants: list[str]) -> list[Params]:
    """Inputs of an endpoint's captures, one for each variant and hour, or day where hours would be too many."""
    start, end = execution.window
    place = execution.source["LocalPath"]
    folders = list(folders_of(start, end, max(1, (MOST_INPUTS // 2) // max(1, len(variants)))))
    return [
        prefix_input(
            f"input_{number}",
            f"{root}/{variant}/{folder}",
            f"{place}/{execution.endpoint}/{variant}/{folder}",
        )
        for number, (variant, folder) in enumerate((variant, folder) for variant in variants for folder in folders)
    ]


def merged_input(execution: Execution) -> list[Params]:
    """The input of captures that were merged with labels."""
    place, uri = execution.source["LocalPath"], execution.merge_uri()
    if execution.endpoint is None:
        return [prefix_input("input_1", uri, place)]
    return [prefix_input("input_1", f"{uri}/{execution.endpoint}", f"{place}/{execution.endpoint}")]


def manifest_inputs(execution: Execution, manifests: dict[str, list[str]]) -> list[Params]:
    """Inputs of batch transform jobs: what the lists of each side name.

    Raises:
        AwsError: there are more lists than a job takes inputs.
    """
    inputs = [
        {
            "InputName": f"{side}_{number}",
            "S3Input": {
                "S3Uri": uri,
                "LocalPath": f"{execution.source['LocalPath']}/{side}/{number}",
                "S3DataType": "ManifestFile",
                "S3InputMode": "File",
            },
        }
        for side, uris in manifests.items()
        for number, uri in enumerate(uris)
    ]
    if len(inputs) > MOST_INPUTS:
        raise invalid(
            f"The embedded AWS looks at {MOST_INPUTS // 2} batch transform jobs in a window, and there were "
            f"{len(inputs) // 2}; choose a shorter schedule."
        )
    return inputs


def manifest_folders(execution: Execution) -> dict[str, list[str]]:
    """Where the lists of the window's jobs lie, by side."""
    start, end = execution.window
    root = execution.source["DataCapturedDestinationS3Uri"].rstrip("/")
    hours = list(folders_of(start, end, int((end - start) / HOUR)))
    return {side: [f"{root}/{side}/{hour}/" for hour in hours] for side in ("output", "input")}
