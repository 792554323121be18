"""What every endpoint offers, whether this app defines it or somebody else did."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import aws_cdk as cdk
from constructs import Construct

from . import _paths, _refs
from ._errors import Problems, did_you_mean
from .endpoint_alarms import INSTANCES_NAMESPACE, variant_measure

if TYPE_CHECKING:
    from aws_cdk.aws_cloudwatch import Metric
    from aws_cdk.aws_iam import Grant, IGrantable
    from aws_cdk.aws_s3 import IBucket

    from .alarming import Alarm
    from .capture import DataCapture
    from .registry import ModelPackageGroupBase


class EndpointMonitor(Protocol):
    """Something that watches an endpoint's traffic."""

    def bind(self, endpoint: EndpointBase) -> None:
        """Start watching this endpoint."""
        ...


class EndpointBase(Construct):
    """Name, traffic, grants and metrics of an endpoint.

    :ivar endpoint_name: The name itself, not a reference: alarms and monitors that carry it do not depend on the
        endpoint.
    :ivar variant_names: Names of the production variants.
    :ivar capture: What is recorded; None without data capture.
    :ivar alarms: The endpoint's own alarms, without those that only stop rollouts.
    :ivar follows: The group whose newest approved version is live; None for a fixed model.
    :ivar model_package_arn: The live version: a stack parameter, or empty when the model follows no registry.
    :ivar condition_id: Logical id of the condition under which the endpoint exists; None when it always does.
    :ivar parameter_prefix: What the ids of the endpoint's stack parameters begin with.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        endpoint_name: str,
        variant_names: Sequence[str],
        capture: DataCapture | None,
        parameter_prefix: str = "",
    ) -> None:
        super().__init__(scope, construct_id)
        _paths.place(self, scope, construct_id)
        self.endpoint_name = endpoint_name
        self.variant_names: tuple[str, ...] = tuple(variant_names)
        self.capture = capture
        self.alarms: tuple[Alarm, ...] = ()
        self.follows: ModelPackageGroupBase | None = None
        self.model_package_arn = ""
        self.condition_id: str | None = None
        self.parameter_prefix = parameter_prefix
        self._monitors: list[EndpointMonitor] = []

    @cached_property
    def stack(self) -> cdk.Stack:
        """The stack that holds the construct."""
        return _paths.stack_of(self)

    @property
    def endpoint_arn(self) -> str:
        """ARN of the endpoint, made from its name: a policy with it exists before the endpoint does."""
        lower = self.endpoint_name if _refs.is_token(self.endpoint_name) else self.endpoint_name.lower()
        return _refs.arn("sagemaker", f"endpoint/{lower}")

    @property
    def capture_bucket(self) -> IBucket | None:
        """Where requests and responses are recorded; None without data capture."""
        return self.capture.bucket if self.capture else None

    @property
    def capture_prefix(self) -> str:
        """Prefix in that bucket; SageMaker appends endpoint, variant and hour."""
        return self.capture.prefix if self.capture else ""

    @property
    def monitors(self) -> tuple[EndpointMonitor, ...]:
        """What watches the endpoint."""
        return tuple(self._monitors)

    def add_monitor(self, monitor: EndpointMonitor) -> None:
        """Let a monitor watch the recorded traffic.

        :param monitor: The monitor.
        :raises ConstructError: The endpoint records nothing.
        """
        problems = Problems()
        problems.require(
            self.capture is not None,
            f'a monitor cannot watch endpoint "{self.endpoint_name}", which records no traffic; give it '
            "capture=DataCapture(bucket=...)",
        )
        problems.raise_if_any(self)
        monitor.bind(self)
        self._monitors.append(monitor)

    def only_with_endpoint(self, resource: cdk.CfnResource) -> None:
        """Let a resource exist only while the endpoint does, which for a followed registry is from the first version
        on.
        """
        if self.condition_id is not None:
            # One round trip; cfn_options.condition would take two.
            resource.add_override("Condition", self.condition_id)

    def grant_invoke(self, grantee: IGrantable) -> Grant:
        """Allow sending requests, and nothing else."""
        from aws_cdk.aws_iam import Grant

        return Grant.add_to_principal(
            grantee=grantee,
            actions=["sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointWithResponseStream"],
            resource_arns=[self.endpoint_arn],
        )

    def metric(
        self, name: str, *, statistic: str, variant: str | None = None, namespace: str = "AWS/SageMaker"
    ) -> Metric:
        """Any metric that SageMaker publishes for a variant, per minute.

        https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html

        :param name: Name of the metric.
        :param statistic: Such as Sum, Average, p99.
        :param variant: Name of the variant. Default: - the first.
        :param namespace: CloudWatch namespace.
        """
        if variant is not None and variant not in self.variant_names:
            problems = Problems()
            problems.add(
                f'variant is "{variant}", the endpoint has {", ".join(self.variant_names)}'
                f"{did_you_mean(variant, self.variant_names)}"
            )
            problems.raise_if_any(self)
        chosen = variant or self.variant_names[0]
        return variant_measure(name, self.endpoint_name, chosen, statistic=statistic, namespace=namespace).metric()

    def metric_invocations(self, *, variant: str | None = None, statistic: str = "Sum") -> Metric:
        """Requests per minute."""
        return self.metric("Invocations", statistic=statistic, variant=variant)

    def metric_invocations_per_instance(self, *, variant: str | None = None, statistic: str = "Sum") -> Metric:
        """Requests per minute and instance: what scaling aims at."""
        return self.metric("InvocationsPerInstance", statistic=statistic, variant=variant)

    def metric_client_errors(self, *, variant: str | None = None, statistic: str = "Average") -> Metric:
        """Share of requests answered with 4xx, 0 to 1; with Sum their number."""
        return self.metric("Invocation4XXErrors", statistic=statistic, variant=variant)

    def metric_server_errors(self, *, variant: str | None = None, statistic: str = "Average") -> Metric:
        """Share of requests answered with 5xx, 0 to 1; with Sum their number."""
        return self.metric("Invocation5XXErrors", statistic=statistic, variant=variant)

    def metric_model_errors(self, *, variant: str | None = None, statistic: str = "Average") -> Metric:
        """Share of requests that the container did not answer with 2xx, 0 to 1; with Sum their number."""
        return self.metric("InvocationModelErrors", statistic=statistic, variant=variant)

    def metric_model_latency(self, *, variant: str | None = None, statistic: str = "p99") -> Metric:
        """Time that the container takes, in microseconds."""
        return self.metric("ModelLatency", statistic=statistic, variant=variant)

    def metric_overhead_latency(self, *, variant: str | None = None, statistic: str = "p99") -> Metric:
        """Time that SageMaker adds, in microseconds."""
        return self.metric("OverheadLatency", statistic=statistic, variant=variant)

    def metric_cpu_utilization(self, *, variant: str | None = None, statistic: str = "Average") -> Metric:
        """CPU in use, in percent of one core: up to 100 times the number of cores."""
        return self.metric("CPUUtilization", statistic=statistic, variant=variant, namespace=INSTANCES_NAMESPACE)

    def metric_memory_utilization(self, *, variant: str | None = None, statistic: str = "Maximum") -> Metric:
        """Memory in use, in percent."""
        return self.metric("MemoryUtilization", statistic=statistic, variant=variant, namespace=INSTANCES_NAMESPACE)

    def metric_disk_utilization(self, *, variant: str | None = None, statistic: str = "Maximum") -> Metric:
        """Disk in use, in percent. Data capture stops when it is full."""
        return self.metric("DiskUtilization", statistic=statistic, variant=variant, namespace=INSTANCES_NAMESPACE)
