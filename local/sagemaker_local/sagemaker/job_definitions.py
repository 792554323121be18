"""Job definitions of the four native monitors: immutable records."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from .faults import invalid, missing_resource, name_in_use
from .paging import page
from .service import Action, SageMaker, Scope, register
from .state import Record, Store

Params = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """One of SageMaker's monitors."""

    name: str
    """As in the names of its operations."""
    monitoring_type: str
    resource: str
    """As in the ARN."""
    job_input: str
    """The member that says where the data comes from."""


KINDS = (
    Kind("DataQuality", "DataQuality", "data-quality-job-definition", "DataQualityJobInput"),
    Kind("ModelQuality", "ModelQuality", "model-quality-job-definition", "ModelQualityJobInput"),
    Kind("ModelBias", "ModelBias", "model-bias-job-definition", "ModelBiasJobInput"),
    Kind(
        "ModelExplainability",
        "ModelExplainability",
        "model-explainability-job-definition",
        "ModelExplainabilityJobInput",
    ),
)


def install(sagemaker: SageMaker) -> None:
    """Answer create, describe, list and delete for each kind."""
    for kind in KINDS:
        actions: dict[str, Action] = {
            f"Create{kind.name}JobDefinition": partial(_create, kind),
            f"Describe{kind.name}JobDefinition": partial(_describe, kind),
            f"List{kind.name}JobDefinitions": partial(_list, kind),
            f"Delete{kind.name}JobDefinition": partial(_delete, kind),
        }
        register(sagemaker, actions)


def find_definition(store: Store, kind: Kind, name: str) -> Record:
    """Return a job definition, whatever the case of its name: its ARN, which CloudFormation refers to, is lower case.

    Raises:
        AwsError: ResourceNotFound.
    """
    for key, record in store.job_definitions.get(kind.name, {}).items():
        if key.lower() == name.lower():
            return record
    raise missing_resource("Job definition", store.arn(f"{kind.resource}/{name}"))


def endpoint_of(definition: Params) -> str | None:
    """Return the endpoint that a definition's input names; None for batch transform."""
    for value in definition.values():
        if isinstance(value, dict) and isinstance(value.get("EndpointInput"), dict):
            return str(value["EndpointInput"]["EndpointName"])
    return None


def _create(kind: Kind, scope: Scope, params: Params) -> Params:
    name, store = params["JobDefinitionName"], scope.store
    arn = store.arn(f"{kind.resource}/{name}")
    sources = params[kind.job_input]
    if bool(sources.get("EndpointInput")) == bool(sources.get("BatchTransformInput")):
        raise invalid(f"{kind.job_input} must have exactly one of EndpointInput and BatchTransformInput.")
    with store.lock:
        definitions = store.job_definitions.setdefault(kind.name, {})
        if any(key.lower() == name.lower() for key in definitions):
            raise name_in_use("Job definition", arn)
        kept = {key: value for key, value in params.items() if key not in ("JobDefinitionName", "Tags")}
        definitions[name] = Record(name, arn, scope.now, kept)
        store.tag(arn, params.get("Tags"))
    return {"JobDefinitionArn": arn}


def _describe(kind: Kind, scope: Scope, params: Params) -> Params:
    record = find_definition(scope.store, kind, params["JobDefinitionName"])
    return {
        "JobDefinitionName": record.name,
        "JobDefinitionArn": record.arn,
        "CreationTime": record.created,
        **record.definition,
    }


def _list(kind: Kind, scope: Scope, params: Params) -> Params:
    records = list(scope.store.job_definitions.get(kind.name, {}).values())
    if "EndpointName" in params:
        records = [record for record in records if endpoint_of(record.definition) == params["EndpointName"]]
    found, token = page(records, params, name=lambda item: item.name, created=lambda item: item.created)
    summaries = [
        {
            "MonitoringJobDefinitionName": record.name,
            "MonitoringJobDefinitionArn": record.arn,
            "CreationTime": record.created,
            "EndpointName": endpoint_of(record.definition) or "",
        }
        for record in found
    ]
    return {"JobDefinitionSummaries": summaries, "NextToken": token}


def _delete(kind: Kind, scope: Scope, params: Params) -> Params:
    record = find_definition(scope.store, kind, params["JobDefinitionName"])
    with scope.store.lock:
        scope.store.job_definitions[kind.name].pop(record.name, None)
        scope.store.tags.pop(record.arn, None)
    return {}
