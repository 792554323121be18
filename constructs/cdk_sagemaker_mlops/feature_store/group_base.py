"""What owned and imported feature groups have in common: identity, permissions, metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs import Construct

from cdk_sagemaker_mlops import _refs
from cdk_sagemaker_mlops._iam import Statement, grant
from cdk_sagemaker_mlops.measures import Measure

from .offline_input import OfflineStoreInput
from .offline_location import OfflineLocation

if TYPE_CHECKING:
    from aws_cdk.aws_cloudwatch import Metric
    from aws_cdk.aws_iam import Grant, IGrantable
    from aws_cdk.aws_kms import IKey

    from cdk_sagemaker_mlops.monitoring.monitor import Monitor

    from .workgroup import FeatureStoreWorkgroup

#: CloudWatch namespace of what Feature Store's runtime operations publish.
#: https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html#cloudwatch-metrics-feature-store
NAMESPACE = "AWS/SageMaker/FeatureStore"

_DESCRIBE = "sagemaker:DescribeFeatureGroup"


class FeatureGroupBase(Construct):
    """A feature group, wherever it is defined.

    :ivar name: Name of the group.
    :ivar arn: ARN of the group.
    :ivar online: Whether it is known to have an online store.
    :ivar online_key: Customer managed key of the online store, if it has one.
    :ivar offline: Where the offline records are, if it has such.
    :ivar monitors: What watches the offline records.
    """

    name: str
    arn: str
    online: bool
    online_key: IKey | None
    offline: OfflineLocation | None
    monitors: list[Monitor]

    def _identify(
        self,
        name: str,
        *,
        online: bool,
        online_key: IKey | None,
        offline: OfflineLocation | None,
        keys: tuple[str, ...],
    ) -> None:
        self.name = name
        self._keys = keys
        self.monitors = []
        # SageMaker writes names in ARNs in lower case.
        self.arn = _refs.arn("sagemaker", f"feature-group/{name if _refs.is_token(name) else name.lower()}")
        self.online = online
        self.online_key = online_key
        self.offline = offline

    def add_monitor(self, monitor: Monitor) -> None:
        """Let a data quality monitor, made without endpoint and input, watch the offline records.

        :param monitor: The monitor. Its reports and its baseline are, unless it says otherwise, in the bucket of the
            offline records, below `monitoring-reports/` and `monitoring-baselines/<group>/`.
        :raises ValueError: The group has no offline store, or it is not known where.
        """
        monitor.watch(OfflineStoreInput(group=self.name, location=self._known_offline, left_out=self._keys))
        self.monitors.append(monitor)

    def read_online_statements(self) -> list[Statement]:
        """What a role needs to look records up."""
        return [
            Statement(
                sid="LookFeaturesUp",
                actions=["sagemaker:BatchGetRecord", "sagemaker:GetRecord", _DESCRIBE],
                resources=[self.arn],
            ),
            *self._online_key_statements(),
        ]

    def write_statements(self) -> list[Statement]:
        """What a role needs to write and delete records."""
        return [
            Statement(
                sid="WriteFeatures",
                actions=["sagemaker:BatchWriteRecord", "sagemaker:DeleteRecord", "sagemaker:PutRecord", _DESCRIBE],
                resources=[self.arn],
            ),
            *self._online_key_statements(),
        ]

    def _online_key_statements(self) -> list[Statement]:
        if self.online_key is None:
            return []
        # Who puts or gets a record decrypts with their own permissions, through SageMaker.
        return [
            Statement(
                sid="UseOnlineKey",
                actions=["kms:Decrypt"],
                resources=[_refs.key_arn(self.online_key)],
                conditions={"StringEquals": {"kms:ViaService": f"sagemaker.{_refs.region()}.{_refs.url_suffix()}"}},
            )
        ]

    def query_offline_statements(self, workgroup: FeatureStoreWorkgroup) -> list[Statement]:
        """What a role needs to query the offline records with Athena.

        :raises ValueError: The group has no offline store, or it is not known where.
        """
        return [
            *workgroup.query_statements(),
            *self._known_offline.read_statements(),
            Statement(sid="FindFeatureTable", actions=[_DESCRIBE], resources=[self.arn]),
        ]

    def training_statements(self, workgroup: FeatureStoreWorkgroup) -> list[Statement]:
        """The same, and what a role needs besides to make training sets of any size.

        :raises ValueError: The group has no offline store, or it is not known where.
        """
        location = self._known_offline
        return [*self.query_offline_statements(workgroup), *workgroup.staging_statements(location.database)]

    @property
    def _known_offline(self) -> OfflineLocation:
        if self.offline is None:
            raise ValueError(
                f"feature group {self.name} has no offline store to look at; give it one, or give an imported group "
                "the location of its own"
            )
        return self.offline

    def grant_read_online(self, grantee: IGrantable) -> Grant:
        """Allow `GetRecord` and `BatchGetRecord`, with the key that they need."""
        return grant(grantee, self.read_online_statements())

    def grant_write(self, grantee: IGrantable) -> Grant:
        """Allow `PutRecord`, `BatchWriteRecord` and `DeleteRecord`, with the key that they need."""
        return grant(grantee, self.write_statements())

    def grant_query_offline(self, grantee: IGrantable, workgroup: FeatureStoreWorkgroup) -> Grant:
        """Allow queries with Athena over the offline records: workgroup, table, files, results and keys together.

        It is enough for `sagemaker_features.latest`, `as_of`, and training sets whose spine fits into the query.

        :raises ValueError: The group has no offline store, or it is not known where.
        """
        return grant(grantee, self.query_offline_statements(workgroup))

    def grant_training_sets(self, grantee: IGrantable, workgroup: FeatureStoreWorkgroup) -> Grant:
        """The same, and for spines of more than some thousand rows: tables `spine_…` in the group's database, and
        their files below `spines/` of the workgroup's results.

        :raises ValueError: The group has no offline store, or it is not known where.
        """
        return grant(grantee, self.training_statements(workgroup))

    def measure(self, metric: str, operation: str, *, statistic: str, period_seconds: int) -> Measure:
        """A metric of one runtime operation.

        :param metric: Invocations, Operation4XXErrors, Operation5XXErrors, ThrottledRequests, Latency (microseconds),
            ConsumedReadRequestsUnits, ...
        :param operation: PutRecord, GetRecord or DeleteRecord.
        """
        return Measure(
            namespace=NAMESPACE,
            name=metric,
            dimensions=(("FeatureGroupName", self.name), ("OperationName", operation)),
            statistic=statistic,
            period_seconds=period_seconds,
            label=f"{operation} {metric}",
        )

    def metric_ingested(self, period_seconds: int = 300) -> Metric:
        """Records that were put."""
        return self.measure("Invocations", "PutRecord", statistic="Sum", period_seconds=period_seconds).metric()

    def metric_rejected(self, period_seconds: int = 300) -> Metric:
        """Records that Feature Store refused."""
        return self.measure("Operation4XXErrors", "PutRecord", statistic="Sum", period_seconds=period_seconds).metric()

    def metric_lookups(self, period_seconds: int = 300) -> Metric:
        """Records that were asked for one by one."""
        return self.measure("Invocations", "GetRecord", statistic="Sum", period_seconds=period_seconds).metric()

    def metric_lookup_latency(self, statistic: str = "p99", period_seconds: int = 300) -> Metric:
        """Time that a lookup took, in microseconds."""
        return self.measure("Latency", "GetRecord", statistic=statistic, period_seconds=period_seconds).metric()
