"""What a tuning job does: start training jobs, look at their objective, stop when it is done."""

from __future__ import annotations

import math
import secrets
import threading
import zlib
from dataclasses import dataclass
from functools import partial
from typing import Any

from sagemaker_local.errors import AwsError
from sagemaker_local.sagemaker.service import Scope

from . import early_stopping
from .search_space import Space
from .service import Jobs
from .state import Job, Outcome
from .strategies import Strategy, Trial, strategy
from .training import Training

Params = dict[str, Any]

OBJECTIVE = "_tuning_objective_metric"
_TUNING_ONLY = (
    *("StaticHyperParameters", "DefinitionName", "TuningObjective", "HyperParameterRanges"),
    "HyperParameterTuningResourceConfig",
)
_UNLIMITED = 750
"""What SageMaker allows at most without a MaxNumberOfTrainingJobs."""


def training_request(definition: Params, name: str, hyperparameters: dict[str, str]) -> Params:
    """Return the request for a training job of a tuning job."""
    request = {key: value for key, value in definition.items() if key not in _TUNING_ONLY}
    resources = definition.get("HyperParameterTuningResourceConfig")
    if resources:
        # Of several kinds of instances, the first.
        first = (resources.get("InstanceConfigs") or [{}])[0]
        kept = {key: value for key, value in resources.items() if key in ("VolumeSizeInGB", "VolumeKmsKeyId")}
        shape = {key: first.get(key) or resources.get(key) for key in ("InstanceType", "InstanceCount")}
        request["ResourceConfig"] = {**kept, **shape}
    return {
        **request,
        "TrainingJobName": name,
        "HyperParameters": {**(definition.get("StaticHyperParameters") or {}), **hyperparameters},
    }


@dataclass
class Child:
    """A training job of a tuning job."""

    job: Job
    trial: Trial
    stopped_early: bool = False


