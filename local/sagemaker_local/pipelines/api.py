"""Pipelines: create, update, delete, describe, list; versions."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sagemaker_local.sagemaker.faults import conflict, invalid
from sagemaker_local.sagemaker.paging import page
from sagemaker_local.sagemaker.service import Scope, register

from .definition import Definition, Invalid, read
from .service import Pipelines
from .state import Pipeline, Version

Params = dict[str, Any]

_LARGEST = 1024 * 1024


def install(pipelines: Pipelines) -> None:
    """Answer the operations on pipelines."""
    api = Api(pipelines)
    register(
        pipelines.sagemaker,
        {
            "CreatePipeline": api.create,
            "UpdatePipeline": api.update,
            "DeletePipeline": api.delete,
            "DescribePipeline": api.describe,
            "ListPipelines": api.list_pipelines,
            "ListPipelineVersions": api.list_versions,
        },
    )


class Api:
    """The operations on pipelines.

    Args:
        pipelines: the pipelines of the embedded AWS.
    """

    def __init__(self, pipelines: Pipelines) -> None:
        self._pipelines = pipelines

    def create(self, scope: Scope, params: Params) -> Params:
        """CreatePipeline. The same request again, with the same token, is no error."""
        _check_aliases(params)
        text, definition = _definition(scope, params)
        name, store = params["PipelineName"], scope.store
        arn = store.arn(f"pipeline/{name}")
        known = self._pipelines.all_in(store.account, store.region)
        token = params["ClientRequestToken"]
        existing = next((item for key, item in known.items() if key.lower() == name.lower()), None)
        if existing is not None:
            if existing.tokens.get("create") == token:
                return {"PipelineArn": arn}
            raise invalid(
                f"Pipeline names must be unique within an AWS account and region. Pipeline with name "
                f"({name}) already exists."
            )
        pipeline = Pipeline(
            name=name,
            arn=arn,
            account=store.account,
            region=store.region,
            created=scope.now,
            display_name=params.get("PipelineDisplayName") or name,
            description=params.get("PipelineDescription"),
            role=params["RoleArn"],
            parallelism=_parallelism(params),
            created_by=scope.context.caller_arn,
        )
        pipeline.tokens["create"] = token
        pipeline.versions.append(Version(1, text, definition, scope.now))
        known[name] = pipeline
        store.tag(arn, params.get("Tags"))
        return {"PipelineArn": arn}

    def update(self, scope: Scope, params: Params) -> Params:
        """UpdatePipeline: a new definition is a new version; executions that run keep theirs."""
        pipeline = self._find(scope, params["PipelineName"])
        with pipeline.lock:
            if "PipelineDefinition" in params or "PipelineDefinitionS3Location" in params:
                text, definition = _definition(scope, params)
                pipeline.versions.append(Version(pipeline.latest.number + 1, text, definition, scope.now))
            pipeline.display_name = params.get("PipelineDisplayName") or pipeline.display_name
            pipeline.description = params.get("PipelineDescription", pipeline.description)
            pipeline.role = params.get("RoleArn") or pipeline.role
            if "ParallelismConfiguration" in params:
                pipeline.parallelism = _parallelism(params)
            pipeline.modified = scope.now
        return {"PipelineArn": pipeline.arn, "PipelineVersionId": pipeline.latest.number}

    def delete(self, scope: Scope, params: Params) -> Params:
        """DeletePipeline, unless an execution is running."""
        pipeline = self._find(scope, params["PipelineName"])
        running = [execution.arn for execution in pipeline.executions.values() if not execution.over]
        if running:
            raise conflict(f"Pipeline {pipeline.arn} has running executions; stop them first: {', '.join(running)}.")
        self._pipelines.all_in(pipeline.account, pipeline.region).pop(pipeline.name, None)
        scope.store.tags.pop(pipeline.arn, None)
        return {"PipelineArn": pipeline.arn}

    def describe(self, scope: Scope, params: Params) -> Params:
        """DescribePipeline, of the latest version or another one."""
        _check_aliases(params)
        pipeline = self._find(scope, params["PipelineName"])
        version = version_of(pipeline, params.get("PipelineVersionId"))
        return {
            "PipelineArn": pipeline.arn,
            "PipelineName": pipeline.name,
            "PipelineDisplayName": pipeline.display_name,
            "PipelineDefinition": version.text,
            "PipelineDescription": pipeline.description,
            "RoleArn": pipeline.role,
            "PipelineStatus": "Active",
            "CreationTime": pipeline.created,
            "LastModifiedTime": pipeline.modified,
            "LastRunTime": pipeline.last_run,
            "CreatedBy": {},
            "LastModifiedBy": {},
            **parallelism_view(pipeline.parallelism),
        }

    def list_pipelines(self, scope: Scope, params: Params) -> Params:
        """ListPipelines, newest first by default."""
        known = self._pipelines.all_in(scope.store.account, scope.store.region).values()
        prefix = params.get("PipelineNamePrefix", "")
        found, token = page(
            [item for item in known if item.name.startswith(prefix)],
            created_filters(params),
            name=lambda item: item.name,
            created=lambda item: item.created,
        )
        summaries = [
            {
                "PipelineArn": item.arn,
                "PipelineName": item.name,
                "PipelineDisplayName": item.display_name,
                "PipelineDescription": item.description,
                "RoleArn": item.role,
                "CreationTime": item.created,
                "LastModifiedTime": item.modified,
                "LastExecutionTime": item.last_run,
            }
            for item in found
        ]
        return {"PipelineSummaries": summaries, "NextToken": token}

    def list_versions(self, scope: Scope, params: Params) -> Params:
        """ListPipelineVersions, newest first by default."""
        pipeline = self._find(scope, params["PipelineName"])
        found, token = page(
            pipeline.versions,
            created_filters(params),
            name=lambda item: str(item.number),
            created=lambda item: item.created,
        )
        summaries = [
            {"PipelineArn": pipeline.arn, "PipelineVersionId": item.number, "CreationTime": item.created}
            for item in found
        ]
        return {"PipelineVersionSummaries": summaries, "NextToken": token}

    def _find(self, scope: Scope, name: str) -> Pipeline:
        return self._pipelines.find(scope.store.account, scope.store.region, name)


def version_of(pipeline: Pipeline, number: int | None) -> Version:
    """Return a version of a pipeline, the latest by default.

    Raises:
        AwsError: if it does not exist.
    """
    for version in pipeline.versions if number is not None else pipeline.versions[-1:]:
        if number is None or version.number == number:
            return version
    raise invalid(f"Pipeline {pipeline.arn} has no version {number}.")


def created_filters(params: Params) -> Params:
    """Return list parameters with the names that all other lists use."""
    renamed = {"CreatedAfter": "CreationTimeAfter", "CreatedBefore": "CreationTimeBefore"}
    return {renamed.get(name, name): value for name, value in params.items()}


def parallelism_view(limit: int | None) -> Params:
    """Return ParallelismConfiguration, if there is one."""
    return {"ParallelismConfiguration": {"MaxParallelExecutionSteps": limit}} if limit is not None else {}


def _parallelism(params: Params) -> int | None:
    found = (params.get("ParallelismConfiguration") or {}).get("MaxParallelExecutionSteps")
    return int(found) if found is not None else None


def _check_aliases(params: Params) -> None:
    if params.get("PipelineVersionAliases") or params.get("PipelineVersionAlias"):
        raise invalid("The embedded AWS has no aliases of pipeline versions; use PipelineVersionId.")


def _definition(scope: Scope, params: Params) -> tuple[str, Definition]:
    place = params.get("PipelineDefinitionS3Location")
    text = params.get("PipelineDefinition")
    if (text is None) == (place is None):
        raise invalid("Exactly one of PipelineDefinition and PipelineDefinitionS3Location must be specified.")
    if text is None and place is not None:
        version = {"VersionId": place["VersionId"]} if place.get("VersionId") else {}
        try:
            found = scope.context.client("s3").get_object(Bucket=place["Bucket"], Key=place["ObjectKey"], **version)
        except (ClientError, BotoCoreError) as error:
            raise invalid(f"Cannot read the definition s3://{place['Bucket']}/{place['ObjectKey']}: {error}") from error
        data = found["Body"].read()
        if len(data) > _LARGEST:
            raise invalid(f"The definition has {len(data)} bytes; at most {_LARGEST} are allowed.")
        text = data.decode()
    try:
        return str(text), read(str(text))
    except Invalid as error:
        raise invalid(f"Unable to parse pipeline definition: {error}.") from error
