"""What is watched on an endpoint, from when on it is an alarm, and what to do then."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from . import _traffic_rules
from ._errors import Problems
from .alarming import AlarmRule, MissingData, Severity
from .measures import Measure, MetricMath
from .serving_mode import ServingMode, Traffic, queue_measure

if TYPE_CHECKING:
    from .alarming import AlarmTarget

#: How far back a rollback alarm looks: 2 bad minutes out of 3. A shorter bake time would end before the alarm goes off.
ROLLBACK_WINDOW_MINUTES = 3
_LONGEST_REQUEST_MILLISECONDS = {ServingMode.ASYNCHRONOUS: 3_600_000}
_LONGEST_ANSWER_MILLISECONDS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointAlarms:
    """From when on an endpoint's figures are an alarm. Each applies to every variant, or to every inference component;
    None leaves an alarm out. A figure that SageMaker does not publish for the kind of endpoint has no alarm.

    They exist, and cost what CloudWatch charges for an alarm, before a followed group has its first version; without
    data none of them goes off. Only those that stop rollouts come and go with the endpoint.

    :param client_error_percent: Share of requests that are answered with 4xx. Default: 5.
    :param server_error_percent: Share of requests that are answered with 5xx. Default: 1.
    :param model_error_percent: Share of requests that the container answers with anything but 2xx. Default: 1.
    :param latency_milliseconds: Time that the container takes, in the percentile `latency_statistic`. Asynchronous
        endpoints take up to an hour and have a default of their own, no alarm, if `alarms` is left out altogether.
        Default: 1000.
    :param latency_statistic: Percentile of the latency, p1 to p99.9. Default: p99.
    :param disk_percent: Disk in use, where data capture is on: SageMaker stops recording without a word when disks
        fill up, and advises to stay below 75. Default: 70.
    :param concurrency_percent: Requests at once, in percent of a serverless variant's `max_concurrency`; beyond it
        requests are refused. Default: 90.
    :param failed_requests: Requests a minute that an asynchronous endpoint gives up. Default: 0.
    :param queue_age_minutes: Age of the oldest request that an asynchronous endpoint has not finished. Default: 60.
    :param evaluation_minutes: How long a figure is looked at; most of that time has to be bad. Default: 5.
    :param targets: Who hears of them. Default: - nobody; the alarms still show and roll back.
    """

    client_error_percent: float | None = 5.0
    server_error_percent: float | None = 1.0
    model_error_percent: float | None = 1.0
    latency_milliseconds: float | None = 1000.0
    latency_statistic: str = "p99"
    disk_percent: float | None = 70.0
    evaluation_minutes: int = 5
    targets: Sequence[AlarmTarget] = ()
    concurrency_percent: float | None = 90.0
    failed_requests: int | None = 0
    queue_age_minutes: float | None = 60.0

    @staticmethod
    def none() -> EndpointAlarms:
        """No alarms at all; a rollout is then stopped by alarms that you name, or by nothing."""
        return EndpointAlarms(
            client_error_percent=None,
            server_error_percent=None,
            model_error_percent=None,
            latency_milliseconds=None,
            disk_percent=None,
            concurrency_percent=None,
            failed_requests=None,
            queue_age_minutes=None,
        )

    @staticmethod
    def usual(mode: ServingMode) -> EndpointAlarms:
        """The defaults for a kind of endpoint."""
        return EndpointAlarms(latency_milliseconds=None) if mode is ServingMode.ASYNCHRONOUS else EndpointAlarms()

    def problems(self, mode: ServingMode = ServingMode.REAL_TIME) -> Iterable[str]:
        """Say which thresholds could never be crossed, or always.

        :param mode: How the endpoint answers.
        """
        problems = Problems()
        for prop in (
            "client_error_percent",
            "server_error_percent",
            "model_error_percent",
            "disk_percent",
            "concurrency_percent",
        ):
            value = getattr(self, prop)
            if value is not None and not 0 <= value < 100:
                problems.add(f"{prop} is {value}, allowed are 0 to below 100 percent, or None for no alarm")
        longest = _LONGEST_REQUEST_MILLISECONDS.get(mode, _LONGEST_ANSWER_MILLISECONDS)
        if self.latency_milliseconds is not None and not 0 < self.latency_milliseconds <= longest:
            problems.add(
                f"latency_milliseconds is {self.latency_milliseconds}, allowed are above 0 to {longest} (SageMaker "
                f"ends a request after {longest // 1000} seconds), or None for no alarm"
            )
        if self.failed_requests is not None and self.failed_requests < 0:
            problems.add(f"failed_requests is {self.failed_requests}, allowed are numbers from 0, or None for no alarm")
        if self.queue_age_minutes is not None and self.queue_age_minutes <= 0:
            problems.add(
                f"queue_age_minutes is {self.queue_age_minutes}, allowed are numbers above 0, or None for no alarm"
            )
        problems.matches(
            "latency_statistic", self.latency_statistic, r"p\d{1,2}(\.\d{1,2})?", "allowed are percentiles such as p99"
        )
        problems.between("evaluation_minutes", self.evaluation_minutes, 1, 60, "minutes")
        return problems.found()

    def rules(self, traffic: Traffic, *, capture: bool) -> list[AlarmRule]:
        """The alarms that people hear of, of one variant or component.

        :param traffic: What is watched.
        :param capture: Whether traffic is recorded, so that a full disk matters.
        """
        minutes = self.evaluation_minutes
        serverless, queued = traffic.mode is ServingMode.SERVERLESS, traffic.mode is ServingMode.ASYNCHRONOUS
        rules = (
            _traffic_rules.client_errors(traffic, self.client_error_percent, minutes),
            _traffic_rules.server_errors(traffic, self.server_error_percent, minutes),
            _traffic_rules.model_errors(traffic, self.model_error_percent, minutes),
            _traffic_rules.latency(traffic, self.latency_milliseconds, self.latency_statistic, minutes),
            _traffic_rules.disk(traffic, self.disk_percent, minutes) if capture else None,
            _traffic_rules.concurrency(traffic, self.concurrency_percent, minutes) if serverless else None,
            _traffic_rules.failures(traffic, self.failed_requests, minutes) if queued else None,
        )
        return [replace(rule, id=f"{rule.id}{traffic.suffix}") for rule in rules if rule is not None]

    def queue_rules(self, endpoint_name: str) -> list[AlarmRule]:
        """The alarms of an asynchronous endpoint's queue.

        :param endpoint_name: Name of the endpoint.
        """
        if self.queue_age_minutes is None:
            return []
        return [
            _traffic_rules.rule(
                self.evaluation_minutes,
                "QueueAge",
                severity=Severity.WARNING,
                title=f"{endpoint_name}: a request has been waiting for more than {self.queue_age_minutes:g} minutes",
                advice="Compare the backlog with the number of instances: raise scaling.max_instances, lower "
                "backlog_per_instance, or look for requests that the model is stuck in. Requests expire after the time "
                "that the caller gave, 6 hours by default",
                measure=queue_measure("ApproximateAgeOfOldestRequest", endpoint_name, statistic="Maximum"),
                # The metric is in seconds.
                threshold=self.queue_age_minutes * 60,
                # An empty queue has no oldest request.
                missing_data=MissingData.NOT_BREACHING,
            )
        ]

    def rollback_rules(self, traffic: Traffic, config_name: str | None) -> list[AlarmRule]:
        """The alarms that stop a rollout: errors and latency of what is new.

        A model that was trained on other columns than clients send answers with 4xx as often as with 5xx; both count as
        model errors, so these are watched beside SageMaker's own server errors. Where those are not published, the
        container's 4xx take their place.

        A fleet is told apart from the old one by the name of its endpoint configuration; copies of an inference
        component cannot be told apart. A minute without requests says nothing about the new model, hence missing data
        is not breaching. Latency is the mean here: the first requests of a fresh container are slow, and a percentile
        of a canary's few requests would take them for the model.

        :param traffic: What is watched.
        :param config_name: Name of the new endpoint configuration; None for an inference component.
        """
        minutes = self.evaluation_minutes
        candidates = (
            _traffic_rules.server_errors(traffic, self.server_error_percent, minutes),
            _traffic_rules.model_errors(traffic, self.model_error_percent, minutes)
            if traffic.publishes("InvocationModelErrors")
            else _traffic_rules.client_errors(traffic, self.client_error_percent, minutes),
            _traffic_rules.latency(traffic, self.latency_milliseconds, "Average", minutes),
        )
        subject = "New fleet" if config_name is not None else "During the update"
        return [
            replace(
                rule,
                id=f"Rollback{rule.id}{traffic.suffix}",
                title=f"{subject}: {rule.title}",
                advice="During a rollout SageMaker returns to the old fleet and the stack update fails; the version is "
                "not tried again. Look into the new model's log and what it was tested with",
                measure=_of_configuration(rule.measure, config_name) if config_name is not None else rule.measure,
                evaluation_periods=ROLLBACK_WINDOW_MINUTES,
                datapoints=2,
            )
            for rule in candidates
            if rule is not None
        ]


def _of_configuration(measure: Measure | MetricMath, config_name: str) -> Measure:
    assert isinstance(measure, Measure)  # noqa: S101  (each rule of this module watches one metric)
    return replace(measure, dimensions=(*measure.dimensions, ("EndpointConfigName", config_name)))
