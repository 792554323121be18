"""Models that are no version of a registry, or another version than the one that is rolled out."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from .base import S3Uri, Settings, conflict

Image = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/\S+$",
        json_schema_extra={"x-allowed": "<account>.dkr.ecr.<region>.amazonaws.com/<repository>:<tag>"},
    ),
]


class ContainerSettings(Settings):
    """A fixed image with a fixed model, or with any model below a prefix."""

    image: Annotated[Image, Field(description="Image in ECR.")]
    model_data: Annotated[
        S3Uri | None,
        Field(
            description="S3 URI of an archive (model.tar.gz), or prefix of plain files, ending in /. Default: models"
        ),
    ] = None
    models: Annotated[
        S3Uri | None,
        Field(
            description="Multi-model: S3 prefix, ending in /, of archives that requests choose from (TargetModel). "
            "Default: one model, model_data"
        ),
    ] = None
    cache_models: Annotated[
        bool, Field(description="Multi-model: false keeps no model in memory between requests. Default: true")
    ] = True

    @model_validator(mode="after")
    def _one_or_many(self) -> ContainerSettings:
        if self.model_data and self.models:
            raise conflict("models", "a container holds one model (model_data) or many (models); remove one of the two")
        if not self.model_data and not self.models:
            raise conflict("model_data", "missing; say where the model is: s3://<bucket>/<path>/model.tar.gz")
        if self.model_data and not self.model_data.endswith((".tar.gz", "/")):
            raise conflict("model_data", "SageMaker unpacks only .tar.gz; give the prefix of plain files, ending in /")
        if self.models and not self.models.endswith("/"):
            raise conflict("models", f"write the prefix with a slash at its end: {self.models}/")
        if not self.cache_models and not self.models:
            raise conflict("cache_models", "is about multi-model containers; remove it, or give models")
        return self


class OtherModelSettings(Settings):
    """Another model than the one that is rolled out."""

    version: Annotated[
        int | None, Field(ge=1, description="A fixed version of the registry group. Default: the one rolled out")
    ] = None
    container: Annotated[
        ContainerSettings | None, Field(description="A fixed image and model. Default: the model of this file's entry")
    ] = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.version and self.container:
            raise conflict("container", "a model is a version or a container; remove one of the two")
        return self
