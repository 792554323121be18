"""How a serving stack asks a rollout controller to look after it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from aws_cdk import aws_ssm as ssm
from constructs import Construct

from cdk_sagemaker_mlops import _naming, _paths, _refs
from cdk_sagemaker_mlops._block import Block
from cdk_sagemaker_mlops._errors import Problems
from cdk_sagemaker_mlops._lazy import at_synthesis
from cdk_sagemaker_mlops.alarming import Alarm, AlarmTarget, add_alarms
from cdk_sagemaker_mlops.measures import Measure
from cdk_sagemaker_mlops.monitoring.analysis import Chart
from cdk_sagemaker_mlops.monitoring.monitor import Monitor

from .alarms import RolloutAlarms
from .controller_permissions import ROLLOUT_NAMESPACE
from .names import CONTROLLER_TAG
from .native_monitors import tag_definitions
from .promotion import Promotion

if TYPE_CHECKING:
    from cdk_sagemaker_mlops.endpoint_base import EndpointBase

# Types with names that CloudFormation makes up; only these are tagged, because on others a tag is a create-only
# property.
_TAGGED_TYPES = ["AWS::SageMaker::Endpoint", "AWS::SageMaker::EndpointConfig", "AWS::SageMaker::Model"]


class RolloutRegistration(Construct):
    """Registers an endpoint with the rollout controller of its environment.

    The registration is a parameter in Systems Manager that belongs to the serving stack, so that a new model changes
    the controller's stack in nothing. It names the endpoint, the group that it follows, and the stack parameters that a
    rollout sets. The endpoint's models and configurations are tagged, which is what the controller's permissions are
    tied to.

    :param controller_name: Name of the controller.
    :param model: Name of the model, unique among those of the controller.
    :param endpoint: The endpoint; its model has to follow a group. Monitors on `Engine.MODEL_MONITOR` have to be added
        to it before.
    :param environment: Name of the environment in the controller's metrics. Default: - the controller's name
    :param pinned_version: Version that has to be live, whatever is approved. Default: - the newest approved
    :param frozen: Nothing is rolled out while this is True. Default: False
    :param promotion: Its place in an order of stages. Default: - none, every approved version goes live
    :param alarms: Thresholds of the alarms on its rollouts. Default: RolloutAlarms()
    :param notifications: Who hears of those alarms. Default: - nobody
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        controller_name: str,
        model: str,
        endpoint: EndpointBase,
        environment: str | None = None,
        pinned_version: int | None = None,
        frozen: bool = False,
        promotion: Promotion | None = None,
        alarms: RolloutAlarms | None = None,
        notifications: Sequence[AlarmTarget] = (),
    ) -> None:
        group = endpoint.follows
        problems = Problems()
        problems.matches("model", model, _naming.LOWER_NAME_PATTERN, _naming.LOWER_NAME_RULE)
        problems.matches("controller_name", controller_name, _naming.NAME_PATTERN, _naming.NAME_RULE)
        problems.require(
            group is not None,
            f"endpoint {endpoint.endpoint_name} follows no group, so there is nothing to roll out; "
            "give it Model.latest_approved(group)",
        )
        problems.require(
            endpoint.endpoint_name.startswith(f"{controller_name.lower()}-"),
            f'endpoint_name is "{endpoint.endpoint_name}", allowed are names that begin with '
            f'"{controller_name.lower()}-": '
            "the controller's permissions are tied to them",
        )
        problems.require(
            pinned_version is None or pinned_version >= 1, f"pinned_version is {pinned_version}, allowed are 1 and more"
        )
        problems.extend(promotion.problems() if promotion else (), where="promotion")
        thresholds = alarms or RolloutAlarms()
        problems.extend(thresholds.problems(), where="alarms")
        problems.raise_if_any(scope, construct_id)
        assert group is not None  # noqa: S101  (checked above)
        super().__init__(scope, construct_id)
        _paths.place(self, scope, construct_id)
        self._endpoint = endpoint
        self._dimensions = (("Environment", environment or controller_name), ("Model", model))
        self._document = {
            "stack_name": _refs.stack_name(),
            "model": model,
            "endpoint_name": endpoint.endpoint_name,
            "model_package_group": group.group_name if group.account is None else group.group_arn,
            "pinned_version": pinned_version,
            "frozen": frozen,
            **({"promotion": promotion.to_json()} if promotion else {}),
        }
        ssm.CfnParameter(
            self,
            "Parameter",
            # The name is the address; only a renamed model changes it, and that is another registration.
            name=f"/{controller_name}/serving/{model}",
            type="String",
            value=at_synthesis(self._value),
            description=f"Rollouts of {endpoint.endpoint_name}",
        )
        endpoint.tag(CONTROLLER_TAG, controller_name, _TAGGED_TYPES)
        for monitor in endpoint.monitors:
            if isinstance(monitor, Monitor) and monitor.engine.name == "model-monitor":
                tag_definitions(monitor, controller_name)
        # Without a condition: a first version that never goes live must not go unnoticed.
        block, prefix = Block(self, "Alarms"), f"{endpoint.endpoint_name}-Rollout"
        self.alarms: tuple[Alarm, ...] = (
            *add_alarms(block, thresholds.rules(model, self._measure), notifications, name_prefix=prefix),
            *add_alarms(block, thresholds.silent_rules(model, self._measure), [], name_prefix=prefix),
        )
        block.define()

    def _value(self) -> str:
        parameters: dict[str, object] = dict(self._endpoint.rollout_parameters)
        parameters["baselines"] = {
            monitor.monitoring_type: monitor.baseline_parameters
            for monitor in self._endpoint.monitors
            if isinstance(monitor, Monitor) and monitor.baseline_parameters
        }
        return json.dumps({**self._document, "parameters": parameters})

    @property
    def charts(self) -> list[Chart]:
        """Rollouts and what waits for one; `dashboard.add_section("Rollouts", registration.charts)`."""
        return [
            Chart(
                title="Rollouts",
                measures=(
                    self._measure("Rollouts", "Sum", "rolled out"),
                    self._measure("Rollbacks", "Sum", "rolled back"),
                ),
            ),
            Chart(
                title="Seconds to live",
                measures=(
                    self._measure("ApprovalToLiveSeconds", "Maximum", "approval to live"),
                    self._measure("OldestUnconvergedSeconds", "Maximum", "not live for"),
                ),
            ),
        ]

    @property
    def waiting(self) -> Measure:
        """Seconds for which a decided version is not live yet, 0 if none is; the controller says so every 5 minutes."""
        return replace(self._measure("OldestUnconvergedSeconds", "Maximum", "not live for"), period_seconds=300)

    @property
    def marks(self) -> tuple[Measure, ...]:
        """When versions went live or were taken back; `dashboard.annotate(registration.marks)`."""
        return (self._measure("Rollouts", "Sum", "rolled out"), self._measure("Rollbacks", "Sum", "rolled back"))

    def _measure(self, name: str, statistic: str, label: str) -> Measure:
        return Measure(
            namespace=ROLLOUT_NAMESPACE,
            name=name,
            dimensions=self._dimensions,
            statistic=statistic,
            period_seconds=3600,
            label=label,
        )
