"""What an execution role needs to load a model: its image, its artefacts, the keys of both."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import _refs
from ._iam import Statement

if TYPE_CHECKING:
    from aws_cdk.aws_ecr import IRepository

    from .registry import ModelPackageGroupBase

_PULL = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
_ECR_URI = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr(-fips)?\.(?P<region>[a-z0-9-]+)\.[a-z0-9.-]+/(?P<repository>[a-z0-9][a-z0-9._/-]*)"
    r"(:[\w.-]+)?(@sha256:[0-9a-f]{64})?"
)

# Names of the repositories of AWS's prebuilt inference images; their accounts differ by region.
# https://docs.aws.amazon.com/sagemaker/latest/dg/pre-built-containers-frameworks-deep-learning.html
_PREBUILT_REPOSITORIES = (
    "sagemaker-*",
    "autogluon-inference*",
    "djl-inference*",
    "huggingface-pytorch-*",
    "huggingface-tensorflow-*",
    "mxnet-inference*",
    "pytorch-inference*",
    "tensorflow-inference*",
)


def registry_statements(group: ModelPackageGroupBase) -> list[Statement]:
    """Read what the versions of a group consist of. The template knows the group, not yet the version."""
    statements = [_login()]
    if group.repositories:
        statements.append(_pull([_refs.repository_arn(repository) for repository in group.repositories]))
    else:
        statements.append(
            Statement(
                sid="PullPrebuiltImages",
                actions=_PULL,
                resources=[_refs.arn("ecr", f"repository/{name}", in_account="*") for name in _PREBUILT_REPOSITORIES],
                reason="the version names its image at deployment; AWS keeps prebuilt images in an account per region",
            )
        )
    return [*statements, *artifact_statements(group)]


def artifact_statements(group: ModelPackageGroupBase) -> list[Statement]:
    """Read the artefacts of a group's versions."""
    keys = [key for bucket in group.artifacts if (key := _refs.bucket_key(bucket)) is not None]
    if group.artifacts:
        buckets = [_refs.bucket_arn(bucket) for bucket in group.artifacts]
    else:
        region = group.region or _refs.region()
        owner = group.account or _refs.account()
        buckets = [f"arn:{_refs.partition()}:s3:::sagemaker-{region}-{owner}"]
    statements = [
        Statement(
            sid="ReadArtifacts",
            actions=["s3:GetObject"],
            resources=[f"{bucket}/*" for bucket in buckets],
            reason="which object a version's artefact is, is known at deployment only",
        ),
        Statement(sid="ListArtifacts", actions=["s3:ListBucket"], resources=buckets),
    ]
    if keys:
        statements.append(key_statement("DecryptArtifacts", [_refs.key_arn(key) for key in keys]))
    return statements


def image_statements(image_uri: str, repository: IRepository | None) -> list[Statement]:
    """Pull one image; nothing if neither the URI nor a repository says from where."""
    if repository is not None:
        return [_login(), _pull([_refs.repository_arn(repository)])]
    match = _ECR_URI.fullmatch(image_uri)
    if match is None:
        return []
    return [
        _login(),
        _pull(
            [
                _refs.arn(
                    "ecr",
                    f"repository/{match['repository']}",
                    in_account=match["account"],
                    in_region=match["region"],
                )
            ]
        ),
    ]


def object_statements(sid: str, url: str) -> list[Statement]:
    """Read one object, or all below a prefix that ends with a slash."""
    path = url.removeprefix("s3://")
    bucket = path.split("/", 1)[0]
    below = path.endswith("/")
    return [
        Statement(
            sid=sid,
            actions=["s3:GetObject"],
            resources=[f"arn:{_refs.partition()}:s3:::{path}{'*' if below else ''}"],
            reason="every file below the model's prefix belongs to the model" if below else "",
        ),
        Statement(sid=f"{sid}Bucket", actions=["s3:ListBucket"], resources=[f"arn:{_refs.partition()}:s3:::{bucket}"]),
    ]


def key_statement(sid: str, key_arns: Sequence[str]) -> Statement:
    """Decrypt with these keys."""
    return Statement(sid=sid, actions=["kms:Decrypt"], resources=key_arns)


def _login() -> Statement:
    return Statement(
        sid="EcrLogin",
        actions=["ecr:GetAuthorizationToken"],
        resources=["*"],
        reason="ecr:GetAuthorizationToken cannot be limited to a resource",
    )


def _pull(repository_arns: Sequence[str]) -> Statement:
    return Statement(sid="PullImage", actions=_PULL, resources=repository_arns)
