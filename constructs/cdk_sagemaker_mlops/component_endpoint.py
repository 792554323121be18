"""An endpoint whose instances are shared by inference components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aws_cdk import aws_sagemaker as sagemaker

from . import _refs
from ._component_rules import check_components
from ._endpoint_config import add_model
from ._endpoint_rules import default_name
from ._execution_role import observability_statements, rollback_statements, volume_key_statements
from ._hosted_endpoint import HostedEndpoint
from ._naming import pascal
from .alarming import add_alarms
from .components import Component, component_traffic
from .endpoint_alarms import EndpointAlarms
from .managed_instances import ManagedInstances
from .serving_mode import ServingMode
from .variant import DEFAULT_VARIANT

if TYPE_CHECKING:
    from aws_cdk.aws_iam import IRole
    from aws_cdk.aws_kms import IKey
    from constructs import Construct

    from ._block import Member
    from ._iam import Statement
    from .alarming import Alarm
    from .network import Network
    from .rollout import Rollout
    from .serving_mode import Traffic


class ComponentEndpoint(HostedEndpoint):
    """A real-time endpoint that hosts inference components: models that share instances.

    Each component has its own model, log group, reserved memory and processors, number of copies, scaling and alarms;
    copies and instances can go down to zero. A new model is exchanged copy by copy, without touching the others.

    At most one registry group is followed: its version is the stack parameter `ModelPackageArn`, as of
    :class:`Endpoint`, and the rollout controller sets it. Components that follow it exist from the first version on;
    so does the endpoint, unless others hold a fixed model.

    SageMaker captures no traffic of such endpoints, so they cannot be monitored.

    :param components: What is hosted.
    :param instances: The instances. Default: - 1 to 2 of type `ml.m5.large`.
    :param endpoint_name: As of :class:`Endpoint`; the names of components begin with it.
    :param encryption_key: As of :class:`Endpoint`.
    :param network: As of :class:`Endpoint`; all components are in it.
    :param network_isolation: As of :class:`Endpoint`. Default: False.
    :param rollout: How a new model takes the place of a component's old one: `Rollout.rolling(...)`, watched by alarms.
        Default: - SageMaker starts all new copies, then stops the old ones, and watches nothing.
    :param alarms: From when on figures of a component are an alarm. Default: - see :class:`EndpointAlarms`.
    :param execution_role: As of :class:`Endpoint`; all components share it.
    :param log_retention_days: As of :class:`Endpoint`. Default: 90.
    :param parameter_prefix: As of :class:`Endpoint`. Default: - none.
    :raises ConstructError: What SageMaker would refuse, all of it together.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        components: Sequence[Component],
        instances: ManagedInstances | None = None,
        endpoint_name: str | None = None,
        encryption_key: IKey | None = None,
        network: Network | None = None,
        network_isolation: bool = False,
        rollout: Rollout | None = None,
        alarms: EndpointAlarms | None = None,
        execution_role: IRole | None = None,
        log_retention_days: int = 90,
        parameter_prefix: str = "",
    ) -> None:
        name = endpoint_name or default_name(scope, construct_id)
        self._instances = instances or ManagedInstances()
        self._components = tuple(components)
        self._rollout = rollout
        self._thresholds = alarms or EndpointAlarms()
        self._network = network
        check_components(
            scope,
            construct_id,
            name=name,
            components=self._components,
            instances=self._instances,
            network=network,
            rollout=rollout,
            thresholds=self._thresholds,
            encrypted=encryption_key is not None,
            log_retention_days=log_retention_days,
            parameter_prefix=parameter_prefix,
        )
        super().__init__(
            scope,
            construct_id,
            endpoint_name=name,
            variant_names=[DEFAULT_VARIANT],
            mode=ServingMode.COMPONENTS,
            follows=next((group for component in self._components if (group := component.model.follows)), None),
            execution_role=execution_role,
            log_retention_days=log_retention_days,
            parameter_prefix=parameter_prefix,
            component_names=[f"{name}-{component.name}" for component in self._components],
        )
        # Instances that would host nothing before the first version are not started.
        if not all(component.model.follows for component in self._components):
            self.condition_id = None
        self._volume_key = None if encryption_key is None else _refs.key_arn(encryption_key)
        self._logs = {
            traffic.log_group_name: self._add_log_group(
                f"Logs{traffic.suffix}", traffic.log_group_name, log_retention_days
            )
            for traffic in map(self._traffic_of, self._components)
        }
        if execution_role is None:
            self._role = self._add_role([component.model for component in self._components], self._statements())
        vpc_config = network.render(self) if network else None
        self._config = self._add_config(vpc_config, network_isolation)
        self._endpoint = self._block.add(
            "Resource",
            "AWS::SageMaker::Endpoint",
            sagemaker.CfnEndpointProps(endpoint_name=name, endpoint_config_name=self._config.att("EndpointConfigName")),
            condition=self.condition_id,
        )
        watched: list[Alarm] = []
        for component in self._components:
            watched += self._add_component(component, vpc_config, network_isolation)
        self.rollback_alarms = tuple(watched)
        self.alarms = self._add_alarms()
        self._block.define()

    def component_name(self, name: str) -> str:
        """The full name of a component, which callers send as InferenceComponentName.

        :param name: Its name on the endpoint.
        """
        return self.traffic(f"{self.endpoint_name}-{name}").name

    def _traffic_of(self, component: Component) -> Traffic:
        return component_traffic(self.endpoint_name, f"{self.endpoint_name}-{component.name}", pascal(component.name))

    def _statements(self) -> list[Statement]:
        """What the execution role needs beside models, logs and metrics."""
        statements: list[Statement] = []
        for name, group in self._logs.items():
            statements += observability_statements(name, group.att("Arn"))
        if self._volume_key:
            statements += volume_key_statements(self._volume_key)
        if self._network:
            statements += self._network.statements()
        if self._rollout:
            own = any(
                self._thresholds.rollback_rules(self._traffic_of(component), None) for component in self._components
            )
            statements += rollback_statements(own, self._rollout.rollback_alarms)
        return statements

    def _add_config(self, vpc_config: sagemaker.CfnModel.VpcConfigProperty | None, network_isolation: bool) -> Member:
        vpc = None
        if vpc_config is not None:
            vpc = sagemaker.CfnEndpointConfig.VpcConfigProperty(
                security_group_ids=vpc_config.security_group_ids, subnets=vpc_config.subnets
            )
        properties = sagemaker.CfnEndpointConfigProps(
            production_variants=[self._instances.render()],
            # Without a model there is nobody else to take these from.
            execution_role_arn=self.execution_role_arn,
            vpc_config=vpc,
            enable_network_isolation=network_isolation or None,
            kms_key_id=self._volume_key,
        )
        return self._block.add("Config", "AWS::SageMaker::EndpointConfig", properties, condition=self.condition_id)

    def _add_component(
        self,
        component: Component,
        vpc_config: sagemaker.CfnModel.VpcConfigProperty | None,
        network_isolation: bool,
    ) -> tuple[Alarm, ...]:
        """Add a component with its model, scaling and rollback alarms, and return the alarms."""
        condition = self.version_condition_id if component.model.follows else None
        traffic = self._traffic_of(component)
        model = add_model(
            self._block,
            f"Model{traffic.suffix}",
            component.model,
            package_arn=self.model_package_arn,
            role_arn=self.execution_role_arn,
            vpc_config=vpc_config,
            network_isolation=network_isolation,
            condition=condition,
        )
        alarms: tuple[Alarm, ...] = ()
        deployment = None
        if self._rollout is not None:
            alarms = add_alarms(self._block, self._thresholds.rollback_rules(traffic, None), condition=condition)
            given = [_refs.alarm_name(alarm) for alarm in self._rollout.rollback_alarms]
            deployment = self._rollout.render_component([*(alarm.name for alarm in alarms), *given])
        member = self._block.add(
            f"Component{traffic.suffix}",
            "AWS::SageMaker::InferenceComponent",
            sagemaker.CfnInferenceComponentProps(
                inference_component_name=traffic.name,
                endpoint_name=self._endpoint.att("EndpointName"),
                variant_name=DEFAULT_VARIANT,
                specification=component.render(model.att("ModelName")),
                runtime_config=sagemaker.CfnInferenceComponent.InferenceComponentRuntimeConfigProperty(
                    copy_count=component.copy_count
                ),
                deployment_config=deployment,
            ),
            condition=condition,
        )
        if component.scaling is not None:
            component.scaling.define(self._block, traffic, component=member, condition=condition)
        return alarms

    def _add_alarms(self) -> tuple[Alarm, ...]:
        rules = [
            rule
            for component in self._components
            for rule in self._thresholds.rules(self._traffic_of(component), capture=False)
        ]
        return add_alarms(self._block, rules, self._thresholds.targets, name_prefix=self.endpoint_name)
