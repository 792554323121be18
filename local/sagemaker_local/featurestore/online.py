"""The online store of one feature group: the latest record of every identifier, by event time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Entry:
    """What is stored under an identifier."""

    record: list[dict[str, Any]] | None
    """None for a record that was soft-deleted."""
    event_time: int
    """Nanoseconds since 1970."""
    expires: int | None
    """Nanoseconds since 1970 from which on it is gone."""


class OnlineStore:
    """Keeps what is newest. Times are nanoseconds since 1970; `now` is the virtual time."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, identifier: str, entry: Entry, now: int) -> bool:
        """Store an entry if its event time is greater than the stored one's; return whether it was."""
        existing = self._live(identifier, now)
        if existing is not None and entry.event_time <= existing.event_time:
            return False
        self._entries[identifier] = entry
        return True

    def get(self, identifier: str, now: int) -> Entry | None:
        """Return an entry that is neither deleted nor expired."""
        entry = self._live(identifier, now)
        return entry if entry is not None and entry.record is not None else None

    def soft_delete(self, identifier: str, event_time: int, now: int) -> bool:
        """Put a marker in the place of an older record, which keeps yet older ones out; return whether it was older."""
        return self.put(identifier, Entry(None, event_time, None), now)

    def hard_delete(self, identifier: str, event_time: int, now: int) -> bool:
        """Remove an entry that is older than `event_time`; return False if it is not older."""
        existing = self._live(identifier, now)
        if existing is not None and event_time <= existing.event_time:
            return False
        self._entries.pop(identifier, None)
        return True

    def identifiers(self, now: int, *, deleted: bool = False) -> list[str]:
        """Return the identifiers of what is stored, in order."""
        live = [(key, self._live(key, now)) for key in sorted(self._entries)]
        return [key for key, entry in live if entry is not None and (deleted or entry.record is not None)]

    def _live(self, identifier: str, now: int) -> Entry | None:
        entry = self._entries.get(identifier)
        if entry is not None and entry.expires is not None and entry.expires <= now:
            # Expiry is a hard delete: nothing of the record is left, not even its event time.
            del self._entries[identifier]
            return None
        return entry
