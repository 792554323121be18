"""Hyperparameter tuning jobs: API and checks. What they do is in `tuning_run.py`."""

from __future__ import annotations

from typing import Any

from sagemaker_local.errors import AwsError
from sagemaker_local.sagemaker.faults import invalid
from sagemaker_local.sagemaker.paging import page
from sagemaker_local.sagemaker.service import Scope, register

from . import algorithms, search_space, training
from .operations import Operations
from .service import Jobs
from .state import TUNING, Job
from .tuning_run import Child, TuningRun, training_request

Params = dict[str, Any]

_LONGEST_NAME = 32


def install(jobs: Jobs, trainings: training.Training) -> None:
    """Answer the operations on tuning jobs."""
    tuning = Tuning(jobs, trainings)
    register(
        jobs.sagemaker,
        {
            "CreateHyperParameterTuningJob": tuning.create,
            "DescribeHyperParameterTuningJob": tuning.describe,
            "ListHyperParameterTuningJobs": tuning.list_jobs,
            "ListTrainingJobsForHyperParameterTuningJob": tuning.list_training_jobs,
            "StopHyperParameterTuningJob": tuning.stop,
            "DeleteHyperParameterTuningJob": tuning.delete,
        },
    )


class Tuning(Operations):
    """The tuning jobs of one embedded AWS.

    Args:
        jobs: the jobs of the embedded AWS.
        trainings: starts training jobs.
    """

    kind = TUNING

    def __init__(self, jobs: Jobs, trainings: training.Training) -> None:
        super().__init__(jobs)
        self._trainings = trainings
        self._runs: dict[str, TuningRun] = {}

    def create(self, scope: Scope, params: Params) -> Params:
        """CreateHyperParameterTuningJob. What cannot be run here is refused now, by name."""
        _check(params)
        job = self._jobs.create(scope, TUNING, params)
        run = self._runs[job.arn] = TuningRun(self._jobs, self._trainings, scope, job)
        run.begin()
        return {"HyperParameterTuningJobArn": job.arn}

    def list_training_jobs(self, scope: Scope, params: Params) -> Params:
        """ListTrainingJobsForHyperParameterTuningJob, by name by default."""
        job = self._find(scope, params)
        run = self._runs[job.arn]
        children = list(run.children)
        options = {"SortBy": "Name", **params}
        if params.get("SortBy") == "FinalObjectiveMetricValue":
            # Jobs without a value come last, whatever the order.
            rated = [child for child in children if run.objective(child) is not None]
            rated.sort(key=lambda child: run.objective(child) or 0.0, reverse=params.get("SortOrder") == "Descending")
            children = rated + [child for child in children if run.objective(child) is None]
            options = {**params, "SortBy": "InOrder", "SortOrder": "Ascending"}
        found, token = page(
            children,
            options,
            name=lambda child: child.job.name,
            created=lambda child: job.created if options["SortBy"] == "InOrder" else child.job.created,
            status=lambda child: child.job.status,
            descending=False,
        )
        return {"TrainingJobSummaries": [_child(run, child) for child in found], "NextToken": token}

    def stop(self, scope: Scope, params: Params) -> Params:
        """StopHyperParameterTuningJob and its training jobs."""
        super().stop(scope, params)
        self._runs[self._find(scope, params).arn].stop()
        return {}

    def _described(self, job: Job) -> Params:
        run = self._runs[job.arn]
        children = list(run.children)
        states = [child.job.status for child in children]
        running = sum(not child.job.over for child in children)
        rated = sum(child.job.over and run.objective(child) is not None for child in children)
        best = run.best()
        return {
            **self._jobs.described(job),
            "HyperParameterTuningEndTime": job.ended,
            "TrainingJobStatusCounters": {
                "Completed": states.count("Completed"),
                "InProgress": running,
                "RetryableError": 0,
                "NonRetryableError": states.count("Failed"),
                "Stopped": states.count("Stopped"),
            },
            "ObjectiveStatusCounters": {
                "Succeeded": rated,
                "Pending": running,
                "Failed": len(children) - running - rated,
            },
            "BestTrainingJob": _child(run, best) if best is not None else None,
            "ConsumedResources": {
                "RuntimeInSeconds": sum(int(child.job.details.get("TrainingTimeInSeconds", 0)) for child in children)
            },
        }

    def _summary(self, job: Job) -> Params:
        described, config = self._described(job), job.definition["HyperParameterTuningJobConfig"]
        kept = (
            *("HyperParameterTuningJobName", "HyperParameterTuningJobArn", "HyperParameterTuningJobStatus"),
            *("CreationTime", "HyperParameterTuningEndTime", "LastModifiedTime", "TrainingJobStatusCounters"),
            "ObjectiveStatusCounters",
        )
        summary = {name: described[name] for name in kept if described.get(name) is not None}
        return {**summary, "Strategy": config["Strategy"], "ResourceLimits": config["ResourceLimits"]}


def _child(run: TuningRun, child: Child) -> Params:
    job, value = child.job, run.objective(child)
    status = "Pending" if not job.over else "Failed" if value is None else "Succeeded"
    summary = {
        "TrainingJobName": job.name,
        "TrainingJobArn": job.arn,
        "CreationTime": job.created,
        "TrainingStartTime": job.details.get("TrainingStartTime"),
        "TrainingEndTime": job.ended,
        "TrainingJobStatus": job.status,
        "TunedHyperParameters": child.trial.values,
        "FailureReason": job.reason,
        "ObjectiveStatus": status,
    }
    if value is not None:
        summary["FinalHyperParameterTuningJobObjectiveMetric"] = {"MetricName": run.metric, "Value": value}
    return {name: item for name, item in summary.items() if item is not None}


def _check(params: Params) -> None:
    """Refuse what a tuning job of SageMaker or of ours cannot have, everything at once."""
    name, config = params["HyperParameterTuningJobName"], params["HyperParameterTuningJobConfig"]
    problems = [
        f"{member} is not supported by the embedded AWS"
        for member in ("TrainingJobDefinitions", "WarmStartConfig", "Autotune")
        if params.get(member)
    ]
    definition = params.get("TrainingJobDefinition")
    problems += search_space.problems(config)
    objective = config.get("HyperParameterTuningJobObjective")
    if objective is None:
        problems.append("HyperParameterTuningJobConfig has no HyperParameterTuningJobObjective")
    if definition is None:
        problems.append("TrainingJobDefinition is missing")
    elif bool(definition.get("HyperParameterTuningResourceConfig")) == bool(definition.get("ResourceConfig")):
        problems.append("TrainingJobDefinition needs either ResourceConfig or HyperParameterTuningResourceConfig")
    else:
        problems += _training_problems(name, definition, objective)
    if problems:
        raise invalid(f"Invalid tuning job {name}: {'; '.join(problems)}.")


def _training_problems(name: str, definition: Params, objective: Params | None) -> list[str]:
    request = training_request(definition, f"{name[:_LONGEST_NAME]}-001", {})
    try:
        training.check(request)
        metrics = [item["Name"] for item in algorithms.plan(request).metrics]
    except AwsError as error:
        return [error.message.rstrip(".")]
    if objective is not None and objective["MetricName"] not in metrics:
        known = ", ".join(metrics) or "none"
        return [
            f"the objective metric {objective['MetricName']} is not one that the training jobs have; they have {known}"
        ]
    return []
