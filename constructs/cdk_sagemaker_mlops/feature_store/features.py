"""Features in typed Python, and SageMaker's rules for them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import schema_files
from ._names import NAME_PATTERN, NAME_RULE
from .feature_type import FeatureType

if TYPE_CHECKING:
    import os

RESERVED = ("is_deleted", "write_time", "api_invocation_time")
PARTITIONS = ("year", "month", "day", "hour")
MOST_FEATURES = 2500
_MOST_PARAMETERS = 25
_LONGEST_TEXT = 255
_TEXT = re.compile(r"[a-zA-Z0-9_.:/=+@ ,;()%-]*")


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature of a group.

    :param name: 1 to 64 letters, digits, hyphens and underscores.
    :param type: What its values are. It can never be changed.
    :param description: For people who search for features, at most 255 characters. Default: - none.
    :param parameters: Further key and value pairs to search by, at most 25. Default: - none.

    CloudFormation knows neither description nor parameters: both are put into the resource's metadata, from where
    `python -m tools.feature_metadata` (or any caller of `UpdateFeatureMetadata`) publishes them.
    """

    name: str
    type: FeatureType
    description: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def integral(name: str, *, description: str = "", parameters: Mapping[str, str] | None = None) -> Feature:
        """A feature of 64-bit whole numbers."""
        return Feature(name, FeatureType.INTEGRAL, description, parameters or {})

    @staticmethod
    def fractional(name: str, *, description: str = "", parameters: Mapping[str, str] | None = None) -> Feature:
        """A feature of double-precision numbers."""
        return Feature(name, FeatureType.FRACTIONAL, description, parameters or {})

    @staticmethod
    def string(name: str, *, description: str = "", parameters: Mapping[str, str] | None = None) -> Feature:
        """A feature of text."""
        return Feature(name, FeatureType.STRING, description, parameters or {})

    @staticmethod
    def from_parquet(file: str | os.PathLike[str]) -> list[Feature]:
        """The columns of a Parquet file, read from its footer alone.

        Whole numbers and truth values become Integral, floating point and decimal numbers Fractional, text, dates and
        timestamps String (written in ISO 8601).

        :raises ValueError: The file is no Parquet file, or holds columns that no feature can hold.
        """
        return _typed(schema_files.parquet_types(file))

    @staticmethod
    def from_csv(file: str | os.PathLike[str], *, rows: int = 10_000) -> list[Feature]:
        """The columns of a CSV file with a header, their types told from the first rows.

        :param rows: How many rows are looked at. Default: 10000.
        :raises ValueError: The file has no header or no rows.
        """
        return _typed(schema_files.csv_types(file, rows=rows))

    @staticmethod
    def from_frame(frame: Any) -> list[Feature]:
        """The columns of a DataFrame of pandas or polars; neither is imported.

        :raises ValueError: A column's type is one that no feature can hold.
        """
        return _typed(schema_files.frame_types(frame))

    def problems(self) -> Iterable[str]:
        """What SageMaker would refuse."""
        subject = f'feature "{self.name}"'
        if not re.fullmatch(NAME_PATTERN, self.name):
            yield f"{subject} has a name that SageMaker refuses, {NAME_RULE}"
        if self.name.lower() in RESERVED:
            yield f"{subject} has a name that Feature Store adds itself ({', '.join(RESERVED)}); give it another"
        if self.type not in tuple(FeatureType):
            yield f'{subject} has type "{self.type}", allowed are {", ".join(FeatureType)}'
        if len(self.description) > _LONGEST_TEXT:
            yield f"{subject} has a description of {len(self.description)} characters, allowed are {_LONGEST_TEXT}"
        if len(self.parameters) > _MOST_PARAMETERS:
            yield f"{subject} has {len(self.parameters)} parameters, allowed are {_MOST_PARAMETERS}"
        for key, value in self.parameters.items():
            for what, text in (("key", key), ("value", value)):
                if not 1 <= len(text) <= _LONGEST_TEXT or not _TEXT.fullmatch(text):
                    yield (
                        f'{subject} has a parameter with the {what} "{text}", allowed are 1 to {_LONGEST_TEXT} '
                        "letters, digits, spaces and _ . : / = + @ , ; ( ) % -"
                    )


def _typed(types: Mapping[str, FeatureType]) -> list[Feature]:
    return [Feature(name, kind) for name, kind in types.items()]


def feature_problems(
    features: Sequence[Feature],
    *,
    record_identifier: str,
    event_time: str,
    iceberg: bool,
    glue_partitions: bool,
) -> Iterable[str]:
    """What SageMaker would refuse of a group's features together.

    :param record_identifier: Name of the feature that identifies a record.
    :param event_time: Name of the feature that says when a record became true.
    :param iceberg: Whether the offline table is an Iceberg table.
    :param glue_partitions: Whether the offline table is a Glue table, partitioned by year, month, day and hour.
    """
    if not 1 <= len(features) <= MOST_FEATURES:
        yield f"features holds {len(features)}, allowed are 1 to {MOST_FEATURES}"
    for feature in features:
        yield from feature.problems()
    counts = Counter(feature.name.lower() for feature in features)
    for name, count in counts.items():
        if count > 1:
            yield (
                f'feature "{name}" is there {count} times, upper and lower case not told apart, as in Athena; '
                "give each a name of its own"
            )
    by_name = {feature.name: feature for feature in features}
    known = ", ".join(list(by_name)[:10]) + (", ..." if len(by_name) > 10 else "")
    for prop, name in (("record_identifier", record_identifier), ("event_time", event_time)):
        if name not in by_name:
            yield f'{prop} is "{name}", which is none of the features ({known})'
    if record_identifier == event_time:
        yield f'record_identifier and event_time are both "{event_time}"; they have to be two features'
    when = by_name.get(event_time)
    if when is not None and when.type is FeatureType.INTEGRAL:
        yield (
            f'event_time "{event_time}" is Integral, allowed are String (ISO 8601, as 2024-05-17T10:00:00Z) and '
            "Fractional (Unix seconds)"
        )
    if when is not None and iceberg and when.type is FeatureType.FRACTIONAL:
        yield f'event_time "{event_time}" is Fractional, an Iceberg table needs String (ISO 8601); or use a Glue table'
    for name in sorted(set(counts) & set(PARTITIONS)) if glue_partitions else ():
        yield (
            f'feature "{name}" has the name of a partition of the offline Glue table ({", ".join(PARTITIONS)}), so '
            "Athena could not read the table; give it another name, or use an Iceberg table"
        )
