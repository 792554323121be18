"""What the ready pipeline can be told, what is wrong with it, and what its scripts get to know of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cdk_sagemaker_mlops import _refs
from cdk_sagemaker_mlops._errors import Problems
from cdk_sagemaker_mlops.registry import APPROVAL_STATUSES, ModelPackageGroupBase

from .steps import DEBUGGER_RULES, Compute, MlflowRun
from .tabular_options import (
    ANALYZER,
    DEFAULT_GATES,
    FORMATS,
    GATE_ENGINES,
    GATES,
    PROBLEMS,
    BiasFacet,
    Gate,
    TrainingQuery,
    Tuning,
)

if TYPE_CHECKING:
    from aws_cdk.aws_lambda import IFunction
    from aws_cdk.aws_s3 import IBucket


@dataclass(frozen=True, kw_only=True)
class TabularSettings:
    """Settings of :class:`TabularPipeline`, which says what each of them means."""

    data: str | None = None
    query: TrainingQuery | None = None
    data_format: str = "csv"
    label: str
    problem: str
    group: ModelPackageGroupBase
    baselines: IBucket | None = None
    features: Sequence[str] = ()
    exclude: Sequence[str] = ()
    categorical: Sequence[str] = ()
    positive_label: str = "1"
    threshold: float = 0.5
    split: tuple[float, float, float] = (0.7, 0.15, 0.15)
    time_column: str | None = None
    seed: int = 7
    tuning: Tuning | None = field(default_factory=Tuning)
    hyperparameters: Mapping[str, str | int | float] = field(default_factory=dict)
    minimum: float | None = None
    better_than_live: bool = True
    gates: Mapping[str, Gate] = field(default_factory=dict)
    facet: BiasFacet | None = None
    gate_engine: str = "analyzer"
    approval: str = "PendingManualApproval"
    deploy: IFunction | None = None
    preparation: Compute = field(default_factory=Compute)
    training: Compute = field(default_factory=Compute)
    spot: bool = True
    image: str | None = None
    analysis_image: str | None = None
    mlflow: MlflowRun | None = None
    debugger_rules: Mapping[str, str] = field(default_factory=dict)

    def problems(self) -> list[str]:
        """Everything that is wrong with it."""
        problems = Problems()
        problems.require(
            (self.data is None) != (self.query is None), "give the training data: one of data (an S3 prefix) and query"
        )
        if self.data is not None and not _refs.is_token(self.data):
            problems.matches(
                "data", self.data, r"s3://[a-z0-9.-]{3,63}(/.*)?", "allowed are S3 URIs: s3://bucket/prefix"
            )
        problems.require(bool(self.label), "label is empty; name the column that is predicted")
        problems.one_of("problem", self.problem, PROBLEMS)
        problems.one_of("data_format", self.data_format, FORMATS)
        problems.one_of("approval", self.approval, APPROVAL_STATUSES)
        problems.between("threshold", self.threshold, 0, 1)
        problems.require(
            len(self.split) == 3 and min(self.split) > 0 and abs(sum(self.split) - 1) < 1e-9,
            f"split is {tuple(self.split)}, allowed are three positive shares that add up to 1",
        )
        for name, columns in (("features", self.features), ("categorical", self.categorical)):
            problems.require(self.label not in columns, f"{name} holds the label {self.label}")
        both = sorted(set(self.features) & set(self.exclude))
        problems.require(not both, f"features and exclude both name {', '.join(both)}")
        for name in self.gates:
            problems.one_of("gates", name, GATES)
        problems.require(
            "bias" not in self.gates or self.facet is not None, "gates names bias, and no facet is given to measure it"
        )
        problems.one_of("gate_engine", self.gate_engine, GATE_ENGINES)
        problems.require(
            self.gate_engine == ANALYZER or self.problem != "multiclass-classification",
            "gate_engine is model-monitor, whose checks take one number per row, and several classes have one each; "
            "use analyzer",
        )
        problems.require(
            not self.debugger_rules or self.tuning is None,
            "debugger_rules is given, and tuning jobs have no Debugger; add tuning=None, or leave the rules out",
        )
        for rule in self.debugger_rules:
            problems.one_of("debugger_rules", rule, DEBUGGER_RULES)
        problems.extend(self.query.problems() if self.query else ())
        problems.extend(self.tuning.problems() if self.tuning else ())
        problems.extend(self.facet.problems() if self.facet else ())
        problems.require(
            self.group.account is None,
            f"group {self.group.group_name} belongs to account {self.group.account}; a pipeline registers in a group "
            "of its own account",
        )
        tuned = sorted(set(self.hyperparameters) & set(self.tuning.ranges if self.tuning else ()))
        problems.require(not tuned, f"hyperparameters fixes {', '.join(tuned)}, which tuning searches; remove one")
        return list(problems.found())

    def gate(self, kind: str) -> Gate:
        """What one check does."""
        return {**DEFAULT_GATES, **self.gates}[kind]

    def configuration(self) -> dict[str, Any]:
        """What the steps' scripts are to do."""
        document: dict[str, Any] = {
            "label": self.label,
            "problem": self.problem,
            "features": list(self.features),
            "exclude": list(self.exclude),
            "categorical": list(self.categorical),
            "positive_label": self.positive_label,
            "threshold": self.threshold,
            "format": self.data_format,
            "split": list(self.split),
            "seed": self.seed,
            "time_column": self.time_column,
            "group": self.group.group_name,
            "gates": {
                name: {"skip": gate.skip, "register_baseline": gate.register_baseline}
                for name, gate in ((name, self.gate(name)) for name in GATES)
            },
            "facet": self.facet.to_json() if self.facet else None,
            "gate_engine": self.gate_engine,
        }
        if self.query:
            document["query"] = {
                "sql": self.query.sql,
                "workgroup": self.query.workgroup.name,
                "database": self.query.database,
            }
        return document

    @property
    def largest_training_hours(self) -> float:
        """Instance hours that training jobs of one execution can take at most; spot prices are lower than list ones."""
        jobs = self.tuning.max_jobs if self.tuning else 1
        count = self.training.instance_count
        instances = count if isinstance(count, int) else 1
        return round(jobs * instances * self.training.max_minutes / 60, 2)
