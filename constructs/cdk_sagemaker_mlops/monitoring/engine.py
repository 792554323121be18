"""What runs an analysis. Engines differ in where; props, outputs, metrics, events and alarms are the same."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import aws_cdk as cdk

    from cdk_sagemaker_mlops._block import Block, Member
    from cdk_sagemaker_mlops._iam import Statement
    from cdk_sagemaker_mlops.alarming import AlarmRule

    from .analysis import Analysis
    from .baseline import BoundBaseline
    from .locations import Location
    from .schedule import MonitoringSchedule
    from .scripts import Scripts
    from .source import MonitorInput

#: Log group of SageMaker's processing jobs: https://docs.aws.amazon.com/sagemaker/latest/dg/logging-cloudwatch.html
JOB_LOGS = "/aws/sagemaker/ProcessingJobs"


@dataclass(frozen=True, kw_only=True)
class EngineTask:
    """What an engine is asked to do, known before anything is defined.

    :param analysis: The kind of analysis with its settings.
    :param source: What is looked at.
    :param schedule: When runs happen and how much time each looks at.
    :param scripts: The monitor's own scripts.
    """

    analysis: Analysis
    source: MonitorInput
    schedule: MonitoringSchedule
    scripts: Scripts

    @property
    def monitoring_type(self) -> str:
        """`DataQuality`, … as in SageMaker's API."""
        return self.analysis.monitoring_type

    def script_problems(self, engine: Engine) -> list[str]:
        """What is wrong with the scripts, or cannot be done by an engine."""
        found = self.scripts.problems(self.monitoring_type, self.source.type)
        given = {name for name in ("preprocessor", "postprocessor") if getattr(self.scripts, name) is not None}
        found += [
            f"scripts {name} cannot be used: {engine.refused_scripts[name]}"
            for name in sorted(given)
            if name in engine.refused_scripts
        ]
        return found


@dataclass(frozen=True, kw_only=True)
class EngineRequest(EngineTask):
    """What a monitor tells its engine.

    :param block: The monitor's resources; the engine adds its own.
    :param stack: The monitor's stack.
    :param schedule_name: The monitor's name in reports, metrics and events.
    :param reports: Where reports go.
    :param written: Where in there the runs of this monitor write, and nowhere else.
    :param baseline: What runs compare with.
    :param settings: All settings of a run as environment variables.
    :param statements: What a run of this library's own engines does: reading its input, labels and baseline, writing
        reports, publishing metrics and events. Other engines compose theirs of `source`, `analysis` and `baseline`.
    :param metric_namespaces: CloudWatch namespaces that runs publish to.
    :param model_package_arn: The live version; empty when the model comes from no registry.
    :param report_hint: Where a person finds the report of a run.
    """

    block: Block
    stack: cdk.Stack
    schedule_name: str
    reports: Location
    written: Location
    baseline: BoundBaseline
    settings: dict[str, str]
    statements: tuple[Statement, ...]
    metric_namespaces: tuple[str, ...]
    model_package_arn: str
    report_hint: str


@dataclass(frozen=True, kw_only=True)
class BoundEngine:
    """What an engine gives back to its monitor.

    :param name: The engine's name as events carry it.
    :param role: Role that runs have; key policies and bucket policies of others may need it.
    :param log_group: Where runs log, if it is the monitor's own. Default: - where SageMaker's jobs log
    :param rules: Alarms for what only this engine can suffer, such as a run that never came to an end.
    :param conditional: What must not exist before the endpoint does.
    :param after_endpoint: What SageMaker makes only once the endpoint exists.
    :param function: Function that runs the analysis, or starts what runs it, where there is one.
    :param job_role: Role of jobs that runs are handed over to, where it is another one.
    """

    name: str
    role: Member
    rules: tuple[AlarmRule, ...]
    log_group: Member | None = None
    conditional: tuple[Member, ...] = ()
    after_endpoint: tuple[Member, ...] = ()
    function: Member | None = None
    job_role: Member | None = None

    @property
    def log_group_name(self) -> str:
        """Where runs log."""
        return JOB_LOGS if self.log_group is None else self.log_group.ref

    @property
    def function_name(self) -> str | None:
        """Name of the function that runs the analysis, where there is one."""
        return None if self.function is None else self.function.ref


class Engine(ABC):
    """A strategy that schedules and runs analyses."""

    #: The analyzer in a Lambda function: seconds per run, fractions of a cent.
    LAMBDA: ClassVar[Engine]
    #: The analyzer in a SageMaker processing job: minutes per run, a few cents.
    PROCESSING: ClassVar[Engine]
    #: The function where the window fits into it, else a processing job.
    AUTO: ClassVar[Engine]
    #: The analyzer in a Spark job on two instances.
    SPARK: ClassVar[Engine]
    #: SageMaker Model Monitor and Clarify, for accounts that still have them.
    MODEL_MONITOR: ClassVar[Engine]

    #: Scripts of monitors that it cannot run, and why.
    refused_scripts: ClassVar[Mapping[str, str]] = MappingProxyType({})
    #: Whether its runs count labels: how many found their prediction, came late, or twice.
    counts_labels: ClassVar[bool] = True
    #: Whether its runs need to be told what model to explain; others find it behind the endpoint.
    needs_model: ClassVar[bool] = True

    @abstractmethod
    def problems(self, task: EngineTask) -> list[str]:
        """What this engine cannot do of what is asked."""

    @abstractmethod
    def bind(self, request: EngineRequest) -> BoundEngine:
        """Defines the resources that run the analysis."""
