"""What runs the analyses of monitors."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from .base import Settings, conflicts

EngineName = Literal["auto", "lambda", "processing", "spark", "container", "model-monitor"]

#: Which engines know a key.
_KNOWN_TO: dict[str, tuple[str, ...]] = {
    "memory_mb": ("auto", "lambda"),
    "max_function_mb": ("auto",),
    "image": ("processing", "spark", "container", "model-monitor"),
    "entrypoint": ("container", "model-monitor"),
    "arguments": ("container", "model-monitor"),
    "environment": ("container",),
    "instance_type": ("auto", "processing", "spark", "container", "model-monitor"),
    "instance_count": ("spark", "container", "model-monitor"),
    "volume_gb": ("auto", "processing", "spark", "container", "model-monitor"),
    "max_runtime_minutes": ("auto", "processing", "spark", "container", "model-monitor"),
}


class EngineSettings(Settings):
    """An engine with its own settings; the name alone takes all defaults."""

    type: Annotated[EngineName, Field(description="Which engine.")]
    memory_mb: Annotated[
        int | None,
        Field(ge=512, le=10_240, description="auto, lambda: memory of the function, in MB. Default: 1769"),
    ] = None
    max_function_mb: Annotated[
        int | None,
        Field(
            ge=1,
            description="auto: the largest window, in MB of captured files, that the function analyses itself. "
            "Default: as much as half of its time is enough for",
        ),
    ] = None
    image: Annotated[
        str | None,
        Field(
            min_length=1,
            description="container, model-monitor: image of your own after Model Monitor's contract; processing, "
            "spark: another image for this package's code. Default: AWS's; container needs one",
        ),
    ] = None
    entrypoint: Annotated[
        list[str] | None,
        Field(min_length=1, description="container, model-monitor: command of the image. Default: the image's own"),
    ] = None
    arguments: Annotated[
        list[str] | None,
        Field(min_length=1, description="container, model-monitor: what follows the command. Default: nothing"),
    ] = None
    environment: Annotated[
        dict[str, str] | None,
        Field(min_length=1, description="container: variables besides those of the contract. Default: none"),
    ] = None
    instance_type: Annotated[
        str | None,
        Field(
            pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$",
            description="Jobs: type of the instances. Default: ml.m5.xlarge",
            json_schema_extra={"x-allowed": "an instance type of SageMaker, for example ml.m5.xlarge"},
        ),
    ] = None
    instance_count: Annotated[
        int | None,
        Field(
            ge=1, le=100, description="spark, container, model-monitor: how many instances. Default: spark 2, else 1"
        ),
    ] = None
    volume_gb: Annotated[
        int | None, Field(ge=1, le=16_384, description="Jobs: disk of each instance, in GB. Default: 30")
    ] = None
    max_runtime_minutes: Annotated[
        int | None, Field(ge=5, le=1440, description="Jobs: when a job that has not ended is stopped. Default: 60")
    ] = None

    @model_validator(mode="after")
    def _keys_belong_to_the_engine(self) -> EngineSettings:
        found = [
            (
                key,
                f"the engine is {self.type}, {key} belongs to {', '.join(engines)}; remove {key} or change the engine",
            )
            for key, engines in _KNOWN_TO.items()
            if getattr(self, key) is not None and self.type not in engines
        ]
        if self.type == "container" and self.image is None:
            found.append(("image", "the engine container runs an image of your own; give its URI as image"))
        if found:
            raise conflicts(found)
        return self


def _named(value: Any) -> Any:
    """`engine: auto` is `engine: {type: auto}`."""
    return {"type": value} if isinstance(value, str) else value


class _NameOrSettings:
    """The JSON schema of an engine: a mapping, or its name alone."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        names = list(get_args(EngineName))
        return {
            "anyOf": [handler(schema), {"type": "string", "enum": names}],
            "x-allowed": f"{', '.join(names)}, or a mapping with that as type and the engine's own settings",
        }


EngineChoice = Annotated[EngineSettings, BeforeValidator(_named), _NameOrSettings()]
