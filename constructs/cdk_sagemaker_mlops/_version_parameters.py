"""Stack parameters that say which version of a followed group is live."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _paths, _refs
from ._errors import ConstructError

if TYPE_CHECKING:
    from ._block import Block

_PACKAGE = "ModelPackageArn"
_RETAIN = "RetainVariantProperties"
_CONDITION = "HasModelVersion"


class VersionParameters:
    """Version, what a rollout keeps, and the condition that there is a version at all.

    :ivar package_arn: Value of the version's parameter.
    :ivar condition_id: Logical id of the condition.
    :ivar names: Ids of the parameters by what they are (`version`, `retain`).
    """

    def __init__(self, block: Block, *, endpoint_name: str, prefix: str) -> None:
        """Add the version's parameter and the condition, under ids that begin with nothing but the prefix.

        :param block: Resources of the endpoint.
        :param endpoint_name: Name of the endpoint, for descriptions and messages.
        :param prefix: Prefix of all ids.
        :raises ConstructError: Another endpoint of the stack has parameters with these ids.
        """
        self._block = block
        self._prefix = prefix
        self.names = {"version": f"{prefix}{_PACKAGE}"}
        self.condition_id = f"{prefix}{_CONDITION}"
        self._claim(endpoint_name)
        block.parameter(
            self.names["version"],
            Default="",
            Description=f"Model version that {endpoint_name} serves; empty: no endpoint. Set by the rollout controller",
        )
        block.condition(self.condition_id, {"Fn::Not": [{"Fn::Equals": [{"Ref": self.names["version"]}, ""]}]})
        self.package_arn = _refs.parameter(self.names["version"])

    def retain(self) -> dict[str, str]:
        """Add whether a rollout keeps the running instance counts and weights, and return a reference to it.

        It is a parameter because SageMaker takes the setting on updates only: the first rollout must not carry it.
        """
        self.names["retain"] = f"{self._prefix}{_RETAIN}"
        self._block.parameter(
            self.names["retain"],
            Default="false",
            AllowedValues=["true", "false"],
            Description="Whether a rollout keeps running instance counts and weights. Set by the rollout controller",
        )
        return {"Ref": self.names["retain"]}

    def _claim(self, endpoint_name: str) -> None:
        name = self.names["version"]
        owners: dict[str, str] = _refs.remembered(_paths.stack_of(self._block.scope), "version parameters", dict)
        if name in owners:
            problem = (
                f'the stack already has a parameter "{name}", of endpoint {owners[name]}, which follows a registry '
                'too; give this one a parameter_prefix, such as "Second"'
            )
            raise ConstructError(self._block.scope.node.path, [problem])
        owners[name] = endpoint_name
