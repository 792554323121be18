"""Which values one invocation adds to the metrics, by serving mode.

Lists of metrics by mode: https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html, and the pages on
monitoring serverless and asynchronous endpoints.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .serverless import Entry, Gate
from .serving.predictor import Loading

Values = Iterator[tuple[str, float]]


@dataclass(frozen=True)
class Outcome:
    """One invocation as the metrics see it."""

    status: int
    model_microseconds: float
    overhead_microseconds: float
    concurrent: int = 1
    """Requests that the variant or component worked on when this one came, itself included."""


def on_instances(outcome: Outcome, instances: int) -> Values:
    """A variant on instances."""
    yield "Invocations", 1.0
    yield "InvocationsPerInstance", 1.0 / max(instances, 1)
    yield "ConcurrentRequestsPerModel", outcome.concurrent / max(instances, 1)
    yield from _errors(outcome)
    yield "InvocationModelErrors", float(outcome.status >= 300)
    yield from _latencies(outcome)


def in_component(outcome: Outcome, copies: int) -> Values:
    """An inference component."""
    yield "Invocations", 1.0
    yield "InvocationsPerCopy", 1.0 / max(copies, 1)
    yield "ConcurrentRequestsPerCopy", outcome.concurrent / max(copies, 1)
    yield from _errors(outcome)
    yield "InvocationModelErrors", float(outcome.status >= 300)
    yield from _latencies(outcome)


def serverless(outcome: Outcome, gate: Gate, entry: Entry) -> Values:
    """A serverless variant. Its documentation lists all metrics that there are; InvocationModelErrors is not one."""
    yield "Invocations", 1.0
    yield from _errors(outcome)
    yield from _latencies(outcome)
    if entry.cold:
        yield "ModelSetupTime", entry.setup_microseconds
    yield "ServerlessConcurrentExecutionsUtilization", entry.running / gate.most
    if gate.provisioned:
        yield "ServerlessProvisionedConcurrencyExecutions", float(min(entry.running, gate.provisioned))
        yield "ServerlessProvisionedConcurrencyUtilization", min(entry.running, gate.provisioned) / gate.provisioned
        kind = "Invocations" if entry.provisioned else "SpilloverInvocations"
        yield f"ServerlessProvisionedConcurrency{kind}", 1.0


def asynchronous(outcome: Outcome) -> Values:
    """The model's part of an asynchronous invocation; neither Invocations nor OverheadLatency are published for it."""
    yield from _errors(outcome)
    yield "ModelLatency", outcome.model_microseconds


def loading(found: Loading) -> Values:
    """How a multi-model container got at a request's model."""
    yield "ModelCacheHit", float(found.hit)
    if found.hit:
        return
    yield "ModelLoadingWaitTime", found.wait_microseconds
    yield "ModelDownloadingTime", found.download_microseconds
    yield "ModelLoadingTime", found.load_microseconds
    for microseconds in found.unload_microseconds:
        yield "ModelUnloadingTime", microseconds


def _errors(outcome: Outcome) -> Values:
    yield "Invocation4XXErrors", float(400 <= outcome.status < 500)
    yield "Invocation5XXErrors", float(outcome.status >= 500)


def _latencies(outcome: Outcome) -> Values:
    yield "ModelLatency", outcome.model_microseconds
    yield "OverheadLatency", outcome.overhead_microseconds
