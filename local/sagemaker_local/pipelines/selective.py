"""Selective execution: some steps run, and what they need of others comes from an earlier execution.

https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-selective-ex.html
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sagemaker_local.sagemaker.faults import invalid

from .definition import Definition
from .state import Execution, Step


def apply(execution: Execution, config: dict[str, Any]) -> None:
    """Let an execution that has not begun run the selected steps only. Steps inside of a condition come with it.

    Raises:
        AwsError: naming everything that is wrong with the selection.
    """
    known = execution.version.definition
    selected = [item["StepName"] for item in config["SelectedSteps"]]
    problems = [f"the pipeline has no step {name}" for name in selected if name not in known.steps]
    source = _source(execution, config, problems)
    chosen = {name for name in selected if name in known.steps}
    inside = {inner for name in chosen for inner in _inside(known, name)}
    needed = {other for name in chosen | inside for other in known.steps[name].needs} - chosen - inside
    problems += [
        f"step {between} lies between selected steps and is not selected"
        for between in _between(known, chosen | inside)
    ]
    for name in sorted(needed):
        step = source.steps.get(name) if source else None
        if step is None or step.status != "Succeeded":
            where = f"has not succeeded in {source.arn}" if source else "is not selected"
            problems.append(f"a selected step needs {name}, which {where}")
            continue
        execution.steps[name] = _reused(step, source.arn if source else "")
    if problems:
        raise invalid(f"Invalid SelectiveExecutionConfig: {'; '.join(problems)}.")
    execution.selected = tuple(name for name in known.steps if name in chosen and name not in inside)
    execution.waiting = {name: known.steps[name] for name in execution.selected}


def _source(execution: Execution, config: dict[str, Any], problems: list[str]) -> Execution | None:
    arn = config.get("SourcePipelineExecutionArn")
    if arn is None:
        return None
    source = execution.pipeline.executions.get(arn)
    if source is None:
        problems.append(f"{arn} is no execution of {execution.pipeline.name}")
    elif not source.over:
        problems.append(f"{arn} is {source.status}; it must have ended")
        return None
    return source


def _inside(known: Definition, name: str) -> set[str]:
    direct = {inner for branch in known.steps[name].branches for inner in branch}
    return direct | {deeper for inner in direct for deeper in _inside(known, inner)}


def _between(known: Definition, chosen: set[str]) -> list[str]:
    """Steps that a selected one needs and that need a selected one."""
    later = {name for name in known.steps if name not in chosen and _needs(known, name) & chosen}
    wanted = {other for name in chosen for other in _needs(known, name)}
    return sorted(later & wanted)


def _needs(known: Definition, name: str) -> set[str]:
    found: set[str] = set()
    waiting = list(known.steps[name].needs)
    while waiting:
        other = waiting.pop()
        if other not in found and other in known.steps:
            found.add(other)
            waiting += known.steps[other].needs
    return found


def _reused(step: Step, source: str) -> Step:
    return replace(step, reused=step.reused or source, stop=None)
