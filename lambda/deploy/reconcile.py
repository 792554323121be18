"""One model at one wake-up: observe, deal with the past, decide, act."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from deploy.announcements import Announcement, Announcer, Status
from deploy.decide import Action, Blocked, Converged, Rollout, Situation, Wait, choose, decide, request_token
from deploy.history import History
from deploy.lock import LockBusy, LockNeeded
from deploy.memory import Memory
from deploy.package import Package, version_of
from deploy.proposals import Proposer
from deploy.registry import GroupMissing, Registry
from deploy.requests import Request
from deploy.stacks import NothingToUpdate, StackBusy, Stacks, UpdateRefused
from deploy.state import Endpoint, Intent, Journal, Quarantined, Registration, Stack
from deploy.wishes import Wishes
from shared.log import Logger

log = Logger("deploy.reconcile")

#: Pauses in seconds before an endpoint that does not run its stack's configuration is believed. The two answers come
#: from different services, and something may have moved between them.
CONFIRMATION = (1.0, 3.0)
#: Pauses in seconds before another invocation's lock is respected by leaving the model to it.
LOCK_PAUSES = (1.0, 3.0)


@dataclass(frozen=True)
class Services:
    """What a reconciliation works with. ``requeue`` asks for another look at a model in a minute, ``alarms`` names the
    alarms of an endpoint that are on."""

    stacks: Stacks
    registry: Registry
    announcer: Announcer
    alarms: Callable[[str], list[str]]
    requeue: Callable[[str], None]
    now: Callable[[], datetime]
    sleep: Callable[[float], None]


@dataclass(frozen=True)
class Result:
    """What was found and done for one model."""

    model: str
    action: str
    reason: str
    live_version: int | None
    released: tuple[int | None, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The result as a direct invocation returns it."""
        document = {
            "model": self.model,
            "action": self.action,
            "reason": self.reason,
            "liveVersion": self.live_version,
        }
        return {**document, "releasedVersions": list(self.released)} if self.released else document


