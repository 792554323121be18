"""The decision: from what should be live and what is live to the one next step. Pure, no clock and no I/O."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deploy.package import Package, version_of
from deploy.state import MOVING, Endpoint, Quarantined, Registration, Stack

_REPAIR = {
    "ROLLBACK_COMPLETE": "its creation failed; delete the stack and deploy it again",
    "ROLLBACK_FAILED": "its creation failed and so did the rollback; delete the stack and deploy it again",
    "CREATE_FAILED": "its creation failed; delete the stack and deploy it again",
    "UPDATE_FAILED": "an update was left unfinished; repair and deploy it, or roll it back",
    "UPDATE_ROLLBACK_FAILED": "repair the resource that could not roll back, then continue the rollback "
    "(aws cloudformation continue-update-rollback)",
    "DELETE_FAILED": "its deletion failed; finish the deletion",
    "DELETE_COMPLETE": "it was deleted; deploy it again",
    "IMPORT_ROLLBACK_FAILED": "an import was left unfinished; repair it in CloudFormation",
}


@dataclass(frozen=True)
class Situation:
    """Everything that the decision rests on.

    ``approved`` are the registry's approved versions in any order (at least down to the newest deployable one),
    ``pinned`` the pinned version if there is one and it exists, ``live`` the registry's entry of the live version
    (None when it was deleted), ``endpoint`` None when the stack holds none or SageMaker has lost it.
    """

    registration: Registration
    stack: Stack | None
    approved: Sequence[Package] = ()
    pinned: Package | None = None
    live: Package | None = None
    endpoint: Endpoint | None = None
    quarantine: Sequence[Quarantined] = ()

    @property
    def live_arn(self) -> str:
        """The version that the stack holds; empty before the first rollout."""
        return self.stack.parameters.get(self.registration.version_parameter, "") if self.stack else ""


@dataclass(frozen=True)
class Rollout:
    """Update the stack. ``kind`` is ``rollout`` (a version) or ``refresh`` (only the baselines of the live version)."""

    package: Package
    parameters: Mapping[str, str]
    kind: str
    reason: str


@dataclass(frozen=True)
class Wait:
    """Something is under way that ends by itself; look again. ``diverged`` if a change is held up by it."""

    reason: str
    diverged: bool = False


@dataclass(frozen=True)
class Blocked:
    """A person must act. ``failed`` tells a failure from a wish that waits; ``diverged`` if a change is held up."""

    reason: str
    failed: bool = False
    diverged: bool = False


@dataclass(frozen=True)
class Converged:
    """What is live is what should be."""

    reason: str


Action = Rollout | Wait | Blocked | Converged


@dataclass(frozen=True)
class Choice:
    """The version that should be live, or None to keep what is; ``problem`` says what a person must know."""

    package: Package | None
    reason: str
    problem: str = ""


def is_quarantined(arn: str, quarantine: Sequence[Quarantined], scope: str = "version") -> bool:
    """Whether the version is barred from being rolled out (or, by scope, from having its baselines changed)."""
    return any(entry.arn.lower() == arn.lower() and entry.scope == scope for entry in quarantine)


def choose(situation: Situation) -> Choice:
    """The version that should be live: the pinned one, else the newest approved, complete and not quarantined."""
    if situation.registration.pinned_version is not None:
        return _choose_pinned(situation, situation.registration.pinned_version)
    barred = situation.quarantine
    candidates = [
        package for package in situation.approved if package.deployable and not is_quarantined(package.arn, barred)
    ]
    admitted = [package for package in candidates if not situation.registration.objection(package)]
    held = max((package for package in candidates if package not in admitted), key=_version, default=None)
    if admitted:
        newest = max(admitted, key=_version)
        reason = f"version {newest.version} is the newest approved version"
        if held is not None and held.version > newest.version:
            reason += f"; {situation.registration.objection(held)}"
        return Choice(newest, reason)
    group, number = situation.registration.group_name, version_of(situation.live_arn)
    waiting = f"; {situation.registration.objection(held)}" if held is not None else ""
    if not situation.live_arn:
        quarantined = any(is_quarantined(package.arn, barred) for package in situation.approved)
        kind = " that may go live here" if waiting else " that is not quarantined" if quarantined else ""
        return Choice(None, f"group {group} has no approved version{kind}{waiting}")
    if is_quarantined(situation.live_arn, barred):
        problem = f"version {number} is quarantined, and no other approved version exists; it stays"
        return Choice(None, problem, problem)
    if situation.live is not None and situation.live.approval == "Rejected":
        problem = f"version {number} was rejected while live, and no other approved version exists; it stays live"
        return Choice(None, problem, problem)
    if situation.live is not None and situation.live.deployable and situation.registration.objection(situation.live):
        problem = f"{situation.registration.objection(situation.live)}, and no other version may go live; it stays live"
        return Choice(None, problem, problem)
    return Choice(None, f"group {group} has no approved version; version {number} stays live{waiting}")


def _version(package: Package) -> int:
    return package.version


def _choose_pinned(situation: Situation, number: int) -> Choice:
    package, group = situation.pinned, situation.registration.group_name
    problem = ""
    if package is None:
        problem = f"pinned version {number} does not exist in group {group}"
    elif is_quarantined(package.arn, situation.quarantine):
        problem = f"pinned version {number} is quarantined; release it or pin another version"
    elif not package.deployable:
        problem = (
            f"pinned version {number} is {package.approval} and {package.status}; it must be Approved and Completed"
        )
    elif situation.registration.objection(package):
        problem = f"pinned: {situation.registration.objection(package)}"
    return Choice(None, problem, problem) if problem else Choice(package, f"version {number} is pinned")


def decide(situation: Situation) -> Action:
    """The next step for one model. Never a step that could make a failed stack worse or take the model away."""
    registration, stack = situation.registration, situation.stack
    if stack is None:
        return Blocked(f"stack {registration.stack_name} does not exist; deploy it again", failed=True)
    if not stack.owns(registration):
        return Blocked(
            f"stack {stack.name} does not contain the registration {registration.name}, so it is not a serving stack "
            "of this environment and is not touched",
            failed=True,
        )
    if not stack.busy and registration.version_parameter not in stack.parameters:
        return Blocked(
            f"stack {stack.name} has no parameter {registration.version_parameter}; deploy it again", failed=True
        )
    choice = choose(situation)
    wanted = desired_parameters(situation, choice.package)
    version_changes = wanted.get(registration.version_parameter, situation.live_arn) != situation.live_arn
    differs = _differs(situation, choice.package, wanted)
    held_up = version_changes or bool(choice.problem)
    if stack.busy:
        return Wait(f"stack {stack.name} is {stack.status}", diverged=held_up and not registration.frozen)
    obstacle = _obstacle(situation, stack, diverged=held_up, mending=version_changes)
    if obstacle is not None:
        return obstacle
    if choice.package is None or not differs:
        return Blocked(choice.problem, diverged=True) if choice.problem else Converged(choice.reason)
    kind = "rollout" if version_changes else "refresh"
    if registration.frozen:
        return (
            Blocked(f"{choice.reason}, but model {registration.model} is frozen")
            if version_changes
            else (Converged(f"{choice.reason}; model {registration.model} is frozen"))
        )
    return Rollout(choice.package, wanted, kind, choice.reason)


def desired_parameters(situation: Situation, package: Package | None) -> dict[str, str]:
    """The stack parameters that follow from a version, as far as the stack's template declares them."""
    registration, stack = situation.registration, situation.stack
    if package is None or stack is None:
        return {}
    wanted = {registration.version_parameter: package.arn}
    for monitor, files in registration.baselines.items():
        for file, parameter in files.items():
            wanted[parameter] = package.baselines.get(monitor, {}).get(file, "")
    if registration.retain_parameter:
        # Allowed by SageMaker on updates only. With it a rollout never shrinks a fleet that has been scaled out.
        wanted[registration.retain_parameter] = "true" if stack.has_endpoint(registration) else "false"
    return {name: value for name, value in wanted.items() if name in stack.parameters}


