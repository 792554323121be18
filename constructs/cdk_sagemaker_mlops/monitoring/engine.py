"""What runs an analysis. Engines differ in where; props, outputs, metrics, events and alarms are the same."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import aws_cdk as cdk

    from cdk_sagemaker_mlops._block import Block, Member
    from cdk_sagemaker_mlops._iam import Statement
    from cdk_sagemaker_mlops.alarming import AlarmRule
    from cdk_sagemaker_mlops.capture import DataCapture

    from .baseline import BoundBaseline
    from .locations import Location
    from .schedule import MonitoringSchedule


@dataclass(frozen=True, kw_only=True)
class EngineRequest:
    """What a monitor tells its engine.

    :param block: The monitor's resources; the engine adds its own.
    :param stack: The monitor's stack.
    :param monitoring_type: `DataQuality`, …
    :param endpoint_name: The watched endpoint.
    :param schedule_name: The monitor's name in reports, metrics and events.
    :param capture: Where the endpoint's traffic is recorded.
    :param reports: Where reports go; runs write below endpoint and schedule name only.
    :param schedule: When runs happen and how much time each looks at.
    :param baseline: What runs compare with.
    :param settings: The analysis' own settings as environment variables.
    :param statements: What runs may read besides captured traffic and the baseline.
    :param metric_namespaces: CloudWatch namespaces that runs publish to.
    :param model_package_arn: The live version; empty when the model comes from no registry.
    :param report_hint: Where a person finds the report of a run.
    """

    block: Block
    stack: cdk.Stack
    monitoring_type: str
    endpoint_name: str
    schedule_name: str
    capture: DataCapture
    reports: Location
    schedule: MonitoringSchedule
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
    :param log_group: Where runs log.
    :param rules: Alarms for what only this engine can suffer, such as a run that never came to an end.
    :param conditional: What must not exist before the endpoint does.
    :param function: Function that runs the analysis, where there is one.
    """

    name: str
    role: Member
    log_group: Member
    rules: tuple[AlarmRule, ...]
    conditional: tuple[Member, ...] = ()
    function: Member | None = None

    @property
    def log_group_name(self) -> str:
        """Where runs log."""
        return self.log_group.ref

    @property
    def function_name(self) -> str | None:
        """Name of the function that runs the analysis, where there is one."""
        return None if self.function is None else self.function.ref


class Engine(ABC):
    """A strategy that schedules and runs analyses."""

    #: The analyzer in a Lambda function: seconds per run, fractions of a cent.
    LAMBDA: ClassVar[Engine]

    @abstractmethod
    def problems(self, monitoring_type: str, schedule: MonitoringSchedule) -> list[str]:
        """What this engine cannot do of what is asked."""

    @abstractmethod
    def bind(self, request: EngineRequest) -> BoundEngine:
        """Defines the resources that run the analysis."""
