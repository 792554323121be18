"""From a wake-up to at most one started execution.

Level-triggered: whatever woke it, it reads what is remembered and what is there, and brings both forward by what has
happened. Lost, repeated and reordered wake-ups cost nothing but time; an invocation that ends anywhere is continued by
the next one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from retrain.announcements import Announcer, Status
from retrain.decide import WEEK, Action, Decision, World, current_evidence, decide, fruitless, new_attempt
from retrain.memory import AlreadyDecided, Memory
from retrain.pipelines import Pipeline, Running
from retrain.requests import Request
from retrain.settings import Settings
from retrain.state import Attempt, Outcome, State, parse_time
from shared.log import Logger

_TOLD = {Outcome.PENDING: Status.PENDING, Outcome.PROMOTED: Status.PROMOTED}

log = Logger("retrain")


@dataclass
class Controller:
    """One model's retrainings.

    :ivar settings: What is configured.
    :ivar pipeline: The training pipeline.
    :ivar announcer: Who is told.
    :ivar memory: Opens what is remembered.
    :ivar now: The time.
    """

    settings: Settings
    pipeline: Pipeline
    announcer: Announcer
    memory: Callable[[], Memory]
    now: Callable[[], datetime]

    def handle(self, request: Request) -> dict[str, Any]:
        """Deal with a wake-up; the answer says what was decided."""
        memory = self.memory()
        state = request.apply(memory.state())
        if request.reset:
            state = self._reset(memory, state)
        else:
            # Kept before anything can fail: an event comes once, a look can be taken again.
            memory.save_state(state)
        attempts = [self._refreshed(memory, attempt) for attempt in memory.attempts()]
        live = self.pipeline.live_version()
        running = self.pipeline.running()
        world = World(self.now(), running.arn if running else "", live)
        state = replace(state, evidence=current_evidence(state, attempts, live))
        decision = decide(state, attempts, world, self.settings.limits)
        log.info("decided", action=decision.action.value, why=decision.why)
        if decision.action is Action.START:
            attempts = self._start(memory, decision, attempts, world)
            state = replace(state, evidence={}, waits_for="")
        else:
            state = self._tell(decision, state)
        memory.save_state(state)
        memory.forget_old(attempts)
        self._measure(state, attempts, world, running)
        return {"action": decision.action.value, "why": decision.why}

    def _reset(self, memory: Memory, state: State) -> State:
        attempts = memory.attempts()
        state = replace(state, stopped="", forgiven=attempts[-1].number if attempts else 0, waits_for="")
        memory.save_state(state)
        self.announcer.announce(Status.RESET, "a person reset it; earlier retrainings do not count any more")
        return state

    def _refreshed(self, memory: Memory, attempt: Attempt) -> Attempt:
        """The attempt with what became of it, told once. Kept before it is told: a repeated message is worse."""
        found = self.pipeline.refresh(attempt)
        told = found.outcome.value
        if found.outcome is Outcome.OPEN or told == found.told:
            if found != attempt:
                memory.save(found)
            return found
        found = replace(found, told=told)
        memory.save(found)
        status = _TOLD.get(found.outcome, Status.FRUITLESS)
        reason = {
            Status.PENDING: f"version {found.version} was registered and waits for approval",
            Status.PROMOTED: f"version {found.version} was approved",
        }.get(status) or (found.why or f"version {found.version} was rejected")
        self.announcer.announce(status, reason, attempt=found)
        return found

    def _start(self, memory: Memory, decision: Decision, attempts: list[Attempt], world: World) -> list[Attempt]:
        if decision.evidence is None:
            # Decided by an invocation that ended before it could act, or before it could note that it had.
            *attempts, attempt = attempts
        else:
            attempt = new_attempt(self.pipeline.name, memory.next_number(), decision.evidence, world.now)
            try:
                memory.claim(attempt)
            except AlreadyDecided:
                log.info("another invocation is starting it", attempt=attempt.number)
                return attempts
        parameters = {name: attempt.reason.get(name, "none") for name in self.settings.reason_parameters}
        attempt = replace(attempt, arn=self.pipeline.start(attempt, parameters), status="Executing")
        memory.save(attempt)
        reason = attempt.reason.get("RetrainingReason", decision.why)
        self.announcer.announce(Status.STARTED, reason, attempt=attempt, evidence=decision.evidence)
        self.announcer.measure([self.announcer.metric("Retrainings", 1, world.now)])
        return [*attempts, attempt]

    def _tell(self, decision: Decision, state: State) -> State:
        """Say once why nothing is started."""
        if decision.action is Action.STOP:
            if not state.stopped:
                self.announcer.announce(Status.STOPPED, decision.why)
            return replace(state, stopped=decision.key, waits_for="")
        if decision.action is Action.WAIT:
            if state.waits_for != decision.key:
                self.announcer.announce(Status.WAITING, decision.why, evidence=decision.evidence)
            return replace(state, stopped="", waits_for=decision.key)
        return replace(state, stopped="", waits_for="")

    def _measure(self, state: State, attempts: list[Attempt], world: World, running: Running | None) -> None:
        recent = [attempt for attempt in attempts if world.now - parse_time(attempt.started) < WEEK]
        waiting = [parse_time(item.seen) for item in state.evidence.values()]
        longest = max((world.now - since for since in waiting), default=timedelta())
        run = world.now - running.since if running else timedelta()
        metric = self.announcer.metric
        self.announcer.measure(
            [
                metric("Stopped", int(bool(state.stopped)), world.now),
                metric("FruitlessRetrainings", fruitless(attempts, state.forgiven), world.now),
                metric("BudgetLeft", max(0, self.settings.limits.weekly - len(recent)), world.now),
                metric("DriftWaitingHours", max(0.0, longest.total_seconds() / 3600), world.now, "None"),
                metric("RunningHours", max(0.0, run.total_seconds() / 3600), world.now, "None"),
            ]
        )
