"""How one model is trained, and when it is trained again."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from .base import InstanceType, KeyArn, Settings, conflict
from .training_events import Place, StartOnSettings, or_switch, switch

Column = Annotated[str, Field(min_length=1, max_length=200)]
Problem = Literal["binary-classification", "multiclass-classification", "regression"]


def _or_retrain(schema: dict[str, Any]) -> None:
    schema["anyOf"] = [option for option in schema["anyOf"] if option.get("type") != "null"]
    schema["anyOf"].append({"type": "string", "enum": ["retrain"]})


def _action(value: Any) -> Any:
    return {} if value == "retrain" else value


class QuerySettings(Settings):
    """Training data from feature groups of this file."""

    sql: Annotated[
        str, Field(min_length=1, max_length=200_000, description="Query for Athena: a row per example, with the label.")
    ]
    feature_groups: Annotated[
        tuple[str, ...], Field(min_length=1, max_length=20, description="Groups of this file that the query reads.")
    ]


class TuningSettings(Settings):
    """Search for the best hyper-parameters of the boosting."""

    strategy: Annotated[
        Literal["bayesian", "random", "hyperband"], Field(description="How the next ones are chosen. Default: bayesian")
    ] = "bayesian"
    max_jobs: Annotated[int, Field(ge=1, le=750, description="Training jobs altogether. Default: 20")] = 20
    max_parallel_jobs: Annotated[int, Field(ge=1, le=100, description="Training jobs at a time. Default: 4")] = 4
    early_stopping: Annotated[
        bool, Field(description="Whether SageMaker stops jobs that will not be the best. Default: true")
    ] = True

    @model_validator(mode="after")
    def _parallel_fits(self) -> TuningSettings:
        if self.max_parallel_jobs > self.max_jobs:
            raise conflict("max_parallel_jobs", f"is {self.max_parallel_jobs}, and max_jobs is {self.max_jobs}")
        return self


class GateSettings(Settings):
    """What one check of a new version does with old and new baselines."""

    skip: Annotated[bool, Field(description="Whether it is not compared with the live version's. Default: false")] = (
        False
    )
    register_baseline: Annotated[
        bool,
        Field(description="Whether the version gets a new baseline, or keeps the live version's. Default: true"),
    ] = True


class GatesSettings(Settings):
    """What the checks of a new version do. Without an entry: bias is checked if there is a facet, the others are not,
    and every version gets new baselines."""

    data_quality: Annotated[
        GateSettings | None, Field(description="Training data against the live baseline. Default: not compared")
    ] = None
    model_quality: Annotated[
        GateSettings | None, Field(description="Metrics against the live baseline. Default: not compared")
    ] = None
    bias: Annotated[
        GateSettings | None,
        Field(description="Bias metrics against the live baseline. Default: compared if there is a facet"),
    ] = None
    attribution: Annotated[
        GateSettings | None, Field(description="Order of features against the live baseline. Default: not compared")
    ] = None


class FacetSettings(Settings):
    """The group of people that bias is measured for."""

    column: Annotated[Column, Field(description="Column of the training data.")]
    disadvantaged: Annotated[
        tuple[str, ...], Field(max_length=50, description="Values of the group. Default: every value in turn")
    ] = ()
    disadvantaged_above: Annotated[
        float | None, Field(description="Numbers above it are the group, instead of values. Default: none")
    ] = None

    @model_validator(mode="after")
    def _one_rule(self) -> FacetSettings:
        if self.disadvantaged and self.disadvantaged_above is not None:
            raise conflict("disadvantaged_above", "disadvantaged already says which; remove one of the two")
        return self


class MlflowSettings(Settings):
    """SageMaker's managed MLflow, which executions are logged to."""

    arn: Annotated[
        str,
        Field(
            pattern=r"^arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:[0-9]{12}:(mlflow-app|mlflow-tracking-server)/.+$",
            description="ARN of the MLflow app or tracking server.",
            json_schema_extra={"x-allowed": "the ARN of an mlflow-app or an mlflow-tracking-server"},
        ),
    ]
    experiment: Annotated[
        str | None,
        Field(min_length=1, max_length=256, description="Name of the experiment. Default: SageMaker's choice"),
    ] = None


