"""What Feature Store may do on behalf of one group: file its records, and nothing else.

https://docs.aws.amazon.com/sagemaker/latest/dg/feature-store-adding-policies.html
"""

from __future__ import annotations

from cdk_sagemaker_mlops import _refs
from cdk_sagemaker_mlops._iam import Statement

from .offline_location import OfflineLocation
from .stores import TableFormat


def offline_statements(location: OfflineLocation, table_format: TableFormat) -> list[Statement]:
    """Write files below the group's prefix and keep the table's definition."""
    bucket = _refs.bucket_arn(location.bucket)
    objects = f"{bucket}/{location.prefix}"
    statements = [
        Statement(
            sid="WriteRecords",
            # Feature Store sends an ACL along, which asks for a permission even where ACLs are turned off.
            actions=["s3:PutObject", "s3:PutObjectAcl"],
            resources=[f"{objects}/*"],
            reason="Feature Store makes up the names of files",
        ),
        Statement(sid="FindBucket", actions=["s3:GetBucketAcl", "s3:GetBucketLocation"], resources=[bucket]),
        Statement(sid="KeepTable", actions=["glue:GetTable", "glue:UpdateTable"], resources=location.table_arns),
    ]
    if table_format is TableFormat.ICEBERG:
        statements.append(
            Statement(
                sid="ReadTableMetadata",
                actions=["s3:GetObject"],
                resources=[f"{objects}/*/metadata/*"],
                reason="each commit of an Iceberg table reads the metadata of the one before, whose name is generated",
            )
        )
    if location.encryption_key:
        statements.append(
            Statement(
                sid="EncryptRecords",
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=[_refs.key_arn(location.encryption_key)],
            )
        )
    return statements
