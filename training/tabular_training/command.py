"""The steps' command line: `python3 code.zip prepare`, and `python -m tabular_training prepare --root folder` at home.

In a processing job every input is a folder `/opt/ml/processing/input/<name>` and every output `/opt/ml/processing/
<name>`; `--root` puts another folder in the place of `/opt/ml/processing`.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .configuration import MODEL_MONITOR, Configuration, ConfigurationError, load
from .errors import DataError, EncodingError
from .packages import activate

_MESSAGE = Path("/opt/ml/output/message")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one step; what is wrong with data or configuration is said in one line and as the job's exit message."""
    activate()
    parser = argparse.ArgumentParser(prog="tabular_training", description="Steps of the ready training pipeline.")
    parser.add_argument("step", choices=sorted(_STEPS))
    parser.add_argument("--root", type=Path, default=Path("/opt/ml/processing"), metavar="DIR")
    options = parser.parse_args(arguments)
    try:
        _STEPS[options.step](load(), options.root)
    except (ConfigurationError, DataError, EncodingError) as error:
        return _fail(f"{options.step}: {error}")
    return 0


def _fail(message: str) -> int:
    print(message, file=sys.stderr, flush=True)  # noqa: T201
    if _MESSAGE.parent.is_dir():
        _MESSAGE.write_text(message[:1000])
    return 1


def _prepare(configuration: Configuration, root: Path) -> None:
    from .prepare import prepare
    from .reading import run_query

    data = root / "input" / "data"
    if configuration.query is not None:
        run_query(configuration.query, data, athena=_client("athena"), s3=_client("s3"))
    summary = prepare(configuration, data, root)
    print(f"prepared {summary['rows']}, {summary['features']} features, labels {summary['labels']}")  # noqa: T201


def _evaluate(configuration: Configuration, root: Path) -> None:
    from .evaluate import evaluate
    from .live import fetch, unpack

    with tempfile.TemporaryDirectory() as scratch:
        model = unpack(_archive(root), Path(scratch) / "new")
        live = _live(configuration)
        unpacked = None
        if live is not None and live.model_uri.startswith("s3://"):
            archive = fetch(_client("s3"), live.model_uri, Path(scratch) / "live.tar.gz")
            unpacked = unpack(archive, Path(scratch) / "live")
        arn = live.arn if live else ""
        cost = _cost()
        report = evaluate(configuration, model, root / "input" / "test", root, unpacked, arn, cost)
        if configuration.gate_engine == MODEL_MONITOR:
            from .checks import write_check_data
            from .serving import model_fn

            folders = root / "input"
            write_check_data(configuration, model_fn(str(model)), folders / "training", folders / "test", root)
    print(report["comparison"]["reason"])  # noqa: T201


def _cost() -> dict[str, Any] | None:
    from botocore.exceptions import BotoCoreError, ClientError

    from .cost import TRAINING_JOB, TUNING_JOB, spent, told

    if not any(os.environ.get(name) for name in (TRAINING_JOB, TUNING_JOB)):
        return None
    try:
        cost = spent(_client("sagemaker"), os.environ)
    except (ClientError, BotoCoreError) as error:
        # What it cost is good to know and no reason against a version.
        print(f"the cost of training is not known: {error}")  # noqa: T201
        return None
    if cost is not None:
        print(told(cost))  # noqa: T201
    return cost


def _gates(configuration: Configuration, root: Path) -> None:
    from .gates import Inputs, run
    from .live import fetch, unpack

    live = _live(configuration)
    with tempfile.TemporaryDirectory() as scratch:

        def old(kind: str, file: str) -> Path | None:
            uri = live.baselines.get((kind, file)) if live else None
            return fetch(_client("s3"), uri, Path(scratch) / kind / f"{file}.json") if uri else None

        inputs = Inputs(
            model=unpack(_archive(root), Path(scratch) / "model"),
            training=root / "input" / "training",
            predictions=root / "input" / "predictions",
            old=old,
        )
        report = run(configuration, inputs, root)
    for kind, gate in report["gates"].items():
        print(f"gate {kind}: {gate}")  # noqa: T201


def _archive(root: Path) -> Path:
    archives = sorted((root / "input" / "model").glob("*.tar.gz"))
    if len(archives) != 1:
        raise DataError(f"{root / 'input' / 'model'} holds {len(archives)} archives (*.tar.gz), one is needed")
    return archives[0]


def _live(configuration: Configuration) -> Any:
    from .live import latest_approved

    return latest_approved(_client("sagemaker"), configuration.group) if configuration.group else None


def _client(service: str) -> Any:
    import boto3

    return boto3.client(service)


_STEPS = {"prepare": _prepare, "evaluate": _evaluate, "gates": _gates}
