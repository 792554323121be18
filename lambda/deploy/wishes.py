"""What a person asks of the controller: a pin, a freeze and their opposites, the release of a quarantined version."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from deploy.announcements import Announcement, Announcer, Status
from deploy.lock import Lock
from deploy.memory import Memory
from deploy.package import version_of
from deploy.requests import Request
from deploy.state import Registration


class Wishes:
    """Writes down what is wished for one model, and tells of it. A wish that is fulfilled already changes nothing."""

    def __init__(self, memory: Memory, lock: Lock, announcer: Announcer, registration: Registration) -> None:
        self._memory = memory
        self._lock = lock
        self._announcer = announcer
        self._registration = registration

    def hold(self, request: Request, now: datetime) -> None:
        """Remember that a person wants a version pinned, or no rollouts, or the opposite."""
        journal = self._memory.journal(self._registration.model)
        changes = {
            "pin": (replace(journal, pinned=str(request.version)), Status.PINNED),
            "unpin": (replace(journal, pinned=""), Status.UNPINNED),
            "freeze": (replace(journal, frozen=journal.frozen or now.isoformat()), Status.FROZEN),
            "unfreeze": (replace(journal, frozen=""), Status.UNFROZEN),
        }
        changed, status = changes.get(request.action, (journal, None))
        if status is None or changed == journal:
            return
        self._lock.require()
        reason = f"a person asked for it ({request.action})"
        self._announce(status, f"{request.action}/{now.isoformat()}", reason, request.version)
        self._memory.save_journal(self._registration.model, changed)

    def release(self, request: Request) -> tuple[int | None, ...]:
        """Free quarantined versions, if that is the request; returns their numbers."""
        if request.action != "release":
            return ()
        entries = self._memory.quarantine(self._registration.model)
        free = [entry for entry in entries if request.version is None or version_of(entry.arn) == request.version]
        if free:
            self._lock.require()
        for entry in free:
            number = version_of(entry.arn)
            reason = f"version {number} may be tried again; it was quarantined because of: {entry.reason}"
            self._announce(Status.RELEASED, f"{entry.arn}/{entry.at}", reason, number)
        self._memory.save_quarantine(self._registration.model, [entry for entry in entries if entry not in free])
        return tuple(version_of(entry.arn) for entry in free)

    def _announce(self, status: Status, subject: str, reason: str, version: int | None) -> None:
        self._announcer.announce(Announcement.of(status, self._registration, subject, reason, to_version=version))
