"""A model's place in an order of stages, as its registration says it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cdk_sagemaker_mlops import _naming
from cdk_sagemaker_mlops._errors import Problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """What a version must have been through before it goes live here, and what follows when it stays healthy.

    Stages are those of SageMaker's model life cycle (`ModelLifeCycle`); IAM can say who may approve for which.
    https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-staging-construct.html

    :param stage: Stage that a person must have approved a version for, beside the approval of the version itself.
        Default: - none, an approved version goes live
    :param after: Name of the rollout controller in whose environment a version must have been healthy before. Default:
        - none
    :param next_stage: Stage that a version is proposed for (with status PendingApproval) once it has been healthy here.
        The controller needs `proposes=True`. Default: - none
    :param healthy_minutes: For how long no alarm of the endpoint may have been on before that. Default: 60
    """

    stage: str | None = None
    after: str | None = None
    next_stage: str | None = None
    healthy_minutes: int = 60

    def problems(self) -> Iterable[str]:
        """Say what cannot be."""
        problems = Problems()
        for prop, value in (("stage", self.stage), ("next_stage", self.next_stage)):
            if value is not None:
                problems.matches(prop, value, _naming.NAME_PATTERN, _naming.NAME_RULE)
        if self.after is not None:
            problems.matches("after", self.after, _naming.NAME_PATTERN, _naming.NAME_RULE)
        problems.require(
            self.stage is None or self.stage != self.next_stage,
            f'next_stage is "{self.next_stage}", the stage of this environment itself; name the one that follows',
        )
        problems.between("healthy_minutes", self.healthy_minutes, 0, 10080, "minutes")
        return problems.found()

    def to_json(self) -> dict[str, object]:
        """As the controller reads it."""
        return {
            "stage": self.stage,
            "after": self.after,
            "next_stage": self.next_stage,
            "healthy_minutes": self.healthy_minutes,
        }
