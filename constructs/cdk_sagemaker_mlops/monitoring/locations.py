"""Places in S3: a URI for the code that runs, ARNs for its role."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdk_sagemaker_mlops import _refs
from cdk_sagemaker_mlops._iam import Statement

if TYPE_CHECKING:
    from aws_cdk.aws_s3 import IBucket


@dataclass(frozen=True)
class Location:
    """A prefix of a bucket.

    :param bucket: The bucket.
    :param prefix: Without slashes at its ends; empty for the whole bucket.
    """

    bucket: IBucket
    prefix: str = ""

    @property
    def uri(self) -> str:
        """`s3://bucket/prefix`, without a slash at the end."""
        return "/".join(part for part in (f"s3://{_refs.bucket_name(self.bucket)}", self.prefix) if part)

    @property
    def key_arn(self) -> str | None:
        """ARN of the key that encrypts the bucket, if it is a customer's."""
        key = _refs.bucket_key(self.bucket)
        return None if key is None else _refs.key_arn(key)

    def below(self, *parts: str) -> Location:
        """A place further down."""
        return Location(self.bucket, "/".join(part for part in (self.prefix, *parts) if part))

    def objects_arn(self) -> str:
        """ARN pattern of everything in the place."""
        return f"{_refs.bucket_arn(self.bucket)}/{f'{self.prefix}/' if self.prefix else ''}*"

    def read(self, sid: str, what: str) -> list[Statement]:
        """Read objects and list them; `what` completes the reason "<what> have generated names"."""
        condition = {"StringLike": {"s3:prefix": [f"{self.prefix}/*"]}} if self.prefix else {}
        return [
            Statement(
                sid=f"Read{sid}",
                actions=["s3:GetObject"],
                resources=[self.objects_arn()],
                reason=f"{what} have generated names",
            ),
            Statement(
                sid=f"List{sid}",
                actions=["s3:ListBucket"],
                resources=[_refs.bucket_arn(self.bucket)],
                conditions=condition,
            ),
        ]

    def write(self, sid: str, what: str) -> list[Statement]:
        """Write objects; `what` completes the reason "<what> have generated names"."""
        return [
            Statement(
                sid=f"Write{sid}",
                actions=["s3:PutObject"],
                resources=[self.objects_arn()],
                reason=f"{what} have generated names",
            )
        ]


def decrypt(*key_arns: str | None) -> list[Statement]:
    """Reading what customer managed keys encrypt; places without such a key need nothing."""
    arns = [arn for arn in key_arns if arn]
    return [Statement(sid="DecryptInputs", actions=["kms:Decrypt"], resources=arns)] if arns else []


def encrypt(*key_arns: str | None) -> list[Statement]:
    """Writing below customer managed keys; S3 asks for Decrypt as well when a large object is uploaded in parts."""
    arns = [arn for arn in key_arns if arn]
    if not arns:
        return []
    return [Statement(sid="EncryptReports", actions=["kms:Decrypt", "kms:GenerateDataKey"], resources=arns)]