class TuningRun:
    """One tuning job. Its steps run on the timeline of the jobs; it takes no slot itself.

    Args:
        jobs: the jobs of the embedded AWS.
        training: starts training jobs.
        scope: the call that made the tuning job.
        job: the tuning job.
    """

    def __init__(self, jobs: Jobs, training: Training, scope: Scope, job: Job) -> None:
        self._jobs = jobs
        self._training = training
        self._scope = scope
        self._job = job
        self._config: Params = job.definition["HyperParameterTuningJobConfig"]
        self._definition: Params = job.definition["TrainingJobDefinition"]
        limits = self._config["ResourceLimits"]
        space = Space(self._config["ParameterRanges"])
        grid = self._config["Strategy"] == "Grid"
        self._total = int(limits.get("MaxNumberOfTrainingJobs") or (len(list(space.grid())) if grid else _UNLIMITED))
        self._parallel = int(limits["MaxParallelTrainingJobs"])
        # Without a seed every tuning job searches in its own way, but always in the same one.
        seed = int(self._config.get("RandomSeed", zlib.crc32(job.name.encode())))
        self._strategy: Strategy = strategy(self._config, space, seed, self._total)
        self._rule = early_stopping.rule(self._config)
        objective = self._config["HyperParameterTuningJobObjective"]
        self.metric, self._sign = objective["MetricName"], 1.0 if objective["Type"] == "Minimize" else -1.0
        self._exhausted = False
        self._lock = threading.RLock()
        self.children: list[Child] = []

    def begin(self) -> None:
        """Start the first training jobs."""
        self._job.started = self._jobs.aws.clock.now()
        self._jobs.later(self._advance)

    def stop(self) -> None:
        """Stop the training jobs that are running, and with them the tuning job."""
        self._stop_children()
        self._jobs.later(self._advance)

    def objective(self, child: Child) -> float | None:
        """Return the last value of a training job's objective."""
        for item in child.job.details.get("FinalMetricDataList") or []:
            if item["MetricName"] == self.metric and math.isfinite(item["Value"]):
                return float(item["Value"])
        return None

    def best(self) -> Child | None:
        """Return the training job with the best objective of those that came to a good end."""
        ended = [child for child in self.children if child.job.status in ("Completed", "Stopped")]
        rated = [(self._sign * value, child) for child in ended if (value := self.objective(child)) is not None]
        return min(rated, key=lambda pair: pair[0])[1] if rated else None

    def _advance(self) -> None:
        with self._lock:
            if self._job.over:
                return
            self._rate()
            running = [child for child in self.children if not child.job.over]
            if self._job.stopping.is_set() or self._satisfied():
                self._exhausted = True
                if not self._job.stopping.is_set():
                    self._stop_children()
            room = min(self._parallel - len(running), self._total - len(self.children))
            if not self._exhausted and room > 0 and not (self._strategy.batch and running):
                trials = self._strategy.ask(room, [child.trial for child in self.children])
                self._exhausted = not trials
                for trial in trials:
                    self._start(trial)
                    if self._job.over:
                        return
                running = [child for child in self.children if not child.job.over]
            if not running and (self._exhausted or len(self.children) >= self._total):
                self._jobs.end(self._job, self._outcome())

    def _start(self, trial: Trial) -> None:
        name = f"{self._job.name}-{len(self.children) + 1:03d}-{secrets.token_hex(4)}"
        request = training_request(self._definition, name, {OBJECTIVE: self.metric, **trial.values})
        checkpoints = request.get("CheckpointConfig")
        if checkpoints:
            # Training jobs of one tuning job must not resume from each other's checkpoints.
            request["CheckpointConfig"] = {**checkpoints, "S3Uri": f"{checkpoints['S3Uri'].rstrip('/')}/{name}"}
        try:
            job = self._training.begin(self._scope, request, partial(self._heard, name))
        except AwsError as error:
            self._exhausted = True
            self._jobs.end(self._job, Outcome("Failed", f"ClientError: {error.message}"))
            return
        with job.lock:
            job.details["TuningJobArn"] = self._job.arn
        self.children.append(Child(job, trial))
        self._jobs.when_ended(job, lambda done: self._jobs.later(self._advance))

    def _heard(self, name: str, metric: str, value: float, count: int) -> None:
        """Look at a new value of a running training job."""
        if metric != self.metric or not math.isfinite(value) or not self._rule.lags(name, self._sign * value, count):
            return
        with self._lock:
            child = next((item for item in self.children if item.job.name == name), None)
            if child is None or child.stopped_early:
                return
            child.stopped_early = True
        self._stop(child)

    def _rate(self) -> None:
        for child in self.children:
            if child.job.over and child.trial.loss is None and child.job.status != "Failed":
                value = self.objective(child)
                child.trial.loss = None if value is None else self._sign * value

    def _satisfied(self) -> bool:
        criteria = self._config.get("TuningJobCompletionCriteria") or {}
        losses = [child.trial.loss for child in self.children if child.trial.loss is not None]
        target = criteria.get("TargetObjectiveMetricValue")
        if target is not None and losses and min(losses) <= self._sign * float(target):
            return True
        patience = (criteria.get("BestObjectiveNotImproving") or {}).get("MaxNumberOfTrainingJobsNotImproving")
        if patience is not None and losses and len(losses) - 1 - losses.index(min(losses)) >= int(patience):
            return True
        limit = self._config["ResourceLimits"].get("MaxRuntimeInSeconds")
        started = self._job.started or self._job.created
        return limit is not None and (self._jobs.aws.clock.now() - started).total_seconds() >= int(limit)

    def _stop_children(self) -> None:
        for child in list(self.children):
            self._stop(child)

    def _stop(self, child: Child) -> None:
        try:
            self._jobs.stop_job(child.job)
        except AwsError:
            return  # it has ended by itself

    def _outcome(self) -> Outcome:
        if self._job.stopping.is_set():
            return Outcome("Stopped")
        if self.best() is None:
            text = "All training jobs failed. Please take a look at the training jobs failures to get more details."
            if any(child.job.status != "Failed" for child in self.children):
                text = f"No training job reported the objective metric {self.metric}."
            return Outcome("Failed", text)
        return Outcome("Completed")
