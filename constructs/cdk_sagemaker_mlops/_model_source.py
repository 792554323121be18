"""What every source of a model tells an endpoint."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aws_cdk.aws_sagemaker import CfnModel

from ._iam import Statement

if TYPE_CHECKING:
    from .registry import ModelPackageGroupBase


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundModel:
    """What a model source contributes to an endpoint.

    :param containers: The model's containers, in the order in which a request passes them.
    :param statements: What the execution role needs to load it.
    """

    containers: Sequence[CfnModel.ContainerDefinitionProperty]
    statements: Sequence[Statement] = field(default_factory=tuple)


class ModelSource(ABC):
    """A version in the registry, an image and its data, or several of them in a row."""

    @property
    def follows(self) -> ModelPackageGroupBase | None:
        """The group whose newest approved version the endpoint follows; None for a fixed model."""
        return None

    @property
    def loads_many(self) -> bool:
        """Whether a container loads models on request (multi-model)."""
        return False

    @property
    def steps(self) -> int:
        """How many containers a request passes, as far as the template knows."""
        return 1

    @abstractmethod
    def problems(self) -> Iterable[str]:
        """Say what SageMaker would refuse."""

    @abstractmethod
    def bind(self, package_arn: str) -> BoundModel:
        """Render the containers and compute permissions.

        :param package_arn: Value of the stack's parameter `ModelPackageArn`; empty unless the source follows a group.
        """
