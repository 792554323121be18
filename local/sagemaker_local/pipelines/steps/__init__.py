"""The kinds of steps, one table entry each. All others fail by name when their turn comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sagemaker_local.pipelines import retries

from . import calls, checks, jobs, logic, models, records
from .base import Run

Begin = Callable[[Run, dict[str, Any]], None]

STEPS: dict[str, Begin] = {
    "Callback": calls.callback,
    "ClarifyCheck": checks.CLARIFY_CHECK,
    "Condition": logic.condition,
    "Endpoint": models.serve,
    "EndpointConfig": models.create_endpoint_config,
    "Fail": logic.fail,
    "Lambda": calls.invoke,
    "Lineage": records.record,
    "Model": models.create_model,
    "Processing": jobs.PROCESSING_STEP,
    "QualityCheck": checks.QUALITY_CHECK,
    "RegisterModel": models.register_model,
    "Training": jobs.TRAINING_STEP,
    "Transform": jobs.TRANSFORM_STEP,
    "Tuning": jobs.TUNING_STEP,
}


def begin(run: Run, arguments: dict[str, Any]) -> None:
    """Begin a step.

    Raises:
        AwsError: if steps of its type cannot be run here, or a call of its fails.
        ClientError: if AWS refuses a call of its.
    """
    name, kind = run.step.definition.name, run.step.definition.type
    substitutes = run.pipelines.substitutes
    reason = substitutes.failure(name)
    if reason is not None:
        run.fail(reason, retries.kind_of(reason))
        return
    answer = substitutes.answer(name, kind)
    if answer is not None:
        run.executing({})
        run.succeed(answer(arguments))
        return
    STEPS.get(kind, jobs.refuse)(run, arguments)
