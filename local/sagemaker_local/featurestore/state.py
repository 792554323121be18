"""What the feature store remembers in one account and region."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .online import OnlineStore
from .values import Feature

SPECIAL = ("write_time", "api_invocation_time", "is_deleted")
"""Columns that the offline store adds to every record."""


@dataclass(frozen=True)
class OfflineRecord:
    """A record on its way to the offline store."""

    values: dict[str, Any]
    event_time: int
    """Nanoseconds since 1970."""
    invoked: datetime
    deleted: bool


@dataclass
class Group:
    """A feature group with its online records and what waits to be written offline."""

    name: str
    arn: str
    account: str
    region: str
    created: datetime
    definition: dict[str, Any]
    features: dict[str, Feature]
    identifier: str
    event_time: str
    status: str = "Creating"
    failure_reason: str | None = None
    blocked: str | None = None
    """Why the offline store cannot be written, if it cannot."""
    last_update: dict[str, str] | None = None
    metadata: dict[str, dict[str, Any]] = field(default_factory=dict)
    online: OnlineStore | None = None
    waiting: list[OfflineRecord] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    flushing: threading.Lock = field(default_factory=threading.Lock)
    modified: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.modified = self.created

    @property
    def offline(self) -> dict[str, Any] | None:
        """The offline store's configuration, or None."""
        return self.definition.get("OfflineStoreConfig")

    @property
    def iceberg(self) -> bool:
        """Whether the offline store keeps the layout of an Iceberg table."""
        return (self.offline or {}).get("TableFormat") == "Iceberg"

    @property
    def ttl(self) -> dict[str, Any] | None:
        """The default time to live of online records."""
        found: dict[str, Any] | None = (self.definition.get("OnlineStoreConfig") or {}).get("TtlDuration")
        return found


@dataclass
class Store:
    """All feature groups of one account and region. Hold `lock` to change them."""

    account: str
    region: str
    lock: threading.RLock = field(default_factory=threading.RLock)
    groups: dict[str, Group] = field(default_factory=dict)
    """By lower-case name."""
