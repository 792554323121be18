"""Feature groups of an environment, and what they share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from .base import AccountId, KeyArn, Settings, conflicts
from .monitors import DataQualitySettings

FeatureTypeName = Literal["integral", "fractional", "string"]
_TYPES = ("integral", "fractional", "string")

FeatureName = Annotated[
    str,
    Field(
        pattern=r"^[a-zA-Z0-9]([-_]*[a-zA-Z0-9]){0,63}$",
        json_schema_extra={"x-allowed": "letters, digits and inner hyphens and underscores, at most 64 characters"},
    ),
]


class FeatureSettings(Settings):
    """One feature that has more than a type."""

    type: Annotated[FeatureTypeName, Field(description="What its values are; it can never be changed.")]
    description: Annotated[str, Field(max_length=255, description="For people who search. Default: none")] = ""
    parameters: Annotated[
        dict[Annotated[str, Field(min_length=1, max_length=255)], Annotated[str, Field(min_length=1, max_length=255)]],
        Field(max_length=25, description="Further keys and values to search by. Default: none"),
    ] = {}


def _or_type(schema: dict[str, Any]) -> None:
    reference = {"$ref": schema.pop("$ref")}
    # The mapping first: messages about it say what it may hold.
    schema["anyOf"] = [reference, {"type": "string", "enum": list(_TYPES)}]


def _or_switch(schema: dict[str, Any]) -> None:
    schema["anyOf"] = [option for option in schema["anyOf"] if option.get("type") != "null"] + [{"type": "boolean"}]


def _or_switch_or_format(schema: dict[str, Any]) -> None:
    _or_switch(schema)
    schema["anyOf"].append({"type": "string", "enum": ["glue", "iceberg"]})


class OnlineSettings(Settings):
    """The online store."""

    storage: Annotated[
        Literal["standard", "in-memory"] | None,
        Field(description="How records are kept; it can never be changed. Default: standard"),
    ] = None
    ttl: Annotated[
        str | None,
        Field(
            pattern=r"^[1-9][0-9]{0,8} (seconds|minutes|hours|days|weeks)$",
            description="How long after its event time a record stays. Default: for ever",
            examples=["30 days"],
            json_schema_extra={"x-allowed": "a number of seconds, minutes, hours, days or weeks, such as 30 days"},
        ),
    ] = None


class OfflineSettings(Settings):
    """The offline store."""

    format: Annotated[
        Literal["glue", "iceberg"] | None,
        Field(description="Format of the table; it can never be changed. Default: glue"),
    ] = None
    table: Annotated[
        str | None,
        Field(
            pattern=r"^[a-z0-9_]{1,255}$",
            description="Name of the table; it can never be changed. Default: the group's name with underscores",
            json_schema_extra={"x-allowed": "lower-case letters, digits and underscores"},
        ),
    ] = None
    prefix: Annotated[
        str | None,
        Field(
            pattern=r"^[a-zA-Z0-9!_.*'()-]+(/[a-zA-Z0-9!_.*'()-]+)*$",
            description="Key prefix of the files; it can never be changed. Default: the group's name",
            json_schema_extra={"x-allowed": "a key prefix without a slash at either end"},
        ),
    ] = None


class ThroughputSettings(Settings):
    """Capacity that is paid for whether it is used or not."""

    read_units: Annotated[
        int, Field(ge=0, le=40_000, description="Records of 4 KB that can be read per second. Default: 0")
    ] = 0
    write_units: Annotated[int, Field(ge=0, le=40_000, description="Records of 1 KB that can be written per second.")]


RoleArn = Annotated[
    str,
    Field(
        pattern=r"^arn:[a-z-]+:iam::[0-9]{12}:role/[\w+=,.@/-]+$",
        json_schema_extra={"x-allowed": "the ARN of a role (arn:<partition>:iam::<account>:role/<name>)"},
    ),
]


class FeatureAccessSettings(Settings):
    """Roles of this account that get permissions for a group."""

    lookup: Annotated[
        tuple[RoleArn, ...], Field(max_length=20, description="May read the online store. Default: none")
    ] = ()
    write: Annotated[
        tuple[RoleArn, ...], Field(max_length=20, description="May write and delete records. Default: none")
    ] = ()
    query: Annotated[
        tuple[RoleArn, ...], Field(max_length=20, description="May query the offline store with Athena. Default: none")
    ] = ()
    train: Annotated[
        tuple[RoleArn, ...],
        Field(
            max_length=20,
            description="The same, and may stage tables of keys and moments for training sets. Default: none",
        ),
    ] = ()


class FeatureAlarmSettings(Settings):
    """Which figures of a feature group are an alarm."""

    freshness_hours: Annotated[
        int | None,
        Field(ge=1, le=168, description="Hours without a record put that are an incident; null for none. Default: 24"),
    ] = 24
    rejected_records: Annotated[
        int | None,
        Field(ge=0, description="Records that may be refused in 5 minutes; null for no alarm. Default: 0"),
    ] = 0


class FeatureMonitorsSettings(Settings):
    """What watches the offline records of a feature group."""

    data_quality: Annotated[
        DataQualitySettings | None,
        Field(description="Compares the records that were written with a baseline. Default: no"),
    ] = None


def _store(value: Any) -> Any:
    return {} if value is True else None if value is False else value


def _offline_store(value: Any) -> Any:
    return {"format": value} if isinstance(value, str) else _store(value)


def _feature(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


class FeatureGroupSettings(Settings):
    """One feature group: what it holds, where, and who may use it."""

    name: Annotated[
        str | None,
        Field(
            pattern=r"^[a-zA-Z0-9]([-_]*[a-zA-Z0-9]){0,63}$",
            description="Name in SageMaker; it can never be changed. Default: <project>-<environment>-<group>",
            json_schema_extra={"x-allowed": "letters, digits and inner hyphens and underscores, at most 64 characters"},
        ),
    ] = None
    record_id: Annotated[FeatureName, Field(description="Feature that identifies a record; it can never be changed.")]
    event_time: Annotated[
        FeatureName,
        Field(
            description="Feature that says when a record became true: a string in ISO 8601, or fractional Unix "
            "seconds; it can never be changed."
        ),
    ]
    features: Annotated[
        dict[
            FeatureName,
            Annotated[FeatureSettings, BeforeValidator(_feature), Field(json_schema_extra=_or_type)],
        ],
        Field(
            min_length=2,
            max_length=2500,
            description="Features by name: integral, fractional or string. More can be added, none removed or changed.",
        ),
    ]
    online: Annotated[
        OnlineSettings | None,
        BeforeValidator(_store),
        Field(
            description="Keep the latest records for lookups: true, or settings. Default: no",
            json_schema_extra=_or_switch,
        ),
    ] = None
    offline: Annotated[
        OfflineSettings | None,
        BeforeValidator(_offline_store),
        Field(
            description="Keep all records for training: true, glue, iceberg, or settings. Default: no",
            json_schema_extra=_or_switch_or_format,
        ),
    ] = None
    throughput: Annotated[
        ThroughputSettings | None, Field(description="Capacity to pay for. Default: on demand, paid by use")
    ] = None
    description: Annotated[
        str, Field(max_length=128, description="For people who search; it can never be edited. Default: none")
    ] = ""
    share_with_accounts: Annotated[
        tuple[AccountId, ...], Field(max_length=50, description="Accounts that may look records up. Default: none")
    ] = ()
    access: Annotated[FeatureAccessSettings, Field(description="Roles that may use the group.")] = (
        FeatureAccessSettings()
    )
    alarms: Annotated[FeatureAlarmSettings, Field(description="From when on figures are an alarm.")] = (
        FeatureAlarmSettings()
    )

    monitors: Annotated[FeatureMonitorsSettings, Field(description="What watches the offline records.")] = (
        FeatureMonitorsSettings()
    )

    @model_validator(mode="after")
    def _parts_fit(self) -> FeatureGroupSettings:
        found = [*self._key_conflicts(), *self._store_conflicts(), *self._monitor_conflicts()]
        if found:
            raise conflicts(found)
        return self

    def _key_conflicts(self) -> Iterator[tuple[str, str]]:
        for key, name in (("record_id", self.record_id), ("event_time", self.event_time)):
            if name not in self.features:
                yield key, f"{name} is none of the features; add it to them with its type"
        if self.record_id == self.event_time:
            yield "event_time", "record_id and event_time have to be two features"
        when = self.features[self.event_time].type if self.event_time in self.features else None
        if when == "integral":
            yield "event_time", f"{self.event_time} is integral; string (ISO 8601) and fractional are allowed"
        if when == "fractional" and self.offline and self.offline.format == "iceberg":
            yield "event_time", f"{self.event_time} is fractional, an Iceberg table needs string (ISO 8601)"

    def _store_conflicts(self) -> Iterator[tuple[str, str]]:
        if self.online is None and self.offline is None:
            yield "online", "a group needs a store; set online: true, offline: glue, or both"
            return
        if self.share_with_accounts and self.online is None:
            yield "share_with_accounts", "only the online store is shared by group; set online: true"
        if self.online and self.online.storage == "in-memory" and self.offline:
            yield "online", "an in-memory store is never copied to an offline one; use standard, or no offline"
        if self.online and self.online.storage == "in-memory" and self.throughput:
            yield "throughput", "an in-memory store is paid for by use; remove throughput"
        for key, store in (("lookup", self.online), ("query", self.offline), ("train", self.offline)):
            if getattr(self.access, key) and store is None:
                yield "access", f"{key} names roles, and the group has no store for it; add it or remove them"

    def _monitor_conflicts(self) -> Iterator[tuple[str, str]]:
        wanted = self.monitors.data_quality
        if wanted is None:
            return
        if self.offline is None:
            yield "monitors", "data_quality looks at offline records, and there are none; set offline: glue"
        watched = [name for name in self.features if name not in (self.record_id, self.event_time)]
        named = (*wanted.include_features, *wanted.exclude_features, *wanted.alarm_features)
        unknown = sorted({name for name in named if name not in watched})
        if unknown:
            yield "monitors", f"data_quality names {', '.join(unknown)}; features are {', '.join(watched)}"


class FeatureStoreSettings(Settings):
    """What all feature groups of the environment share."""

    query_limit_gb: Annotated[
        float, Field(ge=0.01, le=100_000, description="Most that one query may scan, in gigabytes. Default: 100")
    ] = 100
    results_days: Annotated[
        int, Field(ge=1, le=3650, description="How long results of queries are kept, in days. Default: 30")
    ] = 30
    reader_accounts: Annotated[
        tuple[AccountId, ...],
        Field(max_length=50, description="Accounts that may read and decrypt offline records. Default: none"),
    ] = ()
    kms_key_arn: Annotated[KeyArn | None, Field(description="An existing KMS key. Default: a key of its own")] = None
