"""Stack parameters that say which version of a followed group is live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import aws_cdk as cdk

from ._errors import ConstructError

if TYPE_CHECKING:
    from constructs import Construct

_PACKAGE = "ModelPackageArn"
_RETAIN = "RetainVariantProperties"
_CONDITION = "HasModelVersion"


class VersionParameters:
    """Version, what a rollout keeps, and the condition that there is a version at all.

    :ivar package_arn: Value of the version's parameter.
    :ivar condition_id: Logical id of the condition.
    :ivar names: Ids of the parameters by what they are (`version`, `retain`).
    """

    def __init__(self, scope: Construct, stack: cdk.Stack, *, endpoint_name: str, prefix: str) -> None:
        """Define the version's parameter and the condition in the stack, where their ids are the plain ones.

        :param scope: The endpoint, for messages.
        :param stack: The stack that holds it.
        :param endpoint_name: Name of the endpoint, for descriptions.
        :param prefix: Prefix of all ids.
        """
        self._scope = scope
        self._stack = stack
        self._prefix = prefix
        self.names = {"version": f"{prefix}{_PACKAGE}"}
        self.condition_id = f"{prefix}{_CONDITION}"
        self.package_arn = self._define(
            _PACKAGE,
            default="",
            description=f"Model version that {endpoint_name} serves; empty: no endpoint. Set by the rollout controller",
        ).value_as_string
        cdk.CfnCondition(
            stack,
            self.condition_id,
            expression=cdk.Fn.condition_not(cdk.Fn.condition_equals(self.package_arn, "")),
        )

    def retain(self) -> cdk.IResolvable:
        """Define whether a rollout keeps the running instance counts and weights, and return the value.

        It is a parameter because SageMaker takes the setting on updates only: the first rollout must not carry it.
        """
        self.names["retain"] = f"{self._prefix}{_RETAIN}"
        return self._define(
            _RETAIN,
            default="false",
            allowed_values=["true", "false"],
            description="Whether a rollout keeps running instance counts and weights. Set by the rollout controller",
        ).value

    def _define(
        self, name: str, *, default: str, description: str, allowed_values: Sequence[str] | None = None
    ) -> cdk.CfnParameter:
        full_name = f"{self._prefix}{name}"
        try:
            return cdk.CfnParameter(
                self._stack,
                full_name,
                type="String",
                default=default,
                description=description,
                allowed_values=allowed_values,
            )
        except RuntimeError as error:
            # The CDK's own message names neither endpoint nor remedy; asking beforehand would cost two round trips.
            if "already a Construct with name" not in str(error):
                raise
            problem = (
                f'the stack already has a parameter "{full_name}", of another endpoint that follows a registry; '
                'give this one a parameter_prefix, such as "Second"'
            )
            raise ConstructError(self._scope.node.path, [problem]) from None
