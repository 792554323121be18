"""Rules about the endpoint: errors, size, cost."""

from __future__ import annotations

from collections.abc import Iterator

from insights.facts import ModelFacts
from insights.recommendation import Recommendation

from .table import Rule

_ERROR_SHARE = 0.01
_ENOUGH_REQUESTS = 100
_IDLE_CPU, _IDLE_MEMORY, _BUSY_CPU = 15.0, 60.0, 70.0
_RARE_REQUESTS_PER_HOUR = 60.0
_HOURS_PER_MONTH = 730


def server_errors(facts: ModelFacts) -> Iterator[Recommendation]:
    """More than one request in a hundred failed in the endpoint."""
    endpoint = facts.endpoint
    total = endpoint.invocations.total
    if total >= _ENOUGH_REQUESTS and endpoint.server_errors.total / total > _ERROR_SHARE:
        yield Recommendation(
            "server-errors",
            f"{endpoint.server_errors.total / total:.1%} of the requests failed in the endpoint",
            "act",
            "high",
            (f"requests: {int(total):,}", f"failed: {int(endpoint.server_errors.total):,}"),
            "Read the container's log in /aws/sagemaker/Endpoints; roll back by rejecting the live version.",
        )


def client_errors(facts: ModelFacts) -> Iterator[Recommendation]:
    """More than one request in a hundred was refused as wrong."""
    endpoint = facts.endpoint
    total = endpoint.invocations.total
    if total >= _ENOUGH_REQUESTS and endpoint.client_errors.total / total > _ERROR_SHARE:
        yield Recommendation(
            "client-errors",
            f"{endpoint.client_errors.total / total:.1%} of the requests were refused",
            "watch",
            "high",
            (f"requests: {int(total):,}", f"refused: {int(endpoint.client_errors.total):,}"),
            "A caller sends what the model cannot read, or a version was trained on other columns.",
        )


def over_provisioned(facts: ModelFacts) -> Iterator[Recommendation]:
    """More than one instance, and even the busiest hour needed a fraction of them."""
    endpoint = facts.endpoint
    highest, memory = endpoint.cpu.highest, endpoint.memory.highest
    if endpoint.instances < 2 or highest is None or highest >= _IDLE_CPU or (memory or 0.0) >= _IDLE_MEMORY:
        return
    spare = endpoint.instances - 1
    yield Recommendation(
        "over-provisioned",
        f"{endpoint.instances} instances of {endpoint.instance_type} are more than the traffic needs",
        "note",
        "high" if memory is not None else "medium",
        (
            f"busiest hour: {highest:.0f} % of a processor's time"
            + ("" if memory is None else f", {memory:.0f} % memory"),
            f"each instance less saves {_HOURS_PER_MONTH} instance hours a month; {spare} could go",
        ),
        "Lower scaling.min, or choose a smaller instance type. Two instances survive the loss of a zone, one does not.",
    )


def under_provisioned(facts: ModelFacts) -> Iterator[Recommendation]:
    """The processors were busy on average: a peak will find no room."""
    endpoint = facts.endpoint
    mean = endpoint.cpu.mean
    if mean is not None and mean > _BUSY_CPU:
        latency = endpoint.latency_ms.latest
        yield Recommendation(
            "under-provisioned",
            f"Processors are busy for {mean:.0f} % of the time",
            "act",
            "medium",
            (f"mean utilization {mean:.0f} %", *((f"p90 latency {latency:.0f} ms",) if latency is not None else ())),
            "Raise scaling.max and lower invocations_per_instance, or take a larger instance type.",
        )


def rarely_asked(facts: ModelFacts) -> Iterator[Recommendation]:
    """The endpoint holds instances for less than a request a minute."""
    endpoint = facts.endpoint
    hours = (facts.until - facts.since).total_seconds() / 3600
    rate = endpoint.invocations.total / hours
    if (
        endpoint.instance_type
        and endpoint.instances
        and rate < _RARE_REQUESTS_PER_HOUR
        and endpoint.status == "InService"
    ):
        yield Recommendation(
            "rarely-asked",
            f"{rate:.1f} requests an hour keep {endpoint.instances} instances busy with waiting",
            "note",
            "high",
            (
                f"requests in the period: {int(endpoint.invocations.total):,}",
                f"{endpoint.instances * _HOURS_PER_MONTH} instance hours of {endpoint.instance_type} a month",
            ),
            "A serverless endpoint, inference components that scale to zero, or batch transform cost a fraction; see "
            "docs/serving.md for what each gives up.",
        )


RULES = (
    Rule("server-errors", server_errors),
    Rule("client-errors", client_errors),
    Rule("over-provisioned", over_provisioned),
    Rule("under-provisioned", under_provisioned),
    Rule("rarely-asked", rarely_asked),
)
