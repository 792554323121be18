"""An endpoint: composition of model, variants, way of serving, capture, scaling, network, rollout and alarms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aws_cdk import aws_sagemaker as sagemaker

from . import _refs
from ._endpoint_config import add_fleet_models, config_properties
from ._endpoint_plan import EndpointPlan, suffix
from ._endpoint_rules import check, check_import, default_name
from ._hosted_endpoint import HostedEndpoint
from .alarming import add_alarms
from .endpoint_base import EndpointBase
from .endpoint_record import EndpointRecord
from .serving_mode import ServingMode
from .variant import DEFAULT_VARIANT, Shadow, Variant

if TYPE_CHECKING:
    from aws_cdk.aws_iam import IRole
    from aws_cdk.aws_kms import IKey
    from constructs import Construct

    from ._block import Member
    from .alarming import Alarm
    from .asynchronous import AsyncInference
    from .capture import DataCapture
    from .endpoint_alarms import EndpointAlarms
    from .model import Model
    from .network import Network
    from .rollout import Rollout
    from .scaling import Scaling
    from .serverless import Serverless


class Endpoint(HostedEndpoint):
    """A SageMaker endpoint with everything that belongs to it: real-time, serverless or asynchronous.

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
    :param serverless: Serve the only variant without instances. Default: - on instances.
    :param asynchronous: Queue requests, and answer through S3. Default: - answer at once.
    :param shadow: A second fleet that gets copies of requests. Default: - none.
    :param capture: What is recorded of the traffic. Default: - nothing, and monitors have nothing to watch.
    :param encryption_key: Key of the instances' volumes; not for instance types with local NVMe disks, which encrypt
        themselves. Default: - SageMaker's own key.
    :param network: VPC of the instances. Default: - SageMaker's network.
    :param network_isolation: Forbid the container all network calls; SageMaker still fetches model and image. Default:
        False.
    :param rollout: How traffic moves to a new model. Default: - all at once, watched for 10 minutes; at once and
        unwatched where SageMaker does it in no other way (serverless, Inf1).
    :param alarms: From when on figures are an alarm. Default: - see :class:`EndpointAlarms`.
    :param execution_role: An existing role, which then needs all permissions itself. Default: - a role with what is
        used.
    :param log_retention_days: How long the container's log is kept, one of CloudWatch's periods. Default: 90.
    :param parameter_prefix: Prefix of the ids of stack parameters and condition, for a second endpoint in one stack
        that follows a registry. Default: - none.
    :param deployed: What is deployed under this name, to refuse changes that SageMaker would refuse. Default: - nothing
        is compared.
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
        serverless: Serverless | None = None,
        asynchronous: AsyncInference | None = None,
        shadow: Shadow | None = None,
        deployed: EndpointRecord | None = None,
    ) -> None:
        only = {
            "instance_type": instance_type,
            "initial_instance_count": initial_instance_count,
            "scaling": scaling,
            "serverless": serverless,
        }
        if model is not None and not variants:
            variants = [
                Variant(
                    model=model,
                    name=DEFAULT_VARIANT,
                    instance_type=instance_type,
                    initial_instance_count=initial_instance_count,
                    scaling=scaling,
                    serverless=serverless,
                ),
            ]
            only = {}
        plan = EndpointPlan(
            name=endpoint_name or default_name(scope, construct_id),
            model=model,
            variants=tuple(variants),
            only={prop: value for prop, value in only.items() if value is not None and variants},
            shadow=shadow,
            asynchronous=asynchronous,
            capture=capture,
            network=network,
            network_isolation=network_isolation,
            encrypted=encryption_key is not None,
            given_rollout=rollout,
            given_alarms=alarms,
            log_retention_days=log_retention_days,
            parameter_prefix=parameter_prefix,
            deployed=deployed,
        )
        check(scope, construct_id, plan)
        super().__init__(
            scope,
            construct_id,
            endpoint_name=plan.name,
            variant_names=[variant.name for variant in plan.variants],
            mode=plan.mode,
            follows=plan.follows,
            execution_role=execution_role,
            log_retention_days=log_retention_days,
            parameter_prefix=parameter_prefix,
            capture=capture,
            shadow_name=shadow.name if shadow else None,
            loads_models=any(variant.model.loads_many for variant in plan.variants),
        )
        self._plan = plan
        self.asynchronous = asynchronous
        self._volume_key = None if encryption_key is None else _refs.key_arn(encryption_key)
        if execution_role is None:
            self._role = self._add_role([fleet.model for fleet in plan.fleets], plan.statements(self._volume_key))
        self._config = self._add_config()
        self.rollback_alarms = self._add_rollback_alarms()
        self.alarms = self._add_alarms()
        self._endpoint = self._add_endpoint()
        self._add_scaling()
        self._block.define()

    @property
    def record(self) -> EndpointRecord:
        """What is to be recorded once this is deployed; the next version's `deployed`."""
        return EndpointRecord.of(self._plan.variants)

    def _add_config(self) -> Member:
        models = add_fleet_models(
            self._block,
            self._plan,
            package_arn=self.model_package_arn,
            role_arn=self.execution_role_arn,
            vpc_config=self._plan.network.render(self) if self._plan.network else None,
            condition=self.condition_id,
        )
        return self._block.add(
            "Config",
            "AWS::SageMaker::EndpointConfig",
            config_properties(self._plan, models, volume_key=self._volume_key),
            condition=self.condition_id,
        )

    def _add_rollback_alarms(self) -> tuple[Alarm, ...]:
        # Nobody is called by these: SageMaker watches them, and the rollout's outcome is announced by who started it.
        if not self._plan.guarded:
            return ()
        rules = self._plan.rollback_rules(self._config.att("EndpointConfigName"))
        return add_alarms(self._block, rules, condition=self.condition_id)

    def _add_alarms(self) -> tuple[Alarm, ...]:
        thresholds = self._plan.alarms
        rules = [
            rule
            for traffic in self._plan.traffic
            for rule in thresholds.rules(traffic, capture=self.capture is not None)
        ]
        if self.mode is ServingMode.ASYNCHRONOUS:
            rules += thresholds.queue_rules(self.endpoint_name)
        # Without a condition: before the first version there is no data, which is no alarm.
        return add_alarms(self._block, rules, thresholds.targets, name_prefix=self.endpoint_name)

    def _add_endpoint(self) -> Member:
        rollout = self._plan.rollout
        own = [alarm.name for alarm in self.rollback_alarms]
        given = [_refs.alarm_name(alarm) for alarm in rollout.rollback_alarms]
        retain = self._retain()
        properties = sagemaker.CfnEndpointProps(
            endpoint_name=self.endpoint_name,
            endpoint_config_name=self._config.att("EndpointConfigName"),
            deployment_config=rollout.render([*own, *given]) if self._plan.guarded else None,
        )
        return self._block.add(
            "Resource",
            "AWS::SageMaker::Endpoint",
            properties,
            condition=self.condition_id,
            extra={"RetainAllVariantProperties": retain} if retain else None,
        )

    def _retain(self) -> bool | dict[str, str]:
        if self.mode is ServingMode.SERVERLESS:
            # There are no instance counts, and one variant has no weight to keep.
            return False
        if self._plan.rollout.retain_variant_properties is not None:
            return self._plan.rollout.retain_variant_properties
        return self._parameters.retain() if self._parameters else False

    def _add_scaling(self) -> None:
        # An attribute of the endpoint and not its name: a scalable target cannot be registered before the endpoint
        # exists.
        name = self._endpoint.att("EndpointName")
        for variant in self._plan.variants:
            variant.define_scaling(self._block, suffix(variant.name), endpoint_name=name, condition=self.condition_id)

    @staticmethod
    def from_endpoint_name(
        scope: Construct,
        construct_id: str,
        endpoint_name: str,
        *,
        variant_names: Sequence[str] = (DEFAULT_VARIANT,),
        capture: DataCapture | None = None,
        mode: ServingMode = ServingMode.REAL_TIME,
        component_names: Sequence[str] = (),
    ) -> EndpointBase:
        """Refer to an endpoint that something else defines, to invoke it, to watch its metrics and its traffic.

        :param endpoint_name: Name, exactly as it was created: invoking compares upper and lower case.
        :param variant_names: Its variants. Default: `AllTraffic`.
        :param capture: Where it records its traffic; describes what is there, changes nothing. Default: - nowhere.
        :param mode: How it answers, which decides over grants and metrics. Default: real-time.
        :param component_names: Its inference components, where it hosts some. Default: - none.
        """
        check_import(scope, construct_id, endpoint_name, variant_names, mode, component_names)
        return EndpointBase(
            scope,
            construct_id,
            endpoint_name=endpoint_name,
            variant_names=variant_names,
            capture=capture,
            mode=mode,
            component_names=component_names,
        )

    @staticmethod
    def from_endpoint_arn(
        scope: Construct,
        construct_id: str,
        endpoint_arn: str,
        *,
        variant_names: Sequence[str] = (DEFAULT_VARIANT,),
        capture: DataCapture | None = None,
        mode: ServingMode = ServingMode.REAL_TIME,
        component_names: Sequence[str] = (),
    ) -> EndpointBase:
        """Refer to an endpoint of this account and region by its ARN; see :meth:`from_endpoint_name`.

        :param endpoint_arn: ARN. SageMaker writes it in lower case: an endpoint whose name has upper-case letters
            cannot be invoked by what it says.
        """
        name = endpoint_arn.rpartition("endpoint/")[2]
        return Endpoint.from_endpoint_name(
            scope,
            construct_id,
            name,
            variant_names=variant_names,
            capture=capture,
            mode=mode,
            component_names=component_names,
        )
