"""Key and buckets of feature groups: offline records and results of queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_sagemaker_mlops import _refs
from cdk_sagemaker_mlops._errors import Problems
from cdk_sagemaker_mlops._iam import WILDCARD_REASONS
from cdk_sagemaker_mlops._storage_policies import access_log_policy, bucket_policy
from cdk_sagemaker_mlops.storage import ACCOUNT_PATTERN, ACCOUNT_RULE
from cdk_sagemaker_mlops.storage import _auto_delete as auto_delete
from cdk_sagemaker_mlops.storage import _block_public_access as block_public_access
from cdk_sagemaker_mlops.storage import _encryption as encryption
from cdk_sagemaker_mlops.storage import _ownership as ownership

if TYPE_CHECKING:
    from aws_cdk.aws_kms import IKey
    from aws_cdk.aws_s3 import IBucket


class FeatureStorage(Construct):
    """One customer managed key, a bucket for offline records and one for results of queries.

    Both buckets refuse plain HTTP and TLS below 1.2, block public access, are versioned, encrypted with the key and log
    their accesses. Offline records never expire.

    :param retain: Keep key and buckets when the stack is deleted. With False they are deleted, and a small function
        empties the buckets first. Default: True.
    :param encryption_key: An existing key. Default: - a key with yearly rotation.
    :param reader_accounts: Accounts that may read offline records and decrypt online and offline ones. Default: - none.
    :param results_days: How long results of queries are kept. Default: 30.
    :param noncurrent_days: How long overwritten and deleted versions of anything are kept. Default: 30.
    :param access_logs_days: How long access logs are kept. Default: 365.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        retain: bool = True,
        encryption_key: IKey | None = None,
        reader_accounts: Sequence[str] = (),
        results_days: int = 30,
        noncurrent_days: int = 30,
        access_logs_days: int = 365,
    ) -> None:
        problems = Problems()
        for number in reader_accounts:
            problems.matches("reader_accounts", number, ACCOUNT_PATTERN, ACCOUNT_RULE)
        for prop, days in (
            ("results_days", results_days),
            ("noncurrent_days", noncurrent_days),
            ("access_logs_days", access_logs_days),
        ):
            problems.between(prop, days, 1, 36500, "days")
        problems.raise_if_any(scope, construct_id)
        super().__init__(scope, construct_id)
        self._retain = retain
        self._removal = cdk.RemovalPolicy.RETAIN if retain else cdk.RemovalPolicy.DESTROY
        self._noncurrent_days = noncurrent_days
        self._readers = tuple(dict.fromkeys(reader_accounts))
        self.encryption_key: IKey = encryption_key or self._make_key()
        self._logs_name = self._make_access_logs(["Offline", "Results"], access_logs_days)
        self.offline: IBucket = self._make_bucket("Offline", None)
        self.results: IBucket = self._make_bucket("Results", results_days)

    def _make_key(self) -> IKey:
        document, reasons = _key_policy(self._readers)
        key = kms.CfnKey(
            self,
            "Key",
            description="Encrypts features: online, offline and results of queries",
            enable_key_rotation=True,
            key_policy=document,
            pending_window_in_days=30 if self._retain else 7,
        )
        key.apply_removal_policy(self._removal)
        key.add_metadata(WILDCARD_REASONS, reasons)
        return kms.Key.from_cfn_key(key)

    def _make_access_logs(self, kinds: Sequence[str], days: int) -> str:
        # Log delivery writes with S3's own keys only.
        bucket = self._define("AccessLogs", encryption("AES256"), days)
        name = bucket.ref
        self._log_permission = self._make_policy("AccessLogs", bucket, name, *access_log_policy(name, kinds))
        return name

    def _make_bucket(self, kind: str, expiry_days: int | None) -> IBucket:
        key_arn = _refs.key_arn(self.encryption_key)
        bucket = self._define(kind, encryption("aws:kms", key_arn), expiry_days, logs=self._logs_name)
        # No request of the first minutes goes unlogged.
        bucket.add_resource_dependency(self._log_permission)
        name = bucket.ref
        document, reasons = bucket_policy(name)
        if kind == "Offline" and self._readers:
            document["Statement"] += _readers_of(name, self._readers)
            reasons |= {"ReadersRead": "Feature Store makes up the names of files"}
        self._make_policy(kind, bucket, name, document, reasons)
        view = s3.Bucket.from_cfn_bucket(bucket)
        _refs.remembered(view, "name", lambda: name)
        _refs.remembered(view, "key", lambda: self.encryption_key)
        return view

    def _define(
        self,
        construct_id: str,
        encrypted: s3.CfnBucket.BucketEncryptionProperty,
        expiry_days: int | None,
        *,
        logs: str | None = None,
    ) -> s3.CfnBucket:
        bucket = s3.CfnBucket(
            self,
            construct_id,
            bucket_encryption=encrypted,
            logging_configuration=None
            if logs is None
            else s3.CfnBucket.LoggingConfigurationProperty(
                destination_bucket_name=logs, log_file_prefix=f"{construct_id}/"
            ),
            ownership_controls=ownership(),
            public_access_block_configuration=block_public_access(),
            versioning_configuration=None
            if logs is None
            else s3.CfnBucket.VersioningConfigurationProperty(status="Enabled"),
            lifecycle_configuration=self._lifecycle(expiry_days),
        )
        bucket.apply_removal_policy(self._removal)
        return bucket

    def _make_policy(
        self, of: str, bucket: s3.CfnBucket, name: str, document: dict[str, Any], reasons: dict[str, str]
    ) -> s3.CfnBucketPolicy:
        resource = s3.CfnBucketPolicy(self, f"{of}Policy", bucket=name, policy_document=document)
        if reasons:
            resource.add_metadata(WILDCARD_REASONS, reasons)
        if not self._retain:
            # CloudFormation refuses to delete a bucket that holds objects. After the policy, which this extends.
            cdk.Mixins.of(bucket).apply(auto_delete())
        return resource

    def _lifecycle(self, expiry_days: int | None) -> s3.CfnBucket.LifecycleConfigurationProperty:
        return s3.CfnBucket.LifecycleConfigurationProperty(
            rules=[
                s3.CfnBucket.RuleProperty(
                    id="Expire",
                    status="Enabled",
                    expiration_in_days=expiry_days,
                    noncurrent_version_expiration=s3.CfnBucket.NoncurrentVersionExpirationProperty(
                        noncurrent_days=self._noncurrent_days
                    ),
                    abort_incomplete_multipart_upload=s3.CfnBucket.AbortIncompleteMultipartUploadProperty(
                        days_after_initiation=7
                    ),
                )
            ]
        )


