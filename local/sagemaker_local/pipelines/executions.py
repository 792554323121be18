"""Executions of pipelines: start, stop, retry, describe, list, and the answers to callback steps."""

from __future__ import annotations

from typing import Any

from sagemaker_local.errors import AwsError
from sagemaker_local.sagemaker.faults import conflict, invalid
from sagemaker_local.sagemaker.paging import page
from sagemaker_local.sagemaker.service import Scope, register

from . import selective
from .api import created_filters, parallelism_view, version_of
from .definition import Parameter, fits
from .engine import Engine, new_id
from .service import Pipelines
from .state import Execution, Step
from .steps import calls
from .steps.base import Halt, Run

Params = dict[str, Any]

_PARALLEL_STEPS = 50


def install(pipelines: Pipelines) -> None:
    """Answer the operations on executions."""
    executions = Executions(pipelines, Engine(pipelines))
    register(
        pipelines.sagemaker,
        {
            "StartPipelineExecution": executions.start,
            "StopPipelineExecution": executions.stop,
            "RetryPipelineExecution": executions.retry,
            "UpdatePipelineExecution": executions.update,
            "DescribePipelineExecution": executions.describe,
            "DescribePipelineDefinitionForExecution": executions.definition,
            "ListPipelineExecutions": executions.list_executions,
            "ListPipelineExecutionSteps": executions.list_steps,
            "ListPipelineParametersForExecution": executions.list_parameters,
            "SendPipelineExecutionStepSuccess": executions.callback_succeeded,
            "SendPipelineExecutionStepFailure": executions.callback_failed,
        },
    )


class Executions:
    """The operations on executions.

    Args:
        pipelines: the pipelines of the embedded AWS.
        engine: runs the executions.
    """

    def __init__(self, pipelines: Pipelines, engine: Engine) -> None:
        self._pipelines = pipelines
        self._engine = engine

    def start(self, scope: Scope, params: Params) -> Params:
        """StartPipelineExecution; the same token gives the same execution."""
        if params.get("PipelineVersionAlias"):
            raise invalid("The embedded AWS has no aliases of pipeline versions.")
        pipeline = self._pipelines.find(scope.store.account, scope.store.region, params["PipelineName"])
        version = version_of(pipeline, params.get("PipelineVersionId"))
        given = params.get("PipelineParameters") or []
        token = f"start:{params['ClientRequestToken']}"
        with pipeline.lock:
            known = pipeline.tokens.get(token)
            if known is not None:
                if pipeline.executions[known].given != given:
                    raise conflict(f"ClientRequestToken was used for {known} with other parameters.")
                return {"PipelineExecutionArn": known}
            identifier = new_id()
            limit = (params.get("ParallelismConfiguration") or {}).get("MaxParallelExecutionSteps")
            execution = Execution(
                id=identifier,
                arn=f"{pipeline.arn}/execution/{identifier}",
                pipeline=pipeline,
                version=version,
                created=scope.now,
                parameters=_values(version.definition.parameters, given),
                given=given,
                role=params.get("RoleArn") or pipeline.role,
                display_name=params.get("PipelineExecutionDisplayName"),
                description=params.get("PipelineExecutionDescription"),
                parallelism=int(limit or pipeline.parallelism or _PARALLEL_STEPS),
                created_by=scope.context.caller_arn,
                selection=params.get("SelectiveExecutionConfig"),
            )
            if execution.selection is not None:
                selective.apply(execution, execution.selection)
            pipeline.executions[execution.arn] = execution
            pipeline.tokens[token] = execution.arn
            pipeline.last_run = scope.now
        self._engine.begin(execution)
        return {"PipelineExecutionArn": execution.arn}

    def stop(self, scope: Scope, params: Params) -> Params:
        """StopPipelineExecution."""
        execution = self._find(params)
        self._engine.stop(execution)
        return {"PipelineExecutionArn": execution.arn}

    def retry(self, scope: Scope, params: Params) -> Params:
        """RetryPipelineExecution: what failed or was stopped, and what comes after it."""
        execution = self._find(params)
        limit = (params.get("ParallelismConfiguration") or {}).get("MaxParallelExecutionSteps")
        if limit is not None:
            execution.parallelism = int(limit)
        self._engine.retry(execution)
        return {"PipelineExecutionArn": execution.arn}

    def update(self, scope: Scope, params: Params) -> Params:
        """UpdatePipelineExecution: its name and description."""
        execution = self._find(params)
        execution.display_name = params.get("PipelineExecutionDisplayName", execution.display_name)
        execution.description = params.get("PipelineExecutionDescription", execution.description)
        execution.modified = scope.now
        return {"PipelineExecutionArn": execution.arn}

    def describe(self, scope: Scope, params: Params) -> Params:
        """DescribePipelineExecution."""
        execution = self._find(params)
        return {
            "PipelineArn": execution.pipeline.arn,
            "PipelineExecutionArn": execution.arn,
            "PipelineExecutionDisplayName": execution.display_name,
            "PipelineExecutionStatus": execution.status,
            "PipelineExecutionDescription": execution.description,
            "FailureReason": execution.reason,
            "CreationTime": execution.created,
            "LastModifiedTime": execution.modified,
            "CreatedBy": {},
            "LastModifiedBy": {},
            "PipelineVersionId": execution.version.number,
            "RoleArn": execution.role,
            **({"SelectiveExecutionConfig": execution.selection} if execution.selection else {}),
            **parallelism_view(execution.parallelism if execution.parallelism != _PARALLEL_STEPS else None),
        }

    def definition(self, scope: Scope, params: Params) -> Params:
        """DescribePipelineDefinitionForExecution: the text that this execution runs."""
        execution = self._find(params)
        return {"PipelineDefinition": execution.version.text, "CreationTime": execution.version.created}

    def list_executions(self, scope: Scope, params: Params) -> Params:
        """ListPipelineExecutions, newest first by default."""
        pipeline = self._pipelines.find(scope.store.account, scope.store.region, params["PipelineName"])
        found, token = page(
            list(pipeline.executions.values()),
            created_filters(params),
            name=lambda item: item.arn,
            created=lambda item: item.created,
        )
        summaries = [
            {
                "PipelineExecutionArn": item.arn,
                "StartTime": item.created,
                "PipelineExecutionStatus": item.status,
                "PipelineExecutionDescription": item.description,
                "PipelineExecutionDisplayName": item.display_name,
                "PipelineExecutionFailureReason": item.reason,
            }
            for item in found
        ]
        return {"PipelineExecutionSummaries": summaries, "NextToken": token}

    def list_steps(self, scope: Scope, params: Params) -> Params:
        """ListPipelineExecutionSteps: those that have begun, the last one first by default."""
        execution = self._find(params)
        found, token = page(
            list(execution.steps.values()),
            params,
            name=lambda item: item.definition.name,
            created=lambda item: item.started,
        )
        return {"PipelineExecutionSteps": [_step_view(step) for step in found], "NextToken": token}

    def list_parameters(self, scope: Scope, params: Params) -> Params:
        """ListPipelineParametersForExecution: all of them, defaults included."""
        execution = self._find(params)
        items = [{"Name": name, "Value": _text(value)} for name, value in execution.parameters.items()]
        return {"PipelineParameters": items}

    def callback_succeeded(self, scope: Scope, params: Params) -> Params:
        """SendPipelineExecutionStepSuccess."""
        run = self._callback(params["CallbackToken"])
        try:
            calls.answered(run, {item["Name"]: item["Value"] for item in params.get("OutputParameters") or []})
        except Halt as error:
            raise invalid(f"Invalid OutputParameters: {error}.") from error
        self._engine.callbacks.pop(params["CallbackToken"], None)
        return {"PipelineExecutionArn": run.execution.arn}

    def callback_failed(self, scope: Scope, params: Params) -> Params:
        """SendPipelineExecutionStepFailure."""
        run = self._callback(params["CallbackToken"])
        run.fail(params.get("FailureReason") or "")
        self._engine.callbacks.pop(params["CallbackToken"], None)
        return {"PipelineExecutionArn": run.execution.arn}

    def _callback(self, token: str) -> Run:
        run = self._engine.callbacks.get(token)
        if run is None or run.step.over:
            raise AwsError("ResourceNotFound", f"No callback step waits for the token {token}.")
        return run

    def _find(self, params: Params) -> Execution:
        return self._pipelines.execution(params["PipelineExecutionArn"])


