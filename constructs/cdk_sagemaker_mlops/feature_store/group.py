"""A feature group whose deploys add to it and never replace it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from cdk_sagemaker_mlops._errors import Problems
from cdk_sagemaker_mlops._iam import service_role
from cdk_sagemaker_mlops.alarming import AlarmTarget, define_alarms
from cdk_sagemaker_mlops.storage import ACCOUNT_PATTERN, ACCOUNT_RULE

from . import _creation_order, _definition, _role, _stack_tags
from ._names import NAME_PATTERN, NAME_RULE
from .evolution import Evolution, compare, how_to
from .features import Feature
from .group_alarms import FeatureGroupAlarms
from .group_base import FeatureGroupBase
from .offline_location import OfflineLocation
from .record import SchemaRecord
from .sharing import SharedAccess, share
from .stores import OfflineStore, OnlineStore, Throughput

if TYPE_CHECKING:
    from aws_cdk.aws_iam import CfnRole, IRole
    from aws_cdk.aws_kms import IKey


class FeatureGroup(FeatureGroupBase):
    """A SageMaker feature group.

    CloudFormation replaces a group when its description, role, tags or stores change, and because a group's name is
    required, the replacement fails or loses data. Here features are added in place, time to live and throughput are
    changed in place, and, given a record of what is deployed, everything else is refused at synthesis. Tags of apps
    and stages never reach the group.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sagemaker-featuregroup.html

    :param name: Name of the group, unique in account and region.
    :param record_identifier: Feature that identifies a record.
    :param event_time: Feature that says when a record became true: String in ISO 8601, or Fractional in Unix seconds.
    :param features: All features, those two included. More can be added later, at most 100 per deployment; none can be
        removed or get another type.
    :param online: The online store. Default: - none.
    :param offline: The offline store. Default: - none. A group has at least one of the two.
    :param throughput: How reads and writes are paid for. Default: on-demand.
    :param description: At most 128 characters; it can never be edited. Default: - none.
    :param role: Role that files records in the offline store. Default: - a role that may do exactly that.
    :param tags: Tags of the group; they can never be changed. Default: - none.
    :param accept_stack_tags: Whether the group's stack may have tags of its own, which CloudFormation copies to the
        group, where they can never be changed. Default: False, synthesis fails if the stack has tags.
    :param share_with_accounts: Accounts that may use the online store. Default: - none.
    :param shared_access: What they may do. Default: read.
    :param alarms: From when on figures are an alarm. Default: - see :class:`FeatureGroupAlarms`.
    :param notifications: Who hears of alarms. Default: - nobody; alarms are still to be seen.
    :param record: What is deployed; see :class:`SchemaRecord`. Default: - nothing is compared.
    :param retain: Keep the group when it leaves the template. Default: True.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        record_identifier: str,
        event_time: str,
        features: Sequence[Feature],
        online: OnlineStore | None = None,
        offline: OfflineStore | None = None,
        throughput: Throughput | None = None,
        description: str = "",
        role: IRole | None = None,
        tags: Mapping[str, str] | None = None,
        accept_stack_tags: bool = False,
        share_with_accounts: Sequence[str] = (),
        shared_access: SharedAccess = SharedAccess.READ_ONLY,
        alarms: FeatureGroupAlarms | None = None,
        notifications: Sequence[AlarmTarget] = (),
        record: SchemaRecord | None = None,
        retain: bool = True,
    ) -> None:
        alarms = alarms or FeatureGroupAlarms()
        throughput = throughput or Throughput.on_demand()
        chosen = _definition.choose(name, online, offline, record.defaults if record else {})
        problems = Problems()
        problems.matches("name", name, NAME_PATTERN, NAME_RULE)
        problems.extend(
            _definition.problems(features, record_identifier, event_time, online, offline, throughput, chosen)
        )
        problems.require(len(description) <= 128, f"description has {len(description)} characters, allowed are 128")
        problems.extend(alarms.problems())
        for number in share_with_accounts:
            problems.matches("share_with_accounts", number, ACCOUNT_PATTERN, ACCOUNT_RULE)
        problems.require(
            not share_with_accounts or online is not None,
            "share_with_accounts lends the online store, and there is none; share files with a bucket policy "
            "(FeatureStorage reader_accounts)",
        )
        problems.raise_if_any(scope, construct_id)
        super().__init__(scope, construct_id)
        location = _definition.location(offline, chosen)
        self._identify(
            name,
            online=online is not None,
            online_key=online.encryption_key if online else None,
            offline=location,
            keys=(record_identifier, event_time),
        )
        self.features = tuple(features)
        self.cfn_role: CfnRole | None = None
        role_arn = role.role_arn if role else self._make_role(chosen)
        self._defaults = chosen
        self._record = record
        self._properties = _definition.properties(
            name=name,
            record_identifier=record_identifier,
            event_time=event_time,
            features=features,
            online=online,
            offline=location,
            throughput=throughput,
            description=description,
            role_arn=role_arn,
            tags=tags or {},
            chosen=chosen,
        )
        self._stack = cdk.Stack.of(self)
        self.cfn_group = self._make_group(offline, retain)
        if not accept_stack_tags:
            _stack_tags.refuse(self, self._stack, name)
        self.evolution = self._check_evolution(record)
        if share_with_accounts:
            share(
                self,
                "Share",
                name=name,
                group_arn=self.arn,
                accounts=share_with_accounts,
                access=shared_access,
            ).add_resource_dependency(self.cfn_group)
        self.alarms = define_alarms(self, alarms.rules(self), notifications, name_prefix=name)

    def _make_role(self, chosen: Mapping[str, str]) -> str | None:
        if self.offline is None:
            return None
        self.cfn_role = service_role(
            self,
            "Role",
            service="sagemaker.amazonaws.com",
            statements=_role.offline_statements(self.offline, _definition.table_format(chosen)),
            description=f"Files records of the feature group {self.name}",
        )
        return self.cfn_role.attr_arn

    def _make_group(self, offline: OfflineStore | None, retain: bool) -> sagemaker.CfnFeatureGroup:
        resource = sagemaker.CfnFeatureGroup(self, "Resource", **_definition.arguments(self._properties))
        # Tags of the app would come in here; the group's own, if any, are all that it ever has.
        if "Tags" in self._properties:
            resource.add_property_override("Tags", self._properties["Tags"])
        else:
            resource.add_property_deletion_override("Tags")
        resource.apply_removal_policy(cdk.RemovalPolicy.RETAIN if retain else cdk.RemovalPolicy.DESTROY)
        described = {
            feature.name: {"Description": feature.description, "Parameters": dict(feature.parameters)}
            for feature in self.features
            if feature.description or feature.parameters
        }
        if described:
            resource.add_metadata("FeatureMetadata", described)
        if offline is not None and offline.database.cfn_database is not None:
            resource.add_resource_dependency(offline.database.cfn_database)
        _creation_order.enqueue(self._stack, resource)
        return resource

    @cached_property
    def proposed_record(self) -> SchemaRecord:
        """What will be deployed; written to a file and given as `record`, it protects the group from then on."""
        resolved: dict[str, Any] = self._stack.resolve(self._properties)
        return SchemaRecord(
            stack=self._stack.stack_name,
            logical_id=self._stack.get_logical_id(self.cfn_group),
            defaults=self._defaults,
            properties=resolved,
        )

    def _check_evolution(self, record: SchemaRecord | None) -> Evolution:
        if record is None:
            return Evolution()
        evolution = compare(record, self.proposed_record)
        if not record.enforced:
            return evolution
        problems = Problems()
        problems.extend(evolution.refusals)
        if evolution.refusals:
            problems.add(how_to(self.name, record.replace))
        problems.raise_if_any(self)
        if not evolution.is_empty:
            self._warn(evolution, record)
        return evolution

    def _warn(self, evolution: Evolution, record: SchemaRecord) -> None:
        annotations = cdk.Annotations.of(self)
        changes = [f"features are added: {', '.join(evolution.additions)}"] if evolution.additions else []
        annotations.add_warning_v2(
            "cdk-sagemaker-mlops:FeatureGroupNotRecorded",
            f"feature group {self.name} changes in place ({'; '.join([*changes, *evolution.updates])}), which is safe. "
            f"Record it, so that undoing it later is noticed: {record.accept}",
        )
        if evolution.is_mixed:
            annotations.add_warning_v2(
                "cdk-sagemaker-mlops:FeatureGroupManyUpdates",
                f"feature group {self.name} changes in {len(evolution.updates) + bool(evolution.additions)} ways, and "
                "SageMaker updates a group one way at a time; if the deployment fails, deploy them one after the other",
            )

    @staticmethod
    def from_feature_group_name(
        scope: Construct,
        construct_id: str,
        name: str,
        *,
        online: bool = True,
        online_key: IKey | None = None,
        offline: OfflineLocation | None = None,
        record_identifier: str | None = None,
        event_time: str | None = None,
    ) -> FeatureGroupBase:
        """Refer to a group of this account and region.

        :param name: Name of the group.
        :param online: Whether it has an online store. Default: True.
        :param online_key: Key of its online store. Default: - none of a customer's.
        :param offline: Where its offline records are, for queries and monitors. Default: - not known.
        :param record_identifier: Feature that identifies a record, which monitors leave out. Default: - not known.
        :param event_time: Feature that says when a record became true, likewise. Default: - not known.
        """
        problems = Problems()
        problems.matches("name", name, NAME_PATTERN, NAME_RULE)
        problems.raise_if_any(scope, construct_id)
        group = FeatureGroupBase(scope, construct_id)
        keys = tuple(key for key in (record_identifier, event_time) if key)
        group._identify(name, online=online, online_key=online_key, offline=offline, keys=keys)
        return group
