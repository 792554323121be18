"""A monitor's own scripts: what turns records into rows, and what is done with a report.

Model Monitor's contract: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-pre-and-post-processing.html
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from monitor.sources import RecordFunction
from monitor.storage import Storage
from shared.log import Logger
from shared.s3 import S3Uri

#: Where a post-analytics script finds the report's files, as in Model Monitor's containers.
OUTPUT_PATH = "output_path"

log = Logger("monitor.scripts")


class MissingScript(ValueError):
    """The script that the monitor names does not exist."""


def preprocessor_of(storage: Storage, uri: S3Uri | None) -> RecordFunction | None:
    """The `preprocess_handler` of a script in S3; raises MissingScript, and the analyzer's ScriptError."""
    if uri is None:
        return None
    from model_analyzer.inputs import load_preprocessor

    with tempfile.TemporaryDirectory() as folder:
        return load_preprocessor(_fetched(storage, uri, Path(folder)))


def postprocess(storage: Storage, uri: S3Uri | None, documents: Mapping[str, str]) -> None:
    """Call the `postprocess_handler` of a script in S3, which finds the report's files in the folder `output_path`.

    Raises MissingScript, and the analyzer's ScriptError.
    """
    if uri is None:
        return
    from model_analyzer.inputs import run_postprocessor

    with tempfile.TemporaryDirectory() as folder:
        script, output = _fetched(storage, uri, Path(folder)), Path(folder) / "output"
        output.mkdir()
        for name, text in documents.items():
            (output / name).write_text(text, encoding="utf-8")
        os.environ[OUTPUT_PATH] = str(output)
        try:
            run_postprocessor(script)
        finally:
            del os.environ[OUTPUT_PATH]
    log.info("post-analytics script done", uri=str(uri))


def _fetched(storage: Storage, uri: S3Uri, folder: Path) -> Path:
    content = storage.read(uri)
    if content is None:
        raise MissingScript(f"the script {uri} does not exist")
    path = folder / "script.py"
    path.write_bytes(content)
    return path
