"""What the ready pipeline can be told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cdk_sagemaker_mlops._errors import did_you_mean

from .steps.tuning import SCALES, STRATEGIES, Choice, Continuous, Range, Whole

if TYPE_CHECKING:
    from cdk_sagemaker_mlops.feature_store import FeatureGroupBase, FeatureStoreWorkgroup

PROBLEMS = ("binary-classification", "multiclass-classification", "regression")
FORMATS = ("csv", "jsonl", "parquet")
GATES = ("data_quality", "model_quality", "bias", "attribution")
#: Who makes and checks baselines: our own analyzer in one job, or SageMaker's check steps.
ANALYZER, MODEL_MONITOR = "analyzer", "model-monitor"
GATE_ENGINES = (ANALYZER, MODEL_MONITOR)
_MOST_TUNING_JOBS = 750


@dataclass(frozen=True, kw_only=True)
class TrainingQuery:
    """Training data from feature groups, by a query with Athena.

    :param sql: The query; a row per example with label and features. Names come back in lower case.
    :param workgroup: Workgroup that runs it.
    :param groups: Feature groups that it reads.
    """

    sql: str
    workgroup: FeatureStoreWorkgroup
    groups: Sequence[FeatureGroupBase]

    @property
    def database(self) -> str:
        """Database of the first group's table."""
        offline = self.groups[0].offline
        assert offline is not None  # noqa: S101  (checked by problems)
        return offline.database

    def problems(self) -> Iterator[str]:
        """What is wrong with it."""
        if not self.groups:
            yield "query names no feature groups, so nothing of them could be read"
        for group in self.groups:
            if group.offline is None:
                yield f"query reads feature group {group.name}, which has no offline store"


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """Search for the best hyper-parameters.

    :param ranges: What is searched, by name. Default: - learning rate, depth, weights, sampling and regularisation
    :param strategy: Bayesian, Random or Hyperband. Default: Bayesian
    :param max_jobs: Training jobs altogether; this times `max_minutes` of the training instance is the highest cost.
        Default: 20
    :param max_parallel_jobs: Default: 4
    :param early_stopping: SageMaker stops jobs that will not be the best. Default: True
    :param seed: Makes the search repeatable. Default: 7
    """

    ranges: Mapping[str, Range] = field(default_factory=lambda: dict(DEFAULT_RANGES))
    strategy: str = "Bayesian"
    max_jobs: int = 20
    max_parallel_jobs: int = 4
    early_stopping: bool = True
    seed: int = 7

    def problems(self) -> Iterator[str]:
        """What SageMaker would refuse."""
        if self.strategy not in STRATEGIES:
            yield f'tuning.strategy is "{self.strategy}", allowed are {", ".join(STRATEGIES)}{_near(self.strategy)}'
        if not 1 <= self.max_jobs <= _MOST_TUNING_JOBS:
            yield f"tuning.max_jobs is {self.max_jobs}, allowed are 1 to {_MOST_TUNING_JOBS}"
        if not 1 <= self.max_parallel_jobs <= self.max_jobs:
            yield f"tuning.max_parallel_jobs is {self.max_parallel_jobs}, allowed are 1 to max_jobs ({self.max_jobs})"
        if not 1 <= len(self.ranges) <= 30:
            yield f"tuning.ranges has {len(self.ranges)} entries, allowed are 1 to 30"
        for name, given in self.ranges.items():
            yield from _range_problems(name, given)


def _near(strategy: str) -> str:
    return did_you_mean(strategy, STRATEGIES)


def _range_problems(name: str, given: Range) -> Iterator[str]:
    if isinstance(given, Choice):
        if not given.values:
            yield f"tuning.ranges.{name} has no values"
        return
    if given.low >= given.high:
        yield f"tuning.ranges.{name} is {given.low} to {given.high}; the first has to be smaller"
    if given.scale not in SCALES:
        yield f'tuning.ranges.{name}: scale is "{given.scale}", allowed are {", ".join(SCALES)}'
    if given.scale == "Logarithmic" and given.low <= 0:
        yield f"tuning.ranges.{name} begins with {given.low}, and a logarithmic scale needs more than 0"


#: https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost-tuning.html
DEFAULT_RANGES: Mapping[str, Range] = {
    "eta": Continuous(0.02, 0.3, "Logarithmic"),
    "max_depth": Whole(3, 8),
    "min_child_weight": Continuous(1, 10),
    "subsample": Continuous(0.6, 1.0),
    "colsample_bytree": Continuous(0.6, 1.0),
    "lambda": Continuous(0.1, 10, "Logarithmic"),
}


@dataclass(frozen=True, kw_only=True)
class Gate:
    """What one check of a new version does with old and new baselines.

    :param skip: Do not check against the live version's baseline. Default: False
    :param register_baseline: The version gets the baseline that was made of its own data; otherwise it keeps the live
        version's. Default: True
    """

    skip: bool = False
    register_baseline: bool = True


#: After drift data are different and that is no reason against the version that learnt from them; bias is one.
DEFAULT_GATES: Mapping[str, Gate] = {
    "data_quality": Gate(skip=True),
    "model_quality": Gate(skip=True),
    "bias": Gate(),
    "attribution": Gate(skip=True),
}


@dataclass(frozen=True, kw_only=True)
class BiasFacet:
    """The group of people that bias is measured for.

    :param name: Column.
    :param values: Values of the disadvantaged group. Default: - every value in turn
    :param threshold: Numbers above it form the disadvantaged group.
    :param positive_labels: Labels that are good to get. Default: - the positive label
    :param label_threshold: Numbers above it are good to get, for regression.
    """

    name: str
    values: Sequence[str] = ()
    threshold: float | None = None
    positive_labels: Sequence[str] = ()
    label_threshold: float | None = None

    def to_json(self) -> dict[str, Any]:
        """For the steps' configuration."""
        return {
            "name": self.name,
            "values": list(self.values) or None,
            "threshold": self.threshold,
            "positive_labels": list(self.positive_labels) or None,
            "label_threshold": self.label_threshold,
        }

    def problems(self) -> Iterator[str]:
        """What is wrong with it."""
        if self.values and self.threshold is not None:
            yield f"facet {self.name} has values and a threshold; give one of them"
