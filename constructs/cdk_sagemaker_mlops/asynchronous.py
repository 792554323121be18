"""An endpoint with a queue: requests and answers are objects in S3, and a request may take up to an hour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk.aws_sagemaker import CfnEndpointConfig

from . import _refs
from ._errors import Problems
from ._iam import Statement, grant

if TYPE_CHECKING:
    from aws_cdk.aws_iam import Grant, IGrantable
    from aws_cdk.aws_kms import IKey
    from aws_cdk.aws_s3 import IBucket
    from aws_cdk.aws_sns import ITopic


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncInference:
    """Queue requests. The caller names an object in S3 and learns where the answer will be.

    https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference.html

    :param bucket: Where answers are written.
    :param prefix: Key prefix of the answers, without a slash at either end. Default: - none.
    :param failure_prefix: Key prefix of what is written instead of an answer when a request fails. Default:
        `<prefix>/failures`.
    :param inputs: Buckets that hold the requests. Default: - `bucket`.
    :param success_topic: Told of every answer. Default: - nobody.
    :param error_topic: Told of every failure. Default: - nobody.
    :param topic_key: Key that encrypts the topics, if it is a customer managed one.
    :param include_responses: Put answers of up to 128 KB into the messages themselves. Default: False.
    :param max_concurrent_requests: Requests that an instance is given at once, 1 to 1000. Default: - chosen by
        SageMaker.
    :param encryption_key: Key for the answers. Default: - the bucket's key.
    """

    bucket: IBucket
    prefix: str = ""
    failure_prefix: str | None = None
    inputs: Sequence[IBucket] = ()
    success_topic: ITopic | None = None
    error_topic: ITopic | None = None
    topic_key: IKey | None = None
    include_responses: bool = False
    max_concurrent_requests: int | None = None
    encryption_key: IKey | None = None

    @property
    def output_uri(self) -> str:
        """Where answers are written."""
        return self._uri(self.prefix)

    @property
    def failure_uri(self) -> str:
        """Where failures are written."""
        return self._uri(self._failure_prefix)

    @property
    def key(self) -> IKey | None:
        """The key that encrypts the answers, if it is a customer managed one."""
        return self.encryption_key or _refs.bucket_key(self.bucket)

    @property
    def _failure_prefix(self) -> str:
        return self.failure_prefix if self.failure_prefix is not None else f"{self.prefix}/failures".strip("/")

    def _uri(self, prefix: str) -> str:
        name = _refs.bucket_name(self.bucket)
        return f"s3://{name}/{prefix}" if prefix else f"s3://{name}"

    @property
    def _sources(self) -> list[IBucket]:
        return list(self.inputs) or [self.bucket]

    @property
    def _written(self) -> list[str]:
        bucket = _refs.bucket_arn(self.bucket)
        return [f"{bucket}/{prefix}/*" if prefix else f"{bucket}/*" for prefix in (self.prefix, self._failure_prefix)]

    def problems(self) -> Iterable[str]:
        """Say what SageMaker would refuse."""
        problems = Problems()
        for prop, prefix in (("prefix", self.prefix), ("failure_prefix", self._failure_prefix)):
            problems.require(
                not prefix.startswith("/") and not prefix.endswith("/"),
                f'{prop} is "{prefix}", write it without a slash at either end',
            )
        problems.between("max_concurrent_requests", self.max_concurrent_requests, 1, 1000)
        problems.require(
            not self.include_responses or bool(self.success_topic or self.error_topic),
            "include_responses is True, but there is no topic that could carry them; add success_topic or error_topic",
        )
        return problems.found()

    def render(self) -> CfnEndpointConfig.AsyncInferenceConfigProperty:
        """The endpoint configuration's part."""
        notification = None
        if self.success_topic or self.error_topic:
            included = [
                name
                for name, topic in (
                    ("SUCCESS_NOTIFICATION_TOPIC", self.success_topic),
                    ("ERROR_NOTIFICATION_TOPIC", self.error_topic),
                )
                if topic is not None and self.include_responses
            ]
            notification = CfnEndpointConfig.AsyncInferenceNotificationConfigProperty(
                success_topic=_refs.topic_arn(self.success_topic) if self.success_topic else None,
                error_topic=_refs.topic_arn(self.error_topic) if self.error_topic else None,
                include_inference_response_in=included or None,
            )
        client = None
        if self.max_concurrent_requests is not None:
            client = CfnEndpointConfig.AsyncInferenceClientConfigProperty(
                max_concurrent_invocations_per_instance=self.max_concurrent_requests
            )
        key = self.key
        return CfnEndpointConfig.AsyncInferenceConfigProperty(
            output_config=CfnEndpointConfig.AsyncInferenceOutputConfigProperty(
                s3_output_path=self.output_uri,
                s3_failure_path=self.failure_uri,
                kms_key_id=_refs.key_arn(key) if key else None,
                notification_config=notification,
            ),
            client_config=client,
        )

    def statements(self) -> list[Statement]:
        """What the execution role needs to read requests, write answers and tell of them."""
        inputs = self._sources
        statements = [
            Statement(
                sid="ReadRequests",
                actions=["s3:GetObject"],
                resources=[f"{_refs.bucket_arn(given)}/*" for given in inputs],
                reason="the caller chooses the key of each request",
            ),
            Statement(
                sid="ListRequests", actions=["s3:ListBucket"], resources=[_refs.bucket_arn(given) for given in inputs]
            ),
            Statement(
                sid="WriteAnswers",
                actions=["s3:AbortMultipartUpload", "s3:PutObject"],
                resources=self._written,
                reason="SageMaker makes up a file name for every answer",
            ),
        ]
        keys = [_refs.key_arn(key) for key in (self.key, *map(_refs.bucket_key, inputs), self.topic_key) if key]
        if keys:
            statements.append(
                Statement(sid="CryptAnswers", actions=["kms:Decrypt", "kms:GenerateDataKey"], resources=keys)
            )
        topics = [_refs.topic_arn(topic) for topic in (self.success_topic, self.error_topic) if topic]
        if topics:
            statements.append(Statement(sid="TellOfAnswers", actions=["sns:Publish"], resources=topics))
        return statements

    def grant_exchange(self, grantee: IGrantable) -> Grant:
        """Allow a caller to put requests into the input buckets and to read answers and failures."""
        inputs = self._sources
        statements = [
            Statement(
                sid="PutRequests",
                actions=["s3:PutObject"],
                resources=[f"{_refs.bucket_arn(given)}/*" for given in inputs],
                reason="the caller chooses the key of each request",
            ),
            Statement(
                sid="GetAnswers",
                actions=["s3:GetObject"],
                resources=self._written,
                reason="SageMaker makes up a file name for every answer",
            ),
        ]
        keys = [_refs.key_arn(key) for key in (self.key, *map(_refs.bucket_key, inputs)) if key]
        if keys:
            statements.append(
                Statement(sid="CryptExchange", actions=["kms:Decrypt", "kms:GenerateDataKey"], resources=keys)
            )
        return grant(grantee, statements)
