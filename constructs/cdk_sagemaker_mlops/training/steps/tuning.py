"""Tuning steps: many training jobs in search of the best hyper-parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from cdk_sagemaker_mlops._errors import did_you_mean
from cdk_sagemaker_mlops.training.values import Join, Property

from .base import Step, StepContext, Text
from .training import Trainer

STRATEGIES = ("Bayesian", "Random", "Grid", "Hyperband")
SCALES = ("Auto", "Linear", "Logarithmic", "ReverseLogarithmic")


@dataclass(frozen=True)
class Continuous:
    """A range of real numbers.

    :param low: Smallest.
    :param high: Largest.
    :param scale: Auto, Linear, Logarithmic or ReverseLogarithmic. Default: Auto
    """

    low: float
    high: float
    scale: str = "Auto"


@dataclass(frozen=True)
class Whole:
    """A range of whole numbers; see :class:`Continuous`."""

    low: int
    high: int
    scale: str = "Auto"


@dataclass(frozen=True)
class Choice:
    """One of some values.

    :param values: The values.
    """

    values: tuple[str, ...]


Range = Continuous | Whole | Choice


@dataclass(frozen=True, kw_only=True)
class TuningStep(Step):
    """Searches for the best hyper-parameters.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateHyperParameterTuningJob.html

    :param trainer: What each job is; its hyper-parameters are the ones that stay the same.
    :param ranges: Hyper-parameters that are searched, by name.
    :param objective: Name of one of the trainer's metrics.
    :param maximize: Whether more is better. Default: True
    :param strategy: Bayesian, Random, Grid or Hyperband. Default: Bayesian
    :param max_jobs: Jobs altogether. Default: 20
    :param max_parallel_jobs: Jobs at a time. Default: 2
    :param early_stopping: SageMaker stops jobs that will not be the best. Hyperband stops jobs by itself and is not
        combined with it. Default: True
    :param hyperband: Least and most resource (e.g. epochs or rounds) of a Hyperband job. Default: - SageMaker's
    :param seed: Makes the search repeatable. Default: - none
    """

    type: ClassVar[str] = "Tuning"

    trainer: Trainer
    ranges: Mapping[str, Range] = field(default_factory=dict)
    objective: str
    maximize: bool = True
    strategy: str = "Bayesian"
    max_jobs: int = 20
    max_parallel_jobs: int = 2
    early_stopping: bool = True
    hyperband: tuple[int, int] | None = None
    seed: int | None = None

    def best_job_name(self, place: int = 0) -> Property:
        """Name of the best training job, or of the one at this place."""
        return self.property(f"TrainingJobSummaries[{place}].TrainingJobName")

    def best_model_uri(self, context: StepContext, place: int = 0) -> Join:
        """The archive of the best model."""
        return best_model_uri(self.trainer.output_uri(context), self.name, place)

    def problems(self) -> Iterator[str]:
        if self.strategy not in STRATEGIES:
            allowed = f"{', '.join(STRATEGIES)}{did_you_mean(self.strategy, STRATEGIES)}"
            yield f'step {self.name}: strategy is "{self.strategy}", allowed are {allowed}'
        if not self.ranges:
            yield f"step {self.name} has no ranges to search; for one training job take a TrainingStep"
        if self.trainer.metrics and self.objective not in self.trainer.metrics:
            yield (
                f'step {self.name}: objective is "{self.objective}", the trainer\'s metrics are '
                f"{', '.join(self.trainer.metrics)}{did_you_mean(self.objective, self.trainer.metrics)}"
            )

    def arguments(self, context: StepContext) -> Mapping[str, Any]:
        definition = self.trainer.common(context, self.name)
        definition["StaticHyperParameters"] = self.trainer.all_hyperparameters(context)
        strategy = None
        if self.strategy == "Hyperband" and self.hyperband:
            least, most = self.hyperband
            strategy = {"HyperbandStrategyConfig": {"MinResource": least, "MaxResource": most}}
        stopping = self.early_stopping and self.strategy != "Hyperband"
        return {
            "HyperParameterTuningJobConfig": {
                "Strategy": self.strategy,
                "StrategyConfig": strategy,
                "HyperParameterTuningJobObjective": {
                    "Type": "Maximize" if self.maximize else "Minimize",
                    "MetricName": self.objective,
                },
                "ResourceLimits": {
                    # Grid search counts its combinations itself.
                    "MaxNumberOfTrainingJobs": None if self.strategy == "Grid" else self.max_jobs,
                    "MaxParallelTrainingJobs": self.max_parallel_jobs,
                },
                "ParameterRanges": _ranges(self.ranges),
                "TrainingJobEarlyStoppingType": "Auto" if stopping else "Off",
                "RandomSeed": self.seed,
            },
            "TrainingJobDefinition": definition,
        }


def best_model_uri(output: Text, step: str, place: int = 0) -> Join:
    """The archive of a tuning's best model, below the output of its jobs."""
    job = Property(f"Steps.{step}.TrainingJobSummaries[{place}].TrainingJobName")
    return Join([output, job, "output/model.tar.gz"], on="/")


def _ranges(ranges: Mapping[str, Range]) -> dict[str, list[dict[str, Any]]]:
    rendered: dict[str, list[dict[str, Any]]] = {
        "ContinuousParameterRanges": [],
        "IntegerParameterRanges": [],
        "CategoricalParameterRanges": [],
    }
    for name, given in ranges.items():
        if isinstance(given, Choice):
            rendered["CategoricalParameterRanges"].append({"Name": name, "Values": list(given.values)})
            continue
        kind = "IntegerParameterRanges" if isinstance(given, Whole) else "ContinuousParameterRanges"
        rendered[kind].append(
            {"Name": name, "MinValue": str(given.low), "MaxValue": str(given.high), "ScalingType": given.scale}
        )
    return {kind: found for kind, found in rendered.items() if found}
