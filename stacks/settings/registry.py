"""Where approved versions come from."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from .base import AccountId, BucketName, KeyArn, Region, ResourceName, Settings, conflict
from .promotion import PromotionSettings


class ArtifactsSettings(Settings):
    """Where another account keeps what its versions name."""

    models_bucket: Annotated[BucketName, Field(description="Bucket of the model archives.")]
    baselines_bucket: Annotated[
        BucketName | None, Field(description="Bucket of the versions' baselines. Default: models_bucket")
    ] = None
    kms_key_arn: Annotated[
        KeyArn | None, Field(description="KMS key of their objects. Default: none of a customer's")
    ] = None


class RegistrySettings(Settings):
    """Where approved versions come from."""

    group: Annotated[ResourceName, Field(description="Name of the model package group.")]
    account: Annotated[
        AccountId | None,
        Field(
            description="Account that holds the group. With it the group is only read; without it this environment "
            "creates it. Default: created here"
        ),
    ] = None
    region: Annotated[
        Region | None, Field(description="Region that holds the group, if `account` is given. Default: this region")
    ] = None
    artifacts: Annotated[
        ArtifactsSettings | None,
        Field(
            description="Buckets of archives and baselines, if `account` is given. "
            "Default: SageMaker's default bucket of that account, and baselines in this environment's bucket"
        ),
    ] = None
    share_with_accounts: Annotated[
        tuple[AccountId, ...],
        Field(max_length=50, description="Accounts that may deploy from a group that is created here. Default: none"),
    ] = ()

    promoted_by_accounts: Annotated[
        tuple[AccountId, ...],
        Field(
            max_length=50,
            description="Of the accounts in share_with_accounts, those whose environments propose versions for the "
            "next stage (promotion.next_stage). Default: none",
        ),
    ] = ()
    promotion: Annotated[
        PromotionSettings | None,
        Field(description="Place in an order of stages. Default: every approved version goes live"),
    ] = None

    @model_validator(mode="after")
    def _owned_or_read(self) -> RegistrySettings:
        if self.region and not self.account:
            raise conflict(
                "region", "a group that is created here is in this environment's region; add account, or remove region"
            )
        if self.artifacts and not self.account:
            raise conflict(
                "artifacts", "archives of a group that is created here are in this environment's bucket; remove it"
            )
        if self.account and self.share_with_accounts:
            raise conflict(
                "share_with_accounts", "only the environment that creates the group can share it; remove it here"
            )
        strangers = sorted(set(self.promoted_by_accounts) - set(self.share_with_accounts))
        if strangers:
            raise conflict(
                "promoted_by_accounts",
                f"{', '.join(strangers)}: who proposes a version has to be able to deploy it; add it to "
                "share_with_accounts, or remove it here",
            )
        return self
