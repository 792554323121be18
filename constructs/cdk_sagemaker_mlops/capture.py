"""What an endpoint records of its traffic."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from aws_cdk.aws_sagemaker import CfnEndpointConfig

from . import _refs
from ._errors import Problems
from ._iam import Statement

if TYPE_CHECKING:
    from aws_cdk.aws_kms import IKey
    from aws_cdk.aws_s3 import IBucket

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CaptureContentTypeHeader.html
_CONTENT_TYPE = r"[a-zA-Z0-9](-*[a-zA-Z0-9])*/[a-zA-Z0-9](-*[a-zA-Z0-9.])*"
_CONTENT_TYPE_RULE = "allowed are media types without parameters, such as text/csv (no ; charset=...)"


class CaptureContent(StrEnum):
    """Which side of a request is recorded."""

    INPUT = "Input"
    OUTPUT = "Output"
    INPUT_AND_OUTPUT = "InputAndOutput"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataCapture:
    """Record requests and responses of all variants to S3; the food of every monitor.

    SageMaker writes JSON lines to `<bucket>/<prefix>/<endpoint>/<variant>/yyyy/mm/dd/hh/`, and stops without a word
    when an instance's disk fills up, which the endpoint's disk alarm watches. A change makes a new endpoint
    configuration.

    https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html

    :param bucket: Where the records go.
    :param prefix: Key prefix, without a slash at either end. Default: - none.
    :param sampling_percentage: Share of requests that is recorded, 0 to 100. Default: 100.
    :param content: Requests, responses, or both. Default: both.
    :param csv_content_types: Media types recorded as CSV text. Default: `text/csv`.
    :param json_content_types: Media types recorded as JSON text. Default: `application/json`. Callers have to send one
        of the listed types as Content-Type; anything else is recorded in base64.
    :param encryption_key: Key for the records. Default: - the bucket's key.
    """

    bucket: IBucket
    prefix: str = ""
    sampling_percentage: int = 100
    content: CaptureContent = CaptureContent.INPUT_AND_OUTPUT
    csv_content_types: Sequence[str] = ("text/csv",)
    json_content_types: Sequence[str] = ("application/json",)
    encryption_key: IKey | None = None

    @property
    def uri(self) -> str:
        """`s3://bucket[/prefix]`; below it come endpoint, variant and hour."""
        name = _refs.bucket_name(self.bucket)
        return f"s3://{name}/{self.prefix}" if self.prefix else f"s3://{name}"

    @property
    def key(self) -> IKey | None:
        """The key that encrypts the records, if it is a customer managed one."""
        return self.encryption_key or _refs.bucket_key(self.bucket)

    def problems(self) -> Iterable[str]:
        """Say what SageMaker would refuse."""
        problems = Problems()
        problems.between("sampling_percentage", self.sampling_percentage, 0, 100, "percent")
        for prop, types in (
            ("csv_content_types", self.csv_content_types),
            ("json_content_types", self.json_content_types),
        ):
            problems.require(len(types) <= 10, f"{prop} holds {len(types)} types, allowed are 10")
            for media_type in types:
                problems.matches(prop, media_type, _CONTENT_TYPE, _CONTENT_TYPE_RULE)
        problems.require(
            not self.prefix.startswith("/") and not self.prefix.endswith("/"),
            f'prefix is "{self.prefix}", write it without a slash at either end',
        )
        both = sorted(set(self.csv_content_types) & set(self.json_content_types))
        problems.require(
            not both, f"{', '.join(both)} stands in csv_content_types and in json_content_types; leave it in one"
        )
        return problems.found()

    def render(self) -> CfnEndpointConfig.DataCaptureConfigProperty:
        """The endpoint configuration's part."""
        modes = (
            ["Input", "Output"]
            if self.content is CaptureContent.INPUT_AND_OUTPUT
            else [CaptureContent(self.content).value]
        )
        header = None
        if self.csv_content_types or self.json_content_types:
            header = CfnEndpointConfig.CaptureContentTypeHeaderProperty(
                csv_content_types=list(self.csv_content_types) or None,
                json_content_types=list(self.json_content_types) or None,
            )
        key = self.key
        return CfnEndpointConfig.DataCaptureConfigProperty(
            enable_capture=True,
            initial_sampling_percentage=self.sampling_percentage,
            destination_s3_uri=self.uri,
            capture_options=[CfnEndpointConfig.CaptureOptionProperty(capture_mode=mode) for mode in modes],
            capture_content_type_header=header,
            kms_key_id=_refs.key_arn(key) if key else None,
        )

    def statements(self, endpoint_name: str) -> list[Statement]:
        """What the execution role needs to record this endpoint's traffic, and no other's."""
        below = f"{self.prefix}/" if self.prefix else ""
        statements = [
            Statement(
                sid="WriteCapture",
                actions=["s3:PutObject"],
                resources=[f"{_refs.bucket_arn(self.bucket)}/{below}{endpoint_name}/*"],
                reason="SageMaker makes up a new file name for every batch of records",
            )
        ]
        key = self.key
        if key:
            statements.append(
                Statement(
                    sid="EncryptCapture",
                    actions=["kms:Decrypt", "kms:GenerateDataKey"],
                    resources=[_refs.key_arn(key)],
                )
            )
        return statements
