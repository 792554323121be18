"""The base of all monitors: endpoint or data in; runs, reports, metrics, events and alarms out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from constructs import Construct

from cdk_sagemaker_mlops import _naming, _paths
from cdk_sagemaker_mlops._block import Block
from cdk_sagemaker_mlops._errors import Problems
from cdk_sagemaker_mlops.alarming import Alarm, AlarmRule, AlarmTarget, add_alarms, monthly_usd

from .analysis import RUN_NAMESPACE, Analysis, Chart, MonitorView
from .baseline import Baseline, BaselineRequest, BoundBaseline
from .engine import BoundEngine, Engine, EngineRequest, EngineTask
from .locations import Location
from .run_access import run_settings, run_statements
from .run_rules import MonitorAlarms, run_rules
from .schedule import MonitoringSchedule
from .scripts import Scripts
from .source import EndpointInput, MonitorInput
from .views import MonitorViews
from .waiting import expect_something_to_watch

if TYPE_CHECKING:
    import aws_cdk as cdk
    from aws_cdk.aws_s3 import IBucket

    from .target import MonitoredEndpoint


class Monitor(MonitorViews):
    """Watches an endpoint, or data without one, on a schedule. Use one of its subclasses.

    A monitor made without `endpoint` and `input` waits for `endpoint.add_monitor(monitor)`; synthesis fails if it waits
    in vain.

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
        input: MonitorInput | None,
        reports: IBucket | None,
        reports_prefix: str,
        baseline: Baseline | None,
        schedule: MonitoringSchedule | None,
        engine: Engine | None,
        notifications: Sequence[AlarmTarget],
        alarms: MonitorAlarms | None,
        name: str | None,
        scripts: Scripts | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        _paths.place(self, scope, construct_id)
        self._analysis = analysis
        self._reports = reports
        self._reports_prefix = reports_prefix.strip("/")
        self._baseline = baseline
        self._schedule = schedule or analysis.usual_schedule
        self._engine = engine or Engine.AUTO
        self._targets = tuple(notifications)
        self._alarm_options = alarms or MonitorAlarms()
        self._name = name
        self._scripts = scripts or Scripts()
        self._input: MonitorInput | None = None
        self._bound_engine: BoundEngine | None = None
        self._bound_baseline: BoundBaseline | None = None
        self.alarms: tuple[Alarm, ...] = ()
        if endpoint is not None and input is not None:
            problems = Problems()
            problems.add("endpoint and input are both given; an endpoint's traffic needs endpoint alone")
            problems.raise_if_any(self)
        if endpoint is not None:
            endpoint.add_monitor(self)
        elif input is not None:
            self.watch(input)
        else:
            expect_something_to_watch(self, lambda: self._input is not None)

    def bind(self, endpoint: MonitoredEndpoint) -> None:
        """Connects the monitor with its endpoint and defines everything. `endpoint.add_monitor` calls it.

        :param endpoint: What to watch.
        """
        self._watch(EndpointInput(endpoint), endpoint.stack)

    def watch(self, source: MonitorInput) -> None:
        """Connects the monitor with data that belongs to no endpoint; `add_monitor` of a feature group calls it.

        :param source: What to watch.
        """
        self._watch(source, _paths.stack_of(self))

    def _watch(self, source: MonitorInput, stack: cdk.Stack) -> None:
        baseline = self._baseline or source.default_baseline
        scripts = self._scripts
        task = EngineTask(analysis=self._analysis, source=source, schedule=self._schedule, scripts=scripts)
        self._check(task, baseline)
        self._input = source
        block = Block(self)
        reports = source.default_reports
        if self._reports is not None or self._reports_prefix:
            reports = Location(self._reports or reports.bucket, self._reports_prefix)
        written = reports.below(*source.report_folders, self.schedule_name)
        self.reports_uri = written.uri
        self._bound_baseline = baseline.bind(
            BaselineRequest(
                block=block,
                stack=stack,
                owner=source.name,
                monitoring_type=self._analysis.monitoring_type,
                has_statistics=self._analysis.has_statistics,
                parameter_prefix=source.parameter_prefix,
                reports=reports,
                follows=source.endpoint.follows if source.endpoint is not None else None,
            )
        )
        namespaces = (RUN_NAMESPACE, source.namespace(self._analysis.namespace))
        self._bound_engine = self._engine.bind(
            EngineRequest(
                analysis=self._analysis,
                source=source,
                schedule=self._schedule,
                scripts=scripts,
                block=block,
                stack=stack,
                schedule_name=self.schedule_name,
                reports=reports,
                written=written,
                baseline=self._bound_baseline,
                settings=run_settings(task, stack, self.schedule_name, reports) | self._bound_baseline.settings,
                statements=run_statements(task, stack, written, self._bound_baseline, namespaces),
                metric_namespaces=namespaces,
                model_package_arn=source.model_package_arn,
                report_hint=self.report_hint,
            )
        )
        self._define_alarms(block, self._bound_engine)
        block.define()
        if source.endpoint is not None and source.endpoint.condition_id is not None:
            for member in self._bound_engine.conditional:
                # One call; `cfn_options.condition` would be two. Only the endpoint's own block knows the condition.
                member.resource.add_override("Condition", source.endpoint.condition_id)
        # Of an endpoint that is defined elsewhere there is nothing to wait for.
        resource = getattr(source.endpoint, "cfn_endpoint", None) if self._bound_engine.after_endpoint else None
        if resource is not None:
            for member in self._bound_engine.after_endpoint:
                member.resource.add_resource_dependency(resource)

    def _define_alarms(self, block: Block, engine: BoundEngine) -> None:
        rules = [*self._rules(), *engine.rules]
        problems = Problems()
        problems.extend(self._alarm_options.count_problems(rules))
        for rule in rules:
            problems.extend(rule.problems())
        problems.raise_if_any(self)
        self.alarms = add_alarms(block, rules, self._targets, name_prefix=self.schedule_name)

    def _check(self, task: EngineTask, baseline: Baseline) -> None:
        problems = Problems()
        source = task.source
        problems.require(
            self._input is None,
            f"it already watches {self._input.subject if self._input else ''}; "
            f"define another monitor for {source.subject}",
        )
        if self._name is not None:
            problems.matches("name", self._name, _naming.LOWER_NAME_PATTERN, _naming.LOWER_NAME_RULE)
        others = source.endpoint.monitors if source.endpoint is not None else ()
        name = self._name_for(source)
        problems.require(
            name not in {other.schedule_name for other in others if isinstance(other, Monitor)},
            f'another monitor of {source.subject} is called "{name}"; give this one a name of its own',
        )
        problems.extend(source.problems(task.monitoring_type, needs_labels=self._analysis.needs_labels))
        problems.extend(self._analysis.problems())
        if self._engine.needs_model:
            problems.extend(self._analysis.input_problems(source))
        problems.extend(baseline.problems())
        problems.extend(self._alarm_options.problems())
        problems.extend(task.script_problems(self._engine))
        problems.extend(self._engine.problems(task))
        problems.raise_if_any(self)

    def _rules(self) -> list[AlarmRule]:
        view = self.view
        return [
            *run_rules(view, self._alarm_options, self._analysis.monitoring_type),
            *self._analysis.rules(view),
        ]

    # -- what it is ------------------------------------------------------------------------------------------------

    @property
    def source(self) -> MonitorInput:
        """What it watches."""
        if self._input is None:
            problems = Problems()
            problems.add("it watches no endpoint yet; give endpoint=…, or call endpoint.add_monitor(monitor) first")
            problems.raise_if_any(self)
        assert self._input is not None  # noqa: S101  (raised above)
        return self._input

    @property
    def monitoring_type(self) -> str:
        """`DataQuality`, … as in SageMaker's API."""
        return self._analysis.monitoring_type

    @property
    def endpoint_name(self) -> str | None:
        """Name of the watched endpoint, where there is one."""
        return self.source.endpoint_name

    @property
    def schedule_name(self) -> str:
        """The monitor's name in reports, metrics and events: by default what it watches, and its kind."""
        return self._name_for(self.source)

    def _name_for(self, source: MonitorInput) -> str:
        return self._name or _naming.fit(f"{source.name}-{self._analysis.slug}")

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
        self.source  # noqa: B018  (says what to do when there is no endpoint yet)
        assert self._bound_engine is not None  # noqa: S101  (bound together with the endpoint)
        return self._bound_engine

    @property
    def view(self) -> MonitorView:
        """The monitor as alarms and charts see it."""
        source = self.source
        return MonitorView(
            subject=source.subject,
            endpoint_name=source.endpoint_name,
            variant_names=tuple(source.endpoint.variant_names) if source.endpoint is not None else (),
            schedule_name=self.schedule_name,
            period_seconds=self._schedule.period_seconds,
            lag_seconds=self._analysis.lag_hours * 3600,
            namespace=source.namespace(self._analysis.namespace),
            report_hint=self.report_hint,
            needs_labels=self._analysis.needs_labels,
            counts_labels=self._engine.counts_labels,
        )

    @property
    def charts(self) -> list[Chart]:
        """What a dashboard shows of it: the analysis' own charts, then violations, then the health of the runs."""
        return [*self._analysis.charts(self.view), *self.run_charts]

    @property
    def alarm_count(self) -> int:
        """How many alarms it defines."""
        return len(self.alarms)

    @property
    def monthly_alarm_usd(self) -> float:
        """What its alarms cost in a month, in US dollars at CloudWatch's list price."""
        return monthly_usd(alarm.rule for alarm in self.alarms)
