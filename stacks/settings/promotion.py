"""The order of stages: what a version must have been through, and what follows."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from .base import ResourceName, Settings, conflict


class PromotionSettings(Settings):
    """A model's place in an order of stages. A person approves a version for a stage in the registry."""

    stage: Annotated[
        ResourceName | None,
        Field(
            description="Stage that a person must have approved a version for before it goes live here, beside "
            "approving the version itself. Default: none"
        ),
    ] = None
    after: Annotated[
        str | None,
        Field(
            pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$",
            max_length=16,
            description="Environment (its file's name) of this project in which a version must have been healthy "
            "before. Default: none",
            json_schema_extra={"x-allowed": "the name of an environment, which is its file's without .yaml"},
        ),
    ] = None
    next_stage: Annotated[
        ResourceName | None,
        Field(description="Stage that a version is proposed for once it has been healthy here. Default: none"),
    ] = None
    healthy_minutes: Annotated[
        int,
        Field(
            ge=0,
            le=10080,
            description="For how long no alarm of the endpoint may have been on before a version is proposed, in "
            "minutes. Default: 60",
        ),
    ] = 60

    @model_validator(mode="after")
    def _stages_follow_each_other(self) -> PromotionSettings:
        if self.stage and self.stage == self.next_stage:
            raise conflict("next_stage", f"{self.next_stage} is the stage of this environment itself; name the next")
        if not (self.stage or self.after or self.next_stage):
            raise conflict(
                "stage", "an order of stages needs stage, after or next_stage; give one, or remove promotion"
            )
        return self
