"""What a dashboard shows of an endpoint, by the way in which it serves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from .monitoring.analysis import Chart
from .serving_mode import (
    COMPONENTS_NAMESPACE,
    INSTANCES_NAMESPACE,
    INVOCATIONS_NAMESPACE,
    ServingMode,
    Traffic,
    queue_measure,
    variant_measure,
)

if TYPE_CHECKING:
    from .endpoint_base import EndpointBase
    from .measures import Measure

_FAILURES = ("Invocation4XXErrors", "Invocation5XXErrors", "InvocationModelErrors")


def endpoint_charts(endpoint: EndpointBase) -> Iterator[Chart]:
    """Is it used, does it work, has it room?"""
    watched = _watched(endpoint)
    if endpoint.mode is ServingMode.ASYNCHRONOUS:
        yield from _queue(endpoint.endpoint_name, watched)
    else:
        yield Chart(title="Requests per minute", measures=_each(watched, "Invocations", "Sum"))
    yield Chart(
        title="Share of failing requests",
        measures=tuple(
            measure
            for name in _FAILURES
            for measure in _each([traffic for traffic in watched if traffic.publishes(name)], name, "Average")
        ),
    )
    yield Chart(
        title="Latency (microseconds)",
        measures=(*_each(watched, "ModelLatency", "p50"), *_each(watched, "ModelLatency", "p99")),
    )
    if endpoint.mode is ServingMode.SERVERLESS:
        yield from _containers(watched)
        return
    yield Chart(
        title="Instances: percent in use",
        measures=tuple(
            variant_measure(name, endpoint.endpoint_name, fleet, statistic="Maximum", namespace=INSTANCES_NAMESPACE)
            for name in ("CPUUtilization", "MemoryUtilization", "DiskUtilization")
            for fleet in _fleets(endpoint)
        ),
    )
    if endpoint.loads_models:
        yield from _loading(watched)
    if endpoint.mode is ServingMode.COMPONENTS:
        yield Chart(
            title="Components: percent of what is reserved",
            measures=tuple(
                measure
                for name in ("CPUUtilizationNormalized", "MemoryUtilizationNormalized")
                for measure in _each(watched, name, "Maximum", COMPONENTS_NAMESPACE)
            ),
        )


def _fleets(endpoint: EndpointBase) -> list[str]:
    return [*endpoint.variant_names, *([endpoint.shadow_name] if endpoint.shadow_name else [])]


def _watched(endpoint: EndpointBase) -> list[Traffic]:
    return [endpoint.traffic(name) for name in endpoint.component_names or _fleets(endpoint)]


def _each(
    watched: Sequence[Traffic], name: str, statistic: str, namespace: str = INVOCATIONS_NAMESPACE
) -> tuple[Measure, ...]:
    return tuple(traffic.measure(name, statistic=statistic, namespace=namespace) for traffic in watched)


def _queue(endpoint_name: str, watched: Sequence[Traffic]) -> Iterator[Chart]:
    yield Chart(
        title="Requests in the queue",
        measures=(
            queue_measure("ApproximateBacklogSize", endpoint_name, statistic="Maximum"),
            queue_measure("ApproximateBacklogSizePerInstance", endpoint_name, statistic="Maximum"),
        ),
    )
    yield Chart(
        title="Age of the oldest request (seconds)",
        measures=(queue_measure("ApproximateAgeOfOldestRequest", endpoint_name, statistic="Maximum"),),
    )
    yield Chart(
        title="Requests given up per minute",
        measures=(*_each(watched, "InvocationFailures", "Sum"), *_each(watched, "ExpiredRequests", "Sum")),
    )


def _loading(watched: Sequence[Traffic]) -> Iterator[Chart]:
    yield Chart(title="Models: share that is loaded already", measures=_each(watched, "ModelCacheHit", "Average"))
    yield Chart(title="Models: wait for loading (us)", measures=_each(watched, "ModelLoadingWaitTime", "Maximum"))
    yield Chart(
        title="Models: loaded on all instances",
        measures=_each(watched, "LoadedModelCount", "Sum", INSTANCES_NAMESPACE),
    )


def _containers(watched: Sequence[Traffic]) -> Iterator[Chart]:
    yield Chart(
        title="Containers: share of max_concurrency in use",
        measures=_each(watched, "ServerlessConcurrentExecutionsUtilization", "Maximum"),
    )
    yield Chart(title="Cold starts (microseconds)", measures=_each(watched, "ModelSetupTime", "Maximum"))
    yield Chart(
        title="Memory: percent in use", measures=_each(watched, "MemoryUtilization", "Maximum", INSTANCES_NAMESPACE)
    )
