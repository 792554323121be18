"""What an image finds in its job, and how it says how it ended.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-byoc-contract-inputs.html
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

_ROOT = "/opt/ml"
_FAILED = 255
_BATCH = 500


class JobError(Exception):
    """The job cannot do its work; the message becomes the execution's failure reason."""


@dataclass(frozen=True)
class ContainerJob:
    """The settings of a job and its folders.

    Args:
        root: what the job sees as /opt/ml.
        settings: the environment that the job was requested with.
    """

    root: Path
    settings: Mapping[str, str]

    @classmethod
    def read(cls, root: Path) -> ContainerJob:
        """Read the job's own description of itself."""
        document = json.loads((root / "config" / "processingjobconfig.json").read_text())
        return cls(root, document.get("Environment") or {})

    def path(self, name: str) -> Path | None:
        """A setting as a path of this machine; None if it is not set or nothing is there."""
        text = self.settings.get(name)
        if not text:
            return None
        found = self.root / text.removeprefix(f"{_ROOT}/") if text.startswith(f"{_ROOT}/") else Path(text)
        return found if found.exists() else None

    def folder(self, name: str) -> Path:
        """A folder that has to be there.

        Raises:
            JobError: it is not.
        """
        found = self.path(name)
        if found is None:
            raise JobError(f"{name} is {self.settings.get(name)!r}: no such folder")
        return found

    def dataset_format(self) -> tuple[str, dict[str, Any]]:
        """Kind and options of the data, such as `sagemakerCaptureJson`."""
        document = json.loads(self.settings.get("dataset_format") or "{}") or {"none": {}}
        if len(document) != 1:
            raise JobError(f"dataset_format is {document}: one format is needed")
        ((kind, options),) = document.items()
        return kind, options or {}

    def moment(self, name: str) -> datetime | None:
        """A setting as a time."""
        text = self.settings.get(name)
        return datetime.fromisoformat(text) if text else None

    @property
    def is_batch(self) -> bool:
        """Whether it looks at captured batch transform jobs."""
        return self.settings.get("monitoring_input_type") == "BATCH_TRANSFORM_INPUT"

    @property
    def is_scheduled(self) -> bool:
        """Whether it is an execution of a schedule, in contrast to a baseline."""
        return bool(self.settings.get("sagemaker_monitoring_schedule_name"))

    def write(self, name: str, text: str) -> None:
        """Leave a report behind."""
        place = self.folder("output_path")
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text, encoding="utf-8")

    def end(self, violations: int) -> None:
        """Say how it went; the message's beginning becomes the execution's status."""
        status, found = ("CompletedWithViolations", str(violations)) if violations else ("Completed", "no")
        self.say(f"{status}: Job completed successfully with {found} violations.")

    def say(self, message: str) -> None:
        """Leave the exit message."""
        place = self.root / "output" / "message"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(message[:1024])

    def publish(self, kind: str, metrics: Iterable[tuple[str, Mapping[str, str], float | Mapping[str, float]]]) -> None:
        """Put metrics of a scheduled run where the native monitors put them, dated at the beginning of the window.

        Args:
            kind: end of the namespace, for example `data-metrics`.
            metrics: names, dimensions beside schedule and endpoint, values or statistic sets.
        """
        if not self.is_scheduled or self.settings.get("publish_cloudwatch_metrics", "Enabled") != "Enabled":
            return
        endpoint = self.settings.get("sagemaker_endpoint_name")
        own = {"MonitoringSchedule": self.settings["sagemaker_monitoring_schedule_name"]}
        own |= {"Endpoint": endpoint} if endpoint else {}
        namespace = f"aws/sagemaker/{'Endpoints' if endpoint else 'ModelMonitoring'}/{kind}"
        at = self.moment("metric_time")
        data = [_datum(name, {**own, **more}, value, at) for name, more, value in metrics]
        import boto3

        cloudwatch = boto3.client("cloudwatch")
        for start in range(0, len(data), _BATCH):
            cloudwatch.put_metric_data(Namespace=namespace, MetricData=data[start : start + _BATCH])


def main(work: Callable[[ContainerJob], None]) -> None:
    """Do a job's work and end this process as the images do."""
    job = ContainerJob.read(Path(sys.argv[1] if len(sys.argv) > 1 else _ROOT))
    os.environ.update({name: value for name, value in job.settings.items() if name.isidentifier()})
    try:
        work(job)
    except JobError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - the job's log
        job.say(f"Error: {error}")
        sys.exit(_FAILED)
    except Exception as error:  # noqa: BLE001 - the images end so, whatever happened
        traceback.print_exc()
        job.say(f"Error: {type(error).__name__}: {error}")
        sys.exit(_FAILED)


def _datum(
    name: str, dimensions: Mapping[str, str], value: float | Mapping[str, float], at: datetime | None
) -> dict[str, Any]:
    datum: dict[str, Any] = {
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": text} for key, text in sorted(dimensions.items())],
        "Unit": "None",
    }
    if at is not None:
        datum["Timestamp"] = at
    datum["StatisticValues" if isinstance(value, Mapping) else "Value"] = value
    return datum
