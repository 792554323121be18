"""Runs in a container of the user's own: started as jobs, told by what they leave behind.

What a container finds says `container_contract`. It leaves `constraint_violations.json`, `statistics.json` or
`analysis.json`, `constraints.json`, `report.html` and `cloudwatch_metrics.jsonl`, whichever it has, in the folder
`output_path`, and ends with 0.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-byoc-containers.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from monitor import analysis_config, container_contract
from monitor.attribution_settings import AttributionSettings
from monitor.container_contract import CONFIG_FILE, OUTPUT, Given
from monitor.failures import announce_once, seconds_of
from monitor.jobs import Jobs, StartedJob
from monitor.left_behind import outcome_of_container
from monitor.model_archive import archive_of
from monitor.monitor import Found, Monitor, Origin
from monitor.once import once
from monitor.run import Run
from monitor.settings import BiasSettings, Settings
from monitor.storage import Storage
from shared.log import Logger
from shared.s3 import S3Uri

ENGINE = "container"

log = Logger("monitor.containers")


class Containers:
    """Starts a monitor's containers, and tells what became of them. ``sagemaker`` makes the service's client."""

    def __init__(
        self, settings: Settings, monitor: Monitor, storage: Storage, jobs: Jobs, sagemaker: Callable[[], Any]
    ) -> None:
        self._settings = settings
        self._monitor = monitor
        self._storage = storage
        self._jobs = jobs
        self._sagemaker = sagemaker

    def start(self, run: Run, event: Mapping[str, Any], found: Found) -> StartedJob:
        """Start the run's job; ``found`` are the window's files, at least one of them.

        Raises UnexplainableModel, ConfigurationError, and what `Jobs.start` raises.
        """
        run = self._monitor.with_what_there_is(run)
        config = self._config()
        given = self._given(run, found, config or {})
        told = container_contract.told(self._settings, run, given)

        def more(name: str) -> dict[str, Any]:
            own = given if config is None else [*given, self._written(run, name, config)]
            return {
                "ProcessingInputs": [
                    *(self._listed(run, name, item) for item in own),
                    *container_contract.baseline_inputs(run),
                ],
                "ProcessingOutputConfig": self._output(run, name),
            }

        return self._jobs.start(run, event, told, engine=ENGINE, more=more)

    def completed(self, run: Run, job: Mapping[str, Any]) -> bool:
        """Tell what a job that ended well has found, unless that was done already; returns whether it was done now.

        What cannot be read is a failed run.
        """
        name = str(job["ProcessingJobName"])
        return once(self._storage, run.report / f"{name}.told.json", {"job": name}, lambda: self._tell(run, job, name))

    def _tell(self, run: Run, job: Mapping[str, Any], name: str) -> None:
        monitor = self._monitor
        monitor.origin = Origin(ENGINE, None, name)
        run = monitor.with_what_there_is(run)
        try:
            outcome = outcome_of_container(monitor.analysis, self._settings, self._storage, run, run.report / name)
        except ValueError as error:
            reason = f"processing job {name} completed, but what it left cannot be used: {error}"
            announce_once(monitor, self._storage, run, name, datetime.now(tz=UTC), reason, seconds_of(job))
        else:
            monitor.tell(run, outcome, seconds_of(job))

    # -- what a job is given ---------------------------------------------------------------------------------------

    def _given(self, run: Run, found: Found, config: Mapping[str, Any]) -> list[Given]:
        settings = self._settings
        given = container_contract.data_inputs(settings.source.contract_folders(self._storage, found.captures))
        given += container_contract.label_inputs([file.uri for file in found.labels])
        if isinstance(settings, AttributionSettings):
            given.append(Given.single("model", archive_of(settings, run, self._sagemaker)))
            rows = _shap_baseline(config)
            given += [Given.single("shap_baseline", rows)] if rows else []
        return given

    def _config(self) -> dict[str, Any] | None:
        """Clarify's analysis config, for the types that have one."""
        match self._settings:
            case BiasSettings(config=text, config_uri=uri):
                return analysis_config.load(text, uri, self._storage.read)
            case AttributionSettings(config=text, config_uri=uri):
                return analysis_config.load(text or "{}", uri, self._storage.read)
        return None

    def _written(self, run: Run, name: str, config: Mapping[str, Any]) -> Given:
        place = run.report / f"{name}.config" / CONFIG_FILE
        self._storage.claim(place, json.dumps(config, indent=2))
        return Given.single("config", place)

    def _listed(self, run: Run, name: str, given: Given) -> dict[str, Any]:
        """An input of the files, however many folders they lie in: a job takes ten inputs, but any list.

        A list is written once for each job, so that a second start does not change what the first one reads.
        """
        place = run.report / f"{name}.{given.name}.json"
        self._storage.claim(place, json.dumps(given.manifest))
        return container_contract.job_input(given.name, str(place), given.folder, "ManifestFile")

    def _output(self, run: Run, name: str) -> dict[str, Any]:
        """A folder for each job, so that what an earlier one left is never taken for its own."""
        output = {"S3Uri": str(run.report / name), "LocalPath": OUTPUT, "S3UploadMode": "EndOfJob"}
        outputs: dict[str, Any] = {"Outputs": [{"OutputName": "report", "S3Output": output}]}
        return outputs | ({"KmsKeyId": self._settings.kms_key_arn} if self._settings.kms_key_arn else {})


def _shap_baseline(config: Mapping[str, Any]) -> S3Uri | None:
    rows = ((config.get("methods") or {}).get("shap") or {}).get("baseline")
    return S3Uri.parse(rows) if isinstance(rows, str) else None
