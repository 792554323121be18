"""Encrypted buckets and their key: one way of making them for everything that stores something."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from . import _refs
from ._iam import WILDCARD_REASONS
from ._storage_policies import access_log_policy

if TYPE_CHECKING:
    from aws_cdk.aws_kms import IKey
    from aws_cdk.aws_s3 import IBucket
    from constructs import Construct

#: A policy document, and why each of its wildcards is there, by statement id.
Policy = tuple[dict[str, Any], dict[str, str]]


def make_key(scope: Construct, construct_id: str, *, description: str, policy: Policy, retain: bool) -> IKey:
    """Define a symmetric key with yearly rotation.

    :param retain: Keep it when the stack is deleted; otherwise it can be restored for a week.
    """
    document, reasons = policy
    key = kms.CfnKey(
        scope,
        construct_id,
        description=description,
        enable_key_rotation=True,
        key_policy=document,
        pending_window_in_days=30 if retain else 7,
    )
    key.apply_removal_policy(_removal(retain))
    key.add_metadata(WILDCARD_REASONS, reasons)
    return kms.Key.from_cfn_key(key)


@dataclass(frozen=True)
class Buckets:
    """Makes buckets that refuse plain HTTP and TLS below 1.2, block public access, are versioned, encrypted and log.

    :param scope: The construct that they belong to.
    :param key: What encrypts them.
    :param retain: Keep them when the stack is deleted; otherwise a small function empties them first.
    :param noncurrent_days: How long overwritten and deleted versions are kept.
    """

    scope: Construct
    key: IKey
    retain: bool
    noncurrent_days: int

    def access_logs(self, construct_id: str, *, of: Sequence[str], days: int) -> AccessLogs:
        """Define the bucket that the other buckets log to.

        :param of: Construct ids of the buckets that log.
        :param days: How long logs are kept.
        """
        # Log delivery writes with S3's own keys only; a customer managed key here would silently lose every log.
        bucket = self._define(construct_id, _encryption("AES256"), days)
        name = bucket.ref
        return AccessLogs(name, self._attach(construct_id, bucket, name, access_log_policy(name, of)))

    def make(
        self,
        construct_id: str,
        *,
        logs: AccessLogs,
        expiry_days: int | None,
        policy: Callable[[str], Policy],
        event_bridge: bool = False,
    ) -> IBucket:
        """Define a bucket.

        :param logs: Where its accesses are logged.
        :param expiry_days: After how many days objects are deleted; None for never.
        :param policy: Its policy, given its name.
        :param event_bridge: Whether it tells EventBridge of its objects.
        """
        encrypted = _encryption("aws:kms", _refs.key_arn(self.key))
        bucket = self._define(construct_id, encrypted, expiry_days, logs=logs.name, event_bridge=event_bridge)
        # No request of the first minutes goes unlogged.
        bucket.add_resource_dependency(logs.permission)
        name = bucket.ref
        self._attach(construct_id, bucket, name, policy(name))
        view = s3.Bucket.from_cfn_bucket(bucket)
        _refs.remembered(view, "name", lambda: name)
        _refs.remembered(view, "key", lambda: self.key)
        return view

    def _define(
        self,
        construct_id: str,
        encrypted: s3.CfnBucket.BucketEncryptionProperty,
        expiry_days: int | None,
        *,
        logs: str | None = None,
        event_bridge: bool = False,
    ) -> s3.CfnBucket:
        logging = versioning = None
        if logs is not None:
            logging = s3.CfnBucket.LoggingConfigurationProperty(
                destination_bucket_name=logs, log_file_prefix=f"{construct_id}/"
            )
            versioning = s3.CfnBucket.VersioningConfigurationProperty(status="Enabled")
        bucket = s3.CfnBucket(
            self.scope,
            construct_id,
            bucket_encryption=encrypted,
            logging_configuration=logging,
            notification_configuration=_event_bridge() if event_bridge else None,
            ownership_controls=_ownership(),
            public_access_block_configuration=_block_public_access(),
            versioning_configuration=versioning,
            lifecycle_configuration=self._lifecycle(expiry_days),
        )
        bucket.apply_removal_policy(_removal(self.retain))
        return bucket

    def _attach(self, of: str, bucket: s3.CfnBucket, name: str, policy: Policy) -> s3.CfnBucketPolicy:
        document, reasons = policy
        resource = s3.CfnBucketPolicy(self.scope, f"{of}Policy", bucket=name, policy_document=document)
        if reasons:
            resource.add_metadata(WILDCARD_REASONS, reasons)
        if not self.retain:
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
                        noncurrent_days=self.noncurrent_days
                    ),
                    abort_incomplete_multipart_upload=s3.CfnBucket.AbortIncompleteMultipartUploadProperty(
                        days_after_initiation=7
                    ),
                )
            ]
        )


@dataclass(frozen=True)
class AccessLogs:
    """Where accesses are logged.

    :ivar name: Name of the bucket.
    :ivar permission: What allows S3 to write there.
    """

    name: str
    permission: s3.CfnBucketPolicy


def _removal(retain: bool) -> cdk.RemovalPolicy:
    return cdk.RemovalPolicy.RETAIN if retain else cdk.RemovalPolicy.DESTROY


@functools.cache
def _block_public_access() -> s3.CfnBucket.PublicAccessBlockConfigurationProperty:
    return s3.CfnBucket.PublicAccessBlockConfigurationProperty(
        block_public_acls=True, block_public_policy=True, ignore_public_acls=True, restrict_public_buckets=True
    )


@functools.cache
def _event_bridge() -> s3.CfnBucket.NotificationConfigurationProperty:
    return s3.CfnBucket.NotificationConfigurationProperty(
        event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
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
