"""Deals with finished operations exactly once: quarantine, announcements, metrics.

Each step can be repeated, and the journal is written last, so that a crash anywhere leads to the same step again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from deploy.announcements import Announcement, Announcer, Status
from deploy.lock import Lock
from deploy.memory import Memory
from deploy.outcomes import MAX_REASON, Operation
from deploy.package import version_of
from deploy.state import MOVING, Endpoint, Intent, Quarantined, Registration, Stack
from shared.log import Logger

log = Logger("deploy.history")
_ENDPOINT = "AWS::SageMaker::Endpoint"


class History:
    """The past of one model's stack, and what follows from it."""

    def __init__(self, memory: Memory, lock: Lock, announcer: Announcer, registration: Registration) -> None:
        self._memory = memory
        self._lock = lock
        self._announcer = announcer
        self._registration = registration

    def absorb(self, stack: Stack, endpoint: Endpoint | None, operations: Sequence[Operation]) -> bool:
        """Deal with the operations (oldest first) since the last time.

        Returns False if the newest one is not settled yet: the stack moved on since it was read, or its endpoint is
        still moving. Nothing may be started then.
        """
        if operations and stack.busy is operations[-1].finished:
            return False
        for operation in operations:
            if not operation.finished:
                self._started(operation, stack)
                return True
            self._lock.require()
            if operation.kind is not None:
                latest = not any(later.kind for later in operations[operations.index(operation) + 1 :])
                if not self._finished(operation, stack, endpoint, latest=latest):
                    return False
                self._save_processed(operation)
        if operations:
            self._save_processed(operations[-1])
        return True

    def started(self, token: str, to_arn: str, reason: str) -> None:
        """Announce a rollout that CloudFormation has accepted."""
        journal = self._memory.journal(self._registration.model)
        if journal.started == token:
            return
        self._lock.require()
        intent = _intent(journal.intent, token)
        self._announce(Status.STARTED, token, reason, intent, to_arn)
        self._memory.save_journal(self._registration.model, replace(journal, started=token))

    def _started(self, operation: Operation, stack: Stack) -> None:
        if operation.kind == "rollout":
            to_arn = self._to_arn(operation, stack)
            self.started(operation.token, to_arn, f"version {operation.version} is being rolled out")

    def _finished(self, operation: Operation, stack: Stack, endpoint: Endpoint | None, *, latest: bool) -> bool:
        """Deal with one operation of ours; False if it cannot be judged yet. ``latest``: no other of ours followed."""
        to_arn = self._to_arn(operation, stack)
        if operation.status != "UPDATE_COMPLETE":
            self._failed(operation, to_arn, self._cause(operation, endpoint if latest else None))
            return True
        # Others may have deployed since. What the endpoint runs still tells whether this version arrived, as long as
        # the stack holds it and nothing is under way.
        live = stack.parameters.get(self._registration.version_parameter)
        if not latest or live != to_arn or not (stack.busy or stack.has_endpoint(self._registration)):
            self._succeeded(operation, to_arn)
            return True
        if stack.busy or (endpoint is not None and endpoint.status in MOVING):
            return False
        if endpoint is None or endpoint.status != "InService":
            # The decision reports what is wrong with the endpoint; the rollout did not succeed.
            log.warning("endpoint is not in service after a completed update", token=operation.token)
        elif endpoint.runs(stack):
            self._succeeded(operation, to_arn)
        else:
            self._failed(operation, to_arn, self._silent(endpoint), silent=True)
        return True

    def _succeeded(self, operation: Operation, to_arn: str) -> None:
        if operation.kind != "rollout":
            log.info("baselines of the live version are applied", model_package_arn=to_arn)
            return
        intent = _intent(self._memory.journal(self._registration.model).intent, operation.token)
        self._announce(Status.SUCCEEDED, operation.token, f"version {operation.version} is live", intent, to_arn)
        points = [self._announcer.metric(self._registration, "Rollouts", 1, operation.at, "Count")]
        if intent is not None and intent.upgrade and intent.approved_at:
            seconds = (operation.at - datetime.fromisoformat(intent.approved_at)).total_seconds()
            points.append(
                self._announcer.metric(
                    self._registration, "ApprovalToLiveSeconds", max(0.0, seconds), operation.at, "Seconds"
                )
            )
        self._announcer.measure(points)

    def _failed(self, operation: Operation, to_arn: str, cause: tuple[str, str], *, silent: bool = False) -> None:
        model = self._registration.model
        resource, reason = cause
        scope = "version" if operation.kind == "rollout" else "baselines"
        entry = Quarantined(to_arn, reason, resource, operation.at.isoformat(), scope)
        others = [
            item for item in self._memory.quarantine(model) if (item.arn.lower(), item.scope) != (to_arn.lower(), scope)
        ]
        self._memory.save_quarantine(model, [*others, entry])
        rolled_back = operation.status == "UPDATE_ROLLBACK_COMPLETE" and scope == "version" and not silent
        intent = _intent(self._memory.journal(model).intent, operation.token)
        text = f"{resource}: {reason}" if resource else reason
        if scope == "baselines":
            text = f"the baselines of version {operation.version} could not be applied; {text}"
        self._announce(Status.ROLLED_BACK if rolled_back else Status.FAILED, operation.token, text, intent, to_arn)
        if scope == "version":
            self._announcer.measure([self._announcer.metric(self._registration, "Rollbacks", 1, operation.at, "Count")])

    def _cause(self, operation: Operation, endpoint: Endpoint | None) -> tuple[str, str]:
        """The resource that failed and the message, with SageMaker's own words where CloudFormation quotes none."""
        failure = operation.failure
        if failure is None:
            return "", f"the update ended as {operation.status} without naming a reason"
        reason = failure.reason
        if failure.resource_type == _ENDPOINT and endpoint is not None and endpoint.failure not in reason:
            reason = f"{reason} ({endpoint.failure})"
        resource = f"{failure.resource} ({failure.resource_type})" if failure.resource else ""
        return resource, reason[:MAX_REASON]

    def _silent(self, endpoint: Endpoint) -> tuple[str, str]:
        name = self._registration.endpoint_name
        told = f": {endpoint.failure}" if endpoint.failure else ""
        return name, (
            "the stack's update completed, but SageMaker returned the endpoint to its earlier configuration "
            f"{endpoint.config}{told}"
        )[:MAX_REASON]

    def _to_arn(self, operation: Operation, stack: Stack) -> str:
        intent = _intent(self._memory.journal(self._registration.model).intent, operation.token)
        return intent.to_arn if intent else self._registration.package_arn(operation.version, stack.stack_id)

    def _announce(self, status: Status, token: str, reason: str, intent: Intent | None, to_arn: str) -> None:
        before = version_of(intent.from_arn) if intent else None
        self._announcer.announce(Announcement.of(status, self._registration, token, reason, before, version_of(to_arn)))

    def _save_processed(self, operation: Operation) -> None:
        journal = self._memory.journal(self._registration.model)
        self._memory.save_journal(self._registration.model, replace(journal, processed=operation.event_id))


def _intent(intent: Intent | None, token: str) -> Intent | None:
    return intent if intent is not None and intent.token == token else None
