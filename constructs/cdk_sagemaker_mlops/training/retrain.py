"""Retraining on drift: a monitor's findings or an alarm start the training pipeline, within limits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from cdk_sagemaker_mlops import _naming, _paths
from cdk_sagemaker_mlops._block import Block
from cdk_sagemaker_mlops._errors import Problems
from cdk_sagemaker_mlops.alarming import Alarm, add_alarms
from cdk_sagemaker_mlops.functions import Architecture
from cdk_sagemaker_mlops.functions.service_function import Queue, add_function, add_queue, keep_failed_events
from cdk_sagemaker_mlops.functions.sources import RETRAIN
from cdk_sagemaker_mlops.notifications import AnnouncementTopic

from . import reasons
from .pipeline_base import TrainingPipelineBase
from .retrain_measures import RetrainingMeasures
from .retrain_permissions import function_statements
from .retrain_wakeups import add_wake_ups

if TYPE_CHECKING:
    from aws_cdk.aws_cloudwatch import IAlarm
    from aws_cdk.aws_iam import Grant, IGrantable

    from cdk_sagemaker_mlops.monitoring import Monitor
    from cdk_sagemaker_mlops.monitoring.analysis import Chart
    from cdk_sagemaker_mlops.registry import ModelPackageGroupBase

_TIMEOUT_SECONDS = 120


class RetrainOnDrift(Construct):
    """Starts a training pipeline when monitors find drift, and stops when that does not help.

    A small function hears of every run of the endpoint's monitors, of alarms, of the ends of the pipeline's executions
    and of approvals, and looks regularly by itself. Evidence starts one execution, unless one is running, a version of
    the last retraining waits for approval, the last start is too recent, or the week's budget is spent; then it waits
    and says so once. Findings about a version that is not the approved one any more, or from before the last
    retraining, do not count. After some retrainings in succession without an approved version it stops, says so, and
    waits for a person (or for a newer approved version).

    Why a retraining was started becomes parameters of the execution, and by :class:`TabularPipeline` metadata of the
    registered version: which monitor, which features, which window, which report.

    :param pipeline: What is started.
    :param group: Group that it registers in.
    :param endpoint_name: Endpoint whose monitors count.
    :param controller_name: First part of names in Systems Manager; the environment's, such as the rollout controller's.
    :param model: Name of the model, unique among those of the controller.
    :param environment: Name of the environment in events and metrics. Default: - the controller's name
    :param monitors: Monitors that count. Default: - all of the endpoint
    :param alarms: Alarms that are evidence as well; those of measures that no monitor watches. Default: - none
    :param cooldown_hours: Least time between two starts. Default: 24
    :param weekly_budget: Most starts within seven days. Default: 2
    :param max_fruitless: Retrainings in succession without an approved version after which it stops. Default: 3
    :param confirmations: Runs of a monitor in succession that have to find drift. Default: 1
    :param max_running_hours: An execution that runs longer is an alarm. Default: 12
    :param reason_parameters: Parameters of the pipeline that say why. Default: - those of :class:`TabularPipeline` that
        the pipeline has
    :param notifications: Who hears of starts, of versions that wait, of stops and of a function that fails.
        Default: - nobody
    :param log_retention_days: How long logs are kept. Default: 90
    :param architecture: Processor. Default: ARM_64
    :ivar alarms: The alarms that it defined.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        pipeline: TrainingPipelineBase,
        group: ModelPackageGroupBase,
        endpoint_name: str,
        controller_name: str,
        model: str,
        environment: str | None = None,
        monitors: Sequence[Monitor] = (),
        alarms: Sequence[IAlarm] = (),
        cooldown_hours: int = 24,
        weekly_budget: int = 2,
        max_fruitless: int = 3,
        confirmations: int = 1,
        max_running_hours: float = 12,
        reason_parameters: Sequence[str] | None = None,
        notifications: AnnouncementTopic | None = None,
        log_retention_days: int = 90,
        architecture: Architecture = Architecture.ARM_64,
    ) -> None:
        problems = Problems()
        problems.matches("controller_name", controller_name, _naming.NAME_PATTERN, _naming.NAME_RULE)
        problems.matches("model", model, _naming.LOWER_NAME_PATTERN, _naming.LOWER_NAME_RULE)
        problems.between("cooldown_hours", cooldown_hours, 0, 24 * 90, "hours")
        problems.between("weekly_budget", weekly_budget, 1, 100)
        problems.between("max_fruitless", max_fruitless, 1, 20)
        problems.between("confirmations", confirmations, 1, 168, "runs")
        problems.between("max_running_hours", max_running_hours, 0.1, 24 * 28, "hours")
        strangers = [item.schedule_name for item in monitors if item.endpoint_name != endpoint_name]
        problems.require(
            not strangers,
            f"monitors {', '.join(strangers)} watch another endpoint than {endpoint_name}; give the one's they watch",
        )
        problems.extend(reasons.reason_problems(pipeline, reason_parameters))
        problems.raise_if_any(scope, construct_id)
        super().__init__(scope, construct_id)
        _paths.place(self, scope, construct_id)
        self._measures = RetrainingMeasures(environment or controller_name, model)
        self._block = Block(self)
        self._dead_letters = add_queue(self._block, "DeadLetters")
        variables = {
            "CONTROLLER_NAME": controller_name,
            "ENVIRONMENT": environment or controller_name,
            "MODEL": model,
            "ENDPOINT_NAME": endpoint_name,
            "MONITORS": json.dumps([monitor.schedule_name for monitor in monitors]) if monitors else "",
            "PIPELINE_NAME": pipeline.pipeline_name,
            "MODEL_PACKAGE_GROUP": group.group_name if group.account is None else group.group_arn,
            "COOLDOWN_HOURS": str(cooldown_hours),
            "WEEKLY_BUDGET": str(weekly_budget),
            "MAX_FRUITLESS": str(max_fruitless),
            "CONFIRMATIONS": str(confirmations),
            "REASON_PARAMETERS": json.dumps(reasons.reason_parameters(pipeline, reason_parameters)),
        }
        statements = function_statements(
            pipeline, group, controller_name=controller_name, model=model, dead_letters=self._dead_letters
        )
        if notifications is not None:
            statements += notifications.publish_statements()
            variables["TOPIC_ARN"] = notifications.topic_arn
        self._function = add_function(
            self._block,
            _paths.stack_of(scope),
            code=RETRAIN,
            description=f"Starts training pipeline {pipeline.pipeline_name} on drift of {endpoint_name}",
            statements=statements,
            environment={name: value for name, value in variables.items() if value},
            memory_mb=256,
            timeout_seconds=_TIMEOUT_SECONDS,
            architecture=architecture,
            log_retention_days=log_retention_days,
        )
        keep_failed_events(self._block, "Failures", self._function, self._dead_letters)
        add_wake_ups(
            self._block, self._function.arn, pipeline=pipeline, group=group, endpoint_name=endpoint_name, alarms=alarms
        )
        rules = self._measures.alarm_rules(
            max_running_hours=max_running_hours,
            log_group=self._function.log_group_name,
            dead_letters=self._dead_letters.name,
        )
        targets = [notifications] if notifications else []
        self.alarms: tuple[Alarm, ...] = add_alarms(
            self._block, rules, targets, name_prefix=f"{controller_name}-{model}-Retraining"
        )
        self._block.define()
        # Forgets, with the stack, what the function remembers in parameters that are no resources of a stack.
        cdk.CfnResource(
            self,
            "Memory",
            type="Custom::RetrainingMemory",
            properties={
                "ServiceToken": self._function.arn,
                "ServiceTimeout": str(_TIMEOUT_SECONDS),
                "ControllerName": controller_name,
                "Model": model,
            },
        )

    @property
    def function_name(self) -> str:
        """Name of the function."""
        return self._function.name

    @property
    def dead_letters(self) -> Queue:
        """The queue of wake-ups that failed three times."""
        return self._dead_letters

    @cached_property
    def function(self) -> lambda_.IFunction:
        """The function. By hand: `{"action": "reset"}` after it has stopped, `{}` for a look."""
        return lambda_.Function.from_function_name(self, "FunctionView", self.function_name)

    def grant_reset(self, grantee: IGrantable) -> Grant:
        """Allow letting it go on after it has stopped."""
        return self.function.grant_invoke(grantee)

    @property
    def charts(self) -> list[Chart]:
        """Retrainings and what became of them; `dashboard.add_section("Retraining", retrain.charts)`."""
        return self._measures.charts()
