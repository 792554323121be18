"""Training jobs: API and checks. What they do is in `training_run.py`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sagemaker_local.sagemaker.faults import invalid
from sagemaker_local.sagemaker.service import Scope, register

from . import algorithms
from .operations import Operations
from .opt_ml import ROOT
from .service import Jobs
from .state import TRAINING, Job
from .training_metrics import Listener, pattern
from .training_run import TrainingRun

Params = dict[str, Any]

_INPUT_MODES = ("File", "FastFile")


def install(jobs: Jobs) -> Training:
    """Answer the operations on training jobs."""
    training = Training(jobs)
    register(
        jobs.sagemaker,
        {
            "CreateTrainingJob": training.create,
            "DescribeTrainingJob": training.describe,
            "ListTrainingJobs": training.list_jobs,
            "StopTrainingJob": training.stop,
            "DeleteTrainingJob": training.delete,
        },
    )
    jobs.aws.front.local("jobs/interrupt", training.interrupt)
    return training


class Training(Operations):
    """The training jobs of one embedded AWS."""

    kind = TRAINING

    def create(self, scope: Scope, params: Params) -> Params:
        """CreateTrainingJob. What cannot be run here is refused now, by name."""
        return {"TrainingJobArn": self.begin(scope, params).arn}

    def begin(self, scope: Scope, params: Params, listener: Listener | None = None) -> Job:
        """Start a training job whose metrics are reported to `listener`.

        Raises:
            AwsError: if SageMaker or the embedded AWS cannot run it.
        """
        check(params)
        algorithms.plan(params)
        job = self._jobs.create(
            scope, TRAINING, params, lambda job: TrainingRun(self._jobs, job, self._jobs.spot, listener).run()
        )
        with job.lock:
            job.details.setdefault("SecondaryStatus", "Starting")
        return job

    def interrupt(self, method: str, body: bytes, query: dict[str, str]) -> dict[str, str]:
        """POST /_local/jobs/interrupt: take the instances of a spot job away, now or when it writes a line."""
        try:
            wanted = json.loads(body or b"{}")
            if "line" in wanted:
                self._jobs.spot.interrupt_when(wanted["line"], wanted.get("name_contains", ""))
                return {"interrupts": f"the next spot job that writes {wanted['line']}"}
            self._jobs.spot.interrupt(wanted["job"])
            return {"interrupted": wanted["job"]}
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                'POST /_local/jobs/interrupt wants {"job": "<name>"} or {"line": "<regex>", "name_contains": "<text>"}'
            ) from error

    def _described(self, job: Job) -> Params:
        with job.lock:
            return {
                **self._jobs.described(job),
                "SecondaryStatus": _secondary(job),
                "SecondaryStatusTransitions": [dict(item) for item in _transitions(job)],
                "TrainingEndTime": job.ended,
            }

    def _summary(self, job: Job) -> Params:
        return {
            "TrainingJobName": job.name,
            "TrainingJobArn": job.arn,
            "CreationTime": job.created,
            "TrainingEndTime": job.ended,
            "LastModifiedTime": job.modified,
            "TrainingJobStatus": job.status,
            "SecondaryStatus": job.details.get("SecondaryStatus"),
        }


def _secondary(job: Job) -> str:
    known = str(job.details.get("SecondaryStatus", "Starting"))
    if job.status == "Stopped":
        return known if known.startswith("Max") else "Stopped"
    return job.status if job.over or job.status == "Stopping" else known


def _transitions(job: Job) -> list[Params]:
    history = list(job.details.get("SecondaryStatusTransitions", []))
    if job.over and job.ended is not None:
        if history:
            history[-1] = {"EndTime": job.ended, **history[-1]}
        text = {"Completed": "Training job completed", "Failed": "Training job failed"}.get(
            job.status, "Training job stopped"
        )
        history.append({"Status": _secondary(job), "StartTime": job.ended, "EndTime": job.ended, "StatusMessage": text})
    return history


def check(params: Params) -> None:
    """Refuse what a training job of SageMaker or of ours cannot have, everything at once.

    Raises:
        AwsError: naming every problem.
    """
    problems: list[str] = []
    algorithm, resources = params["AlgorithmSpecification"], params["ResourceConfig"]
    if algorithm.get("TrainingInputMode") not in _INPUT_MODES:
        problems.append(f"TrainingInputMode {algorithm.get('TrainingInputMode')} is not supported by the embedded AWS")
    if resources.get("InstanceGroups"):
        problems.append("ResourceConfig.InstanceGroups is not supported by the embedded AWS")
    elif not resources.get("InstanceType"):
        problems.append("ResourceConfig has no InstanceType")
    problems += [
        f"MetricDefinition {item['Name']} has the Regex {item['Regex']}, which is not valid or has no group"
        for item in algorithm.get("MetricDefinitions") or []
        if pattern(item["Regex"]) is None
    ]
    for channel in params.get("InputDataConfig") or []:
        problems += _channel(channel)
    stopping = params.get("StoppingCondition") or {}
    longest, wait = stopping.get("MaxRuntimeInSeconds", 86_400), stopping.get("MaxWaitTimeInSeconds")
    if params.get("EnableManagedSpotTraining") and (wait is None or wait < longest):
        problems.append(
            f"EnableManagedSpotTraining needs a MaxWaitTimeInSeconds of at least MaxRuntimeInSeconds ({longest}), "
            f"not {wait}"
        )
    if wait is not None and not params.get("EnableManagedSpotTraining"):
        problems.append("MaxWaitTimeInSeconds is for managed spot training only: set EnableManagedSpotTraining")
    path = (params.get("CheckpointConfig") or {}).get("LocalPath")
    if path and (not path.startswith(f"{ROOT}/") or ".." in Path(path).parts):
        problems.append(f"CheckpointConfig has LocalPath {path}; it must be below {ROOT}")
    if problems:
        raise invalid(f"Invalid training job {params['TrainingJobName']}: {'; '.join(problems)}.")


def _channel(channel: Params) -> list[str]:
    name, problems = channel["ChannelName"], []
    source = channel["DataSource"].get("S3DataSource")
    if source is None:
        return [f"channel {name} has no S3DataSource; file systems are not supported by the embedded AWS"]
    if source["S3DataType"] not in ("S3Prefix", "ManifestFile"):
        problems.append(f"channel {name} has S3DataType {source['S3DataType']}, not supported by the embedded AWS")
    if channel.get("InputMode", "File") not in _INPUT_MODES:
        problems.append(f"channel {name} has InputMode {channel['InputMode']}, not supported by the embedded AWS")
    if channel.get("CompressionType", "None") != "None":
        problems.append(f"channel {name} has CompressionType Gzip, which needs InputMode Pipe")
    if channel.get("RecordWrapperType", "None") != "None":
        problems.append(f"channel {name} has RecordWrapperType RecordIO, not supported by the embedded AWS")
    return problems
