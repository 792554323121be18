"""The buckets and the key that everything else writes to."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from . import _refs
from ._errors import Problems
from ._iam import WILDCARD_REASONS
from ._naming import pascal
from ._storage_policies import access_log_policy, bucket_policy, key_policy

if TYPE_CHECKING:
    from aws_cdk.aws_kms import IKey
    from aws_cdk.aws_s3 import IBucket

ACCOUNT_PATTERN = r"\d{12}"
ACCOUNT_RULE = "allowed are account numbers of 12 digits, in quotes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long each kind of object is kept.

    :param capture_days: Captured requests and responses. Default: 90.
    :param ground_truth_days: Labels. Default: 730.
    :param reports_days: Monitoring reports. Default: 730.
    :param access_logs_days: Server access logs. Default: 365.
    :param noncurrent_days: Overwritten and deleted versions of anything. Default: 30.

    Models and baselines never expire: a version in the registry must stay deployable.
    """

    capture_days: int = 90
    ground_truth_days: int = 730
    reports_days: int = 730
    access_logs_days: int = 365
    noncurrent_days: int = 30


class Storage(Construct):
    """One customer managed key and a bucket per kind of data.

    Every bucket refuses plain HTTP and TLS below 1.2, blocks public access, is versioned, encrypted with the key and
    logs its accesses. An existing key or bucket takes the place of a made one; its policies stay its owner's.

    :param retain: Keep key and buckets when the stack is deleted. With False they are deleted, and a small function
        empties the buckets first. Default: True.
    :param encryption_key: An existing key. It has to let the services use it that the made one would (CloudWatch and
        EventBridge for encrypted topics). Default: - a key with yearly rotation.
    :param models: Existing bucket for model artefacts. Default: - a new bucket, likewise for the others.
    :param capture: Existing bucket for captured requests and responses.
    :param baselines: Existing bucket for statistics and constraints of model versions.
    :param ground_truth: Existing bucket for labels.
    :param reports: Existing bucket for monitoring reports.
    :param consumer_accounts: Accounts that deploy models of this registry; they may read models and baselines and
        decrypt them. Default: - none.
    :param retention: How long objects are kept. Default: - see :class:`Retention`.
    """

    models: IBucket
    capture: IBucket
    baselines: IBucket
    ground_truth: IBucket
    reports: IBucket

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        retain: bool = True,
        encryption_key: IKey | None = None,
        models: IBucket | None = None,
        capture: IBucket | None = None,
        baselines: IBucket | None = None,
        ground_truth: IBucket | None = None,
        reports: IBucket | None = None,
        consumer_accounts: Sequence[str] = (),
        retention: Retention | None = None,
    ) -> None:
        retention = retention or Retention()
        _check(scope, construct_id, consumer_accounts, retention)
        super().__init__(scope, construct_id)
        self._removal = cdk.RemovalPolicy.RETAIN if retain else cdk.RemovalPolicy.DESTROY
        self._retain = retain
        self._noncurrent_days = retention.noncurrent_days
        self._consumers = tuple(consumer_accounts)
        self._cfn_buckets: dict[str, s3.CfnBucket] = {}

        self.encryption_key: IKey = encryption_key or self._make_key()
        given = {
            "models": models,
            "capture": capture,
            "baselines": baselines,
            "ground_truth": ground_truth,
            "reports": reports,
        }
        expiry = {
            "capture": retention.capture_days,
            "ground_truth": retention.ground_truth_days,
            "reports": retention.reports_days,
        }
        missing = [kind for kind, bucket in given.items() if bucket is None]
        if missing:
            self._logs_name = self._make_access_logs(missing, retention.access_logs_days)
        for kind, existing in given.items():
            setattr(self, kind, existing or self._make_bucket(kind, expiry.get(kind)))

    def _make_key(self) -> IKey:
        document, reasons = key_policy(self._consumers)
        key = kms.CfnKey(
            self,
            "Key",
            description="Encrypts models, captured traffic, baselines, labels and monitoring reports",
            enable_key_rotation=True,
            key_policy=document,
            pending_window_in_days=30 if self._retain else 7,
        )
        key.apply_removal_policy(self._removal)
        key.add_metadata(WILDCARD_REASONS, reasons)
        return kms.Key.from_cfn_key(key)

    def _make_access_logs(self, kinds: Sequence[str], days: int) -> str:
        # Log delivery writes with S3's own keys only; a customer managed key here would silently lose every log.
        bucket = s3.CfnBucket(
            self,
            "AccessLogs",
            bucket_encryption=_encryption("AES256"),
            ownership_controls=_ownership(),
            public_access_block_configuration=_block_public_access(),
            lifecycle_configuration=self._lifecycle(days),
        )
        bucket.apply_removal_policy(self._removal)
        name = bucket.ref
        policy = access_log_policy(name, [pascal(kind) for kind in kinds])
        self._log_permission = self._make_policy("AccessLogs", bucket, name, policy)
        return name

    def _make_bucket(self, kind: str, expiry_days: int | None) -> IBucket:
        construct_id = pascal(kind)
        bucket = s3.CfnBucket(
            self,
            construct_id,
            bucket_encryption=_encryption("aws:kms", _refs.key_arn(self.encryption_key)),
            logging_configuration=s3.CfnBucket.LoggingConfigurationProperty(
                destination_bucket_name=self._logs_name, log_file_prefix=f"{construct_id}/"
            ),
            ownership_controls=_ownership(),
            public_access_block_configuration=_block_public_access(),
            versioning_configuration=s3.CfnBucket.VersioningConfigurationProperty(status="Enabled"),
            lifecycle_configuration=self._lifecycle(expiry_days),
        )
        bucket.apply_removal_policy(self._removal)
        # No request of the first minutes goes unlogged.
        bucket.add_resource_dependency(self._log_permission)
        readers = self._consumers if kind in ("models", "baselines") else ()
        name = bucket.ref
        self._make_policy(construct_id, bucket, name, bucket_policy(name, readers=readers))
        view = s3.Bucket.from_cfn_bucket(bucket)
        _refs.remembered(view, "name", lambda: name)
        _refs.remembered(view, "key", lambda: self.encryption_key)
        return view

    def _make_policy(
        self, of: str, bucket: s3.CfnBucket, name: str, policy: tuple[dict[str, Any], dict[str, str]]
    ) -> s3.CfnBucketPolicy:
        document, reasons = policy
        resource = s3.CfnBucketPolicy(self, f"{of}Policy", bucket=name, policy_document=document)
        if reasons:
            resource.add_metadata(WILDCARD_REASONS, reasons)
        if not self._retain:
            # CloudFormation refuses to delete a bucket that holds objects. After the policy, which this extends.
            cdk.Mixins.of(bucket).apply(_auto_delete())
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


