"""The insights report in environment files."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .base import Settings, conflict


class InsightsRuleSettings(Settings):
    """A rule of yours: a number that must not be above or below a limit."""

    fact: Annotated[
        str,
        Field(
            pattern=r"^(endpoint|monitors|live)\.[\w.\-]+$",
            description="The number, by its name in insights.json.",
            examples=["endpoint.latency_ms.highest"],
            json_schema_extra={"x-allowed": "a name from insights.json, beginning with endpoint., monitors. or live."},
        ),
    ]
    step: Annotated[str, Field(min_length=1, max_length=500, description="What to do when the rule speaks.")]
    above: Annotated[
        float | None, Field(description="The number must not be above this. Default: no limit; give above or below")
    ] = None
    below: Annotated[
        float | None, Field(description="The number must not be below this. Default: no limit; give above or below")
    ] = None
    urgency: Annotated[
        Literal["act", "watch", "note"],
        Field(description="act: today, watch: this week, note: when there is time. Default: watch"),
    ] = "watch"
    models: Annotated[tuple[str, ...], Field(description="Models that it holds for. Default: all")] = ()

    @model_validator(mode="after")
    def _one_limit(self) -> InsightsRuleSettings:
        if self.above is not None and self.below is not None:
            raise conflict("below", "above and below exclude each other; remove one, or write two rules")
        if self.above is None and self.below is None:
            raise conflict("above", "is missing; give above or below")
        return self


class InsightsSettings(Settings):
    """A report about all models, with what to do."""

    schedule: Annotated[
        Literal["daily", "weekly"],
        Field(
            description="daily: at 6:00 UTC about the day before; weekly: on Mondays about the week. Default: weekly"
        ),
    ] = "weekly"
    rules: Annotated[
        dict[
            Annotated[
                str,
                Field(
                    pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$",
                    max_length=40,
                    json_schema_extra={"x-allowed": "lower-case words with inner hyphens, at most 40 characters"},
                ),
            ],
            InsightsRuleSettings,
        ],
        Field(max_length=20, description="Rules of yours beside the report's, by name. Default: none"),
    ] = {}
