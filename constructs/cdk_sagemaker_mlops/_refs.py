"""Tokens and references, asked for once.

Every attribute of a CDK object costs a round trip to the CDK's Node process (about 0.1 ms). A library that reads the
same bucket's name for each endpoint pays it each time; this module remembers what it has read.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

import aws_cdk as cdk

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_cdk.aws_cloudwatch import IAlarm
    from aws_cdk.aws_ecr import IRepository
    from aws_cdk.aws_kms import IKey
    from aws_cdk.aws_s3 import IBucket
    from aws_cdk.aws_sns import ITopic

_T = TypeVar("_T")

_TOKEN_MARKER = "${Token["  # noqa: S105  (how the CDK writes an unresolved value inside a string, not a secret)
#: How `_block` writes a reference to a resource of the same block inside a string.
BLOCK_MARKER = "${Block["
# Number tokens are encoded as doubles whose sign and exponent bits make them about -1.8881e+289.
_NUMBER_TOKEN_LIMIT = -1e280


def is_token(value: object) -> bool:
    """Whether a value is, or contains, something that only the deployment knows.

    Decided in Python from the CDK's own encoding, because `Token.is_unresolved` is a round trip.
    """
    if isinstance(value, str):
        return _TOKEN_MARKER in value or BLOCK_MARKER in value
    if isinstance(value, int | float):
        return value < _NUMBER_TOKEN_LIMIT
    if isinstance(value, list | tuple):
        return any(is_token(item) for item in value)
    return False


@functools.cache
def partition() -> str:
    """`AWS::Partition`: `aws`, `aws-cn`, `aws-us-gov`."""
    return cdk.Aws.PARTITION


@functools.cache
def region() -> str:
    """`AWS::Region`."""
    return cdk.Aws.REGION


@functools.cache
def account() -> str:
    """`AWS::AccountId`."""
    return cdk.Aws.ACCOUNT_ID


@functools.cache
def url_suffix() -> str:
    """`AWS::URLSuffix`: `amazonaws.com`, `amazonaws.com.cn`."""
    return cdk.Aws.URL_SUFFIX


@functools.cache
def stack_name() -> str:
    """`AWS::StackName`."""
    return cdk.Aws.STACK_NAME


@functools.cache
def stack_id() -> str:
    """`AWS::StackId`."""
    return cdk.Aws.STACK_ID


@functools.cache
def parameter(name: str) -> str:
    """Value of a parameter of the stack that uses it, by the parameter's id."""
    return cdk.Fn.ref(name)


def arn(service: str, resource: str, *, in_region: str | None = None, in_account: str | None = None) -> str:
    """An ARN in this partition, and in this region and account unless others are given.

    :param in_region: Default: - the stack's. An empty string for services without one.
    :param in_account: Default: - the stack's. An empty string for services without one.
    """
    where = region() if in_region is None else in_region
    whose = account() if in_account is None else in_account
    return f"arn:{partition()}:{service}:{where}:{whose}:{resource}"


_CACHE: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()


def remembered(subject: object, name: str, read: Callable[[], _T]) -> _T:
    """Return `read()`, called at most once per subject and name."""
    known: dict[str, Any] = _CACHE.setdefault(subject, {})
    if name not in known:
        known[name] = read()
    value: _T = known[name]
    return value


def bucket_name(bucket: IBucket) -> str:
    """Name of a bucket."""
    return remembered(bucket, "name", lambda: bucket.bucket_name)


def bucket_arn(bucket: IBucket) -> str:
    """ARN of a bucket, built from its name: one round trip for both."""
    return f"arn:{partition()}:s3:::{bucket_name(bucket)}"


def bucket_key(bucket: IBucket) -> IKey | None:
    """The customer managed key that encrypts a bucket's objects, if the CDK knows one."""
    return remembered(bucket, "key", lambda: bucket.encryption_key)


def key_arn(key: IKey) -> str:
    """ARN of a key."""
    return remembered(key, "arn", lambda: key.key_arn)


def repository_arn(repository: IRepository) -> str:
    """ARN of an ECR repository."""
    return remembered(repository, "arn", lambda: repository.repository_arn)


def topic_arn(topic: ITopic) -> str:
    """ARN of a topic."""
    return remembered(topic, "arn", lambda: topic.topic_arn)


def alarm_arn(alarm: IAlarm) -> str:
    """ARN of an alarm."""
    return remembered(alarm, "arn", lambda: alarm.alarm_arn)


def alarm_name(alarm: IAlarm) -> str:
    """Name of an alarm."""
    return remembered(alarm, "name", lambda: alarm.alarm_name)