def _values(known: dict[str, Parameter], given: list[dict[str, str]]) -> dict[str, Any]:
    """Return the values of all parameters.

    Raises:
        AwsError: naming everything that is missing, unknown or of another type.
    """
    problems: list[str] = []
    values: dict[str, Any] = {name: item.default for name, item in known.items() if not item.required}
    for pair in given:
        parameter = known.get(pair["Name"])
        if parameter is None:
            names = ", ".join(known) or "none"
            problems.append(f"{pair['Name']} is no parameter of the pipeline, which has {names}")
            continue
        value = _typed(pair["Value"], parameter.type)
        if value is None or not fits(value, parameter.type):
            problems.append(f"{parameter.name} has the value {pair['Value']!r}, which is no {parameter.type}")
        elif parameter.allowed and value not in parameter.allowed:
            allowed = ", ".join(map(str, parameter.allowed))
            problems.append(f"{parameter.name} has the value {pair['Value']!r}; allowed are {allowed}")
        else:
            values[parameter.name] = value
    reported = {pair["Name"] for pair in given}
    problems += [f"{name} has no value and no default" for name in known if name not in values and name not in reported]
    if problems:
        raise invalid(f"Invalid pipeline parameters: {'; '.join(problems)}.")
    return values


def _typed(text: str, kind: str) -> Any:
    if kind == "Boolean":
        return {"true": True, "false": False}.get(text.lower())
    try:
        return {"Integer": int, "Float": float}.get(kind, str)(text)
    except ValueError:
        return None


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _step_view(step: Step) -> Params:
    view = {
        "StepName": step.definition.name,
        "StepDisplayName": step.definition.document.get("DisplayName"),
        "StepDescription": step.definition.document.get("Description"),
        "StartTime": step.started,
        "EndTime": step.ended,
        "StepStatus": step.status,
        "CacheHitResult": {"SourcePipelineExecutionArn": step.source} if step.source else None,
        "SelectiveExecutionResult": {"SourcePipelineExecutionArn": step.reused} if step.reused else None,
        "FailureReason": step.reason,
        "Metadata": step.metadata,
        "AttemptCount": step.attempt,
    }
    return {name: value for name, value in view.items() if value is not None}
