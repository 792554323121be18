"""A real-time endpoint: composition of model, variants, capture, scaling, network, rollout and alarms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from aws_cdk import aws_logs as logs
from aws_cdk import aws_sagemaker as sagemaker

from . import _refs
from ._block import Block
from ._endpoint_rules import check, check_import, default_name
from ._execution_role import observability_statements, rollback_statements, volume_key_statements
from ._iam import add_service_role
from ._instances import has_local_nvme
from ._naming import pascal
from ._version_parameters import VersionParameters
from .alarming import add_alarms
from .endpoint_alarms import EndpointAlarms
from .endpoint_base import EndpointBase
from .network import Network
from .rollout import Rollout
from .variant import DEFAULT_VARIANT, Variant

if TYPE_CHECKING:
    from aws_cdk.aws_iam import CfnRole, IRole
    from aws_cdk.aws_kms import IKey
    from constructs import Construct

    from ._block import Member
    from ._iam import Statement
    from .alarming import Alarm, AlarmRule
    from .capture import DataCapture
    from .model import Model
    from .scaling import Scaling


class Endpoint(EndpointBase):
    """A SageMaker real-time endpoint with everything that belongs to it.

    Defines models, endpoint configuration, endpoint, execution role, log group, and as asked for automatic scaling,
    data capture and alarms. Model and configuration have generated names, because every change replaces them; the
    endpoint's name is fixed and survives.

    With `Model.latest_approved` the live version is the stack parameter `ModelPackageArn`, and the condition
    `HasModelVersion` keeps everything out that needs a model until there is one.

    :param model: The model of the only variant. Give this or `variants`.
    :param variants: Several variants that share the traffic. Variants with equal models share one SageMaker model.
    :param endpoint_name: Name, 1 to 63 lower-case letters, digits and hyphens. Default: - stack name and path of the
        construct, cut with a hash when too long.
    :param instance_type: Instance type of the only variant. Default: `ml.m5.large`.
    :param initial_instance_count: Instances of the only variant at the start. Default: - `scaling.min_instances`, or 1.
    :param scaling: Automatic scaling of the only variant. Default: - a fixed number of instances.
    :param capture: What is recorded of the traffic. Default: - nothing, and monitors have nothing to watch.
    :param encryption_key: Key of the instances' volumes; left out where instance types encrypt local disks themselves.
        Default: - SageMaker's own key.
    :param network: VPC of the instances. Default: - SageMaker's network.
    :param network_isolation: Forbid the container all network calls; SageMaker still fetches model and image. Default:
        False.
    :param rollout: How traffic moves to a new model. Default: - all at once, watched for 10 minutes.
    :param alarms: From when on figures are an alarm. Default: - see :class:`EndpointAlarms`.
    :param execution_role: An existing role, which then needs all permissions itself. Default: - a role with what is
        used.
    :param log_retention_days: How long the container's log is kept, one of CloudWatch's periods. Default: 90.
    :param parameter_prefix: Prefix of the ids of stack parameters and condition, for a second endpoint in one stack
        that follows a registry. Default: - none.
    :raises ConstructError: What SageMaker would refuse, all of it together.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        model: Model | None = None,
        variants: Sequence[Variant] = (),
        endpoint_name: str | None = None,
        instance_type: str | None = None,
        initial_instance_count: int | None = None,
        scaling: Scaling | None = None,
        capture: DataCapture | None = None,
        encryption_key: IKey | None = None,
        network: Network | None = None,
        network_isolation: bool = False,
        rollout: Rollout | None = None,
        alarms: EndpointAlarms | None = None,
        execution_role: IRole | None = None,
        log_retention_days: int = 90,
        parameter_prefix: str = "",
    ) -> None:
        only = {
            "instance_type": instance_type,
            "initial_instance_count": initial_instance_count,
            "scaling": scaling,
        }
        if model is not None and not variants:
            self._variants: tuple[Variant, ...] = (
                Variant(
                    model=model,
                    name=DEFAULT_VARIANT,
                    instance_type=instance_type or "ml.m5.large",
                    initial_instance_count=initial_instance_count,
                    scaling=scaling,
                ),
            )
        else:
            self._variants = tuple(variants)
        self._rollout = rollout or Rollout.all_at_once()
        self._thresholds = alarms or EndpointAlarms()
        self._network = network
        name = endpoint_name or default_name(scope, construct_id)
        check(
            scope,
            construct_id,
            name=name,
            model=model,
            variants=self._variants,
            only={prop: value for prop, value in only.items() if value is not None and variants},
            capture=capture,
            network=network,
            encrypted=encryption_key is not None,
            rollout=self._rollout,
            thresholds=self._thresholds,
            log_retention_days=log_retention_days,
            parameter_prefix=parameter_prefix,
        )
        super().__init__(
            scope,
            construct_id,
            endpoint_name=name,
            variant_names=[variant.name for variant in self._variants],
            capture=capture,
            parameter_prefix=parameter_prefix,
        )
        nvme = any(has_local_nvme(variant.instance_type) for variant in self._variants)
        self._volume_key = None if nvme or encryption_key is None else _refs.key_arn(encryption_key)
        self.follows = next((group for variant in self._variants if (group := variant.model.follows)), None)
        self._block = Block(self)
        self._parameters: VersionParameters | None = None
        if self.follows is not None:
            self._parameters = VersionParameters(self._block, endpoint_name=name, prefix=parameter_prefix)
            self.model_package_arn = self._parameters.package_arn
            self.condition_id = self._parameters.condition_id
        self.log_group_name = f"/aws/sagemaker/Endpoints/{name}"
        self._log_group = self._block.add(
            "Logs",
            "AWS::Logs::LogGroup",
            logs.CfnLogGroupProps(log_group_name=self.log_group_name, retention_in_days=log_retention_days),
        )
        self._given_role_arn = "" if execution_role is None else execution_role.role_arn
        self._role = self._add_role() if execution_role is None else None
        self._config = self._add_config(network_isolation)
        self.rollback_alarms = self._add_rollback_alarms()
        self.alarms = self._add_alarms()
        self._endpoint = self._add_endpoint()
        self._add_scaling()
        self._block.define()

    @property
    def rollout_parameters(self) -> dict[str, str]:
        """Ids of the stack parameters that a rollout sets; empty when the model follows no registry."""
        return dict(self._parameters.names) if self._parameters else {}

    @property
    def cfn_endpoint(self) -> sagemaker.CfnEndpoint:
        """The endpoint's L1 construct."""
        return cast("sagemaker.CfnEndpoint", self._endpoint.resource)

    @property
    def cfn_endpoint_config(self) -> sagemaker.CfnEndpointConfig:
        """The endpoint configuration's L1 construct."""
        return cast("sagemaker.CfnEndpointConfig", self._config.resource)

    @property
    def cfn_log_group(self) -> logs.CfnLogGroup:
        """The log group's L1 construct."""
        return cast("logs.CfnLogGroup", self._log_group.resource)

    @property
    def cfn_role(self) -> CfnRole | None:
        """The execution role's L1 construct; None where an existing role was given."""
        return None if self._role is None else cast("CfnRole", self._role.resource)

    @property
    def execution_role_arn(self) -> str:
        """ARN of the execution role."""
        return self._given_role_arn if self._role is None else self._role.att("Arn")

    def _add_role(self) -> Member:
        statements: list[Statement] = []
        for variant in self._variants:
            statements += variant.model.bind(self.model_package_arn).statements
        statements += observability_statements(self.log_group_name, self._log_group.att("Arn"))
        if self.capture:
            statements += self.capture.statements(self.endpoint_name)
        if self._volume_key:
            statements += volume_key_statements(self._volume_key)
        if self._network:
            statements += self._network.statements()
        statements += rollback_statements(bool(self._rollback_rules("")), self._rollout.rollback_alarms)
        return add_service_role(
            self._block,
            "Role",
            service="sagemaker.amazonaws.com",
            statements=statements,
            description=f"What the endpoint {self.endpoint_name} may do",
        )

    def _add_config(self, network_isolation: bool) -> Member:
        vpc_config = self._network.render(self) if self._network else None
        names: list[tuple[Model, str]] = []
        for variant in self._variants:
            if any(variant.model == model for model, _ in names):
                continue
            properties = sagemaker.CfnModelProps(
                primary_container=variant.model.bind(self.model_package_arn).container,
                execution_role_arn=self.execution_role_arn,
                enable_network_isolation=network_isolation or None,
                vpc_config=vpc_config,
            )
            construct_id = f"Model{pascal(variant.name) if names else ''}"
            model = self._block.add(construct_id, "AWS::SageMaker::Model", properties, condition=self.condition_id)
            names.append((variant.model, model.att("ModelName")))
        config = sagemaker.CfnEndpointConfigProps(
            production_variants=[
                variant.render(next(name for model, name in names if model == variant.model))
                for variant in self._variants
            ],
            data_capture_config=self.capture.render() if self.capture else None,
            kms_key_id=self._volume_key,
        )
        return self._block.add("Config", "AWS::SageMaker::EndpointConfig", config, condition=self.condition_id)

    @staticmethod
    def _suffix(variant: str) -> str:
        """Suffix of the ids of a variant's parts.

        It depends on the variant's name alone: if it changed when a second variant comes, the scalable target would be
        made again under another id and then deleted under its old one, which are the same target.
        """
        return "" if variant == DEFAULT_VARIANT else pascal(variant)

    def _rollback_rules(self, config_name: str) -> list[AlarmRule]:
        return [
            rule
            for name in self.variant_names
            for rule in self._thresholds.rollback_rules(self.endpoint_name, name, self._suffix(name), config_name)
        ]

    def _add_rollback_alarms(self) -> tuple[Alarm, ...]:
        # Nobody is called by these: SageMaker watches them, and the rollout's outcome is announced by who started it.
        rules = self._rollback_rules(self._config.att("EndpointConfigName"))
        return add_alarms(self._block, rules, condition=self.condition_id)

    def _add_alarms(self) -> tuple[Alarm, ...]:
        rules = [
            rule
            for name in self.variant_names
            for rule in self._thresholds.rules(
                self.endpoint_name, name, self._suffix(name), capture=self.capture is not None
            )
        ]
        # Without a condition: before the first version there is no data, which is no alarm.
        return add_alarms(self._block, rules, self._thresholds.targets, name_prefix=self.endpoint_name)

    def _add_endpoint(self) -> Member:
        own = [alarm.name for alarm in self.rollback_alarms]
        given = [_refs.alarm_name(alarm) for alarm in self._rollout.rollback_alarms]
        retain = self._retain()
        properties = sagemaker.CfnEndpointProps(
            endpoint_name=self.endpoint_name,
            endpoint_config_name=self._config.att("EndpointConfigName"),
            deployment_config=self._rollout.render([*own, *given]),
        )
        return self._block.add(
            "Resource",
            "AWS::SageMaker::Endpoint",
            properties,
            condition=self.condition_id,
            extra={"RetainAllVariantProperties": retain} if retain else None,
        )

    def _retain(self) -> bool | dict[str, str]:
        if self._rollout.retain_variant_properties is not None:
            return self._rollout.retain_variant_properties
        return self._parameters.retain() if self._parameters else False

    def _add_scaling(self) -> None:
        # An attribute of the endpoint and not its name: a scalable target cannot be registered before the endpoint
        # exists.
        name = self._endpoint.att("EndpointName")
        for variant in self._variants:
            if variant.scaling is not None:
                variant.scaling.define(
                    self._block,
                    self._suffix(variant.name),
                    endpoint_name=name,
                    variant_name=variant.name,
                    condition=self.condition_id,
                )

    @staticmethod
    def from_endpoint_name(
        scope: Construct,
        construct_id: str,
        endpoint_name: str,
        *,
        variant_names: Sequence[str] = (DEFAULT_VARIANT,),
        capture: DataCapture | None = None,
    ) -> EndpointBase:
        """Refer to an endpoint that something else defines, to invoke it, to watch its metrics and its traffic.

        :param endpoint_name: Name, exactly as it was created: invoking compares upper and lower case.
        :param variant_names: Its variants. Default: `AllTraffic`.
        :param capture: Where it records its traffic; describes what is there, changes nothing. Default: - nowhere.
        """
        check_import(scope, construct_id, endpoint_name, variant_names)
        return EndpointBase(
            scope, construct_id, endpoint_name=endpoint_name, variant_names=variant_names, capture=capture
        )
