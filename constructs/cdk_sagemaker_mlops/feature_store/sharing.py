"""Lending a group's online records to other accounts with Resource Access Manager.

https://docs.aws.amazon.com/sagemaker/latest/dg/feature-store-cross-account-access-online-store.html
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from cdk_sagemaker_mlops import _refs

if TYPE_CHECKING:
    from aws_cdk.aws_ram import CfnResourceShare
    from constructs import Construct


class SharedAccess(StrEnum):
    """What other accounts may do; the values are the names of AWS's own managed permissions."""

    READ_ONLY = "AWSRAMPermissionSageMakerFeatureGroupReadOnly"
    READ_WRITE = "AWSRAMPermissionSagemakerFeatureGroupReadWrite"


def share(
    scope: Construct, construct_id: str, *, name: str, group_arn: str, accounts: Sequence[str], access: SharedAccess
) -> CfnResourceShare:
    """Define the share. An account outside of the organisation has to accept it."""
    from aws_cdk.aws_ram import CfnResourceShare

    return CfnResourceShare(
        scope,
        construct_id,
        name=f"feature-group-{name}",
        allow_external_principals=True,
        principals=list(accounts),
        resource_arns=[group_arn],
        permission_arns=[f"arn:{_refs.partition()}:ram::aws:permission/{access.value}"],
    )
