"""What a processing job runs on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdk_sagemaker_mlops import _refs

if TYPE_CHECKING:
    from aws_cdk.aws_kms import IKey

    from cdk_sagemaker_mlops.network import Network

_INSTANCE_TYPE = r"ml\.[a-z0-9-]+\.[a-z0-9]+"


@dataclass(frozen=True, kw_only=True)
class Machines:
    """What a job runs on.

    :param instance_type: Type of the instances.
    :param instance_count: How many.
    :param volume_gb: Disk of each.
    :param volume_key: Key that encrypts the disks.
    :param max_runtime_seconds: When SageMaker ends a job that has not ended.
    :param network: Where the instances stand in a VPC.
    """

    instance_type: str
    instance_count: int
    volume_gb: int
    volume_key: IKey | None
    max_runtime_seconds: int
    network: Network | None

    def problems(self) -> list[str]:
        """What SageMaker would refuse."""
        found = []
        if not _refs.is_token(self.instance_type) and not re.fullmatch(_INSTANCE_TYPE, self.instance_type):
            found.append(f'engine instance_type is "{self.instance_type}", allowed are types such as ml.m5.xlarge')
        for name, value, low, high in (
            ("instance_count", self.instance_count, 1, 100),
            ("volume_gb", self.volume_gb, 1, 16_384),
            ("max_runtime_seconds", self.max_runtime_seconds, 300, 86_400),
        ):
            if not low <= value <= high:
                found.append(f"engine {name} is {value}, allowed are {low} to {high}")
        return found + list(self.network.problems() if self.network else ())
