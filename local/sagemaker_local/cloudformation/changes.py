"""What a preview says about one resource: added, modified, replaced or removed, and which properties differ."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class PropertyChange:
    """A top-level property that differs."""

    name: str
    recreation: str
    """Never, Conditionally or Always."""
    causes: tuple[str, ...] = ()
    """Where a new value will come from that is not known yet: `LogicalId` or `LogicalId.Attribute`."""
    before: Any = None
    after: Any = None


@dataclass(frozen=True)
class Change:
    """What happens to one resource."""

    action: str
    """Add, Modify or Remove."""
    logical_id: str
    type: str
    physical_id: str | None = None
    replacement: str | None = None
    """True, Conditional or False; None unless the action is Modify."""
    properties: tuple[PropertyChange, ...] = field(default=())
    attributes: tuple[str, ...] = ()
    """Resource attributes that differ, such as DeletionPolicy or Metadata."""
