"""The sources of models behind the factories of :class:`Model`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk.aws_sagemaker import CfnModel

from . import _refs
from ._model_access import image_statements, key_statement, object_statements, registry_statements
from ._model_source import BoundModel, ModelSource

if TYPE_CHECKING:
    from aws_cdk.aws_ecr import IRepository
    from aws_cdk.aws_kms import IKey

    from .registry import ModelPackageGroupBase

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContainerDefinition.html
_ENVIRONMENT_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,1023}")
_ENVIRONMENT_TOTAL = 32 * 1024
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModel.html
_MAX_CONTAINERS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryModel(ModelSource):
    """A version of a group: a fixed one, or the one that was approved last."""

    group: ModelPackageGroupBase
    version: int | None
    environment: Mapping[str, str]

    @property
    def follows(self) -> ModelPackageGroupBase | None:
        return self.group if self.version is None else None

    def problems(self) -> Iterable[str]:
        yield from _environment_problems(self.environment)
        if self.version is not None and self.version < 1:
            yield f"version is {self.version}, versions are counted from 1"

    def bind(self, package_arn: str) -> BoundModel:
        arn = package_arn if self.version is None else self.group.package_arn(self.version)
        return BoundModel(
            containers=[
                CfnModel.ContainerDefinitionProperty(model_package_name=arn, environment=dict(self.environment) or None)
            ],
            statements=registry_statements(self.group),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageModel(ModelSource):
    """An image with its model, or with any model below a prefix."""

    image_uri: str | None
    repository: IRepository | None
    tag: str | None
    model_data_url: str | None
    model_data_key: IKey | None
    environment: Mapping[str, str]
    # None for a container with one model.
    caching: bool | None = None

    @property
    def loads_many(self) -> bool:
        return self.caching is not None

    def problems(self) -> Iterable[str]:
        yield from _environment_problems(self.environment)
        if self.image_uri is None and (self.repository is None or self.tag is None):
            yield "no image is given; give image_uri, or repository and tag"
        if self.image_uri is not None and self.tag is not None:
            yield f'both image_uri and tag "{self.tag}" are given; remove tag, image_uri already holds one'
        if self.image_uri and self.repository is None and not image_statements(self.image_uri, None):
            yield (
                f'image_uri is "{self.image_uri}", which names no ECR repository that a policy could allow to pull; '
                "SageMaker hosts images from ECR only. Write <account>.dkr.ecr.<region>.<suffix>/<repository>:<tag>, "
                "or add repository"
            )
        if self.caching is not None:
            yield from _prefix_problems(self.model_data_url or "")
        elif self.model_data_url is not None:
            yield from _data_url_problems(self.model_data_url)

    def bind(self, package_arn: str) -> BoundModel:
        image = self.image_uri
        if image is None:
            assert self.repository is not None and self.tag is not None  # noqa: S101  (checked in problems())
            image = self.repository.repository_uri_for_tag_or_digest(self.tag)
        url = self.model_data_url
        uncompressed = url is not None and url.endswith("/")
        statements = [*image_statements(image, self.repository)]
        if url:
            statements += object_statements("ReadModelData", url)
        if self.model_data_key:
            statements.append(key_statement("DecryptModelData", [_refs.key_arn(self.model_data_key)]))
        return BoundModel(
            containers=[
                CfnModel.ContainerDefinitionProperty(
                    image=image,
                    # Of a multi-model container the prefix is where it looks for archives, not what it loads.
                    model_data_url=None if uncompressed and self.caching is None else url,
                    model_data_source=_uncompressed(url) if uncompressed and url and self.caching is None else None,
                    environment=dict(self.environment) or None,
                    mode=None if self.caching is None else "MultiModel",
                    multi_model_config=None
                    if self.caching is None
                    else CfnModel.MultiModelConfigProperty(
                        model_cache_setting="Enabled" if self.caching else "Disabled"
                    ),
                )
            ],
            statements=statements,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineModel(ModelSource):
    """Several sources, one after the other."""

    parts: tuple[ModelSource, ...]

    @property
    def follows(self) -> ModelPackageGroupBase | None:
        return next((group for part in self.parts if (group := part.follows) is not None), None)

    @property
    def loads_many(self) -> bool:
        return any(part.loads_many for part in self.parts)

    @property
    def steps(self) -> int:
        return sum(part.steps for part in self.parts)

    def problems(self) -> Iterable[str]:
        if not 2 <= self.steps <= _MAX_CONTAINERS:
            yield f"a pipeline of {self.steps} containers is given, allowed are 2 to {_MAX_CONTAINERS}"
        for number, part in enumerate(self.parts, 1):
            yield from (f"step {number}: {problem}" for problem in part.problems())
        many = sum(part.loads_many for part in self.parts)
        if many > 1:
            yield f"{many} steps are multi-model, allowed is 1; TargetModel could not say which of them it is for"
        followed = sum(part.follows is not None for part in self.parts)
        if followed > 1:
            yield (
                f"{followed} steps follow a registry, but a rollout sets the version of one; give the others a fixed "
                "version with Model.from_model_package(group, version)"
            )

    def bind(self, package_arn: str) -> BoundModel:
        bound = [part.bind(package_arn) for part in self.parts]
        return BoundModel(
            containers=[container for each in bound for container in each.containers],
            statements=[statement for each in bound for statement in each.statements],
        )


def _uncompressed(url: str) -> CfnModel.ModelDataSourceProperty:
    return CfnModel.ModelDataSourceProperty(
        s3_data_source=CfnModel.S3DataSourceProperty(s3_uri=url, s3_data_type="S3Prefix", compression_type="None")
    )


def _prefix_problems(url: str) -> Iterable[str]:
    if not url.startswith("s3://"):
        yield f'models_url is "{url}", allowed are URLs that begin with s3://'
    elif not url.endswith("/"):
        yield f'models_url is "{url}", write the prefix of the archives with a / at the end'


def _data_url_problems(url: str) -> Iterable[str]:
    if not url.startswith("s3://"):
        yield (
            f'model_data_url is "{url}", allowed are URLs that begin with s3:// '
            '(for a bucket of this app: f"s3://{bucket.bucket_name}/model.tar.gz")'
        )
    elif not _refs.is_token(url) and not url.endswith((".tar.gz", "/")):
        yield (
            f'model_data_url is "{url}", SageMaker unpacks only .tar.gz; '
            "for uncompressed files give their prefix with a / at the end"
        )


def _environment_problems(environment: Mapping[str, str]) -> Iterable[str]:
    total = 0
    for name, value in environment.items():
        total += len(name.encode()) + len(value.encode())
        if not _ENVIRONMENT_NAME.fullmatch(name):
            yield f'environment holds "{name}", names are letters, digits and _ and do not begin with a digit'
        if len(value.encode()) > 1024:
            yield f"environment {name} is {len(value.encode())} bytes long, allowed are 1024"
    if total > _ENVIRONMENT_TOTAL:
        yield f"environment is {total} bytes long, allowed are {_ENVIRONMENT_TOTAL} over all variables"
