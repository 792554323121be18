"""Steps that decide: Condition and Fail."""

from __future__ import annotations

from typing import Any

from sagemaker_local.pipelines.conditions import holds

from .base import Run

Params = dict[str, Any]


def condition(run: Run, arguments: Params) -> None:
    """Condition: all conditions must hold for the steps of the if branch.

    Raises:
        Undecidable: if values cannot be compared.
    """
    outcome = all(holds(item) for item in arguments["Conditions"])
    text = str(outcome)
    run.executing({"Condition": {"Outcome": text}})
    run.engine.choose(run.execution, run.step, outcome)
    run.succeed({"Outcome": text})


def fail(run: Run, arguments: Params) -> None:
    """Fail: ends the execution with a message."""
    message = str(arguments.get("ErrorMessage") or "")
    run.executing({"Fail": {"ErrorMessage": message[:3072]}})
    run.fail(message)
