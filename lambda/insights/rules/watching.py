"""Rules about the watching itself: a monitor that says nothing is no good news."""

from __future__ import annotations

from collections.abc import Iterator

from insights.facts import ModelFacts
from insights.recommendation import Recommendation

from .table import Rule

_UNLABELLED_SHARE = 0.5
_MANY_METRICS = 100
#: List price of a custom metric in us-east-1, of the first 10,000. https://aws.amazon.com/cloudwatch/pricing/
METRIC_MONTHLY_USD = 0.30


def runs_failed(facts: ModelFacts) -> Iterator[Recommendation]:
    """A monitor's runs failed in the period."""
    for monitor in facts.monitors:
        failed = int(monitor.failed.total)
        if failed:
            yield Recommendation(
                "runs-failed",
                f"{failed} runs of {monitor.schedule} failed",
                "act",
                "high",
                (f"runs failed: {failed}", f"runs completed: {int(monitor.completed.total)}"),
                "Read the reason in the Monitoring Execution event or in the monitor's log group; failed runs wait in "
                "its dead-letter queue and can be run again from there.",
            )


def nothing_watched(facts: ModelFacts) -> Iterator[Recommendation]:
    """The endpoint had traffic but a monitor completed no run."""
    if not facts.endpoint.invocations.total:
        return
    for monitor in facts.monitors:
        if not monitor.completed.total and not monitor.failed.total:
            yield Recommendation(
                "nothing-watched",
                f"{monitor.schedule} completed no run although there was traffic",
                "act",
                "high",
                (
                    f"invocations: {int(facts.endpoint.invocations.total):,}",
                    f"runs that found no data: {int(monitor.without_data.total)}",
                ),
                "Check that data capture is on, that labels arrive where the monitor looks for them, and that the "
                "schedule is enabled.",
            )


def baseline_missing(facts: ModelFacts) -> Iterator[Recommendation]:
    """The latest run of a monitor had no baseline to compare with."""
    for monitor in facts.monitors:
        if monitor.baseline_missing.latest:
            yield Recommendation(
                "baseline-missing",
                f"{monitor.schedule} has nothing to compare with",
                "act",
                "high",
                ("the latest run reported a missing baseline",),
                "Register the version with DriftCheckBaselines, or give the monitor a baseline from files; the latest "
                "report holds suggested constraints.",
            )


def label_delay(facts: ModelFacts) -> Iterator[Recommendation]:
    """More than half of the captured records had no label when the monitor looked."""
    for monitor in facts.monitors:
        with_label, without = monitor.labelled.total, monitor.unlabelled.total
        seen = with_label + without
        if seen and without / seen > _UNLABELLED_SHARE:
            yield Recommendation(
                "label-delay",
                f"{without / seen:.0%} of the records had no label when {monitor.schedule} looked",
                "watch",
                "high" if monitor.late.total else "medium",
                (
                    f"with label: {int(with_label):,}",
                    f"without: {int(without):,}",
                    f"came late: {int(monitor.late.total):,}",
                ),
                "Give labels more time: move the monitor's start and end offsets back by the usual delay.",
            )


def watching_cost(facts: ModelFacts) -> Iterator[Recommendation]:
    """The model's monitors publish more than a hundred custom metrics."""
    count = facts.custom_metrics
    if count > _MANY_METRICS:
        yield Recommendation(
            "watching-cost",
            f"Monitors publish {count} custom metrics",
            "note",
            "high",
            (
                f"about {count * METRIC_MONTHLY_USD:.0f} US dollars a month at CloudWatch's list price",
                *(f"{monitor.schedule}: {monitor.published}" for monitor in facts.monitors),
            ),
            "Publish none for each feature where the report is enough (publish_feature_metrics=False), or watch fewer.",
        )


def unread(facts: ModelFacts) -> Iterator[Recommendation]:
    """Something that belongs into this report could not be read."""
    if facts.unread:
        yield Recommendation(
            "unread",
            "This report is not complete",
            "note",
            "high",
            facts.unread,
            "Let the report's role read what is named, or remove what no longer exists.",
        )


RULES = (
    Rule("runs-failed", runs_failed),
    Rule("nothing-watched", nothing_watched),
    Rule("baseline-missing", baseline_missing),
    Rule("label-delay", label_delay),
    Rule("watching-cost", watching_cost),
    Rule("unread", unread),
)
