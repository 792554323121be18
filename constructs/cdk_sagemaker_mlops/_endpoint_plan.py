"""What an endpoint is to be, before anything is defined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._execution_role import rollback_statements, volume_key_statements
from ._instances import is_inferentia1
from ._naming import pascal
from .endpoint_alarms import EndpointAlarms
from .rollout import Rollout
from .serving_mode import ServingMode, Traffic
from .variant import DEFAULT_VARIANT

if TYPE_CHECKING:
    from ._iam import Statement
    from .alarming import AlarmRule
    from .asynchronous import AsyncInference
    from .capture import DataCapture
    from .endpoint_record import EndpointRecord
    from .model import Model
    from .network import Network
    from .registry import ModelPackageGroupBase
    from .variant import Shadow, Variant


@dataclass(frozen=True, kw_only=True)
class EndpointPlan:
    """An endpoint's properties with what follows from them.

    :ivar only: Properties of an only variant that were given although there are several.
    :ivar given_rollout: The rollout that was asked for, if any; likewise `given_alarms`.
    """

    name: str
    model: Model | None
    variants: tuple[Variant, ...]
    only: Mapping[str, Any]
    shadow: Shadow | None
    asynchronous: AsyncInference | None
    capture: DataCapture | None
    network: Network | None
    network_isolation: bool
    encrypted: bool
    given_rollout: Rollout | None
    given_alarms: EndpointAlarms | None
    log_retention_days: int
    parameter_prefix: str
    deployed: EndpointRecord | None = None

    @property
    def mode(self) -> ServingMode:
        """How the endpoint answers."""
        if self.asynchronous is not None:
            return ServingMode.ASYNCHRONOUS
        if any(variant.serverless for variant in self.variants):
            return ServingMode.SERVERLESS
        return ServingMode.REAL_TIME

    @property
    def shadow_variant(self) -> Variant | None:
        """The shadow as SageMaker sees it."""
        return self.shadow.variant(self.variants[0]) if self.shadow and self.variants else None

    @property
    def fleets(self) -> tuple[Variant, ...]:
        """Production variants and shadow."""
        shadow = self.shadow_variant
        return self.variants if shadow is None else (*self.variants, shadow)

    @property
    def guarded(self) -> bool:
        """Whether SageMaker shifts traffic step by step and watches alarms.

        https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-exclusions.html
        """
        return self.mode is not ServingMode.SERVERLESS and not any(
            is_inferentia1(variant.host_type) for variant in self.fleets
        )

    @property
    def rollout(self) -> Rollout:
        """The rollout, the default where none was asked for."""
        return self.given_rollout or Rollout.all_at_once()

    @property
    def alarms(self) -> EndpointAlarms:
        """The alarms, the mode's own where none were asked for."""
        return self.given_alarms or EndpointAlarms.usual(self.mode)

    @property
    def follows(self) -> ModelPackageGroupBase | None:
        """The group whose newest approved version is live."""
        return next((group for fleet in self.fleets if (group := fleet.model.follows)), None)

    @property
    def traffic(self) -> list[Traffic]:
        """What metrics are told apart by."""
        return [
            Traffic(endpoint=self.name, name=variant.name, mode=self.mode, suffix=suffix(variant.name))
            for variant in self.variants
        ]

    def rollback_rules(self, config_name: str) -> list[AlarmRule]:
        """The alarms that stop a rollout of the endpoint configuration."""
        return [rule for traffic in self.traffic for rule in self.alarms.rollback_rules(traffic, config_name)]

    def statements(self, volume_key: str | None) -> list[Statement]:
        """What the execution role needs beside models, logs and metrics."""
        statements: list[Statement] = []
        if self.capture:
            statements += self.capture.statements(self.name)
        if volume_key:
            statements += volume_key_statements(volume_key)
        if self.asynchronous:
            statements += self.asynchronous.statements()
        if self.network:
            statements += self.network.statements()
        if self.guarded:
            statements += rollback_statements(bool(self.rollback_rules("")), self.rollout.rollback_alarms)
        return statements


def suffix(variant: str) -> str:
    """Suffix of the ids of a variant's parts.

    It depends on the variant's name alone: if it changed when a second variant comes, the scalable target would be made
    again under another id and then deleted under its old one, which are the same target.
    """
    return "" if variant == DEFAULT_VARIANT else pascal(variant)
