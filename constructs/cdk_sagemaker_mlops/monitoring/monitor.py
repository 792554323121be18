"""The base of all monitors: endpoint in, runs, reports, metrics, events and alarms out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import aws_cdk as cdk
from constructs import Construct

from cdk_sagemaker_mlops import _naming, _paths
from cdk_sagemaker_mlops._block import Block
from cdk_sagemaker_mlops._errors import Problems
from cdk_sagemaker_mlops.alarming import Alarm, AlarmRule, AlarmTarget, add_alarms, monthly_usd

from .analysis import RUN_NAMESPACE, Analysis, Chart, MonitorView
from .baseline import Baseline, BaselineRequest, BoundBaseline
from .engine import BoundEngine, Engine, EngineRequest
from .locations import Location
from .run_metrics import RunMetrics
from .run_rules import MonitorAlarms, run_rules
from .schedule import MonitoringSchedule

if TYPE_CHECKING:
    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk.aws_s3 import IBucket

    from cdk_sagemaker_mlops.capture import DataCapture

    from .target import MonitoredEndpoint

_DEFAULT_REPORTS_PREFIX = "monitoring-reports"


class Monitor(RunMetrics, Construct):
    """Watches an endpoint on a schedule. Use one of its subclasses.

    A monitor made without `endpoint` waits for `endpoint.add_monitor(monitor)`.

    :ivar alarms: What it defined, readable for composite alarms and dashboards.
    :ivar engine: What runs it, with role and log group.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        analysis: Analysis,
        endpoint: MonitoredEndpoint | None,
        reports: IBucket | None,
        reports_prefix: str,
        baseline: Baseline | None,
        schedule: MonitoringSchedule | None,
        engine: Engine | None,
        notifications: Sequence[AlarmTarget],
        alarms: MonitorAlarms | None,
        name: str | None,
    ) -> None:
        super().__init__(scope, construct_id)
        _paths.place(self, scope, construct_id)
        self._analysis = analysis
        self._reports = reports
        self._reports_prefix = reports_prefix.strip("/")
        self._baseline = baseline or Baseline.from_registry()
        self._schedule = schedule or MonitoringSchedule.hourly()
        self._engine = engine or Engine.LAMBDA
        self._targets = tuple(notifications)
        self._alarm_options = alarms or MonitorAlarms()
        self._name = name
        self._endpoint: MonitoredEndpoint | None = None
        self._bound_engine: BoundEngine | None = None
        self._bound_baseline: BoundBaseline | None = None
        self.alarms: tuple[Alarm, ...] = ()
        if endpoint is not None:
            endpoint.add_monitor(self)

    def bind(self, endpoint: MonitoredEndpoint) -> None:
        """Connects the monitor with its endpoint and defines everything. `endpoint.add_monitor` calls it.

        :param endpoint: What to watch.
        """
        capture = endpoint.capture
        self._check(endpoint, capture)
        assert capture is not None  # noqa: S101  (checked above)
        self._endpoint = endpoint
        stack = endpoint.stack
        block = Block(self)
        reports = Location(self._reports or capture.bucket, self._reports_prefix or self._fallback_prefix)
        self._bound_baseline = self._baseline.bind(
            BaselineRequest(
                block=block,
                stack=stack,
                endpoint_name=endpoint.endpoint_name,
                monitoring_type=self._analysis.monitoring_type,
                has_statistics=self._analysis.has_statistics,
                parameter_prefix=endpoint.parameter_prefix,
                reports=reports,
            )
        )
        self.reports_uri = reports.below(endpoint.endpoint_name, self.schedule_name).uri
        self._bound_engine = self._engine.bind(
            EngineRequest(
                block=block,
                stack=stack,
                monitoring_type=self._analysis.monitoring_type,
                endpoint_name=endpoint.endpoint_name,
                schedule_name=self.schedule_name,
                capture=capture,
                reports=reports,
                schedule=self._schedule,
                baseline=self._bound_baseline,
                settings=self._analysis.settings(endpoint.endpoint_name),
                statements=tuple(self._analysis.statements(endpoint.endpoint_name)),
                metric_namespaces=(RUN_NAMESPACE, self._analysis.namespace),
                model_package_arn=endpoint.model_package_arn,
                report_hint=self.report_hint,
            )
        )
        rules = [*self._rules(), *self._bound_engine.rules]
        problems = Problems()
        problems.extend(self._alarm_options.count_problems(len(rules)))
        for rule in rules:
            problems.extend(rule.problems())
        problems.raise_if_any(self)
        self.alarms = add_alarms(block, rules, self._targets, name_prefix=self.schedule_name)
        block.define()
        if endpoint.condition_id is not None:
            for member in self._bound_engine.conditional:
                # One call; `cfn_options.condition` would be two. Only the endpoint's own block knows the condition.
                member.resource.add_override("Condition", endpoint.condition_id)

    def _check(self, endpoint: MonitoredEndpoint, capture: DataCapture | None) -> None:
        problems = Problems()
        problems.require(
            self._endpoint is None,
            f"it already watches {self._endpoint.endpoint_name if self._endpoint else ''}; "
            f"define another monitor for {endpoint.endpoint_name}",
        )
        problems.require(
            capture is not None,
            f"endpoint {endpoint.endpoint_name} captures no data, so there is nothing to analyse; "
            "give the endpoint capture=DataCapture(bucket=…)",
        )
        problems.require(
            capture is None or capture.sampling_percentage > 0,
            f"endpoint {endpoint.endpoint_name} captures 0 percent of its traffic; raise capture.sampling_percentage",
        )
        if self._name is not None:
            problems.matches("name", self._name, _naming.LOWER_NAME_PATTERN, _naming.LOWER_NAME_RULE)
        taken = {other.schedule_name for other in endpoint.monitors if isinstance(other, Monitor)}
        name = self._name_for(endpoint)
        problems.require(
            name not in taken,
            f'another monitor of endpoint {endpoint.endpoint_name} is called "{name}"; give this one a name of its own',
        )
        problems.extend(self._analysis.problems())
        problems.extend(self._baseline.problems())
        problems.extend(self._alarm_options.problems())
        problems.extend(self._engine.problems(self._analysis.monitoring_type, self._schedule))
        problems.raise_if_any(self)

    @property
    def _fallback_prefix(self) -> str:
        return "" if self._reports is not None else _DEFAULT_REPORTS_PREFIX

    def _rules(self) -> list[AlarmRule]:
        view = self.view
        return [
            *run_rules(view, self._alarm_options, self._analysis.monitoring_type),
            *self._analysis.rules(view),
        ]

    # -- what it is ------------------------------------------------------------------------------------------------

    @property
    def _watched(self) -> MonitoredEndpoint:
        if self._endpoint is None:
            problems = Problems()
            problems.add("it watches no endpoint yet; give endpoint=…, or call endpoint.add_monitor(monitor) first")
            problems.raise_if_any(self)
        assert self._endpoint is not None  # noqa: S101  (raised above)
        return self._endpoint

    @property
    def monitoring_type(self) -> str:
        """`DataQuality`, … as in SageMaker's API."""
        return self._analysis.monitoring_type

    @property
    def endpoint_name(self) -> str:
        """Name of the watched endpoint."""
        return self._watched.endpoint_name

    @property
    def schedule_name(self) -> str:
        """The monitor's name in reports, metrics and events: by default endpoint and kind of monitor."""
        return self._name_for(self._watched)

    def _name_for(self, endpoint: MonitoredEndpoint) -> str:
        return self._name or _naming.fit(f"{endpoint.endpoint_name}-{self._analysis.slug}")

    @property
    def schedule(self) -> MonitoringSchedule:
        """When it runs."""
        return self._schedule

    @property
    def report_hint(self) -> str:
        """Where a person finds the report of a run, with the run's hour to fill in."""
        return f"{self.reports_uri}/<yyyy/mm/dd/hh>/report.html"

    @property
    def baseline_parameters(self) -> dict[str, str]:
        """Names of the stack parameters for the baseline by kind; empty where the baseline is fixed."""
        return {} if self._bound_baseline is None else dict(self._bound_baseline.parameters)

    @property
    def engine(self) -> BoundEngine:
        """What runs it."""
        self._watched  # noqa: B018  (says what to do when there is no endpoint yet)
        assert self._bound_engine is not None  # noqa: S101  (bound together with the endpoint)
        return self._bound_engine

    @property
    def view(self) -> MonitorView:
        """The monitor as alarms and charts see it."""
        return MonitorView(
            endpoint_name=self.endpoint_name,
            variant_names=tuple(self._watched.variant_names),
            schedule_name=self.schedule_name,
            period_seconds=self._schedule.period_seconds,
            lag_seconds=self._analysis.lag_hours * 3600,
            namespace=self._analysis.namespace,
            report_hint=self.report_hint,
            needs_labels=self._analysis.needs_labels,
        )

    @property
    def charts(self) -> list[Chart]:
        """What a dashboard shows of it: the analysis' own charts, then violations, then the health of the runs."""
        view = self.view
        return [
            *self._analysis.charts(view),
            Chart(title="Violations per run", measures=(view.run_measure("Violations", "Maximum", "violations"),)),
            Chart(
                title="Runs",
                measures=(
                    view.run_measure("RunsCompleted", "Sum", "completed"),
                    view.run_measure("RunsFailed", "Sum", "failed"),
                    view.run_measure("RunsWithoutData", "Sum", "without data"),
                    view.run_measure("BaselineMissing", "Maximum", "baseline missing"),
                ),
            ),
        ]

    @property
    def alarm_count(self) -> int:
        """How many alarms it defines."""
        return len(self.alarms)

    @property
    def monthly_alarm_usd(self) -> float:
        """What its alarms cost in a month, in US dollars at CloudWatch's list price."""
        return monthly_usd(self.alarm_count)

    # -- views -----------------------------------------------------------------------------------------------------

    @cached_property
    def role(self) -> iam.IRole:
        """The role that runs have."""
        from aws_cdk import aws_iam as iam

        return iam.Role.from_role_arn(self, "RoleView", self.engine.role.att("Arn"), mutable=False)

    @cached_property
    def function(self) -> lambda_.IFunction | None:
        """The function that runs the analysis; None for engines without one."""
        from aws_cdk import aws_lambda as lambda_

        if self.engine.function_name is None:
            return None
        return lambda_.Function.from_function_name(self, "FunctionView", self.engine.function_name)

    def grant_run(self, grantee: iam.IGrantable) -> iam.Grant | None:
        """Allow running it by hand, as `aws lambda invoke` with `{"window": {"start": …, "end": …}}` does."""
        return None if self.function is None else self.function.grant_invoke(grantee)

    def on_run(
        self, construct_id: str, *, statuses: Sequence[str] = ("CompletedWithViolations",)
    ) -> cdk.aws_events.Rule:
        """A rule on the event of its runs; add targets to it.

        :param statuses: Completed, CompletedWithViolations, Failed, NoData. Default: CompletedWithViolations
        """
        from aws_cdk import aws_events as events

        problems = Problems()
        for status in statuses:
            problems.one_of("statuses", status, ("Completed", "CompletedWithViolations", "Failed", "NoData"))
        problems.raise_if_any(self, construct_id)
        return events.Rule(
            self,
            construct_id,
            event_pattern=events.EventPattern(
                source=["sagemaker-mlops.monitoring"],
                detail_type=["Monitoring Execution"],
                detail={"monitoringScheduleName": [self.schedule_name], "status": list(statuses)},
            ),
        )