class Reconciliation:
    """Brings one model a step closer to what it should be; every step may be repeated at will."""

    def __init__(self, services: Services, memory: Memory, registration: Registration, request: Request) -> None:
        self._services = services
        self._memory = memory
        self._declared = self._registration = registration
        self._request = request
        self._model = registration.model
        self._lock = memory.lock(self._model, services.now)
        self._history = History(memory, self._lock, services.announcer, registration)
        self._wishes = Wishes(memory, self._lock, services.announcer, registration)
        self._proposer = Proposer(
            memory, self._lock, services.registry, services.alarms, services.announcer, registration
        )

    @property
    def _journal(self) -> Journal:
        return self._memory.journal(self._model)

    def run(self) -> Result:
        """Take the step; raises the service's error when a call fails, after which another wake-up continues.

        A first look goes without the lock. If it finds something to be changed or told, it is taken again under the
        lock and from the beginning, because another invocation may have done it meanwhile.
        """
        try:
            return self._step()
        except LockNeeded:
            return self._locked_step()

    def _locked_step(self) -> Result:
        pauses = list(LOCK_PAUSES)
        while not self._lock.acquire():
            if not pauses:
                return self._postponed()
            self._services.sleep(pauses.pop(0))
        try:
            self._memory.refresh()
            result = self._step()
        except Exception:
            self._lock.release()
            raise
        self._lock.release()
        return result

    def _postponed(self) -> Result:
        reason = f"another invocation deals with model {self._model} just now"
        if self._request.action != "reconcile":
            raise LockBusy(f"{reason}; ask again in a minute")
        action = Wait(reason)
        self._look_again(action)
        return Result(self._model, type(action).__name__, reason, None)

    def _step(self) -> Result:
        self._wishes.hold(self._request, self._time())
        self._registration = self._declared.held(self._journal)
        stack, endpoint = self._observe()
        settled = True
        if stack is not None and stack.owns(self._registration):
            operations = self._services.stacks.operations(stack, self._journal.processed)
            settled = self._history.absorb(stack, endpoint, operations)
        released = self._wishes.release(self._request)
        live = stack.parameters.get(self._registration.version_parameter, "") if stack else ""
        try:
            situation = self._situation(stack, endpoint)
            action = decide(situation) if settled else Wait(f"stack {self._registration.stack_name} is settling")
        except GroupMissing as error:
            action = Blocked(str(error), failed=True)
        action = self._act(action, stack, live)
        if isinstance(action, Converged) and live:
            self._proposer.look_at(live, self._time())
        self._record_age(action)
        self._look_again(action)
        log.info("reconciled", action=type(action).__name__, reason=action.reason, live=live)
        return Result(self._model, type(action).__name__, action.reason, version_of(live), released)

    def _observe(self) -> tuple[Stack | None, Endpoint | None]:
        """The stack and its endpoint, read again for a while if they contradict each other."""
        stack, endpoint = self._read()
        for pause in CONFIRMATION:
            if stack is None or stack.busy or endpoint is None or endpoint.status != "InService":
                break
            if endpoint.runs(stack):
                break
            self._services.sleep(pause)
            stack, endpoint = self._read()
        if stack and endpoint and not stack.busy and endpoint.status == "InService" and not endpoint.runs(stack):
            name = self._registration.endpoint_name
            endpoint = replace(endpoint, lost=self._services.registry.lost_configuration(name))
        return stack, endpoint

    def _read(self) -> tuple[Stack | None, Endpoint | None]:
        stack = self._services.stacks.read(self._registration.stack_name)
        if stack is None or not stack.has_endpoint(self._registration):
            return stack, None
        return stack, self._services.registry.endpoint(self._registration.endpoint_name)

    def _situation(self, stack: Stack | None, endpoint: Endpoint | None) -> Situation:
        """What the decision needs from the registry; the version it would choose is read in full and afresh."""
        registration, registry = self._registration, self._services.registry
        quarantine = self._memory.quarantine(self._model)
        situation = Situation(registration, stack, endpoint=endpoint, quarantine=quarantine)
        if stack is None:
            return situation
        if registration.pinned_version is not None:
            arn = registration.package_arn(registration.pinned_version, stack.stack_id)
            return replace(situation, pinned=registry.describe(arn))

        def admitted(package: Package) -> bool:
            return not registration.objection(package)

        situation = replace(situation, approved=registry.approved(registration.group, quarantine, admitted))
        if choose(situation).package is None and situation.live_arn:
            situation = replace(situation, live=registry.describe(situation.live_arn))
        return situation

    def _act(self, action: Action, stack: Stack | None, live: str) -> Action:
        if isinstance(action, Rollout) and stack is not None:
            action = self._roll_out(action, stack, live)
        if isinstance(action, Blocked):
            self._report(action, live)
        elif not isinstance(action, Wait):
            self._save(replace(self._journal, condition=""))
        return action

    def _look_again(self, action: Action) -> None:
        """Ask for another look in a minute; ticks come again by themselves, and rechecks must not multiply."""
        if isinstance(action, Wait) and not self._request.tick and not self._request.recheck:
            self._services.requeue(self._model)

    def _save(self, journal: Journal) -> None:
        if journal != self._journal:
            self._lock.require()
            self._memory.save_journal(self._model, journal)

    def _roll_out(self, action: Rollout, stack: Stack, live: str) -> Action:
        """Note the intent, ask CloudFormation, announce: after a crash in between, the same request is made again."""
        self._lock.require()
        token = request_token(action, stack, self._journal.processed)
        package = action.package
        intent = Intent(
            token=token,
            from_arn=live,
            to_arn=package.arn,
            upgrade=package.version > (version_of(live) or 0),
            approved_at=package.modified_at.isoformat(),
        )
        since = self._journal.diverged_since or self._time().isoformat()
        self._save(replace(self._journal, intent=intent, diverged_since=since))
        try:
            self._services.stacks.update(stack, action.parameters, token)
        except StackBusy as error:
            return Wait(str(error), diverged=True)
        except NothingToUpdate as error:
            if action.kind == "rollout":
                reason = f"version {package.version} changes nothing in stack {stack.name}: {error}"
                return Blocked(reason, failed=True, diverged=True)
            self._bar_refresh(package.arn, str(error))
            return Converged(f"{action.reason}; no resource uses its baselines")
        except UpdateRefused as error:
            reason = f"CloudFormation refuses to update stack {stack.name} to version {package.version}: {error}"
            return Blocked(reason, failed=True, diverged=True)
        if action.kind == "rollout":
            self._history.started(token, package.arn, action.reason)
        return action

    def _bar_refresh(self, arn: str, reason: str) -> None:
        entry = Quarantined(arn, reason, "", self._time().isoformat(), scope="baselines")
        self._memory.save_quarantine(self._model, [*self._memory.quarantine(self._model), entry])

    def _report(self, action: Blocked, live: str) -> None:
        """Announce a condition when it appears; the journal keeps it from being announced at every look."""
        condition = hashlib.sha256(f"{action.failed} {action.reason}".encode()).hexdigest()[:16]
        if self._journal.condition == condition:
            return
        self._lock.require()
        status = Status.FAILED if action.failed else Status.WAITING
        subject = f"{condition}/{self._journal.processed}"
        self._services.announcer.announce(
            Announcement.of(status, self._registration, subject, action.reason, from_version=version_of(live))
        )
        self._save(replace(self._journal, condition=condition))

    def _record_age(self, action: Action) -> None:
        """Publish for how long a change has been held up; 0 as soon as nothing is."""
        journal, now = self._journal, self._time()
        diverged = isinstance(action, Rollout) or (isinstance(action, Wait | Blocked) and action.diverged)
        # While something is under way, a change that was held up before still is: it may be that very change.
        since = journal.diverged_since if diverged or isinstance(action, Wait) else ""
        since = since or (now.isoformat() if diverged else "")
        self._save(replace(journal, diverged_since=since))
        age = max(0.0, (now - datetime.fromisoformat(since)).total_seconds()) if since else 0.0
        point = self._services.announcer.metric(self._registration, "OldestUnconvergedSeconds", age, now, "Seconds")
        self._services.announcer.measure([point])

    def _time(self) -> datetime:
        """Now, but not before the event that woke us, whose clock may be ahead of this machine's."""
        now = self._services.now()
        return max(now, self._request.time) if self._request.time else now
