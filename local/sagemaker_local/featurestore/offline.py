"""The offline store: Parquet files in SageMaker's layout.

Groups of format Iceberg get the data layout of SageMaker's Iceberg tables, but no Iceberg metadata: the embedded Athena
reads their files directly, and what needs a real table (DELETE, MERGE, time travel) is refused there.
"""

from __future__ import annotations

import io
import secrets
import string
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import polars as pl

from .values import Feature

if TYPE_CHECKING:
    from sagemaker_local.sagemaker import SageMaker

    from .state import Group, OfflineRecord

_TYPES: dict[str, type[pl.DataType]] = {"String": pl.String, "Integral": pl.Int64, "Fractional": pl.Float64}
_ALPHABET = string.ascii_letters + string.digits
# The type that Athena reads back, to the millisecond.
_TIMESTAMP = pl.Datetime("ms")


def write(sagemaker: SageMaker, group: Group, records: Sequence[OfflineRecord], now: datetime) -> None:
    """Write records as one file per partition, with the group's role.

    Raises:
        botocore.exceptions.ClientError: if S3 refuses a file.
    """
    storage = group.definition["OfflineStoreConfig"]["S3StorageConfig"]
    place = urlsplit(storage["ResolvedOutputS3Uri"])
    s3 = sagemaker.client("s3", group.account, group.region, group.definition["RoleArn"])
    encryption = (
        {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": storage["KmsKeyId"]} if "KmsKeyId" in storage else {}
    )
    partitions: dict[str, list[OfflineRecord]] = defaultdict(list)
    for record in records:
        partitions[partition(group, record.event_time)].append(record)
    for prefix, members in partitions.items():
        latest = _moment(max(record.event_time for record in members))
        name = f"{latest:%Y%m%dT%H%M%SZ}_{_random(16)}.parquet"
        middle = f"{_random(8)}/{prefix}" if group.iceberg else prefix
        key = f"{place.path.strip('/')}/{middle}/{name}"
        s3.put_object(Bucket=place.netloc, Key=key, Body=parquet(group, members, now), **encryption)


def partition(group: Group, event_time: int) -> str:
    """Return the part of the key that an event time decides."""
    moment = _moment(event_time)
    if group.iceberg:
        return f"{group.event_time}_trunc={moment:%Y-%m-%d}"
    return f"year={moment:%Y}/month={moment:%m}/day={moment:%d}/hour={moment:%H}"


def parquet(group: Group, records: Sequence[OfflineRecord], now: datetime) -> bytes:
    """Return a Parquet file of records with the columns that SageMaker adds."""
    columns = [
        pl.Series(name, [record.values.get(name) for record in records], dtype=_column(feature))
        for name, feature in group.features.items()
    ]
    columns += [
        pl.Series("write_time", [_naive(now)] * len(records), dtype=_TIMESTAMP),
        pl.Series("api_invocation_time", [_naive(record.invoked) for record in records], dtype=_TIMESTAMP),
        pl.Series("is_deleted", [record.deleted for record in records], dtype=pl.Boolean),
    ]
    buffer = io.BytesIO()
    pl.DataFrame(columns).write_parquet(buffer, compression="snappy")
    return buffer.getvalue()


def _column(feature: Feature) -> Any:
    kind = _TYPES[feature.type]
    return pl.List(kind) if feature.collection else kind


def _moment(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds // 10**9, UTC)


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
