"""Where an endpoint's model comes from: a version in the registry, or an image and its data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._model_source import BoundModel, ModelSource
from ._model_sources import ImageModel, PipelineModel, RegistryModel

if TYPE_CHECKING:
    from aws_cdk.aws_ecr import IRepository
    from aws_cdk.aws_kms import IKey

    from .registry import ModelPackageGroupBase


@dataclass(frozen=True, slots=True)
class Model:
    """Where a model comes from. Make one with a `from_*` method or :meth:`latest_approved`.

    :param source: What is behind it.
    """

    source: ModelSource

    @property
    def follows(self) -> ModelPackageGroupBase | None:
        """The group whose newest approved version the endpoint follows; None for a fixed model."""
        return self.source.follows

    @property
    def loads_many(self) -> bool:
        """Whether a container loads models on request (multi-model)."""
        return self.source.loads_many

    @property
    def steps(self) -> int:
        """How many containers a request passes, as far as the template knows."""
        return self.source.steps

    def problems(self) -> Iterable[str]:
        """Say what SageMaker would refuse."""
        return self.source.problems()

    def bind(self, package_arn: str) -> BoundModel:
        """Render the containers and compute permissions.

        :param package_arn: Value of the stack's parameter `ModelPackageArn`; empty unless the source follows a group.
        """
        return self.source.bind(package_arn)

    @staticmethod
    def latest_approved(group: ModelPackageGroupBase, *, environment: Mapping[str, str] | None = None) -> Model:
        """Follow a group: whatever version was approved last is live.

        The version is a stack parameter, `ModelPackageArn`, which the rollout controller sets; while it is empty the
        stack holds no endpoint, so a first deployment succeeds before there is a model.

        :param group: The group to follow.
        :param environment: Variables added to the container. Default: - those of the version.
        """
        return Model(RegistryModel(group=group, version=None, environment=dict(environment or {})))

    @staticmethod
    def from_model_package(
        group: ModelPackageGroupBase, version: int, *, environment: Mapping[str, str] | None = None
    ) -> Model:
        """One version of a group, chosen in code. Approval events do not move it.

        :param group: The group.
        :param version: Version number, counted from 1.
        :param environment: Variables added to the container. Default: - those of the version.
        """
        return Model(RegistryModel(group=group, version=version, environment=dict(environment or {})))

    @staticmethod
    def from_image(
        image_uri: str | None = None,
        *,
        repository: IRepository | None = None,
        tag: str | None = None,
        model_data_url: str | None = None,
        model_data_key: IKey | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Model:
        """An image and its data, without a registry.

        :param image_uri: URI of the image, e.g. one of AWS's prebuilt ones. Default: - `repository` and `tag`.
        :param repository: Repository of the image; with `image_uri` it only says what the role may pull.
        :param tag: Tag or digest (`sha256:...`) in the repository. There is no default: a moving tag such as `latest`
            would change what an endpoint runs whenever it adds an instance.
        :param model_data_url: `s3://bucket/key.tar.gz`, or `s3://bucket/prefix/` for uncompressed files.
            Default: - the image holds the model.
        :param model_data_key: Key that encrypts the data. Default: - none of the customer's.
        :param environment: Variables of the container. Default: - none.
        """
        return Model(
            ImageModel(
                image_uri=image_uri,
                repository=repository,
                tag=tag,
                model_data_url=model_data_url,
                model_data_key=model_data_key,
                environment=dict(environment or {}),
            )
        )

    @staticmethod
    def multi_model(
        image_uri: str | None = None,
        *,
        models_url: str,
        repository: IRepository | None = None,
        tag: str | None = None,
        caching: bool = True,
        model_data_key: IKey | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Model:
        """One container that loads whichever model a request names (`TargetModel`), from archives below a prefix.

        A model is added by writing its archive and removed by deleting it; the endpoint does not change.
        https://docs.aws.amazon.com/sagemaker/latest/dg/multi-model-endpoints.html

        :param image_uri: As in :meth:`from_image`; the image has to support it, as the Multi Model Server does.
        :param models_url: `s3://bucket/prefix/` of the archives (.tar.gz).
        :param repository: As in :meth:`from_image`.
        :param tag: As in :meth:`from_image`.
        :param caching: Keep loaded models in memory. False for many models that are each seldom asked for. Default:
            True.
        :param model_data_key: Key that encrypts the archives. Default: - none of the customer's.
        :param environment: Variables of the container. Default: - none.
        """
        return Model(
            ImageModel(
                image_uri=image_uri,
                repository=repository,
                tag=tag,
                model_data_url=models_url,
                model_data_key=model_data_key,
                environment=dict(environment or {}),
                caching=caching,
            )
        )

    @staticmethod
    def pipeline(*steps: Model) -> Model:
        """Containers that a request passes one after the other: each answer is the next one's request.

        https://docs.aws.amazon.com/sagemaker/latest/dg/inference-pipelines.html

        :param steps: 2 to 15 sources, at most one of them multi-model, and at most one that follows a registry.
        """
        return Model(PipelineModel(parts=tuple(step.source for step in steps)))
