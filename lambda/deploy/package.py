"""A version of a model as the registry keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


def version_of(arn: str) -> int | None:
    """The version number at the end of a model package ARN; None for an empty or unversioned one."""
    tail = arn.rpartition("/")[2]
    return int(tail) if tail.isdigit() else None


@dataclass(frozen=True)
class Package:
    """A version in the registry. ``baselines`` maps monitor type to file kind to S3 address."""

    arn: str
    approval: str
    status: str
    modified_at: datetime
    baselines: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    stage: str = ""
    stage_status: str = ""
    #: Controllers in whose environments it has been healthy. Known only of a version that was described.
    healthy_in: frozenset[str] = frozenset()

    @property
    def version(self) -> int:
        """Its number in the group; 0 for a package outside of a group."""
        return version_of(self.arn) or 0

    @property
    def deployable(self) -> bool:
        """Approved by a person, and complete on SageMaker's side."""
        return self.approval == "Approved" and self.status == "Completed"
