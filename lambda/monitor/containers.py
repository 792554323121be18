"""Runs in a container of the user's own: started as jobs, told by what they leave behind.

The contract is the one that Model Monitor has with such containers, so that an image serves there and here. What the
container finds, as environment variables:

- `dataset_source`: the window's files, below their folders; `dataset_format`: how they are written
- `ground_truth_source`: label files of the window, for model quality
- `baseline_constraints`, `baseline_statistics`: files of the baseline, where there is one
- `start_time`, `end_time`: the window; `sagemaker_monitoring_schedule_name`, `sagemaker_endpoint_name`
- `analysis_type`, `problem_type`, `inference_attribute`, `probability_attribute`, `probability_threshold_attribute`,
  `ground_truth_attribute`: for model quality

It leaves `constraint_violations.json`, `statistics.json`, `constraints.json`, `report.html` or
`cloudwatch_metrics.jsonl` in the folder `output_path`, and ends with 0.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-byoc-contract-inputs.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from monitor.failures import announce_once, seconds_of
from monitor.jobs import Jobs, StartedJob
from monitor.left_behind import outcome_of
from monitor.monitor import Found, Monitor, Origin
from monitor.run import Run
from monitor.settings import ModelQualitySettings, Settings
from monitor.sources import DatasetSource
from monitor.storage import Storage, StoredFile
from monitor.window import timestamp
from shared.log import Logger
from shared.s3 import S3Uri

ENGINE = "container"
_BY = "a container of your own"
_ROOT = "/opt/ml/processing"
_DATA, _LABELS = f"{_ROOT}/input/data", f"{_ROOT}/input/labels"
_BASELINE, _OUTPUT = f"{_ROOT}/baseline", f"{_ROOT}/output"
_CAPTURED = {"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}}

log = Logger("monitor.containers")


class Containers:
    """Starts a monitor's containers, and tells what became of them."""

    def __init__(self, settings: Settings, monitor: Monitor, storage: Storage, jobs: Jobs) -> None:
        self._settings = settings
        self._monitor = monitor
        self._storage = storage
        self._jobs = jobs

    def start(self, run: Run, event: Mapping[str, Any], found: Found) -> StartedJob:
        """Start the run's job; ``found`` are the window's files, at least one of them."""
        run = self._monitor.with_what_there_is(run)
        inputs = self._inputs(run, found)

        def more(name: str) -> dict[str, Any]:
            return {"ProcessingInputs": inputs, "ProcessingOutputConfig": self._output(run, name)}

        return self._jobs.start(run, event, self._told(run, found), engine=ENGINE, more=more)

    def completed(self, run: Run, job: Mapping[str, Any]) -> bool:
        """Tell what a job that ended well has found, unless that was done already; returns whether it was done now.

        What cannot be read is a failed run.
        """
        name = str(job["ProcessingJobName"])
        place = run.report / f"{name}.told.json"
        if not self._storage.claim(place, json.dumps({"job": name}, indent=2)):
            log.info("the run was told before", job=name)
            return False
        self._monitor.origin = Origin(ENGINE, None, name)
        run = self._monitor.with_what_there_is(run)
        try:
            try:
                outcome = outcome_of(self._settings, self._storage, run, by=_BY, container=run.report / name)
            except ValueError as error:
                reason = f"processing job {name} completed, but what it left cannot be used: {error}"
                at, seconds = datetime.now(tz=UTC), seconds_of(job)
                return announce_once(self._monitor, self._storage, run, name, at, reason, seconds)
            self._monitor.tell(run, outcome, seconds_of(job))
        except BaseException:
            self._storage.delete(place)
            raise
        return True

    # -- what a job is told ----------------------------------------------------------------------------------------

    def _output(self, run: Run, name: str) -> dict[str, Any]:
        """A folder for each job, so that what an earlier one left is never taken for its own."""
        output = {"S3Uri": str(run.report / name), "LocalPath": _OUTPUT, "S3UploadMode": "EndOfJob"}
        outputs: dict[str, Any] = {"Outputs": [{"OutputName": "report", "S3Output": output}]}
        return outputs | ({"KmsKeyId": self._settings.kms_key_arn} if self._settings.kms_key_arn else {})

    def _inputs(self, run: Run, found: Found) -> list[dict[str, Any]]:
        inputs = [self._listed(run, "data", found.captures, _DATA)]
        if found.labels:
            inputs.append(self._listed(run, "labels", found.labels, _LABELS))
        for kind, uri in _baseline(run).items():
            inputs.append(_input(f"baseline_{kind}", str(uri), f"{_BASELINE}/{kind}", "S3Prefix"))
        return inputs

    def _listed(self, run: Run, name: str, files: Sequence[StoredFile], path: str) -> dict[str, Any]:
        """An input of the files, however many folders they lie in: a job takes ten inputs, but any list."""
        manifest = [{"prefix": f"s3://{files[0].uri.bucket}/"}, *(file.uri.key for file in files)]
        place = run.report / f"{self._jobs.name_of(run)}.{name}.json"
        self._storage.write(place, json.dumps(manifest), "application/json")
        return _input(name, str(place), path, "ManifestFile")

    def _told(self, run: Run, found: Found) -> dict[str, str]:
        source = self._settings.source
        form: Mapping[str, Any] = _CAPTURED
        if isinstance(source, DatasetSource):
            options = {"csv": {"header": source.header}, "jsonl": {"line": True}, "parquet": {}}[source.format]
            form = {"json" if source.format == "jsonl" else source.format: options}
        told = {
            "dataset_source": _DATA,
            "dataset_format": json.dumps(form),
            "output_path": _OUTPUT,
            "start_time": timestamp(run.window.start),
            "end_time": timestamp(run.window.end),
            "sagemaker_monitoring_schedule_name": self._settings.schedule_name,
            "publish_cloudwatch_metrics": "Disabled",
            **({"sagemaker_endpoint_name": source.endpoint_name} if source.endpoint_name else {}),
            **({"ground_truth_source": _LABELS} if found.labels else {}),
        }
        for kind, uri in _baseline(run).items():
            told[f"baseline_{kind}"] = f"{_BASELINE}/{kind}/{uri.key.rpartition('/')[2]}"
        return told | _quality(self._settings)


def _baseline(run: Run) -> dict[str, S3Uri]:
    files = {"constraints": run.constraints, "statistics": run.statistics}
    return {kind: uri for kind, uri in files.items() if uri is not None}


def _quality(settings: Settings) -> dict[str, str]:
    if not isinstance(settings, ModelQualitySettings):
        return {}
    told = {
        "analysis_type": "MODEL_QUALITY",
        "problem_type": settings.problem_type,
        "inference_attribute": settings.inference,
        "probability_attribute": settings.probability,
        "probability_threshold_attribute": f"{settings.probability_threshold:g}",
        "ground_truth_attribute": settings.ground_truth_attribute,
    }
    return {name: value for name, value in told.items() if value is not None}


def _input(name: str, uri: str, path: str, kind: str) -> dict[str, Any]:
    source = {"S3Uri": uri, "LocalPath": path, "S3DataType": kind, "S3InputMode": "File"}
    return {"InputName": name, "S3Input": source}
