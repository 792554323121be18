"""Feature groups of one environment with their database, storage and workgroup. Stateful; changes additively."""

from __future__ import annotations

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

import cdk_sagemaker_mlops as mlops
from cdk_sagemaker_mlops import feature_store as fs

from .base import RUNTIME_IS_PINNED, EnvironmentStack, acknowledge
from .engines import EngineContext
from .feature_records import COMMAND
from .monitors import QUEUE_IS_A_DEAD_LETTER_QUEUE, define_feature_monitor
from .settings import DataQualitySettings, Environment, FeatureGroupSettings, feature_group_name


class FeatureStoreStack(EnvironmentStack):
    """All feature groups of an environment.

    The stack itself has no tags: CloudFormation would copy them to the groups, whose tags can never be changed.

    :param notifications: Who hears of alarms.
    :param records: What is recorded of the groups. Default: nothing is compared
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment_name: str,
        settings: Environment,
        notifications: mlops.AlarmTarget,
        records: Mapping[str, fs.SchemaRecord] | None = None,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            environment_name=environment_name,
            settings=settings,
            description="MLOps: feature store",
            tagged=False,
            untagged_types=["AWS::SageMaker::FeatureGroup"],
        )
        shared = settings.feature_store
        self.storage = fs.FeatureStorage(
            self,
            "Storage",
            retain=self.retain,
            encryption_key=kms.Key.from_key_arn(self, "Key", shared.kms_key_arn) if shared.kms_key_arn else None,
            reader_accounts=sorted(
                {*shared.reader_accounts}.union(
                    *(group.share_with_accounts for group in settings.feature_groups.values())
                )
            ),
            results_days=shared.results_days,
        )
        self.database = fs.FeatureDatabase(
            self, "Database", name=f"{self.prefix}-features".replace("-", "_"), retain=self.retain
        )
        self.workgroup = fs.FeatureStoreWorkgroup(
            self,
            "Workgroup",
            name=f"{self.prefix}-features",
            results=self.storage.results,
            scan_limit_gb=shared.query_limit_gb,
        )
        self.groups = {
            name: self._make_group(name, group, notifications, records)
            for name, group in settings.feature_groups.items()
        }
        for name, group in settings.feature_groups.items():
            self._grant(name, group)
            if group.monitors.data_quality is not None:
                self._watch(name, group.monitors.data_quality, notifications)
        cdk.CfnOutput(self, "DatabaseName", value=self.database.name)
        cdk.CfnOutput(self, "WorkgroupName", value=self.workgroup.name)
        cdk.CfnOutput(self, "OfflineBucketName", value=self.storage.offline.bucket_name)

    def _make_group(
        self,
        name: str,
        group: FeatureGroupSettings,
        notifications: mlops.AlarmTarget,
        records: Mapping[str, fs.SchemaRecord] | None,
    ) -> fs.FeatureGroup:
        record = records.get(name) if records is not None else None
        throughput = group.throughput
        made = fs.FeatureGroup(
            self,
            f"Group-{name}",
            name=group.name or feature_group_name(self.settings.project, self.environment_name, name),
            record_identifier=group.record_id,
            event_time=group.event_time,
            features=_features(group),
            online=self._online(group),
            offline=self._offline(group),
            throughput=fs.Throughput.provisioned(read_units=throughput.read_units, write_units=throughput.write_units)
            if throughput
            else None,
            description=group.description,
            share_with_accounts=group.share_with_accounts,
            alarms=fs.FeatureGroupAlarms(
                freshness_hours=group.alarms.freshness_hours, rejected_records=group.alarms.rejected_records
            ),
            notifications=[notifications],
            record=record,
            retain=self.retain,
        )
        if records is not None and record is None:
            cdk.Annotations.of(made).add_warning_v2(
                "cdk-sagemaker-mlops:FeatureGroupNotRecorded",
                f"feature group {name} is not recorded, so a later change that replaces it would not be noticed: "
                f"{COMMAND} accept {self.environment_name} {name}",
            )
        return made

    def _online(self, group: FeatureGroupSettings) -> fs.OnlineStore | None:
        if group.online is None:
            return None
        in_memory = group.online.storage == "in-memory"
        storage_type = fs.StorageType.IN_MEMORY if in_memory else None
        if group.online.storage == "standard":
            storage_type = fs.StorageType.STANDARD
        return fs.OnlineStore(
            storage_type=storage_type,
            ttl=_time_to_live(group.online.ttl),
            # The in-memory tier takes no key of a customer.
            encryption_key=None if in_memory else self.storage.encryption_key,
        )

    def _offline(self, group: FeatureGroupSettings) -> fs.OfflineStore | None:
        if group.offline is None:
            return None
        return fs.OfflineStore(
            bucket=self.storage.offline,
            database=self.database,
            prefix=group.offline.prefix,
            table=group.offline.table,
            table_format=fs.TableFormat(group.offline.format.title()) if group.offline.format else None,
        )

    def _watch(self, name: str, wanted: DataQualitySettings, notifications: mlops.AlarmTarget) -> None:
        monitor = define_feature_monitor(
            self,
            f"Monitor-{name}",
            wanted,
            notifications=notifications,
            engines=EngineContext(
                stack=self,
                default=self.settings.defaults.monitoring.engine,
                log_retention_days=self.settings.log_retention_days,
                network=self.settings.network,
            ),
        )
        self.groups[name].add_monitor(monitor)
        acknowledge(monitor, RUNTIME_IS_PINNED | QUEUE_IS_A_DEAD_LETTER_QUEUE)

    def _grant(self, name: str, group: FeatureGroupSettings) -> None:
        made = self.groups[name]
        for arn in group.access.lookup:
            made.grant_read_online(self._role(arn))
        for arn in group.access.write:
            made.grant_write(self._role(arn))
        for arn in group.access.query:
            made.grant_query_offline(self._role(arn), self.workgroup)
        for arn in group.access.train:
            made.grant_training_sets(self._role(arn), self.workgroup)

    def _role(self, arn: str) -> iam.IRole:
        construct_id = f"Role-{arn.split(':role/')[1]}"
        known = self.node.try_find_child(construct_id)
        return known if known is not None else iam.Role.from_role_arn(self, construct_id, arn)  # type: ignore[return-value]


def refuse_removed_groups(
    scope: Construct, environment_name: str, settings: Environment, records: Mapping[str, fs.SchemaRecord]
) -> None:
    """Refuse to forget a group that is recorded.

    Raises:
        ConstructError: naming each group, what deploying would lose and what to do.
    """
    removed = [name for name in records if name not in settings.feature_groups]
    if removed:
        raise mlops.ConstructError(
            scope.node.path,
            [
                f"feature group {name} is recorded but no longer in the environment file. Deploying would "
                + (
                    "leave it behind unmanaged: nobody would be told of its alarms, and it could not be brought back "
                    "under this name"
                    if settings.removal == "retain"
                    else "delete it with all its online records; its files and table would stay"
                )
                + f". Put it back, or, if that is what you want: {COMMAND} accept {environment_name} {name} --drop"
                for name in removed
            ],
        )


def _features(group: FeatureGroupSettings) -> list[fs.Feature]:
    return [
        fs.Feature(name, fs.FeatureType(feature.type.title()), feature.description, feature.parameters)
        for name, feature in group.features.items()
    ]


def _time_to_live(text: str | None) -> fs.TimeToLive | None:
    if text is None:
        return None
    value, unit = text.split()
    return fs.TimeToLive(int(value), unit.title())
