"""What is watched on an endpoint, from when on it is an alarm, and what to do then."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ._errors import Problems
from ._naming import pascal
from .alarming import AlarmRule, MissingData, Severity
from .measures import Measure, MetricMath

if TYPE_CHECKING:
    from .alarming import AlarmTarget

#: Invocation metrics, one data point a minute; errors are 0 or 1 per request, so their average is a rate.
#: https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html
INVOCATIONS_NAMESPACE = "AWS/SageMaker"
#: Instance metrics. The leading slash is right here, and wrong for the monitors' metrics.
INSTANCES_NAMESPACE = "/aws/sagemaker/Endpoints"

#: How far back a rollback alarm looks: 2 bad minutes out of 3. A shorter bake time would end before the alarm goes off.
ROLLBACK_WINDOW_MINUTES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointAlarms:
    """From when on an endpoint's figures are an alarm. Each applies to every variant; None leaves an alarm out.

    They exist, and cost what CloudWatch charges for an alarm, before a followed group has its first version; without
    data none of them goes off. Only those that stop rollouts come and go with the endpoint.

    :param client_error_percent: Share of requests that are answered with 4xx. Default: 5.
    :param server_error_percent: Share of requests that are answered with 5xx. Default: 1.
    :param model_error_percent: Share of requests that the container answers with anything but 2xx. Default: 1.
    :param latency_milliseconds: Time that the container takes, in the percentile `latency_statistic`. Default: 1000.
    :param latency_statistic: Percentile of the latency, p1 to p99.9. Default: p99.
    :param disk_percent: Disk in use, where data capture is on: SageMaker stops recording without a word when disks
        fill up, and advises to stay below 75. Default: 70.
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

    @staticmethod
    def none() -> EndpointAlarms:
        """No alarms at all; a rollout is then stopped by alarms that you name, or by nothing."""
        return EndpointAlarms(
            client_error_percent=None,
            server_error_percent=None,
            model_error_percent=None,
            latency_milliseconds=None,
            disk_percent=None,
        )

    def problems(self) -> Iterable[str]:
        """Say which thresholds could never be crossed, or always."""
        problems = Problems()
        for prop in ("client_error_percent", "server_error_percent", "model_error_percent", "disk_percent"):
            value = getattr(self, prop)
            if value is not None and not 0 <= value < 100:
                problems.add(f"{prop} is {value}, allowed are 0 to below 100 percent, or None for no alarm")
        if self.latency_milliseconds is not None and not 0 < self.latency_milliseconds <= 60_000:
            problems.add(
                f"latency_milliseconds is {self.latency_milliseconds}, allowed are above 0 to 60000 (SageMaker ends a "
                "request after 60 seconds), or None for no alarm"
            )
        problems.matches(
            "latency_statistic", self.latency_statistic, r"p\d{1,2}(\.\d{1,2})?", "allowed are percentiles such as p99"
        )
        problems.between("evaluation_minutes", self.evaluation_minutes, 1, 60, "minutes")
        return problems.found()

    def rules(self, endpoint_name: str, variant: str, suffix: str, *, capture: bool) -> list[AlarmRule]:
        """The alarms that people hear of.

        :param endpoint_name: Name of the endpoint.
        :param variant: Name of the variant.
        :param suffix: Suffix of the alarms' ids, distinguishes variants.
        :param capture: Whether traffic is recorded, so that a full disk matters.
        """
        rules = [
            rule
            for rule in (
                self._client_errors(endpoint_name, variant),
                self._server_errors(endpoint_name, variant),
                self._model_errors(endpoint_name, variant),
                self._latency(endpoint_name, variant),
                self._disk(endpoint_name, variant) if capture else None,
            )
            if rule is not None
        ]
        return [replace(rule, id=f"{rule.id}{suffix}") for rule in rules]

    def rollback_rules(self, endpoint_name: str, variant: str, suffix: str, config_name: str) -> list[AlarmRule]:
        """The alarms that stop a rollout: errors and latency of the fleet of one endpoint configuration.

        A model that was trained on other columns than clients send answers with 4xx as often as with 5xx; both count as
        model errors, so these are watched beside SageMaker's own server errors.

        They are told apart from the old fleet by the configuration's name. A minute without requests says nothing about
        the new model, hence missing data is not breaching. Latency is the mean here: the first requests of a fresh
        container are slow, and a percentile of a canary's few requests would take them for the model.
        """
        candidates = (
            self._server_errors(endpoint_name, variant),
            self._model_errors(endpoint_name, variant),
            self._latency(endpoint_name, variant, statistic="Average"),
        )
        return [
            replace(
                rule,
                id=f"Rollback{rule.id}{suffix}",
                title=f"New fleet: {rule.title}",
                advice="During a rollout SageMaker returns to the old fleet and the stack update fails; the version is "
                "not tried again. Look into the new model's log and what it was tested with",
                measure=_of_configuration(rule.measure, config_name),
                evaluation_periods=ROLLBACK_WINDOW_MINUTES,
                datapoints=2,
            )
            for rule in candidates
            if rule is not None
        ]

    def _client_errors(self, endpoint: str, variant: str) -> AlarmRule | None:
        return self._error_rate(
            "ClientErrors",
            "Invocation4XXErrors",
            self.client_error_percent,
            endpoint,
            variant,
            title="callers send requests that are refused (4xx)",
            advice="Compare what the caller sends (content type, columns, size up to 6 MB) with what the model takes; "
            "a caller that was released just before is the usual cause",
            severity=Severity.WARNING,
        )

    def _server_errors(self, endpoint: str, variant: str) -> AlarmRule | None:
        return self._error_rate(
            "ServerErrors",
            "Invocation5XXErrors",
            self.server_error_percent,
            endpoint,
            variant,
            title="requests fail on our side (5xx)",
            advice=f"Read the log group /aws/sagemaker/Endpoints/{endpoint}; if a new version went live just before, "
            "reject it in the registry and the previous one returns",
            severity=Severity.CRITICAL,
        )

    def _model_errors(self, endpoint: str, variant: str) -> AlarmRule | None:
        return self._error_rate(
            "ModelErrors",
            "InvocationModelErrors",
            self.model_error_percent,
            endpoint,
            variant,
            title="the model's container answers with errors",
            advice=f"Read the container's log in /aws/sagemaker/Endpoints/{endpoint}; the captured requests show which "
            "inputs it fails on",
            severity=Severity.CRITICAL,
        )

    def _error_rate(
        self,
        rule_id: str,
        metric: str,
        percent: float | None,
        endpoint: str,
        variant: str,
        *,
        title: str,
        advice: str,
        severity: Severity,
    ) -> AlarmRule | None:
        if percent is None:
            return None
        return self._rule(
            rule_id,
            severity=severity,
            title=f"{endpoint}/{variant}: {title}, more than {percent:g} % of requests",
            advice=advice,
            measure=variant_measure(metric, endpoint, variant, statistic="Average"),
            threshold=percent / 100,
            # No data means no request, and then none has failed.
            missing_data=MissingData.NOT_BREACHING,
        )

    def _latency(self, endpoint: str, variant: str, *, statistic: str | None = None) -> AlarmRule | None:
        statistic = statistic or self.latency_statistic
        if self.latency_milliseconds is None:
            return None
        return self._rule(
            "Latency",
            severity=Severity.WARNING,
            title=f"{endpoint}/{variant}: {statistic} of the model's latency is above {self.latency_milliseconds:g} ms",
            advice="Compare with invocations per instance and CPU: above their usual level, add instances or lower "
            "invocations_per_instance; at their usual level, look at the model or its inputs",
            measure=variant_measure("ModelLatency", endpoint, variant, statistic=statistic),
            # CloudWatch has ModelLatency in microseconds.
            threshold=self.latency_milliseconds * 1000,
            missing_data=MissingData.NOT_BREACHING,
        )

    def _disk(self, endpoint: str, variant: str) -> AlarmRule | None:
        if self.disk_percent is None:
            return None
        return self._rule(
            "Disk",
            severity=Severity.CRITICAL,
            title=f"{endpoint}/{variant}: a disk is over {self.disk_percent:g} % full, data capture is about to stop",
            advice="Monitors go blind without an error when it stops. Lower the sampling percentage, give the variant "
            "a larger volume, or look for what the model writes to disk",
            measure=variant_measure(
                "DiskUtilization", endpoint, variant, statistic="Maximum", namespace=INSTANCES_NAMESPACE
            ),
            threshold=self.disk_percent,
            # A gap in an instance's metrics frees no disk: the last state stays.
            missing_data=MissingData.IGNORE,
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
