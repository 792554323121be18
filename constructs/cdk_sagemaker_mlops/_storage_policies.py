"""Resource policies of buckets and keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ._refs import account, arn, partition, region, url_suffix


@dataclass(frozen=True)
class Readers:
    """Other accounts that may read a bucket.

    :param called: What the ids of the statements begin with.
    :param accounts: Account numbers.
    :param reason: Why they may read any object.
    :param versions: Whether they may read old versions, too.
    """

    called: str
    accounts: Sequence[str]
    reason: str
    versions: bool = False

    def statements(self, bucket: str) -> list[dict[str, Any]]:
        """Reading and listing.

        :param bucket: ARN of the bucket.
        """
        principals = {"AWS": [_root_of(number) for number in self.accounts]}
        return [
            {
                "Sid": f"{self.called}Read",
                "Effect": "Allow",
                "Principal": principals,
                "Action": ["s3:GetObject", "s3:GetObjectVersion"] if self.versions else "s3:GetObject",
                "Resource": f"{bucket}/*",
            },
            {
                "Sid": f"{self.called}List",
                "Effect": "Allow",
                "Principal": principals,
                "Action": ["s3:GetBucketLocation", "s3:ListBucket"],
                "Resource": bucket,
            },
        ]


def bucket_policy(name: str, *, readers: Readers | None = None) -> tuple[dict[str, Any], dict[str, str]]:
    """TLS 1.2 or nothing; optionally other accounts may read. With the reason of each wildcard that allows something.

    :param name: Bucket name.
    :param readers: Who else may read. Default: - nobody.
    """
    bucket = f"arn:{partition()}:s3:::{name}"
    statements = _tls_statements([bucket, f"{bucket}/*"])
    reasons = {}
    if readers is not None:
        statements += readers.statements(bucket)
        reasons = {f"{readers.called}Read": readers.reason}
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
    statements: list[dict[str, Any]] = [
        _account_decides(),
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
        statements.append(_decrypt("Consumers", consumers))
    reasons = _key_reasons(statements)
    reasons["LogGroups"] += (
        "; CloudWatch Logs re-encrypts with ReEncryptFrom and ReEncryptTo, on any group of this account"
    )
    return {"Version": "2012-10-17", "Statement": statements}, reasons


def plain_key_policy(readers: Sequence[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Policy of a key that no service uses on its own behalf; see :func:`key_policy`.

    :param readers: Accounts that may decrypt.
    """
    statements = [_account_decides(), *([_decrypt("Readers", readers)] if readers else [])]
    return {"Version": "2012-10-17", "Statement": statements}, _key_reasons(statements)


def _account_decides() -> dict[str, Any]:
    return {
        "Sid": "AccountDecides",
        "Effect": "Allow",
        "Principal": {"AWS": _root_of(account())},
        "Action": "kms:*",
        "Resource": "*",
    }


def _decrypt(called: str, accounts: Sequence[str]) -> dict[str, Any]:
    return {
        "Sid": f"{called}Decrypt",
        "Effect": "Allow",
        "Principal": {"AWS": [_root_of(number) for number in accounts]},
        "Action": ["kms:Decrypt", "kms:DescribeKey"],
        "Resource": "*",
    }


def _key_reasons(statements: Sequence[dict[str, Any]]) -> dict[str, str]:
    only_this_key = "inside a key policy * means this key and nothing else"
    reasons = {str(statement["Sid"]): only_this_key for statement in statements}
    reasons["AccountDecides"] += "; without kms:* for the account nobody could ever change the key again"
    return reasons


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
