"""What every endpoint that this app defines has: version parameters, log group, execution role."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from aws_cdk import aws_logs as logs

from ._block import Block
from ._execution_role import observability_statements
from ._iam import add_service_role
from ._version_parameters import VersionParameters
from .endpoint_base import EndpointBase

if TYPE_CHECKING:
    from aws_cdk import aws_sagemaker as sagemaker
    from aws_cdk.aws_iam import CfnRole, IRole
    from constructs import Construct

    from ._block import Member
    from ._iam import Statement
    from .alarming import Alarm
    from .capture import DataCapture
    from .model import Model
    from .registry import ModelPackageGroupBase
    from .serving_mode import ServingMode


class HostedEndpoint(EndpointBase):
    """An endpoint of this app.

    :ivar log_group_name: Where containers log.
    :ivar rollback_alarms: The endpoint's own alarms that stop a rollout.
    """

    _endpoint: Member
    _config: Member
    _role: Member | None

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        endpoint_name: str,
        variant_names: Sequence[str],
        mode: ServingMode,
        follows: ModelPackageGroupBase | None,
        execution_role: IRole | None,
        log_retention_days: int,
        parameter_prefix: str,
        capture: DataCapture | None = None,
        shadow_name: str | None = None,
        component_names: Sequence[str] = (),
        loads_models: bool = False,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            endpoint_name=endpoint_name,
            variant_names=variant_names,
            capture=capture,
            parameter_prefix=parameter_prefix,
            mode=mode,
            shadow_name=shadow_name,
            component_names=component_names,
            loads_models=loads_models,
        )
        self.follows = follows
        self.rollback_alarms: tuple[Alarm, ...] = ()
        self._block = Block(self)
        self._parameters: VersionParameters | None = None
        if follows is not None:
            self._parameters = VersionParameters(self._block, endpoint_name=endpoint_name, prefix=parameter_prefix)
            self.model_package_arn = self._parameters.package_arn
            self.condition_id = self.version_condition_id = self._parameters.condition_id
        self.log_group_name = f"/aws/sagemaker/Endpoints/{endpoint_name}"
        self._log_group = self._add_log_group("Logs", self.log_group_name, log_retention_days)
        self._given_role_arn = "" if execution_role is None else execution_role.role_arn
        self._role = None

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

    def _add_log_group(self, construct_id: str, name: str, retention_days: int) -> Member:
        properties = logs.CfnLogGroupProps(log_group_name=name, retention_in_days=retention_days)
        return self._block.add(construct_id, "AWS::Logs::LogGroup", properties)

    def _add_role(self, models: Sequence[Model], others: Sequence[Statement]) -> Member:
        """Add the execution role.

        :param models: What it has to be able to load.
        :param others: What else the endpoint does, beside logs and metrics.
        """
        loading = [statement for model in models for statement in model.bind(self.model_package_arn).statements]
        logging = observability_statements(self.log_group_name, self._log_group.att("Arn"))
        return add_service_role(
            self._block,
            "Role",
            service="sagemaker.amazonaws.com",
            statements=[*loading, *logging, *others],
            description=f"What the endpoint {self.endpoint_name} may do",
        )
