"""Resource policies of buckets and keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ._refs import account, arn, partition, region, url_suffix

_READ_OBJECTS = ["s3:GetObject", "s3:GetObjectVersion"]


def bucket_policy(name: str, *, readers: Sequence[str] = ()) -> tuple[dict[str, Any], dict[str, str]]:
    """TLS 1.2 or nothing; optionally other accounts may read. With the reason of each wildcard that allows something.

    :param name: Bucket name.
    :param readers: Account numbers.
    """
    bucket = f"arn:{partition()}:s3:::{name}"
    objects = f"{bucket}/*"
    statements = _tls_statements([bucket, objects])
    if readers:
        principals = {"AWS": [_root_of(number) for number in readers]}
        statements += [
            {
                "Sid": "ConsumersRead",
                "Effect": "Allow",
                "Principal": principals,
                "Action": _READ_OBJECTS,
                "Resource": objects,
            },
            {
                "Sid": "ConsumersList",
                "Effect": "Allow",
                "Principal": principals,
                "Action": ["s3:GetBucketLocation", "s3:ListBucket"],
                "Resource": bucket,
            },
        ]
    reasons = {"ConsumersRead": "a consumer deploys whichever version is approved"} if readers else {}
    return {"Version": "2012-10-17", "Statement": statements}, reasons


def access_log_policy(name: str, prefixes: Sequence[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """S3's log delivery may write below these prefixes, on behalf of buckets of this account.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
    """
    bucket = f"arn:{partition()}:s3:::{name}"
    statements = _tls_statements([bucket, f"{bucket}/*"])
    statements.append(
        {
            "Sid": "LogDelivery",
            "Effect": "Allow",
            "Principal": {"Service": "logging.s3.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": [f"{bucket}/{prefix}/*" for prefix in prefixes],
            "Condition": {"StringEquals": {"aws:SourceAccount": account()}},
        }
    )
    return {"Version": "2012-10-17", "Statement": statements}, {"LogDelivery": "S3 makes up the names of log files"}


def key_policy(consumers: Sequence[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Policy of the key, and for each statement why its resource is `*`.

    Roles of the account get their permissions from their own policies, which the first statement makes possible.
    Services that publish to encrypted topics and queues have no such role and are named.
    """
    only_this_key = "inside a key policy * means this key and nothing else"
    statements: list[dict[str, Any]] = [
        {
            "Sid": "AccountDecides",
            "Effect": "Allow",
            "Principal": {"AWS": _root_of(account())},
            "Action": "kms:*",
            "Resource": "*",
        },
        {
            "Sid": "AlarmsToEncryptedTopics",
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:SourceAccount": account()}},
        },
        {
            # EventBridge's calls to KMS carry neither aws:SourceAccount nor aws:SourceArn: a condition on them would
            # lose every event for an encrypted topic or queue without a word.
            # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
            "Sid": "EventsToEncryptedTopicsAndQueues",
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": "*",
        },
        {
            "Sid": "LogGroups",
            "Effect": "Allow",
            "Principal": {"Service": f"logs.{region()}.{url_suffix()}"},
            "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncrypt*"],
            "Resource": "*",
            "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": arn("logs", "log-group:*")}},
        },
    ]
    if consumers:
        statements.append(
            {
                "Sid": "ConsumersDecrypt",
                "Effect": "Allow",
                "Principal": {"AWS": [_root_of(number) for number in consumers]},
                "Action": ["kms:Decrypt", "kms:DescribeKey"],
                "Resource": "*",
            }
        )
    reasons = {str(statement["Sid"]): only_this_key for statement in statements}
    reasons["AccountDecides"] += "; without kms:* for the account nobody could ever change the key again"
    reasons["LogGroups"] += (
        "; CloudWatch Logs re-encrypts with ReEncryptFrom and ReEncryptTo, on any group of this account"
    )
    return {"Version": "2012-10-17", "Statement": statements}, reasons


def _tls_statements(resources: list[str]) -> list[dict[str, Any]]:
    return [
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": {"AWS": "*"},
            "Action": "s3:*",
            "Resource": resources,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
        {
            "Sid": "Tls12OrNewer",
            "Effect": "Deny",
            "Principal": {"AWS": "*"},
            "Action": "s3:*",
            "Resource": resources,
            "Condition": {"NumericLessThan": {"s3:TlsVersion": "1.2"}},
        },
    ]


def _root_of(number: str) -> str:
    return f"arn:{partition()}:iam::{number}:root"
