"""Where a group keeps its records: online for lookups, offline for training."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from cdk_sagemaker_mlops import _refs
from cdk_sagemaker_mlops._errors import Problems

from ._names import TABLE_PATTERN, TABLE_RULE

if TYPE_CHECKING:
    from aws_cdk.aws_kms import IKey
    from aws_cdk.aws_s3 import IBucket

    from .database import FeatureDatabaseBase

_MOST_UNITS = 40_000


class StorageType(StrEnum):
    """How the online store keeps records. It can never be changed."""

    STANDARD = "Standard"
    IN_MEMORY = "InMemory"


class TableFormat(StrEnum):
    """How the offline store keeps records. It can never be changed."""

    GLUE = "Glue"
    ICEBERG = "Iceberg"


@dataclass(frozen=True, slots=True)
class TimeToLive:
    """How long after its event time a record stays in the online store.

    :param value: 1 and more.
    :param unit: Seconds, Minutes, Hours, Days or Weeks.
    """

    value: int
    unit: str

    @staticmethod
    def seconds(value: int) -> TimeToLive:
        """This many seconds."""
        return TimeToLive(value, "Seconds")

    @staticmethod
    def minutes(value: int) -> TimeToLive:
        """This many minutes."""
        return TimeToLive(value, "Minutes")

    @staticmethod
    def hours(value: int) -> TimeToLive:
        """This many hours."""
        return TimeToLive(value, "Hours")

    @staticmethod
    def days(value: int) -> TimeToLive:
        """This many days."""
        return TimeToLive(value, "Days")

    @staticmethod
    def weeks(value: int) -> TimeToLive:
        """This many weeks."""
        return TimeToLive(value, "Weeks")


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineStore:
    """The latest record of each identifier, for lookups in milliseconds.

    :param storage_type: Can never be changed. Default: - as recorded, for a new group Standard.
    :param ttl: How long records stay. Default: - for ever.
    :param encryption_key: Symmetric key; who reads or writes needs it too, which the grants see to. Can never be
        changed. Default: - a key of AWS.
    """

    storage_type: StorageType | None = None
    ttl: TimeToLive | None = None
    encryption_key: IKey | None = None

    def problems(self) -> Iterable[str]:
        """What SageMaker would refuse."""
        if self.ttl is not None and self.ttl.value < 1:
            yield f"online ttl is {self.ttl.value} {self.ttl.unit.lower()}, allowed are 1 and more"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineStore:
    """The history of all records as Parquet files with a table, for training and analysis. Nothing of it can ever be
    changed.

    :param bucket: Where the files go.
    :param database: Database of the table.
    :param prefix: Key prefix, without a slash at either end; no two groups should share one, permissions are given by
        it. Default: - as recorded, for a new group its name.
    :param table: Name of the table. Default: - as recorded, for a new group its name with underscores.
    :param table_format: Default: - as recorded, for a new group Glue. Iceberg suits groups that are queried often and
        needs an event time of type String.
    :param encryption_key: Key of the files. Default: - the bucket's key.
    """

    bucket: IBucket
    database: FeatureDatabaseBase
    prefix: str | None = None
    table: str | None = None
    table_format: TableFormat | None = None
    encryption_key: IKey | None = None

    @property
    def key(self) -> IKey | None:
        """The key that encrypts the files, if it is a customer managed one."""
        return self.encryption_key or _refs.bucket_key(self.bucket)

    def problems(self) -> Iterable[str]:
        """What SageMaker or Athena would refuse."""
        problems = Problems()
        if self.table is not None:
            problems.matches("offline table", self.table, TABLE_PATTERN, TABLE_RULE)
        if self.prefix is not None:
            problems.require(
                bool(self.prefix) and not self.prefix.startswith("/") and not self.prefix.endswith("/"),
                f'offline prefix is "{self.prefix}", write it without a slash at either end and not empty: permissions '
                "are given by it",
            )
        return problems.found()


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """How reads and writes are paid for. It can be changed at any time, to on-demand once in 24 hours.

    https://docs.aws.amazon.com/sagemaker/latest/dg/feature-store-throughput-mode.html

    :param read_units: Reads of 4 KB per second; None for on-demand.
    :param write_units: Writes of 1 KB per second; None for on-demand.
    """

    read_units: int | None = None
    write_units: int | None = None

    @staticmethod
    def on_demand() -> Throughput:
        """Pay for what is read and written; the default."""
        return Throughput()

    @staticmethod
    def provisioned(*, read_units: int = 0, write_units: int) -> Throughput:
        """Pay for a capacity, used or not; what exceeds it is throttled.

        :param read_units: Records of 4 KB that can be read per second. Default: 0, for a group without online store.
        :param write_units: Records of 1 KB that can be written per second; back-filling takes twice as many.
        """
        return Throughput(read_units=read_units, write_units=write_units)

    @property
    def is_provisioned(self) -> bool:
        """Whether a capacity is paid for."""
        return self.write_units is not None

    def problems(self) -> Iterable[str]:
        """What SageMaker would refuse."""
        problems = Problems()
        problems.between("throughput read_units", self.read_units, 0, _MOST_UNITS, "units per group")
        problems.between("throughput write_units", self.write_units, 0, _MOST_UNITS, "units per group")
        return problems.found()
