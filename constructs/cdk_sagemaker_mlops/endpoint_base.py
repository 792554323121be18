"""What every endpoint offers, whether this app defines it or somebody else did."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import aws_cdk as cdk
from constructs import Construct

from . import _paths, _refs
from ._errors import Problems, did_you_mean
from .serving_mode import INSTANCES_NAMESPACE, ServingMode, Traffic, instead_of

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
    :ivar mode: How the endpoint answers.
    :ivar shadow_name: Name of the shadow variant; None without one.
    :ivar loads_models: Whether a container loads models on request (multi-model).
    :ivar component_names: Names of the inference components; empty for an endpoint that hosts none.
    :ivar capture: What is recorded; None without data capture.
    :ivar alarms: The endpoint's own alarms, without those that only stop rollouts.
    :ivar follows: The group whose newest approved version is live; None for a fixed model.
    :ivar model_package_arn: The live version: a stack parameter, or empty when the model follows no registry.
    :ivar condition_id: Logical id of the condition under which the endpoint exists; None when it always does.
    :ivar version_condition_id: Logical id of the condition under which there is a version to serve; None when it is
        fixed.
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
        mode: ServingMode = ServingMode.REAL_TIME,
        shadow_name: str | None = None,
        component_names: Sequence[str] = (),
        loads_models: bool = False,
    ) -> None:
        super().__init__(scope, construct_id)
        _paths.place(self, scope, construct_id)
        self.endpoint_name = endpoint_name
        self.variant_names: tuple[str, ...] = tuple(variant_names)
        self.mode = mode
        self.shadow_name = shadow_name
        self.loads_models = loads_models
        self.component_names: tuple[str, ...] = tuple(component_names)
        self.capture = capture
        self.alarms: tuple[Alarm, ...] = ()
        self.follows: ModelPackageGroupBase | None = None
        self.model_package_arn = ""
        self.condition_id: str | None = None
        self.version_condition_id: str | None = None
        self.parameter_prefix = parameter_prefix
        self._monitors: list[EndpointMonitor] = []
        self._companions: list[Construct] = []
        self._tags: list[tuple[str, str, Sequence[str]]] = []

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
    def rollout_parameters(self) -> dict[str, str]:
        """Ids of the stack parameters that a rollout sets; empty when nothing follows a registry."""
        return {}

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
            f'a monitor cannot watch endpoint "{self.endpoint_name}", which records no traffic; '
            f"{self.mode.no_capture_advice}",
        )
        problems.raise_if_any(self)
        monitor.bind(self)
        self._monitors.append(monitor)

    def tag(self, key: str, value: str, resource_types: Sequence[str]) -> None:
        """Tag resources of these types, of the endpoint and of whatever shares its version.

        :param resource_types: CloudFormation types.
        """
        self._tags.append((key, value, resource_types))
        for construct in (self, *self._companions):
            cdk.Tags.of(construct).add(key, value, include_resource_types=list(resource_types))

    def add_companion(self, construct: Construct) -> None:
        """Let a construct that shares the endpoint's version have the endpoint's tags, too."""
        self._companions.append(construct)
        for key, value, resource_types in self._tags:
            cdk.Tags.of(construct).add(key, value, include_resource_types=list(resource_types))

    def only_with_endpoint(self, resource: cdk.CfnResource) -> None:
        """Let a resource exist only while the endpoint does, which for a followed registry is from the first version
        on.
        """
        if self.condition_id is not None:
            # One round trip; cfn_options.condition would take two.
            resource.add_override("Condition", self.condition_id)

    def grant_invoke(self, grantee: IGrantable) -> Grant:
        """Allow sending requests, and nothing else: of an asynchronous endpoint queueing them.

        What a caller of an asynchronous endpoint needs in S3 is allowed by :meth:`AsyncInference.grant_exchange`.
        """
        from aws_cdk.aws_iam import Grant

        actions = ["sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointWithResponseStream"]
        if self.mode is ServingMode.ASYNCHRONOUS:
            actions = ["sagemaker:InvokeEndpointAsync"]
        components = [_refs.arn("sagemaker", f"inference-component/{name.lower()}") for name in self.component_names]
        return Grant.add_to_principal(grantee=grantee, actions=actions, resource_arns=[self.endpoint_arn, *components])

    def traffic(self, name: str | None = None) -> Traffic:
        """What metrics are told apart by.

        :param name: Name of a variant, of the shadow, or of an inference component. Default: - the first.
        """
        return self._traffic(name, self.component_names or self.variant_names)

    def _traffic(self, name: str | None, known: Sequence[str]) -> Traffic:
        allowed = [*known, *([self.shadow_name] if self.shadow_name else [])]
        if name is not None and name not in allowed:
            problems = Problems()
            what = "inference component" if known is self.component_names else "variant"
            problems.add(f'{what} is "{name}", the endpoint has {", ".join(allowed)}{did_you_mean(name, allowed)}')
            problems.raise_if_any(self)
        # The variants of an endpoint with components have instance metrics, told apart as any variant's.
        mode = self.mode if known is self.component_names or not self.component_names else ServingMode.REAL_TIME
        return Traffic(endpoint=self.endpoint_name, name=name or allowed[0], mode=mode)

    def metric(
        self, name: str, *, statistic: str, variant: str | None = None, namespace: str = "AWS/SageMaker"
    ) -> Metric:
        """Any metric that SageMaker publishes for a variant, per minute.

        https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html

        :param name: Name of the metric.
        :param statistic: Such as Sum, Average, p99.
        :param variant: Name of the variant, of the shadow, or of the inference component. Instance metrics of an
            endpoint with inference components are those of its variant. Default: - the first.
        :param namespace: CloudWatch namespace.
        :raises ConstructError: The endpoint publishes no such metric.
        """
        known = self.component_names
        if not known or namespace == INSTANCES_NAMESPACE:
            known = self.variant_names
        traffic = self._traffic(variant, known)
        other = instead_of(self.mode, name)
        if other is not None:
            problems = Problems()
            problems.add(f"{self.mode} endpoints publish no metric {name}; read {other}")
            problems.raise_if_any(self)
        return traffic.measure(name, statistic=statistic, namespace=namespace).metric()

    def metric_backlog(self, *, statistic: str = "Maximum") -> Metric:
        """Requests that an asynchronous endpoint has not finished."""
        return self.metric("ApproximateBacklogSize", statistic=statistic)

    def metric_oldest_request_age(self, *, statistic: str = "Maximum") -> Metric:
        """Age of the oldest request that an asynchronous endpoint has not finished, in seconds."""
        return self.metric("ApproximateAgeOfOldestRequest", statistic=statistic)

    def metric_concurrency_utilization(self, *, statistic: str = "Maximum") -> Metric:
        """Requests at once as a share of a serverless variant's `max_concurrency`, 0 to 1."""
        return self.metric("ServerlessConcurrentExecutionsUtilization", statistic=statistic)

    def metric_model_setup_time(self, *, statistic: str = "Maximum") -> Metric:
        """Time that a serverless variant takes for a new container (cold start), in microseconds."""
        return self.metric("ModelSetupTime", statistic=statistic)

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
