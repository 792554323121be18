"""A monitor as others in the app use it: its roles, its function, its events. Each is made when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from constructs import Construct

from cdk_sagemaker_mlops._errors import Problems

from .engine import BoundEngine
from .run_metrics import RunMetrics

if TYPE_CHECKING:
    from aws_cdk import aws_events as events
    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_lambda as lambda_

_STATUSES = ("Completed", "CompletedWithViolations", "Failed", "NoData")


class MonitorViews(RunMetrics, Construct):
    """The CDK's classes for what a monitor consists of."""

    @property
    def engine(self) -> BoundEngine:
        """What runs it."""
        raise NotImplementedError

    @property
    def schedule_name(self) -> str:
        """The monitor's name in reports, metrics and events."""
        raise NotImplementedError

    @cached_property
    def role(self) -> iam.IRole:
        """The role that runs have; with the engine `auto`, those in the function."""
        from aws_cdk import aws_iam as iam

        return iam.Role.from_role_arn(self, "RoleView", self.engine.role.att("Arn"), mutable=False)

    @cached_property
    def job_role(self) -> iam.IRole | None:
        """The role of jobs that runs are handed over to, where it is another one than `role`."""
        from aws_cdk import aws_iam as iam

        if self.engine.job_role is None:
            return None
        return iam.Role.from_role_arn(self, "JobRoleView", self.engine.job_role.att("Arn"), mutable=False)

    @cached_property
    def function(self) -> lambda_.IFunction | None:
        """The function that runs the analysis or starts what runs it; None for engines without one."""
        from aws_cdk import aws_lambda as lambda_

        if self.engine.function_name is None:
            return None
        return lambda_.Function.from_function_name(self, "FunctionView", self.engine.function_name)

    def grant_run(self, grantee: iam.IGrantable) -> iam.Grant | None:
        """Allow running it by hand, as `aws lambda invoke` with `{"window": {"start": …, "end": …}}` does."""
        return None if self.function is None else self.function.grant_invoke(grantee)

    def on_run(self, construct_id: str, *, statuses: Sequence[str] = ("CompletedWithViolations",)) -> events.Rule:
        """A rule on the event of its runs; add targets to it.

        :param statuses: Completed, CompletedWithViolations, Failed, NoData. Default: CompletedWithViolations
        """
        from aws_cdk import aws_events as events

        problems = Problems()
        for status in statuses:
            problems.one_of("statuses", status, _STATUSES)
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
