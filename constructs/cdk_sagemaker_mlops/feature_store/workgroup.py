"""An Athena workgroup for queries over offline stores: encrypted results, a limit on what a query may scan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from constructs import Construct

from cdk_sagemaker_mlops import _refs
from cdk_sagemaker_mlops._errors import Problems
from cdk_sagemaker_mlops._iam import Statement

if TYPE_CHECKING:
    from aws_cdk.aws_kms import IKey
    from aws_cdk.aws_s3 import IBucket

#: Names that `sagemaker_features` gives to staged spines: tables, and the folder of their files below the results.
SPINE_TABLE_PREFIX, SPINE_FOLDER = "spine_", "spines"
_NAME_PATTERN = r"[a-zA-Z0-9._-]{1,128}"
_RUN = [
    "athena:GetQueryExecution",
    "athena:GetQueryResults",
    "athena:GetWorkGroup",
    "athena:StartQueryExecution",
    "athena:StopQueryExecution",
]


class FeatureStoreWorkgroup(Construct):
    """A workgroup whose settings nobody who queries can override.

    :param name: 1 to 128 letters, digits and . _ -. A changed name makes a second workgroup.
    :param results: Bucket of the results.
    :param results_prefix: Key prefix of the results, without a slash at either end. Default: the workgroup's name.
    :param encryption_key: Key of the results. Default: - the bucket's key, else S3's own encryption.
    :param scan_limit_gb: Most that one query may scan, in gigabytes of 10^9 bytes; Athena ends it there. Default: 100,
        at most half a US dollar per query.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        results: IBucket,
        results_prefix: str | None = None,
        encryption_key: IKey | None = None,
        scan_limit_gb: float = 100,
    ) -> None:
        problems = Problems()
        problems.matches("name", name, _NAME_PATTERN, "allowed are 1 to 128 letters, digits and . _ -")
        problems.between("scan_limit_gb", scan_limit_gb, 0.01, 7_000_000, "GB")
        prefix = name if results_prefix is None else results_prefix
        problems.require(
            bool(prefix) and not prefix.startswith("/") and not prefix.endswith("/"),
            f'results_prefix is "{prefix}", write it without a slash at either end and not empty',
        )
        problems.raise_if_any(scope, construct_id)
        super().__init__(scope, construct_id)
        # Imported only where a workgroup is made, so that an app without one does not wait for it.
        from aws_cdk import aws_athena as athena

        self.name = name
        self.arn = _refs.arn("athena", f"workgroup/{name}")
        self._results = results
        self._prefix = prefix
        self._key = encryption_key or _refs.bucket_key(results)
        self.results_uri = f"s3://{_refs.bucket_name(results)}/{prefix}/"
        self.cfn_workgroup = athena.CfnWorkGroup(
            self,
            "Resource",
            name=name,
            description="Queries over the offline stores of feature groups",
            recursive_delete_option=True,
            work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                bytes_scanned_cutoff_per_query=round(scan_limit_gb * 10**9),
                enforce_work_group_configuration=True,
                publish_cloud_watch_metrics_enabled=True,
                engine_version=athena.CfnWorkGroup.EngineVersionProperty(
                    selected_engine_version="Athena engine version 3"
                ),
                result_configuration=athena.CfnWorkGroup.ResultConfigurationProperty(
                    output_location=self.results_uri,
                    encryption_configuration=athena.CfnWorkGroup.EncryptionConfigurationProperty(
                        encryption_option="SSE_KMS" if self._key else "SSE_S3",
                        kms_key=_refs.key_arn(self._key) if self._key else None,
                    ),
                ),
            ),
        )
        # The history of queries is all that a workgroup holds.
        self.cfn_workgroup.apply_removal_policy(cdk.RemovalPolicy.DESTROY)

    def query_statements(self) -> list[Statement]:
        """What a role needs to run queries here and to fetch their results, tables aside."""
        bucket = _refs.bucket_arn(self._results)
        statements = [
            Statement(sid="RunQueries", actions=_RUN, resources=[self.arn]),
            Statement(
                sid="FindCatalog",
                actions=["athena:GetDataCatalog"],
                resources=[_refs.arn("athena", "datacatalog/AwsDataCatalog")],
            ),
            Statement(
                sid="KeepResults",
                actions=["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"],
                resources=[f"{bucket}/{self._prefix}/*"],
                reason="Athena names the files of results after the query's generated id",
            ),
            Statement(
                sid="FindResults",
                actions=["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
                resources=[bucket],
            ),
        ]
        if self._key:
            statements.append(
                Statement(
                    sid="EncryptResults",
                    actions=["kms:Decrypt", "kms:GenerateDataKey"],
                    resources=[_refs.key_arn(self._key)],
                )
            )
        return statements

    def staging_statements(self, database: str) -> list[Statement]:
        """What a role needs besides to stage spines: tables that exist for the time of a query.

        :param database: Name of the Glue database of these tables.
        """
        return [
            Statement(
                sid="StageSpines",
                actions=["glue:CreateTable", "glue:DeleteTable", "glue:GetTable"],
                resources=[
                    _refs.arn("glue", "catalog"),
                    _refs.arn("glue", f"database/{database}"),
                    _refs.arn("glue", f"table/{database}/{SPINE_TABLE_PREFIX}*"),
                ],
                reason="each spine's table has a generated name",
            ),
            Statement(
                sid="RemoveSpines",
                actions=["s3:DeleteObject"],
                resources=[f"{_refs.bucket_arn(self._results)}/{self._prefix}/{SPINE_FOLDER}/*"],
                reason="each spine's file has a generated name",
            ),
        ]