def _check(scope: Construct, construct_id: str, consumers: Sequence[str], retention: Retention) -> None:
    problems = Problems()
    for number in consumers:
        problems.matches("consumer_accounts", number, ACCOUNT_PATTERN, ACCOUNT_RULE)
    for name in Retention.__slots__:
        problems.between(f"retention.{name}", getattr(retention, name), 1, 36500, "days")
    problems.raise_if_any(scope, construct_id)


@functools.cache
def _block_public_access() -> s3.CfnBucket.PublicAccessBlockConfigurationProperty:
    return s3.CfnBucket.PublicAccessBlockConfigurationProperty(
        block_public_acls=True, block_public_policy=True, ignore_public_acls=True, restrict_public_buckets=True
    )


@functools.cache
def _ownership() -> s3.CfnBucket.OwnershipControlsProperty:
    return s3.CfnBucket.OwnershipControlsProperty(
        rules=[s3.CfnBucket.OwnershipControlsRuleProperty(object_ownership="BucketOwnerEnforced")]
    )


def _encryption(algorithm: str, key_arn: str | None = None) -> s3.CfnBucket.BucketEncryptionProperty:
    return s3.CfnBucket.BucketEncryptionProperty(
        server_side_encryption_configuration=[
            s3.CfnBucket.ServerSideEncryptionRuleProperty(
                # One data key per bucket and day instead of one per object: KMS requests cost money and are throttled.
                bucket_key_enabled=True if key_arn else None,
                server_side_encryption_by_default=s3.CfnBucket.ServerSideEncryptionByDefaultProperty(
                    sse_algorithm=algorithm, kms_master_key_id=key_arn
                ),
            )
        ]
    )


def _auto_delete() -> cdk.Mixin:
    from aws_cdk.aws_s3.mixins import BucketAutoDeleteObjects

    return BucketAutoDeleteObjects()
