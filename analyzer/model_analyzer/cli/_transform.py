"""Captured batch transform jobs on the command line: manifests in folders, and the files that they name."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from model_analyzer.inputs import InputReport


def batches(options: argparse.Namespace, columns: list[str] | None, report: InputReport) -> Iterator[pl.DataFrame]:
    """Answers with their inputs.

    Manifests below a folder `input` are of inputs, all others of outputs, as data capture of batch transform jobs lays
    them out: `<destination>/input/yyyy/mm/dd/hh/<id>.json`, `<destination>/output/...`.
    """
    from model_analyzer import inputs
    from model_analyzer.inputs._sources import expand

    manifests = [Path(str(source)) for source in expand(options.data, (".json", ".manifest"))]
    of_inputs = [path for path in manifests if "input" in path.parts[:-1]]
    of_outputs = [path for path in manifests if path not in set(of_inputs)]
    return inputs.read_transform(
        of_outputs,
        of_inputs,
        locate=lambda uri: located(uri, options.transform_files),
        inference_ids=options.inference_ids,
        columns=columns,
        report=report,
    )


def located(uri: str, folder: Path) -> Path:
    """The local copy of an object: below the folder by bucket and key, by key, or by its bare name.

    Raises:
        FileNotFoundError: There is none.
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    for candidate in (folder / bucket / key, folder / key, folder / key.rpartition("/")[2]):
        if candidate.is_file():
            return candidate
    raise FileNotFoundError(f"{uri}: neither {folder / key} nor {folder / key.rpartition('/')[2]} exists")
