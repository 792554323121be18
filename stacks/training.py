"""Training pipelines of one environment, and what starts them again. Changes with code."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

import cdk_sagemaker_mlops as mlops
from cdk_sagemaker_mlops import training as tr
from cdk_sagemaker_mlops.training.steps import Compute, JobNetwork, MlflowRun

from .base import RUNTIME_IS_PINNED, EnvironmentStack, acknowledge
from .feature_store import FeatureStoreStack
from .foundation import FoundationStack
from .network import network_of_jobs
from .settings import Environment, ModelSettings, OnDriftSettings, TrainingSettings, endpoint_name, in_own_bucket

_QUEUE_IS_A_DEAD_LETTER_QUEUE = {
    "AwsSolutions::AwsSolutions-SQS3": "this queue is the dead-letter queue of the function's failed wake-ups"
}
_APPROVALS = {"manual": "PendingManualApproval", "automatic": "Approved"}
_SCHEDULES = {
    "daily": tr.TrainingSchedule.daily(),
    "weekly": tr.TrainingSchedule.weekly(),
    "monthly": tr.TrainingSchedule.monthly(),
}


class TrainingStack(EnvironmentStack):
    """One pipeline per model that is trained here.

    :param foundation: Buckets, key and notifications.
    :param groups: Groups that this environment owns.
    :param feature_store: Feature groups, if there are some.
    :param folder: Folder of the environment file, which definitions lie beside.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment_name: str,
        settings: Environment,
        foundation: FoundationStack,
        groups: Mapping[str, mlops.ModelPackageGroupBase],
        feature_store: FeatureStoreStack | None,
        folder: Path,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            environment_name=environment_name,
            settings=settings,
            description="MLOps: training pipelines",
        )
        self._foundation = foundation
        self._groups = groups
        self._feature_store = feature_store
        self._folder = folder
        self.pipelines: dict[str, tr.TrainingPipeline] = {}
        self.retraining: dict[str, tr.RetrainOnDrift] = {}
        for name, model in trained_models(settings).items():
            self.pipelines[name] = self._pipeline(name, model)
            self._start_on(name, model)
            cdk.CfnOutput(self, f"Pipeline-{name}", value=self.pipelines[name].pipeline_name)
            if model.on_drift:
                self.retraining[name] = self._retrain(name, model, model.on_drift)

    def _pipeline(self, name: str, model: ModelSettings) -> tr.TrainingPipeline:
        wanted, storage = model.training, self._foundation.storage
        assert wanted is not None  # noqa: S101  (only models with one come here)
        definition = self._definition(name, model, wanted)
        if isinstance(definition, tr.TabularPipeline):
            # What an execution can cost, where whoever deploys it sees it.
            hours = f"{definition.largest_training_hours:g} instance hours of {wanted.instance_type}"
            cdk.CfnOutput(self, f"LargestTraining-{name}", value=f"{hours} in one execution{_spot(wanted)}")
        return tr.TrainingPipeline(
            self,
            f"Training-{name}",
            name=f"{self.prefix}-{name}-training",
            definition=definition,
            artifacts=storage.models,
            artifacts_prefix=f"training/{name}",
            inputs=self._inputs(name, wanted),
            schedule=_schedule(wanted.schedule),
            network=self._network,
            notifications=[self._foundation.notifications],
        )

    @cached_property
    def _network(self) -> JobNetwork | None:
        """Where jobs stand: in the environment's VPC, with one security group for all of them if none is given."""
        if self.settings.network is None:
            return None
        made = network_of_jobs(self, self.settings.network).render(self)
        return JobNetwork(subnets=made.subnets, security_groups=made.security_group_ids)

    def _definition(self, name: str, model: ModelSettings, wanted: TrainingSettings) -> tr.PipelineSource:
        if wanted.definition is not None:
            return tr.PipelineDefinition.from_file(self._folder / wanted.definition)
        assert model.registry is not None  # noqa: S101  (the settings demand it)
        assert wanted.label is not None and wanted.problem is not None  # noqa: S101  (likewise)
        compute = Compute(instance_type=wanted.instance_type, max_minutes=wanted.max_minutes)
        return tr.TabularPipeline(
            data=self._data(wanted),
            query=self._query(wanted),
            data_format=wanted.format,
            label=wanted.label,
            problem=wanted.problem,
            group=self._groups[model.registry.group],
            baselines=self._foundation.storage.baselines,
            features=wanted.features,
            exclude=wanted.exclude,
            categorical=wanted.categorical,
            positive_label=wanted.positive_label,
            time_column=wanted.time_column,
            seed=wanted.seed,
            tuning=_tuning(wanted),
            hyperparameters=wanted.hyperparameters,
            minimum=wanted.minimum,
            better_than_live=wanted.better_than_live,
            gates=_gates(wanted),
            gate_engine=wanted.gate_engine,
            mlflow=MlflowRun(resource_arn=wanted.mlflow.arn, experiment=wanted.mlflow.experiment)
            if wanted.mlflow
            else None,
            facet=_facet(wanted),
            approval=_APPROVALS[wanted.approval],
            preparation=compute,
            training=compute,
            spot=wanted.spot,
        )

    def _data(self, wanted: TrainingSettings) -> str | None:
        if wanted.data is None or not in_own_bucket(wanted.data):
            return wanted.data
        return f"s3://{self._foundation.storage.models.bucket_name}/{wanted.data.rstrip('/')}/"

    def _start_on(self, name: str, model: ModelSettings) -> None:
        wanted = model.training.start_on if model.training else None
        if wanted is None:
            return
        pipeline = self.pipelines[name]
        if wanted.new_data is not None:
            assert model.training is not None and model.training.watched is not None  # noqa: S101  (likewise)
            bucket, prefix = self._place(name, model.training.watched)
            pipeline.start_on_new_data(
                "NewData", bucket, prefix, suffix=wanted.new_data.suffix, parameters=wanted.new_data.parameters
            )
        for event, settings in wanted.events.items():
            pipeline.start_on(
                f"On-{event}",
                settings.pattern,
                parameters=settings.parameters,
                description=f"Starts {pipeline.pipeline_name}: {event}",
            )

    def _place(self, name: str, watched: str) -> tuple[s3.IBucket, str]:
        """The bucket and the prefix that new data come to."""
        if in_own_bucket(watched):
            return self._foundation.storage.models, f"{watched.rstrip('/')}/"
        bucket_name, _, prefix = watched.removeprefix("s3://").partition("/")
        return s3.Bucket.from_bucket_name(self, f"Watched-{name}", bucket_name), prefix

    def _inputs(self, name: str, wanted: TrainingSettings) -> list[s3.IBucket]:
        if wanted.data is None:
            return []
        if in_own_bucket(wanted.data):
            return [self._foundation.storage.models]
        if wanted.data_kms_key_arn is None:
            # The definition names the place, and the role follows from the definition.
            return []
        bucket = s3.Bucket.from_bucket_attributes(
            self,
            f"Data-{name}",
            bucket_name=wanted.data.removeprefix("s3://").split("/")[0],
            encryption_key=kms.Key.from_key_arn(self, f"DataKey-{name}", wanted.data_kms_key_arn),
        )
        return [bucket]

    def _query(self, wanted: TrainingSettings) -> tr.TrainingQuery | None:
        if wanted.query is None:
            return None
        assert self._feature_store is not None  # noqa: S101  (the settings know that the groups exist)
        return tr.TrainingQuery(
            sql=wanted.query.sql,
            workgroup=self._feature_store.workgroup,
            groups=[self._feature_store.groups[name] for name in wanted.query.feature_groups],
        )

    def _retrain(self, name: str, model: ModelSettings, wanted: OnDriftSettings) -> tr.RetrainOnDrift:
        assert model.registry is not None  # noqa: S101  (the settings demand it)
        retrain = tr.RetrainOnDrift(
            self,
            f"Retrain-{name}",
            pipeline=self.pipelines[name],
            group=self._groups[model.registry.group],
            endpoint_name=endpoint_name(self.settings.project, self.environment_name, name),
            controller_name=self.prefix,
            model=name,
            environment=self.environment_name,
            cooldown_hours=wanted.cooldown_hours,
            weekly_budget=wanted.weekly_budget,
            max_fruitless=wanted.max_fruitless,
            confirmations=wanted.confirmations,
            notifications=self._foundation.notifications,
            log_retention_days=self.settings.log_retention_days,
        )
        acknowledge(retrain, RUNTIME_IS_PINNED | _QUEUE_IS_A_DEAD_LETTER_QUEUE)
        # For people: `aws lambda invoke` lets it go on after it has stopped.
        cdk.CfnOutput(self, f"RetrainFunctionName-{name}", value=retrain.function_name)
        return retrain