def request_token(action: Rollout, stack: Stack, processed: str) -> str:
    """The ClientRequestToken of an update: equal for equal observations, so that a repeated request is recognised.

    It changes with every operation on the stack, so that returning to an earlier version later is a new request.
    """
    observed = json.dumps([stack.stack_id, stack.changed_at, processed, dict(action.parameters)], sort_keys=True)
    digest = hashlib.sha256(observed.encode()).hexdigest()[:16]
    return f"{action.kind}-{action.package.version}-{digest}"


def _differs(situation: Situation, package: Package | None, wanted: Mapping[str, str]) -> bool:
    if situation.stack is None or package is None:
        return False
    retain = situation.registration.retain_parameter
    changed = [name for name, value in wanted.items() if name != retain and situation.stack.parameters[name] != value]
    if changed and situation.registration.version_parameter not in changed:
        return not is_quarantined(package.arn, situation.quarantine, scope="baselines")
    return bool(changed)


def _obstacle(situation: Situation, stack: Stack, *, diverged: bool, mending: bool) -> Wait | Blocked | None:
    """What forbids an update now. ``mending``: another version is wanted, which also cures a lost configuration."""
    if not stack.updatable:
        what = _REPAIR.get(stack.status, "it takes no update in this status")
        return Blocked(f"stack {stack.name} is {stack.status}: {what}", failed=True, diverged=diverged)
    if not stack.has_endpoint(situation.registration):
        return None
    name, endpoint = situation.registration.endpoint_name, situation.endpoint
    if endpoint is None:
        reason = f"endpoint {name} was deleted outside of its stack {stack.name}; deploy the stack's endpoint again"
        return Blocked(reason, failed=True, diverged=True)
    if endpoint.status in MOVING:
        return Wait(f"endpoint {name} is {endpoint.status}", diverged=diverged)
    if endpoint.status != "InService":
        reason = f"endpoint {name} is {endpoint.status}" + (f": {endpoint.failure}" if endpoint.failure else "")
        return Blocked(reason, failed=True, diverged=True)
    if endpoint.lost:
        reason = (
            f"endpoint {name} runs configuration {endpoint.lost}, which has been deleted, and SageMaker updates no "
            "endpoint whose configuration is gone. It answers as before. Make a configuration of that name again, with "
            "the variants of the stack's own one; then the rollout goes on by itself"
        )
        return Blocked(reason, failed=True, diverged=True)
    if not endpoint.runs(stack) and not mending:
        reason = (
            f"endpoint {name} runs configuration {endpoint.config}, which is not its stack's: SageMaker returned to an "
            "earlier one, or someone changed the endpoint by hand; approve another version or deploy the stack again"
        )
        return Blocked(reason, failed=True, diverged=True)
    return None
