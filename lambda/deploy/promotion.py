"""The order of stages: what a version must have been through before it goes live here, and what follows afterwards.

SageMaker keeps one life cycle stage per version, with a status: the stage that the version is at, and whether a person
has approved it for that stage. IAM can say who may set which (condition keys ``sagemaker:ModelLifeCycle:stage`` and
``sagemaker:ModelLifeCycle:stageStatus``). Where a version was healthy is kept beside it, as metadata of its own,
because the stage moves on.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-staging-construct.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deploy.package import Package

APPROVED, PENDING = "Approved", "PendingApproval"
#: Key of a version's metadata that says since when it has been healthy in an environment, by its controller's name.
HEALTHY_IN = "healthy-in:"
DEFAULT_HEALTHY_MINUTES = 60


@dataclass(frozen=True)
class Promotion:
    """A model's place in the order of stages.

    ``stage``: what a version must be approved for to go live here. ``after``: the controller in whose environment it
    must have been healthy before. ``next_stage``: what a version that is healthy here is proposed for, after
    ``healthy_minutes``.
    """

    stage: str = ""
    after: str = ""
    next_stage: str = ""
    healthy_minutes: int = DEFAULT_HEALTHY_MINUTES

    @classmethod
    def parse(cls, document: Any, mistakes: list[str]) -> Promotion | None:
        """Read a registration's ``promotion``; what is wrong is added to ``mistakes``."""
        if document is None:
            return None
        if not isinstance(document, Mapping):
            mistakes.append(f"'promotion' must be an object, not {document!r}")
            return None
        mistakes += [
            f"'promotion.{key}' must be a string, not {document[key]!r}"
            for key in ("stage", "after", "next_stage")
            if document.get(key) is not None and not isinstance(document[key], str)
        ]
        minutes = document.get("healthy_minutes", DEFAULT_HEALTHY_MINUTES)
        if isinstance(minutes, bool) or not isinstance(minutes, int) or minutes < 0:
            mistakes.append(f"'promotion.healthy_minutes' must be a whole number from 0, not {minutes!r}")
        if mistakes:
            return None
        texts = {key: document.get(key) or "" for key in ("stage", "after", "next_stage")}
        return cls(**texts, healthy_minutes=minutes)

    def objection(self, package: Package, controller: str) -> str:
        """Why an approved version must not go live here yet; empty if nothing speaks against it."""
        if self.after and self.after not in package.healthy_in:
            return f"version {package.version} has not been healthy in {self.after} yet"
        if not self.stage or (package.stage, package.stage_status) == (self.stage, APPROVED):
            return ""
        if package.stage == self.stage:
            return f"version {package.version} is {package.stage_status} for stage {self.stage}"
        # It was approved for this stage, was healthy here, and is at a later stage now.
        if controller in package.healthy_in:
            return ""
        return f"version {package.version} waits for approval for stage {self.stage}"

    def is_due(self, package: Package, controller: str) -> bool:
        """Whether what became of the version here still has to be written down for the next stage."""
        return bool(self.next_stage) and controller not in package.healthy_in


def healthy_in(metadata: Mapping[str, str]) -> frozenset[str]:
    """Controllers in whose environments a version with this metadata has been healthy."""
    return frozenset(key.removeprefix(HEALTHY_IN) for key in metadata if key.startswith(HEALTHY_IN))
