"""Brings executions forward: starts what can start, and notices when all is over.

When a step fails, steps that are running go on to their end and no other step begins; the execution has failed then.
Everything happens on the timeline of the jobs, one thing after another, under the lock of the execution.
"""

from __future__ import annotations

import logging
import secrets
import string
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sagemaker_local.errors import AwsError
from sagemaker_local.sagemaker.faults import invalid

from . import cache, retries, steps
from .conditions import Undecidable
from .definition import StepDefinition
from .service import Pipelines
from .state import Execution, Step
from .steps.base import Halt, Run, call_failed
from .values import Resolver, Unresolved, reader

_log = logging.getLogger(__name__)
_ALPHABET = string.ascii_lowercase + string.digits
_NO_SETTINGS = frozenset(
    ("Name", "Type", "Arguments", "DependsOn", "DisplayName", "Description", "CacheConfig", "RetryPolicies")
)
"""Members of a step that are read elsewhere."""
STEP_FAILURE = "Step failure: One or multiple steps failed."


def new_id() -> str:
    """Return an id as executions have them: twelve lower-case letters and digits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(12))


class Engine:
    """Runs executions.

    Args:
        pipelines: the pipelines of the embedded AWS.
    """

    def __init__(self, pipelines: Pipelines) -> None:
        self._pipelines = pipelines
        self.callbacks: dict[str, Run] = {}
        """Callback steps that wait, by token."""

    def begin(self, execution: Execution) -> None:
        """Start a new execution."""
        known = execution.version.definition
        if execution.selection is None:
            execution.waiting = {name: known.steps[name] for name in known.top}
        self._pipelines.tell_execution(execution, None)
        self.wake(execution)

    def wake(self, execution: Execution) -> None:
        """See soon what can be done."""
        self._pipelines.later(lambda: self._progress(execution))

    def stop(self, execution: Execution) -> None:
        """Stop an execution: running steps are stopped, others do not begin.

        Raises:
            AwsError: if it is over.
        """
        with execution.lock:
            if execution.status != "Executing":
                raise invalid(
                    f"Only pipelines with 'Executing' status can be stopped; {execution.arn} is {execution.status}."
                )
            self._set_status(execution, "Stopping")
            running = execution.running()
        for step in running:
            self._stop_step(execution, step)
        self.wake(execution)

    def retry(self, execution: Execution) -> None:
        """Run the steps that failed or were stopped, and those that never began, once more.

        Raises:
            AwsError: if it has not failed or been stopped, or ended in a Fail step.
        """
        with execution.lock:
            if execution.status not in ("Failed", "Stopped"):
                raise invalid(
                    f"Only executions with status Failed or Stopped can be retried; {execution.arn} is "
                    f"{execution.status}."
                )
            ended = [step for step in execution.steps.values() if step.status != "Succeeded"]
            if any(step.definition.type == "Fail" for step in ended):
                raise invalid(f"{execution.arn} ended in a Fail step; it cannot be retried.")
            for step in ended:
                del execution.steps[step.definition.name]
            known = execution.version.definition
            names = list(known.top if execution.selection is None else execution.selected)
            for step in execution.steps.values():
                if step.definition.type == "Condition":
                    names += step.definition.branches[0 if step.properties["Outcome"] == "True" else 1]
            execution.waiting = {
                name: known.steps[name]
                for name in names
                if name not in execution.steps and name not in execution.skipped
            }
            execution.reason = execution.ended = None
            self._set_status(execution, "Executing")
        self.wake(execution)

    def _progress(self, execution: Execution) -> None:
        with execution.lock:
            if execution.over:
                return
            while self._start_next(execution):
                pass
            if not execution.running() and (not execution.waiting or not self._may_start(execution)):
                self._finish(execution)

    def _may_start(self, execution: Execution) -> bool:
        return execution.status == "Executing" and not execution.failed

    def _start_next(self, execution: Execution) -> bool:
        """Start or skip one step; False if there is nothing that can be done now."""
        if not self._may_start(execution):
            return False
        for name, definition in list(execution.waiting.items()):
            if definition.needs & execution.skipped:
                self._skip(execution, name)
                return True
            done = all(
                (step := execution.steps.get(other)) is not None and step.status == "Succeeded"
                for other in definition.needs
            )
            if done and len(execution.running()) < execution.parallelism:
                del execution.waiting[name]
                self._start(execution, definition)
                return True
        return False

    def _skip(self, execution: Execution, name: str) -> None:
        execution.waiting.pop(name, None)
        execution.skipped.add(name)
        for branch in execution.version.definition.steps[name].branches:
            for inner in branch:
                self._skip(execution, inner)

    def _start(self, execution: Execution, definition: StepDefinition) -> None:
        step = Step(definition, self._pipelines.now())
        execution.steps[definition.name] = step
        self._pipelines.tell_step(execution, step, None)
        self._attempt(execution, step)

    def _attempt(self, execution: Execution, step: Step) -> None:
        run = Run(self._pipelines, self, execution, step)
        self.guard(run, lambda: self._begin(run))

    def _begin(self, run: Run) -> None:
        step = run.step
        step.arguments = self._arguments(run.execution, step)
        found = cache.find(run.execution, step, self._pipelines.now())
        if found is not None:
            source, before = found
            step.source = source.arn
            run.succeed(before.properties, before.metadata)
            return
        steps.begin(run, step.arguments)

    def guard(self, run: Run, action: Callable[[], None]) -> None:
        """Do something for a step; whatever goes wrong is the step's failure."""
        try:
            action()
        except (Unresolved, Undecidable, Halt, cache.NoDuration) as error:
            run.fail(f"ClientError: {error}")
        except (ClientError, BotoCoreError, AwsError) as error:
            reason, kind = call_failed(error)
            run.fail(reason, kind)
        except Exception as error:  # noqa: BLE001 - an execution must never hang because of a fault of ours
            _log.exception("step %s of %s failed in an unexpected way", run.step.definition.name, run.execution.arn)
            run.fail(f"InternalServerError: {type(error).__name__}: {error}")

    def _arguments(self, execution: Execution, step: Step) -> dict[str, Any]:
        resolver = Resolver(execution, reader(self._pipelines.client(execution, "s3")), self._pipelines.now)
        arguments = step.definition.arguments
        if step.definition.type == "Condition":
            # The steps inside are resolved when their turn comes.
            arguments = {"Conditions": arguments.get("Conditions") or []}
        resolved: dict[str, Any] = resolver.resolve(arguments)
        step.settings = {
            key: resolver.resolve(value) for key, value in step.definition.document.items() if key not in _NO_SETTINGS
        }
        return resolved

    def choose(self, execution: Execution, step: Step, outcome: bool) -> None:
        """Take one branch of a condition."""
        taken, left = step.definition.branches if outcome else step.definition.branches[::-1]
        known = execution.version.definition.steps
        execution.waiting.update({name: known[name] for name in taken})
        for name in left:
            self._skip(execution, name)

    def ended(self, execution: Execution, step: Step, status: str, reason: str | None, kind: str | None) -> None:
        """Note the end of a step's attempt, which a retry policy may follow."""
        with execution.lock:
            if step.over:
                return
            wait = retries.wait_of(step, kind, self._pipelines.now()) if status == "Failed" else None
            if wait is not None and self._may_start(execution):
                step.attempt += 1
                step.stop = lambda: self.ended(execution, step, "Stopped", None, None)
                self._pipelines.later(lambda: self._again(execution, step), wait)
                return
            before, step.status = step.status, status
            step.reason = reason[:1024] if reason else None
            step.ended = execution.modified = self._pipelines.now()
            step.stop = None
            self._pipelines.tell_step(execution, step, before)
        self.wake(execution)

    def _again(self, execution: Execution, step: Step) -> None:
        with execution.lock:
            if not step.over and execution.status == "Executing":
                self._attempt(execution, step)

    def _stop_step(self, execution: Execution, step: Step) -> None:
        with execution.lock:
            if step.over:
                return
            before, step.status = step.status, "Stopping"
            stop = step.stop
        self._pipelines.tell_step(execution, step, before)
        if stop is not None:
            stop()

    def _finish(self, execution: Execution) -> None:
        execution.waiting.clear()
        execution.ended = self._pipelines.now()
        if execution.failed:
            execution.reason = STEP_FAILURE
            self._set_status(execution, "Failed")
        else:
            self._set_status(execution, "Stopped" if execution.status == "Stopping" else "Succeeded")

    def _set_status(self, execution: Execution, status: str) -> None:
        before, execution.status = execution.status, status
        execution.modified = self._pipelines.now()
        self._pipelines.tell_execution(execution, before)
