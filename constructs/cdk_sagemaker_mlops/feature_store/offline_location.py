"""Where the offline records of a feature group are, and what reading them takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdk_sagemaker_mlops import _refs
from cdk_sagemaker_mlops._iam import Statement

if TYPE_CHECKING:
    from aws_cdk.aws_kms import IKey
    from aws_cdk.aws_s3 import IBucket

_READ_TABLE = ["glue:BatchGetPartition", "glue:GetDatabase", "glue:GetPartition", "glue:GetPartitions", "glue:GetTable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineLocation:
    """Where the offline records of a group are.

    :param bucket: Bucket of the files.
    :param prefix: Key prefix of this group's files, without a slash at either end.
    :param database: Name of the Glue database.
    :param table: Name of the table.
    :param encryption_key: Key of the files. Default: - none of a customer's.
    """

    bucket: IBucket
    prefix: str
    database: str
    table: str
    encryption_key: IKey | None = None

    @property
    def table_arns(self) -> list[str]:
        """ARNs that Glue asks permission for when the table is used: catalog, database and table."""
        return [
            _refs.arn("glue", "catalog"),
            _refs.arn("glue", f"database/{self.database}"),
            _refs.arn("glue", f"table/{self.database}/{self.table}"),
        ]

    def read_statements(self) -> list[Statement]:
        """What a role needs to read table and files."""
        statements = [
            Statement(sid="ReadFeatureTable", actions=_READ_TABLE, resources=self.table_arns),
            Statement(
                sid="ReadFeatureFiles",
                actions=["s3:GetObject"],
                resources=[f"{_refs.bucket_arn(self.bucket)}/{self.prefix}/*"],
                reason="Feature Store makes up the names of files",
            ),
            Statement(
                sid="ListFeatureFiles",
                actions=["s3:ListBucket"],
                resources=[_refs.bucket_arn(self.bucket)],
                conditions={"StringLike": {"s3:prefix": [f"{self.prefix}/*"]}},
            ),
            Statement(
                sid="FindFeatureFiles", actions=["s3:GetBucketLocation"], resources=[_refs.bucket_arn(self.bucket)]
            ),
        ]
        if self.encryption_key:
            statements.append(
                Statement(
                    sid="DecryptFeatureFiles",
                    actions=["kms:Decrypt"],
                    resources=[_refs.key_arn(self.encryption_key)],
                )
            )
        return statements