def _key_policy(readers: Sequence[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Roles of the account get their permissions from their own policies, other accounts' from here too."""
    only_this_key = "inside a key policy * means this key and nothing else"
    statements: list[dict[str, Any]] = [
        {
            "Sid": "AccountDecides",
            "Effect": "Allow",
            "Principal": {"AWS": _root_of(_refs.account())},
            "Action": "kms:*",
            "Resource": "*",
        }
    ]
    reasons = {"AccountDecides": f"{only_this_key}; without kms:* for the account nobody could ever change it again"}
    if readers:
        statements.append(
            {
                "Sid": "ReadersDecrypt",
                "Effect": "Allow",
                "Principal": {"AWS": [_root_of(number) for number in readers]},
                "Action": ["kms:Decrypt", "kms:DescribeKey"],
                "Resource": "*",
            }
        )
        reasons["ReadersDecrypt"] = only_this_key
    return {"Version": "2012-10-17", "Statement": statements}, reasons


def _readers_of(name: str, readers: Sequence[str]) -> list[dict[str, Any]]:
    bucket = f"arn:{_refs.partition()}:s3:::{name}"
    principals = {"AWS": [_root_of(number) for number in readers]}
    return [
        {
            "Sid": "ReadersRead",
            "Effect": "Allow",
            "Principal": principals,
            "Action": "s3:GetObject",
            "Resource": f"{bucket}/*",
        },
        {
            "Sid": "ReadersList",
            "Effect": "Allow",
            "Principal": principals,
            "Action": ["s3:GetBucketLocation", "s3:ListBucket"],
            "Resource": bucket,
        },
    ]


def _root_of(number: str) -> str:
    return f"arn:{_refs.partition()}:iam::{number}:root"
