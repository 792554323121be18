"""The ready pipeline for tables: gradient boosting from data to a registered version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cdk_sagemaker_mlops import _refs
from cdk_sagemaker_mlops._errors import Problems
from cdk_sagemaker_mlops._iam import Statement
from cdk_sagemaker_mlops.monitoring.locations import Location, decrypt, encrypt
from cdk_sagemaker_mlops.registry import APPROVAL_STATUSES, ModelPackageGroupBase

from .definition import BoundDefinition, PipelineSource, SourceRequest
from .images import Images
from .steps import Compute
from .tabular_options import (
    DEFAULT_GATES,
    FORMATS,
    GATES,
    PROBLEMS,
    BiasFacet,
    Gate,
    TrainingQuery,
    Tuning,
)
from .tabular_steps import ANALYSIS_VERSION, Assembly, assemble
from .validation import VERSION
from .values import render

if TYPE_CHECKING:
    from aws_cdk.aws_lambda import IFunction
    from aws_cdk.aws_s3 import IBucket


@dataclass(frozen=True, kw_only=True)
class TabularPipeline(PipelineSource):
    """Prepare, tune or train, evaluate, check, decide, register.

    Steps run in SageMaker's XGBoost image with scripts of this package:

    1. `Prepare` reads files or a query, divides the rows into training, validation and test data, encodes columns.
    2. `Tune` (or `Train`) makes boosters on managed spot instances, with checkpoints.
    3. `Evaluate` computes metrics and the importance of features, and scores the live version on the same test data.
    4. `Gates` makes the version's baselines and checks them against the live version's.
    5. Conditions: gates passed, metric good enough, better than the live version. If one does not hold, a step that
       says why ends the execution, and nothing is registered.
    6. `Register` registers the version with metrics, baselines, lineage and the reason for the retraining.

    :param data: S3 prefix of the training data. Default: - a query
    :param query: Query that gives them instead.
    :param data_format: csv (with header), jsonl or parquet. Default: csv
    :param label: Column that is predicted.
    :param problem: binary-classification, multiclass-classification or regression.
    :param group: Group that versions are registered in, and whose latest approved version is the live one.
    :param baselines: Bucket for the baselines of versions, which their monitors read. Default: - the pipeline's
        artifacts
    :param features: Columns that it is predicted from. Default: - all others
    :param exclude: Columns that are left out. Default: - none
    :param categorical: Columns of numbers that are categories. Default: - columns of text are
    :param positive_label: What a binary classification looks for. Default: 1
    :param threshold: Probability above which a binary classification says yes. Default: 0.5
    :param split: Shares of training, validation and test data. Default: 70, 15 and 15 percent
    :param time_column: Divide by the order of this column, oldest first, instead of by chance.
    :param seed: Makes everything repeatable. Default: 7
    :param tuning: Search for hyper-parameters; None trains once. Default: - see :class:`Tuning`
    :param hyperparameters: XGBoost's, fixed; and `num_round`, `early_stopping_rounds`, `checkpoint_rounds`.
    :param minimum: Metric that a version needs (AUC, accuracy; the RMSE at most). Default: - none
    :param better_than_live: A version has to be better than the live one. Default: True
    :param gates: What each check does, by `data_quality`, `model_quality`, `bias`, `attribution`. Default: bias is
        checked if there is a facet; every version gets baselines of its own
    :param facet: Group that bias is measured for. Default: - bias is not measured
    :param approval: Approval status of new versions. Default: PendingManualApproval
    :param deploy: Function that is called after registration. Default: - none; the rollout controller hears of
        approvals by itself
    :param preparation: What `Prepare`, `Evaluate` and `Gates` run on. Default: one ml.m5.xlarge, an hour
    :param training: What each training job runs on. Default: one ml.m5.xlarge, an hour
    :param spot: Train on managed spot instances. Default: True
    :param image: Image of the steps. Default: SageMaker's XGBoost 3.0-5
    :param analysis_image: Image of `Gates`, with Python 3.12 and boto3; another version of Python must bring numpy,
        polars and XGBoost. Default: SageMaker's scikit-learn 1.4-2 for Python 3.12, with these packages from S3
    """

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
    approval: str = "PendingManualApproval"
    deploy: IFunction | None = None
    preparation: Compute = field(default_factory=Compute)
    training: Compute = field(default_factory=Compute)
    spot: bool = True
    image: str | None = None
    analysis_image: str | None = None

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

    def bind(self, request: SourceRequest) -> BoundDefinition:
        """The definition for one pipeline."""
        image = self.image or Images.xgboost(request.scope)
        assembly = assemble(
            Assembly(
                options=self,
                image=image,
                analysis_image=self.analysis_image or Images.sklearn(request.scope, ANALYSIS_VERSION),
                configuration=self.configuration(),
                context=request.context,
                baselines_uri=f"{Location(self.baselines).uri}/training/{request.name}" if self.baselines else None,
            )
        )
        document = {
            "Version": VERSION,
            "Metadata": {},
            "Parameters": [parameter.declaration() for parameter in assembly.parameters],
            "Steps": [render(step.to_json(request.context)) for step in assembly.steps],
        }
        return BoundDefinition(document=document, job_statements=list(self._statements()))

    def configuration(self) -> dict[str, Any]:
        """What the steps' scripts are to do."""
        wanted = {**DEFAULT_GATES, **self.gates}
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
                name: {"skip": gate.skip, "register_baseline": gate.register_baseline} for name, gate in wanted.items()
            },
            "facet": self.facet.to_json() if self.facet else None,
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

    def _statements(self) -> Iterator[Statement]:
        """What jobs need besides what the definition tells: the live version, and the query."""
        yield Statement(
            sid="ReadLiveVersion",
            actions=["sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages"],
            resources=[self.group.group_arn, self.group.package_arns],
            reason="versions are counted up",
        )
        for number, bucket in enumerate(self.group.artifacts):
            place = Location(bucket)
            yield from place.read(f"LiveArchive{number or ''}", "archives and baselines of versions")
            yield from decrypt(place.key_arn)
        if self.baselines:
            place = Location(self.baselines)
            # The definition names the place that is written to; here is what live baselines need.
            yield from place.read("Baselines", "baselines of versions")
            yield from encrypt(place.key_arn)
            yield from decrypt(place.key_arn)
        if self.query:
            for group in self.query.groups:
                yield from group.query_offline_statements(self.query.workgroup)
