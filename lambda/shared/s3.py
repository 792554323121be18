"""Addresses in S3."""

from __future__ import annotations

import re
from dataclasses import dataclass

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True)
class S3Uri:
    """``s3://bucket/key``; the key may be empty and never starts or ends with a slash."""

    bucket: str
    key: str = ""

    @classmethod
    def parse(cls, uri: str) -> S3Uri:
        """Read an address; raises ValueError that shows it and the form it should have."""
        scheme, _, rest = uri.partition("://")
        bucket, _, key = rest.partition("/")
        if scheme != "s3" or not _BUCKET.fullmatch(bucket):
            raise ValueError(f"{uri!r} is not an S3 address of the form s3://bucket/key")
        return cls(bucket, key.strip("/"))

    def __truediv__(self, part: str) -> S3Uri:
        """The address below this one: ``root / endpoint / "statistics.json"``."""
        return S3Uri(self.bucket, f"{self.key}/{part.strip('/')}".strip("/"))

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def prefix(self) -> str:
        """The key as a list prefix: with a trailing slash, so that ``a`` does not match ``ab``."""
        return f"{self.key}/" if self.key else ""
