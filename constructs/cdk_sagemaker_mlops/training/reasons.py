"""Parameters that say why an execution was started; retraining on drift fills them in."""

from __future__ import annotations

from collections.abc import Sequence

from .pipeline import TrainingPipeline
from .pipeline_base import TrainingPipelineBase

REASON_PARAMETERS = (
    "RetrainingReason",
    "RetrainingMonitor",
    "RetrainingFeatures",
    "RetrainingWindow",
    "RetrainingReport",
)
#: What they are where nobody says why.
NO_REASON = "none"


def reason_parameters(pipeline: TrainingPipelineBase, wanted: Sequence[str] | None) -> list[str]:
    """Those that executions are started with: the ones that are asked for, else all that the pipeline has."""
    if wanted is not None:
        return list(wanted)
    return [name for name in _declared(pipeline) or () if name in REASON_PARAMETERS]


def reason_problems(pipeline: TrainingPipelineBase, wanted: Sequence[str] | None) -> list[str]:
    """What is wrong with the ones that are asked for."""
    found = [
        f'reason_parameters holds "{name}", allowed are {", ".join(REASON_PARAMETERS)}'
        for name in wanted or ()
        if name not in REASON_PARAMETERS
    ]
    declared = _declared(pipeline)
    missing = [name for name in wanted or () if declared is not None and name not in declared]
    if missing:
        found.append(
            f"pipeline {pipeline.pipeline_name} has no parameter {', '.join(missing)}, and SageMaker would refuse to "
            "start it; add it to the pipeline, or leave it out of reason_parameters"
        )
    return found


def _declared(pipeline: TrainingPipelineBase) -> list[str] | None:
    """Names of the pipeline's parameters; None where only its name is known."""
    if not isinstance(pipeline, TrainingPipeline):
        return None
    return [str(parameter["Name"]) for parameter in pipeline.document.get("Parameters") or ()]
