"""The client that uploads labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from model_analyzer.ground_truth import Label, label_lines, object_name

#: Labels and bytes of one object: small enough to be read in a moment, large enough that a month has few of them.
MAX_LABELS = 50_000
MAX_BYTES = 8 * 1024 * 1024
#: How far ahead of this machine's clock an hour may be given.
SKEW = timedelta(minutes=5)


@dataclass(frozen=True)
class Written:
    """What a call has uploaded: the number of labels, and the addresses of the objects."""

    labels: int
    uris: tuple[str, ...]


class GroundTruthClient:
    """Puts labels where monitors look for them: below `<uri>/yyyy/mm/dd/hh/`, the hour of the upload in UTC.

    Every call may be repeated. The same labels in the same hour have the same name and replace themselves; in another
    hour they are duplicates, which monitors count and use once. Of different labels for one id the one uploaded last
    counts, so that a correction is another call. A label may come as late as it does: monitors wait as long as their
    time offset says, and later runs see the rest.

    Needs `s3:PutObject` below the address, and `kms:GenerateDataKey` and `kms:Decrypt` on the bucket's key if it has
    one. Threads may share a client.
    """

    def __init__(
        self,
        uri: str,
        *,
        s3: Any | None = None,
        kms_key_arn: str | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Take the address; nothing is called yet.

        Args:
            uri: The monitor's ground truth, `s3://bucket/prefix`.
            s3: A boto3 client. Default: one with the process's credentials that repeats throttled calls.
            kms_key_arn: Key to encrypt with. Default: as the bucket encrypts.
            now: The clock; gives aware datetimes.

        Raises:
            ValueError: The address is none in S3.
        """
        parts = urlsplit(uri)
        if parts.scheme != "s3" or not parts.netloc:
            raise ValueError(f"{uri!r} is not an S3 address of the form s3://bucket/prefix")
        self._bucket = parts.netloc
        self._prefix = parts.path.strip("/")
        self._s3 = s3 if s3 is not None else _client()
        self._encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_arn} if kms_key_arn else {}
        self._now = now

    def record_label(self, inference_id: str, label: Label, at: datetime | None = None) -> str:
        """Upload one label and return its object's address. Where many come at a time, `write_labels` costs less.

        Args:
            inference_id: What the endpoint's caller gave as InferenceId, else the captured event id.
            label: What turned out to be true.
            at: The hour to file it under. Default: now. An earlier one is for filling in what was missed: runs that
                have passed it see it only when they are repeated.

        Raises:
            LabelError: The id or the label cannot be used.
            ValueError: `at` has no time zone or lies in the future.
        """
        return self.write_labels([(inference_id, label)], at).uris[0]

    def write_labels(self, rows: Iterable[tuple[str, Label]], at: datetime | None = None) -> Written:
        """Upload many labels, in objects of up to 50,000. Nothing is uploaded if one of them cannot be used.

        Args:
            rows: Pairs of inference id and label. Of two with the same id the later one counts.
            at: As for `record_label`.

        Raises:
            LabelError: Some rows cannot be used; shows the first.
            ValueError: `at` has no time zone or lies in the future.
        """
        hour = self._hour(at)
        rows = list(rows)
        lines = label_lines(rows)
        latest = {inference_id: line for (inference_id, _), line in zip(rows, lines, strict=True)}
        return Written(len(latest), tuple(self._put(hour, content) for content in _contents(latest.values())))

    def _hour(self, at: datetime | None) -> datetime:
        now = self._now()
        if at is None:
            return now
        if at.tzinfo is None:
            raise ValueError(f"at is {at.isoformat()}: give it a time zone, such as datetime.now(UTC)")
        if at > now + SKEW:
            raise ValueError(f"at is {at.isoformat()}, in the future: monitors would use labels before they are known")
        return at

    def _put(self, hour: datetime, content: bytes) -> str:
        key = f"{self._prefix}/{object_name(hour, content)}".lstrip("/")
        self._s3.put_object(
            Bucket=self._bucket, Key=key, Body=content, ContentType="application/x-ndjson", **self._encryption
        )
        return f"s3://{self._bucket}/{key}"


def _contents(lines: Iterable[str]) -> Iterator[bytes]:
    """Objects of whole lines within the limits."""
    chunk: list[bytes] = []
    size = 0
    for line in lines:
        data = line.encode() + b"\n"
        if chunk and (len(chunk) == MAX_LABELS or size + len(data) > MAX_BYTES):
            yield b"".join(chunk)
            chunk, size = [], 0
        chunk.append(data)
        size += len(data)
    if chunk:
        yield b"".join(chunk)


def _client() -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client("s3", config=Config(retries={"mode": "standard", "total_max_attempts": 6}))
