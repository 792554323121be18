"""The ways in which SageMaker serves a model, and what each of them publishes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ._naming import pascal
from .measures import Measure

#: Invocation metrics, one data point a minute; errors are 0 or 1 per request, so their average is a rate.
#: https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html
INVOCATIONS_NAMESPACE = "AWS/SageMaker"
#: Instance metrics. The leading slash is right here, and wrong for the monitors' metrics.
INSTANCES_NAMESPACE = "/aws/sagemaker/Endpoints"
#: Metrics of an inference component's share of the instances.
COMPONENTS_NAMESPACE = "/aws/sagemaker/InferenceComponents"


class ServingMode(StrEnum):
    """How an endpoint answers."""

    REAL_TIME = "real-time"
    SERVERLESS = "serverless"
    ASYNCHRONOUS = "asynchronous"
    COMPONENTS = "inference components"

    @property
    def captures(self) -> bool:
        """Whether SageMaker records the traffic.

        https://docs.aws.amazon.com/sagemaker/latest/dg/model-deploy-feature-matrix.html
        """
        return self is ServingMode.REAL_TIME

    @property
    def no_capture_advice(self) -> str:
        """What to do where a monitor needs records that there are none of."""
        if self.captures:
            return "give it capture=DataCapture(bucket=...)"
        return (
            f"SageMaker captures no traffic of {self} endpoints. Serve the model from a real-time endpoint, or let the "
            "caller keep requests and answers and monitor those"
        )


# What a mode does not publish, and what to read instead. Both modes have lists that AWS calls exhaustive:
# https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints-monitoring.html
# https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html
_UNPUBLISHED: Mapping[ServingMode, Mapping[str, str]] = {
    ServingMode.SERVERLESS: {
        "InvocationsPerInstance": "ServerlessConcurrentExecutionsUtilization",
        "InvocationModelErrors": "Invocation5XXErrors",
        "CPUUtilization": "MemoryUtilization",
        "DiskUtilization": "MemoryUtilization",
    },
    ServingMode.ASYNCHRONOUS: {
        "Invocations": "ApproximateBacklogSize",
        "InvocationsPerInstance": "ApproximateBacklogSizePerInstance",
        "InvocationModelErrors": "InvocationFailures",
        "OverheadLatency": "TimeInBacklog",
    },
}

_QUEUE_METRICS = frozenset(
    {
        "ApproximateAgeOfOldestRequest",
        "ApproximateBacklogSize",
        "ApproximateBacklogSizePerInstance",
        "HasBacklogWithoutCapacity",
    }
)


def instead_of(mode: ServingMode, metric: str) -> str | None:
    """The metric to read where a mode does not publish the one asked for; None where it does."""
    return _UNPUBLISHED.get(mode, {}).get(metric)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What metrics are told apart by: a variant of an endpoint, or an inference component.

    :ivar endpoint: Name of the endpoint.
    :ivar name: Name of the variant or of the component.
    :ivar mode: How the endpoint answers.
    :ivar suffix: Suffix of the ids of what belongs to it.
    """

    endpoint: str
    name: str
    mode: ServingMode = ServingMode.REAL_TIME
    suffix: str = ""

    @property
    def title(self) -> str:
        """How messages call it."""
        return self.name if self.mode is ServingMode.COMPONENTS else f"{self.endpoint}/{self.name}"

    @property
    def log_group_name(self) -> str:
        """Where its containers log."""
        if self.mode is ServingMode.COMPONENTS:
            return f"/aws/sagemaker/InferenceComponents/{self.name}"
        return f"/aws/sagemaker/Endpoints/{self.endpoint}"

    def publishes(self, metric: str) -> bool:
        """Whether SageMaker publishes this metric here."""
        return instead_of(self.mode, metric) is None

    def measure(self, metric: str, *, statistic: str, namespace: str = INVOCATIONS_NAMESPACE) -> Measure:
        """One of its metrics, per minute."""
        if metric in _QUEUE_METRICS:
            return queue_measure(metric, self.endpoint, statistic=statistic)
        if self.mode is ServingMode.COMPONENTS:
            return Measure(
                namespace=namespace,
                name=metric,
                dimensions=(("InferenceComponentName", self.name),),
                statistic=statistic,
                period_seconds=60,
                label=f"{self.name} {metric}",
            )
        return variant_measure(metric, self.endpoint, self.name, statistic=statistic, namespace=namespace)


def variant_measure(
    metric: str, endpoint: str, variant: str, *, statistic: str, namespace: str = INVOCATIONS_NAMESPACE
) -> Measure:
    """A metric of one variant, per minute."""
    return Measure(
        namespace=namespace,
        name=metric,
        dimensions=(("EndpointName", endpoint), ("VariantName", variant)),
        statistic=statistic,
        period_seconds=60,
        label=f"{pascal(variant)} {metric}",
    )


def queue_measure(metric: str, endpoint: str, *, statistic: str) -> Measure:
    """A metric of an asynchronous endpoint's queue, which all its variants share."""
    return Measure(
        namespace=INVOCATIONS_NAMESPACE,
        name=metric,
        dimensions=(("EndpointName", endpoint),),
        statistic=statistic,
        period_seconds=60,
        label=metric,
    )