class TrainingSettings(Settings):
    """The ready pipeline for tables, or a definition of your own."""

    definition: Annotated[
        str | None,
        Field(
            pattern=r"^[^/].*\.json$",
            description="A pipeline definition of your own, a JSON file beside this one. Default: the ready pipeline",
            json_schema_extra={"x-allowed": "a relative path that ends in .json"},
        ),
    ] = None
    data: Annotated[
        Place | None,
        Field(description="S3 URI of training data, or a prefix in our own bucket of models. Default: the query"),
    ] = None
    data_kms_key_arn: Annotated[
        KeyArn | None, Field(description="KMS key of an S3 URI's objects. Default: none of a customer's")
    ] = None
    query: Annotated[QuerySettings | None, Field(description="Training data from feature groups. Default: data")] = None
    format: Annotated[Literal["csv", "jsonl", "parquet"], Field(description="Format of the data. Default: csv")] = "csv"
    label: Annotated[
        Column | None, Field(description="Column that is predicted. Default: none; the ready pipeline needs it")
    ] = None
    problem: Annotated[
        Problem | None, Field(description="What is predicted. Default: none; the ready pipeline needs it")
    ] = None
    features: Annotated[tuple[Column, ...], Field(description="Columns to predict from. Default: all others")] = ()
    exclude: Annotated[tuple[Column, ...], Field(description="Columns to leave out. Default: none")] = ()
    categorical: Annotated[
        tuple[Column, ...], Field(description="Columns of numbers that are categories. Default: columns of text are")
    ] = ()
    positive_label: Annotated[str, Field(description="What a binary classification looks for. Default: 1")] = "1"
    time_column: Annotated[
        Column | None, Field(description="Divide the rows by this column, oldest first. Default: by chance")
    ] = None
    seed: Annotated[int, Field(ge=0, le=2**31 - 1, description="Makes everything repeatable. Default: 7")] = 7
    tuning: Annotated[
        TuningSettings | None,
        BeforeValidator(switch),
        Field(
            description="Search for hyper-parameters: true, false, or settings. Default: true",
            json_schema_extra=or_switch,
        ),
    ] = TuningSettings()
    hyperparameters: Annotated[
        dict[str, str | int | float],
        Field(max_length=90, description="Fixed ones, as XGBoost calls them. Default: none"),
    ] = {}
    minimum: Annotated[
        float | None,
        Field(description="Least AUC or accuracy (largest RMSE) of a new version. Default: none"),
    ] = None
    better_than_live: Annotated[
        bool, Field(description="A new version has to be better than the live one on the same data. Default: true")
    ] = True
    gates: Annotated[GatesSettings, Field(description="Checks of a new version.")] = GatesSettings()
    gate_engine: Annotated[
        Literal["analyzer", "model-monitor"],
        Field(description="Who checks: our analyzer, or SageMaker's Model Monitor and Clarify. Default: analyzer"),
    ] = "analyzer"
    mlflow: Annotated[MlflowSettings | None, Field(description="MLflow to log executions to. Default: none")] = None
    facet: Annotated[FacetSettings | None, Field(description="Whom bias is measured for. Default: nobody")] = None
    approval: Annotated[
        Literal["manual", "automatic"],
        Field(description="Who approves new versions; automatic ones are rolled out at once. Default: manual"),
    ] = "manual"
    instance_type: Annotated[InstanceType, Field(description="Of all jobs. Default: ml.m5.xlarge")] = "ml.m5.xlarge"
    max_minutes: Annotated[
        int, Field(ge=5, le=7200, description="After which each job is stopped, in minutes. Default: 60")
    ] = 60
    spot: Annotated[bool, Field(description="Train on managed spot instances. Default: true")] = True
    schedule: Annotated[
        str | None,
        Field(
            pattern=r"^(daily|weekly|monthly|cron\(\S+ \S+ \S+ \S+ \S+ \S+\)|rate\([1-9][0-9]* (hour|day)s?\))$",
            description="When it is started by itself, UTC. Default: never",
            json_schema_extra={"x-allowed": "daily, weekly, monthly, cron(six fields) or rate(7 days)"},
        ),
    ] = None
    start_on: Annotated[
        StartOnSettings | None, Field(description="Events that start it: new data, and others. Default: none")
    ] = None

    @model_validator(mode="after")
    def _ready_or_own(self) -> TrainingSettings:
        if self.definition is not None:
            ready = sorted(self.model_fields_set - {"definition", "schedule", "start_on", "data_kms_key_arn"})
            if ready:
                raise conflict("definition", f"says everything itself; remove {', '.join(ready)}")
            return self
        for key in ("label", "problem"):
            if getattr(self, key) is None:
                raise conflict(key, "is missing; the ready pipeline needs it (or give a definition of your own)")
        if (self.data is None) == (self.query is None):
            raise conflict("data", "give the training data: one of data and query")
        return self

    @model_validator(mode="after")
    def _data_are_somewhere(self) -> TrainingSettings:
        new = self.start_on.new_data if self.start_on else None
        if new and not (new.location or self.data):
            raise conflict(
                "start_on",
                "new_data looks at data, and there is none here; add location, the prefix that is written to",
            )
        return self

    @property
    def watched(self) -> str | None:
        """Where new data start the training: an S3 URI, or a prefix in the environment's bucket of models."""
        new = self.start_on.new_data if self.start_on else None
        return (new.location or self.data) if new else None

    @model_validator(mode="after")
    def _gates_measure(self) -> TrainingSettings:
        if self.gates.bias and not self.facet:
            raise conflict("gates", "bias is checked for a group of people; add facet: {column: …}")
        if self.gate_engine == "model-monitor" and self.problem == "multiclass-classification":
            raise conflict("gate_engine", "model-monitor takes one number per row, and several classes have one each")
        both = sorted(set(self.features) & set(self.exclude))
        if both:
            raise conflict("exclude", f"features names {', '.join(both)} as well; remove it from one of the two")
        return self


class OnDriftSettings(Settings):
    """Start the training when monitors find drift."""

    cooldown_hours: Annotated[
        int, Field(ge=0, le=2160, description="Least time between two starts, in hours. Default: 24")
    ] = 24
    weekly_budget: Annotated[int, Field(ge=1, le=100, description="Most starts within seven days. Default: 2")] = 2
    max_fruitless: Annotated[
        int,
        Field(ge=1, le=20, description="Starts in succession without an approved version before it stops. Default: 3"),
    ] = 3
    confirmations: Annotated[
        int, Field(ge=1, le=168, description="Runs in succession that have to find drift. Default: 1")
    ] = 1


OnDrift = Annotated[
    OnDriftSettings | None,
    BeforeValidator(_action),
    Field(
        description="What to do when monitors find drift: retrain, or settings of it. Default: tell people",
        json_schema_extra=_or_retrain,
    ),
]
