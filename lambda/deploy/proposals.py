"""Proposes a version that has proved good here for the next stage, where a person decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from deploy.announcements import Announcement, Announcer, Status
from deploy.lock import Lock
from deploy.memory import Memory
from deploy.package import Package
from deploy.registry import Registry
from deploy.state import Registration
from shared.log import Logger

log = Logger("deploy.proposals")


class Proposer:
    """The way of one model's live version to the next stage. ``alarms`` names the alarms of an endpoint that are on."""

    def __init__(
        self,
        memory: Memory,
        lock: Lock,
        registry: Registry,
        alarms: Callable[[str], list[str]],
        announcer: Announcer,
        registration: Registration,
    ) -> None:
        self._memory = memory
        self._lock = lock
        self._registry = registry
        self._alarms = alarms
        self._announcer = announcer
        self._registration = registration

    def look_at(self, live: str, now: datetime) -> None:
        """Propose the live version, which is what should be live, once nothing has been wrong for long enough.

        The announcement comes before the note in the registry, so that a crash in between repeats it and loses nothing.
        """
        promotion, controller = self._registration.promotion, self._registration.controller
        if promotion is None or not promotion.next_stage:
            return
        package = self._registry.describe(live)
        if package is None or not package.deployable or not promotion.is_due(package, controller):
            return
        since = self._healthy_since(live, now)
        if since is None or now - since < timedelta(minutes=promotion.healthy_minutes):
            return
        self._lock.require()
        self._announce(package, promotion.next_stage, since)
        self._registry.propose(package, promotion.next_stage, controller, since)

    def _healthy_since(self, live: str, now: datetime) -> datetime | None:
        """Since when no look has found an alarm of the endpoint on; None if one is on now."""
        journal = self._memory.journal(self._registration.model)
        alarms = self._alarms(self._registration.endpoint_name)
        if alarms:
            log.info("not proposed for the next stage because of alarms", model_package_arn=live, alarms=alarms)
        elif journal.healthy_arn == live and journal.healthy_since:
            return datetime.fromisoformat(journal.healthy_since)
        since = "" if alarms else now.isoformat()
        changed = replace(journal, healthy_arn=live if since else "", healthy_since=since)
        if changed != journal:
            self._lock.require()
            self._memory.save_journal(self._registration.model, changed)
        return None if alarms else now

    def _announce(self, package: Package, stage: str, since: datetime) -> None:
        reason = (
            f"version {package.version} has been healthy in {self._registration.controller} since "
            f"{since:%Y-%m-%d %H:%M} UTC; approve it for stage {stage}: aws sagemaker update-model-package "
            f"--model-package-arn {package.arn} --model-life-cycle Stage={stage},StageStatus=Approved"
        )
        version = package.version
        self._announcer.announce(
            Announcement.of(Status.PROPOSED, self._registration, package.arn, reason, version, version)
        )
