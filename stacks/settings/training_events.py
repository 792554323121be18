"""Which events start the training of one model."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, JsonValue, model_validator

from .base import ItemName, Settings, conflict, conflicts

# A prefix in the environment's own bucket, or a place elsewhere.
Place = Annotated[
    str,
    Field(
        pattern=r"^(s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?|[a-zA-Z0-9!_.*'()-]+(/[a-zA-Z0-9!_.*'()-]*)*)$",
        json_schema_extra={"x-allowed": "an S3 URI (s3://bucket/prefix/), or a prefix such as training-data/churn"},
    ),
]
Parameters = Annotated[
    dict[
        Annotated[
            str,
            Field(
                pattern=r"^[A-Za-z0-9][-A-Za-z0-9_]{0,255}$",
                json_schema_extra={"x-allowed": "the name of a parameter of the pipeline"},
            ),
        ],
        Annotated[str, Field(max_length=1024)],
    ],
    Field(
        max_length=200,
        description="Parameters of the execution; a value such as $.detail.name is taken from the event. Default: none",
    ),
]


def in_own_bucket(place: str) -> bool:
    """Whether a place of data is a prefix in the environment's bucket of models."""
    return not place.startswith("s3://")


def switch(value: Any) -> Any:
    """Take true for the defaults, and false for nothing."""
    return {} if value is True else None if value is False else value


def or_switch(schema: dict[str, Any]) -> None:
    """Say in a schema that true and false are allowed as well."""
    schema["anyOf"] = [option for option in schema["anyOf"] if option.get("type") != "null"] + [{"type": "boolean"}]


class NewDataSettings(Settings):
    """New objects below a prefix start an execution each."""

    location: Annotated[
        Place | None,
        Field(description="S3 URI, or a prefix in our own bucket of models. Default: the training data"),
    ] = None
    suffix: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=200,
            description="What names end with; each object with such a name starts an execution, so name the one "
            "that is written last (_SUCCESS). Default: every object but empty ones, and synthesis warns of that",
        ),
    ] = None
    parameters: Parameters = {}

    @model_validator(mode="after")
    def _is_a_prefix(self) -> NewDataSettings:
        if self.location and "*" in self.location:
            raise conflict("location", f'is "{self.location}"; it is a prefix, which needs no *')
        return self


class EventSettings(Settings):
    """One kind of event on the default bus of this account and region."""

    pattern: Annotated[
        dict[str, JsonValue],
        Field(
            description="Which events, as EventBridge writes patterns.",
            json_schema_extra={"x-allowed": "an event pattern: {source: [shop.etl], detail-type: [Load Finished]}"},
        ),
    ]
    parameters: Parameters = {}

    @model_validator(mode="after")
    def _pattern_is_one(self) -> EventSettings:
        from cdk_sagemaker_mlops.training.patterns import pattern_problems

        found = pattern_problems(self.pattern)
        if found:
            raise conflicts([("pattern", problem) for problem in found])
        return self


class StartOnSettings(Settings):
    """Events that start the training; each event starts an execution."""

    new_data: Annotated[
        NewDataSettings | None,
        BeforeValidator(switch),
        Field(
            description="New objects of the training data: true, or settings of it. Default: false",
            json_schema_extra=or_switch,
        ),
    ] = None
    events: Annotated[
        dict[ItemName, EventSettings],
        Field(max_length=20, description="Other events, by a name of yours. Default: none"),
    ] = {}

    @model_validator(mode="after")
    def _starts_something(self) -> StartOnSettings:
        if self.new_data is None and not self.events:
            raise conflict(
                "new_data", "says nothing that could start it; write new_data: true, add events, or remove start_on"
            )
        return self
