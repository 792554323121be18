"""What is watched on an endpoint, from when on it is an alarm, and what to do then."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ._errors import Problems
from .alarming import AlarmRule, MissingData, Severity
from .measures import Measure, MetricMath
from .serving_mode import (
    INSTANCES_NAMESPACE,
    INVOCATIONS_NAMESPACE,
    ServingMode,
    Traffic,
    queue_measure,
    variant_measure,
)

if TYPE_CHECKING:
    from .alarming import AlarmTarget

__all__ = [
    "INSTANCES_NAMESPACE",
    "INVOCATIONS_NAMESPACE",
    "ROLLBACK_WINDOW_MINUTES",
    "EndpointAlarms",
    "variant_measure",
]

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
        rules = (
            self._client_errors(traffic),
            self._server_errors(traffic),
            self._model_errors(traffic),
            self._latency(traffic),
            self._disk(traffic) if capture else None,
            self._concurrency(traffic) if traffic.mode is ServingMode.SERVERLESS else None,
            self._failures(traffic) if traffic.mode is ServingMode.ASYNCHRONOUS else None,
        )
        return [replace(rule, id=f"{rule.id}{traffic.suffix}") for rule in rules if rule is not None]

    def queue_rules(self, endpoint_name: str) -> list[AlarmRule]:
        """The alarms of an asynchronous endpoint's queue.

        :param endpoint_name: Name of the endpoint.
        """
        if self.queue_age_minutes is None:
            return []
        return [
            self._rule(
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
        candidates = (
            self._server_errors(traffic),
            self._model_errors(traffic) if traffic.publishes("InvocationModelErrors") else self._client_errors(traffic),
            self._latency(traffic, statistic="Average"),
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

    def _client_errors(self, traffic: Traffic) -> AlarmRule | None:
        return self._error_rate(
            "ClientErrors",
            "Invocation4XXErrors",
            self.client_error_percent,
            traffic,
            title="callers send requests that are refused (4xx)",
            advice="Compare what the caller sends (content type, columns, size up to 6 MB) with what the model takes; "
            "a caller that was released just before is the usual cause",
            severity=Severity.WARNING,
        )

    def _server_errors(self, traffic: Traffic) -> AlarmRule | None:
        return self._error_rate(
            "ServerErrors",
            "Invocation5XXErrors",
            self.server_error_percent,
            traffic,
            title="requests fail on our side (5xx)",
            advice=f"Read the log group {traffic.log_group_name}; if a new version went live just "
            "before, reject it in the registry and the previous one returns",
            severity=Severity.CRITICAL,
        )

    def _model_errors(self, traffic: Traffic) -> AlarmRule | None:
        return self._error_rate(
            "ModelErrors",
            "InvocationModelErrors",
            self.model_error_percent,
            traffic,
            title="the model's container answers with errors",
            advice=f"Read the container's log in {traffic.log_group_name}; the captured requests "
            "show which inputs it fails on",
            severity=Severity.CRITICAL,
        )

    def _error_rate(
        self,
        rule_id: str,
        metric: str,
        percent: float | None,
        traffic: Traffic,
        *,
        title: str,
        advice: str,
        severity: Severity,
    ) -> AlarmRule | None:
        if percent is None or not traffic.publishes(metric):
            return None
        return self._rule(
            rule_id,
            severity=severity,
            title=f"{traffic.title}: {title}, more than {percent:g} % of requests",
            advice=advice,
            measure=traffic.measure(metric, statistic="Average"),
            threshold=percent / 100,
            # No data means no request, and then none has failed.
            missing_data=MissingData.NOT_BREACHING,
        )

    def _latency(self, traffic: Traffic, *, statistic: str | None = None) -> AlarmRule | None:
        statistic = statistic or self.latency_statistic
        if self.latency_milliseconds is None:
            return None
        return self._rule(
            "Latency",
            severity=Severity.WARNING,
            title=f"{traffic.title}: {statistic} of the model's latency is above {self.latency_milliseconds:g} ms",
            advice="Compare with invocations per instance and CPU: above their usual level, add instances or lower "
            "invocations_per_instance; at their usual level, look at the model or its inputs",
            measure=traffic.measure("ModelLatency", statistic=statistic),
            # CloudWatch has ModelLatency in microseconds.
            threshold=self.latency_milliseconds * 1000,
            missing_data=MissingData.NOT_BREACHING,
        )

    def _disk(self, traffic: Traffic) -> AlarmRule | None:
        if self.disk_percent is None:
            return None
        return self._rule(
            "Disk",
            severity=Severity.CRITICAL,
            title=f"{traffic.title}: a disk is over {self.disk_percent:g} % full, data capture is about to stop",
            advice="Monitors go blind without an error when it stops. Lower the sampling percentage, give the variant "
            "a larger volume, or look for what the model writes to disk",
            measure=traffic.measure("DiskUtilization", statistic="Maximum", namespace=INSTANCES_NAMESPACE),
            threshold=self.disk_percent,
            # A gap in an instance's metrics frees no disk: the last state stays.
            missing_data=MissingData.IGNORE,
        )

    def _concurrency(self, traffic: Traffic) -> AlarmRule | None:
        if self.concurrency_percent is None:
            return None
        return self._rule(
            "Concurrency",
            severity=Severity.WARNING,
            title=f"{traffic.title}: more than {self.concurrency_percent:g} % of max_concurrency is in use",
            advice="Beyond it requests are refused. Raise serverless.max_concurrency (up to 200, within the account's "
            "quota), or give the containers more memory so that they answer faster",
            measure=traffic.measure("ServerlessConcurrentExecutionsUtilization", statistic="Maximum"),
            threshold=self.concurrency_percent / 100,
            missing_data=MissingData.NOT_BREACHING,
        )

    def _failures(self, traffic: Traffic) -> AlarmRule | None:
        if self.failed_requests is None:
            return None
        return self._rule(
            "Failures",
            severity=Severity.CRITICAL,
            title=f"{traffic.title}: more than {self.failed_requests} requests a minute fail",
            advice="What failed lies below the failure path in S3, one object for each request; the log group "
            f"{traffic.log_group_name} names them by inference id",
            measure=traffic.measure("InvocationFailures", statistic="Sum"),
            threshold=self.failed_requests,
            missing_data=MissingData.NOT_BREACHING,
        )

    def _rule(
        self,
        rule_id: str,
        *,
        severity: Severity,
        title: str,
        advice: str,
        measure: Measure,
        threshold: float,
        missing_data: MissingData,
    ) -> AlarmRule:
        return AlarmRule(
            id=rule_id,
            severity=severity,
            title=title,
            advice=advice,
            measure=measure,
            threshold=threshold,
            evaluation_periods=self.evaluation_minutes,
            datapoints=self.evaluation_minutes // 2 + 1,
            missing_data=missing_data,
        )


def _of_configuration(measure: Measure | MetricMath, config_name: str) -> Measure:
    assert isinstance(measure, Measure)  # noqa: S101  (each rule of this module watches one metric)
    return replace(measure, dimensions=(*measure.dimensions, ("EndpointConfigName", config_name)))
