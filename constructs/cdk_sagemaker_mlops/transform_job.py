"""What a batch transform job reads, writes and records; its request to SageMaker."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from . import _refs
from ._errors import Problems
from ._iam import Statement

if TYPE_CHECKING:
    from aws_cdk.aws_kms import IKey
    from aws_cdk.aws_s3 import IBucket


class SplitType(StrEnum):
    """Where an object is cut into records."""

    NONE = "None"
    LINE = "Line"
    RECORD_IO = "RecordIO"
    TF_RECORD = "TFRecord"


def _slashes(problems: Problems, prop: str, prefix: str) -> None:
    problems.require(
        not prefix.startswith("/") and not prefix.endswith("/"),
        f'{prop} is "{prefix}", write it without a slash at either end',
    )


def _below(bucket: IBucket, prefix: str) -> str:
    return f"s3://{_refs.bucket_name(bucket)}/{prefix}/" if prefix else f"s3://{_refs.bucket_name(bucket)}/"


def _objects(bucket: IBucket, prefix: str) -> str:
    return f"{_refs.bucket_arn(bucket)}/{prefix}/*" if prefix else f"{_refs.bucket_arn(bucket)}/*"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformInput:
    """What a job reads: everything below a prefix, every time.

    :param bucket: Where it is.
    :param prefix: Key prefix, without a slash at either end. Default: - the whole bucket.
    :param content_type: Media type that the container is told. Default: `text/csv`.
    :param split: Where an object is cut into records. Default: at the end of lines.
    :param gzip: Whether objects are compressed. Default: False.
    """

    bucket: IBucket
    prefix: str = ""
    content_type: str = "text/csv"
    split: SplitType = SplitType.LINE
    gzip: bool = False

    def problems(self) -> Iterable[str]:
        """Say what SageMaker would refuse."""
        problems = Problems()
        _slashes(problems, "prefix", self.prefix)
        return problems.found()

    def render(self) -> dict[str, Any]:
        """The request's part."""
        source = {"S3DataType": "S3Prefix", "S3Uri": _below(self.bucket, self.prefix)}
        return {
            "DataSource": {"S3DataSource": source},
            "ContentType": self.content_type,
            "SplitType": SplitType(self.split).value,
            "CompressionType": "Gzip" if self.gzip else "None",
        }

    def statements(self) -> list[Statement]:
        """What the model's role needs."""
        return [
            Statement(
                sid="ReadRecords",
                actions=["s3:GetObject"],
                resources=[_objects(self.bucket, self.prefix)],
                reason="a job reads every object below the prefix",
            ),
            Statement(sid="ListRecords", actions=["s3:ListBucket"], resources=[_refs.bucket_arn(self.bucket)]),
        ]

    @property
    def key(self) -> IKey | None:
        """The customer managed key of the objects."""
        return _refs.bucket_key(self.bucket)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformOutput:
    """What a job writes: one object per object read, `<prefix>/<run>/<name>.out`.

    Every scheduled run has a folder of its own, so that none overwrites what another one wrote or recorded.

    :param bucket: Where it goes.
    :param prefix: Key prefix, without a slash at either end. Default: - none.
    :param accept: Media type that the container is asked for. Default: - its own choice.
    :param by_line: Write one record a line. Default: True.
    :param encryption_key: Key for the answers. Default: - the bucket's key.
    """

    bucket: IBucket
    prefix: str = ""
    accept: str | None = None
    by_line: bool = True
    encryption_key: IKey | None = None

    def problems(self) -> Iterable[str]:
        """Say what SageMaker would refuse."""
        problems = Problems()
        _slashes(problems, "prefix", self.prefix)
        return problems.found()

    def render(self, run: str) -> dict[str, Any]:
        """The request's part.

        :param run: What the run's folder is called.
        """
        key = self.key
        return {
            "S3OutputPath": f"{_below(self.bucket, self.prefix)}{run}",
            "AssembleWith": "Line" if self.by_line else "None",
            **({"Accept": self.accept} if self.accept else {}),
            **({"KmsKeyId": _refs.key_arn(key)} if key else {}),
        }

    def statements(self) -> list[Statement]:
        """What the model's role needs."""
        return [
            Statement(
                sid="WriteAnswers",
                actions=["s3:AbortMultipartUpload", "s3:PutObject"],
                resources=[_objects(self.bucket, self.prefix)],
                reason="every run has a folder of its own, and answers are named after what was read",
            )
        ]

    @property
    def key(self) -> IKey | None:
        """The customer managed key of the objects."""
        return self.encryption_key or _refs.bucket_key(self.bucket)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformCapture:
    """Record which objects each job read and wrote, for monitors.

    SageMaker writes lists of objects to `<prefix>/input/yyyy/mm/dd/hh/` and `<prefix>/output/...`, by the hour in which
    the job began. https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-batch.html

    :param bucket: Where the lists go.
    :param prefix: Key prefix, without a slash at either end. Default: - none.
    :param generate_inference_id: Add an id and the job's begin to every answer, so that labels can be matched. Default:
        True.
    :param encryption_key: Key for the lists. Default: - the bucket's key.
    """

    bucket: IBucket
    prefix: str = ""
    generate_inference_id: bool = True
    encryption_key: IKey | None = None

    @property
    def uri(self) -> str:
        """`s3://bucket[/prefix]`; below it come side and hour."""
        return _below(self.bucket, self.prefix).rstrip("/")

    def problems(self) -> Iterable[str]:
        """Say what SageMaker would refuse."""
        problems = Problems()
        _slashes(problems, "prefix", self.prefix)
        return problems.found()

    def render(self) -> dict[str, Any]:
        """The request's part."""
        key = self.key
        return {
            "DestinationS3Uri": self.uri,
            "GenerateInferenceId": self.generate_inference_id,
            **({"KmsKeyId": _refs.key_arn(key)} if key else {}),
        }

    def statements(self) -> list[Statement]:
        """What the model's role needs."""
        return [
            Statement(
                sid="WriteCapture",
                actions=["s3:PutObject"],
                resources=[_objects(self.bucket, self.prefix)],
                reason="SageMaker makes up a file name for every job's lists",
            )
        ]

    @property
    def key(self) -> IKey | None:
        """The customer managed key of the objects."""
        return self.encryption_key or _refs.bucket_key(self.bucket)
