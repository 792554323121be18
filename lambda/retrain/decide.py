"""The decision: what is remembered and what is observed in, one action out. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from retrain.state import Attempt, Evidence, Outcome, State, parse_time

WEEK = timedelta(days=7)


class Action(Enum):
    """What to do."""

    NOTHING = "nothing"
    WAIT = "wait"
    START = "start"
    STOP = "stop"


@dataclass(frozen=True)
class Limits:
    """How often and how long.

    :ivar cooldown: Least time between two starts.
    :ivar weekly: Most starts within seven days.
    :ivar fruitless: Retrainings in succession that may not help before it stops.
    :ivar confirmations: Runs in succession that have to find drift.
    """

    cooldown: timedelta
    weekly: int
    fruitless: int
    confirmations: int = 1


@dataclass(frozen=True)
class World:
    """What is observed.

    :ivar now: The time.
    :ivar running: ARN of an execution of the pipeline that has not ended, whoever started it; empty without one.
    :ivar live: ARN of the latest approved version; empty without one.
    """

    now: datetime
    running: str = ""
    live: str = ""


@dataclass(frozen=True)
class Decision:
    """One action with its reason.

    :ivar action: What to do.
    :ivar why: In words.
    :ivar key: The same as long as the reason is; announced once.
    :ivar evidence: What it is about.
    """

    action: Action
    why: str = ""
    key: str = ""
    evidence: Evidence | None = None


def current_evidence(state: State, attempts: Sequence[Attempt], live: str) -> dict[str, Evidence]:
    """Evidence that still counts.

    What was seen before the latest retraining began is what that retraining is about. What was seen of a version that
    is not the approved one any more says nothing about the one that is.
    """
    since = attempts[-1].started if attempts else ""
    return {
        source: item
        for source, item in state.evidence.items()
        if (not since or parse_time(item.seen) > parse_time(since))
        and not (item.version and live and item.version != live)
    }


def fruitless(attempts: Sequence[Attempt], forgiven: int) -> int:
    """How many of the latest attempts did not help, one after the other."""
    count = 0
    for attempt in reversed(attempts):
        if attempt.number <= forgiven or attempt.outcome is Outcome.PROMOTED:
            break
        count += attempt.was_fruitless
    return count


def decide(state: State, attempts: Sequence[Attempt], world: World, limits: Limits) -> Decision:
    """The action, from the oldest reason not to act to the newest.

    :param state: What is remembered.
    :param attempts: Oldest first, refreshed.
    :param world: What is observed.
    :param limits: How often.
    """
    unstarted = attempts[-1] if attempts and not attempts[-1].arn and not attempts[-1].is_settled else None
    if unstarted is not None:
        # Decided, and interrupted before the call or before its answer was kept: the token makes it one start.
        return Decision(Action.START, "continued", "start")
    found = fruitless(attempts, state.forgiven)
    if found >= limits.fruitless:
        why = (
            f"{found} retrainings in succession brought no approved version; nothing is started until a person resets "
            "it: does the training data contain what has changed, do the labels?"
        )
        return Decision(Action.STOP, why, f"stop {attempts[-1].number}")
    evidence = current_evidence(state, attempts, world.live)
    if not evidence:
        return Decision(Action.NOTHING)
    strongest = max(evidence.values(), key=lambda item: (item.runs, item.violations, item.source))
    if strongest.kind == "monitor" and strongest.runs < limits.confirmations:
        why = f"{strongest.source} found drift in {strongest.runs} of {limits.confirmations} runs in succession"
        return Decision(Action.WAIT, why, f"confirm {strongest.source}", strongest)
    return _within_limits(attempts, world, limits, strongest)


def _within_limits(attempts: Sequence[Attempt], world: World, limits: Limits, evidence: Evidence) -> Decision:
    def wait(why: str, key: str) -> Decision:
        return Decision(Action.WAIT, why, key, evidence)

    if world.running:
        return wait(f"execution {world.running} is running", f"running {world.running}")
    pending = [attempt for attempt in attempts if attempt.outcome is Outcome.PENDING]
    if pending:
        version = pending[-1].version
        return wait(f"version {version} of the last retraining waits for approval", f"approval {version}")
    if attempts:
        ready = parse_time(attempts[-1].started) + limits.cooldown
        if world.now < ready:
            return wait(
                f"the last retraining began {attempts[-1].started}, the next may begin {_iso(ready)}", "cooldown"
            )
    recent = [attempt for attempt in attempts if world.now - parse_time(attempt.started) < WEEK]
    if len(recent) >= limits.weekly:
        ready = parse_time(recent[-limits.weekly].started) + WEEK
        return wait(f"the budget of {limits.weekly} a week is spent, the next may begin {_iso(ready)}", "budget")
    return Decision(Action.START, f"{evidence.source} found drift", "start", evidence)


def new_attempt(pipeline: str, number: int, evidence: Evidence, now: datetime) -> Attempt:
    """The attempt that a decision to start becomes.

    The token depends on what it is about and on its number, not on the time: two invocations that decide the same at
    once start one execution.
    """
    text = f"{pipeline}|{number}|{evidence.source}|{evidence.began}|{evidence.seen}"
    token = hashlib.sha256(text.encode()).hexdigest()
    return Attempt(number=number, token=token, started=_iso(now), reason=evidence.parameters())


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