def trained_models(settings: Environment) -> dict[str, ModelSettings]:
    """Models that are trained in this environment."""
    return {name: model for name, model in settings.models.items() if model.training}


def _spot(wanted: TrainingSettings) -> str:
    return ", at spot prices" if wanted.spot else ""


def _schedule(text: str | None) -> tr.TrainingSchedule | None:
    if text is None:
        return None
    return _SCHEDULES.get(text) or tr.TrainingSchedule(expression=text)


def _tuning(wanted: TrainingSettings) -> tr.Tuning | None:
    if wanted.tuning is None:
        return None
    free = {name: given for name, given in tr.Tuning().ranges.items() if name not in wanted.hyperparameters}
    return tr.Tuning(
        ranges=free,
        strategy=wanted.tuning.strategy.title(),
        max_jobs=wanted.tuning.max_jobs,
        max_parallel_jobs=wanted.tuning.max_parallel_jobs,
        early_stopping=wanted.tuning.early_stopping,
        seed=wanted.seed,
    )


def _gates(wanted: TrainingSettings) -> dict[str, tr.Gate]:
    return {
        name: tr.Gate(skip=gate.skip, register_baseline=gate.register_baseline)
        for name in ("data_quality", "model_quality", "bias", "attribution")
        if (gate := getattr(wanted.gates, name)) is not None
    }


def _facet(wanted: TrainingSettings) -> tr.BiasFacet | None:
    facet = wanted.facet
    if facet is None:
        return None
    return tr.BiasFacet(name=facet.column, values=facet.disadvantaged, threshold=facet.disadvantaged_above)
