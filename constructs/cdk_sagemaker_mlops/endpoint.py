"""A real-time endpoint: composition of model, variants, capture, scaling, network, rollout and alarms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sagemaker as sagemaker

from . import _refs
from ._endpoint_rules import check, check_import, default_name
from ._execution_role import observability_statements, rollback_statements, volume_key_statements
from ._iam import service_role
from ._instances import has_local_nvme
from ._naming import pascal
from ._version_parameters import VersionParameters
from .alarming import Alarm, define_alarms
from .endpoint_alarms import EndpointAlarms
from .endpoint_base import EndpointBase
from .network import Network
from .rollout import Rollout
from .variant import DEFAULT_VARIANT, Variant

if TYPE_CHECKING:
    from aws_cdk.aws_iam import IRole
    from aws_cdk.aws_kms import IKey
    from constructs import Construct

    from ._iam import Statement
    from .alarming import AlarmRule
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
        self._parameters: VersionParameters | None = None
        if self.follows is not None:
            self._parameters = VersionParameters(self, self.stack, endpoint_name=name, prefix=parameter_prefix)
            self.model_package_arn = self._parameters.package_arn
            self.condition_id = self._parameters.condition_id
        self.log_group_name = f"/aws/sagemaker/Endpoints/{name}"
        self.cfn_log_group = logs.CfnLogGroup(
            self, "Logs", log_group_name=self.log_group_name, retention_in_days=log_retention_days
        )
        self.execution_role_arn = self._execution_role(execution_role)
        self.cfn_endpoint_config = self._define_config(network_isolation)
        self._config_name = self.cfn_endpoint_config.attr_endpoint_config_name
        self.rollback_alarms = self._define_rollback_alarms()
        self.alarms = self._define_alarms()
        self.cfn_endpoint = self._define_endpoint()
        self._define_scaling()

    @property
    def rollout_parameters(self) -> dict[str, str]:
        """Ids of the stack parameters that a rollout sets; empty when the model follows no registry."""
        return dict(self._parameters.names) if self._parameters else {}

    def _execution_role(self, given: IRole | None) -> str:
        if given is not None:
            return given.role_arn
        statements: list[Statement] = []
        for variant in self._variants:
            statements += variant.model.bind(self.model_package_arn).statements
        statements += observability_statements(self.log_group_name, self.cfn_log_group.attr_arn)
        if self.capture:
            statements += self.capture.statements(self.endpoint_name)
        if self._volume_key:
            statements += volume_key_statements(self._volume_key)
        if self._network:
            statements += self._network.statements()
        statements += rollback_statements(bool(self._rollback_rules("")), self._rollout.rollback_alarms)
        self.cfn_role = service_role(
            self,
            "Role",
            service="sagemaker.amazonaws.com",
            statements=statements,
            description=f"What the endpoint {self.endpoint_name} may do",
        )
        return self.cfn_role.attr_arn

    def _define_config(self, network_isolation: bool) -> sagemaker.CfnEndpointConfig:
        vpc_config = self._network.render(self) if self._network else None
        names: list[tuple[Model, str]] = []
        for variant in self._variants:
            if any(variant.model == model for model, _ in names):
                continue
            cfn_model = sagemaker.CfnModel(
                self,
                f"Model{pascal(variant.name) if names else ''}",
                primary_container=variant.model.bind(self.model_package_arn).container,
                execution_role_arn=self.execution_role_arn,
                enable_network_isolation=network_isolation or None,
                vpc_config=vpc_config,
            )
            self.only_with_endpoint(cfn_model)
            names.append((variant.model, cfn_model.attr_model_name))
        config = sagemaker.CfnEndpointConfig(
            self,
            "Config",
            production_variants=[
                variant.render(next(name for model, name in names if model == variant.model))
                for variant in self._variants
            ],
            data_capture_config=self.capture.render() if self.capture else None,
            kms_key_id=self._volume_key,
        )
        self.only_with_endpoint(config)
        return config

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

    def _define_rollback_alarms(self) -> tuple[Alarm, ...]:
        # Nobody is called by these: SageMaker watches them, and the rollout's outcome is announced by who started it.
        rules = self._rollback_rules(self._config_name)
        return define_alarms(self, rules, condition=self.condition_id)

    def _define_alarms(self) -> tuple[Alarm, ...]:
        rules = [
            rule
            for name in self.variant_names
            for rule in self._thresholds.rules(
                self.endpoint_name, name, self._suffix(name), capture=self.capture is not None
            )
        ]
        return define_alarms(self, rules, self._thresholds.targets, condition=self.condition_id)

    def _define_endpoint(self) -> sagemaker.CfnEndpoint:
        given = [_refs.alarm_name(alarm) for alarm in self._rollout.rollback_alarms]
        endpoint = sagemaker.CfnEndpoint(
            self,
            "Resource",
            endpoint_name=self.endpoint_name,
            endpoint_config_name=self._config_name,
            deployment_config=self._rollout.render([*(alarm.name for alarm in self.rollback_alarms), *given]),
            retain_all_variant_properties=self._retain(),
        )
        self.only_with_endpoint(endpoint)
        return endpoint

    def _retain(self) -> bool | cdk.IResolvable | None:
        if self._rollout.retain_variant_properties is not None:
            return self._rollout.retain_variant_properties or None
        return self._parameters.retain() if self._parameters else None

    def _define_scaling(self) -> None:
        scaled = [variant for variant in self._variants if variant.scaling]
        if not scaled:
            return
        # An attribute of the endpoint and not its name: a scalable target cannot be registered before the endpoint
        # exists.
        name = self.cfn_endpoint.attr_endpoint_name
        for variant in scaled:
            assert variant.scaling is not None  # noqa: S101  (filtered above)
            for resource in variant.scaling.define(
                self, self._suffix(variant.name), endpoint_name=name, variant_name=variant.name
            ):
                self.only_with_endpoint(resource)

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
