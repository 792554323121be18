"""The ready pipeline for tables: gradient boosting from data to a registered version."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cdk_sagemaker_mlops import _refs
from cdk_sagemaker_mlops._iam import Statement
from cdk_sagemaker_mlops.monitoring.locations import Location, decrypt, encrypt

from .definition import BoundDefinition, PipelineSource, SourceRequest
from .images import Images
from .tabular_jobs import ANALYSIS_VERSION, Assembly
from .tabular_settings import TabularSettings
from .tabular_steps import assemble
from .validation import VERSION
from .values import render


@dataclass(frozen=True, kw_only=True)
class TabularPipeline(TabularSettings, PipelineSource):
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
    :param gate_engine: What makes baselines and checks them: `analyzer`, our own code in one job, or `model-monitor`,
        SageMaker's check steps, for accounts that have Model Monitor and Clarify. Default: analyzer
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
    :param mlflow: Log executions to SageMaker's managed MLflow. Default: - no
    :param debugger_rules: Debugger's rules by name with the image that evaluates them, for accounts that have
        Debugger; with `tuning=None` only, as tuning jobs have none. Default: - our own rules alone
    """

    def bind(self, request: SourceRequest) -> BoundDefinition:
        """The definition for one pipeline."""
        image = self.image or Images.xgboost(request.scope)
        assembly = assemble(
            Assembly(
                options=self,
                scope=request.scope,
                image=image,
                analysis_image=self.analysis_image or Images.sklearn(request.scope, ANALYSIS_VERSION),
                configuration=self.configuration(),
                context=request.context,
                baselines_uri=f"{Location(self.baselines).uri}/training/{request.name}" if self.baselines else None,
            )
        )
        document: dict[str, Any] = {
            "Version": VERSION,
            "Metadata": {},
            "Parameters": [parameter.declaration() for parameter in assembly.parameters],
            "Steps": [render(step.to_json(request.context)) for step in assembly.steps],
        }
        if self.mlflow:
            document["MlflowConfig"] = self.mlflow.to_json()
        return BoundDefinition(document=document, job_statements=list(self._statements()))

    def _statements(self) -> Iterator[Statement]:
        """What jobs need besides what the definition tells: the live version, and the query."""
        yield Statement(
            sid="ReadLiveVersion",
            actions=["sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages"],
            resources=[self.group.group_arn, self.group.package_arns],
            reason="versions are counted up",
        )
        yield Statement(
            sid="ReadTrainingCost",
            actions=["sagemaker:DescribeTrainingJob", "sagemaker:ListTrainingJobsForHyperParameterTuningJob"],
            resources=[_refs.arn("sagemaker", f"{kind}/*") for kind in ("training-job", "hyper-parameter-tuning-job")],
            reason="SageMaker makes up the names of a pipeline's jobs; reading only",
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
