"""The ready pipeline's code as archives: the step scripts, their configuration, and the analysis engine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from cdk_sagemaker_mlops.functions.sources import SourceFolder, analyzer_folder, collect, training_folder

_PACKAGE = "tabular_training"
CONFIGURATION = f"{_PACKAGE}/configuration.json"


@cache
def _files(*folders: SourceFolder) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in collect(folders)}


def processing_code(configuration: Mapping[str, Any], *, with_analyzer: bool) -> dict[str, bytes]:
    """A zip that Python runs: `python3 code.zip prepare`.

    :param configuration: What the steps are to do.
    :param with_analyzer: Whether the analysis engine is in it.
    """
    scripts = _files(training_folder())
    files = {**scripts, **(_files(analyzer_folder()) if with_analyzer else {})}
    return {**files, "__main__.py": scripts[f"{_PACKAGE}/__main__.py"], CONFIGURATION: _text(configuration)}


def training_code() -> dict[str, bytes]:
    """A folder whose `train.py` SageMaker's toolkit starts. Without configuration: what was prepared says it all."""
    scripts = _files(training_folder())
    return {**scripts, "train.py": scripts[f"{_PACKAGE}/entry.py"]}


def _text(configuration: Mapping[str, Any]) -> bytes:
    return json.dumps(configuration, indent=1, sort_keys=True).encode()
