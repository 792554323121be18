"""SageMaker's resource types (return values as in the CloudFormation template reference)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from botocore import xform_name

from sagemaker_local.errors import AwsError

from .base import Created, Properties, ResourceType, Work
from .coerce import call
from .rows import Row, Stabilise, Tagging

_TAGS = Tagging("add_tags", "delete_tags", "ResourceArn", "Ref")


def _tags_by(attribute: str) -> Tagging:
    return Tagging("add_tags", "delete_tags", "ResourceArn", attribute)


class Endpoint(Row):
    """An endpoint: updated by UpdateEndpoint, and only done when it serves the new configuration."""

    def parameters(self, work: Work, properties: Properties) -> dict[str, Any]:
        params = super().parameters(work, properties)
        excluded = params.pop("ExcludeRetainedVariantProperties", None)
        if excluded:
            params["ExcludeRetainedVariantProperties"] = excluded
        return params

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        # Retain* and the deployment settings say how to roll out, they are no reason to roll out.
        if old.get("EndpointConfigName") == new.get("EndpointConfigName"):
            self.retag(work, existing, old, new)
            return existing
        described = call(work.client("sagemaker"), "describe_endpoint", existing.keys)
        if described["EndpointConfigName"] == new["EndpointConfigName"] and described["EndpointStatus"] == "InService":
            # A rollout that the endpoint has already rolled back by itself.
            return existing
        updated = super().update(work, existing, old, new)
        described = call(work.client("sagemaker"), "describe_endpoint", existing.keys)
        if described["EndpointConfigName"] != new["EndpointConfigName"]:
            reason = described.get("FailureReason") or "the deployment was rolled back"
            raise AwsError("NotStabilized", f"Endpoint {existing.keys['EndpointName']} was not updated: {reason}")
        return updated


class InferenceComponent(Row):
    """An inference component: an update that SageMaker has taken back is a failed one."""

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        updated = super().update(work, existing, old, new)
        described = call(work.client("sagemaker"), "describe_inference_component", existing.keys)
        if described.get("FailureReason"):
            name = existing.keys["InferenceComponentName"]
            raise AwsError("NotStabilized", f"Inference component {name} was not updated: {described['FailureReason']}")
        return updated


class JobDefinition(Row):
    """A monitoring job definition: immutable, named `CFN-<logical id>-<random>` unless told."""

    def create(self, work: Work, properties: Properties) -> Created:
        if self.name not in properties:
            name = f"CFN-{work.logical_id[:20]}-{work.generated_name().rsplit('-', 1)[-1]}"
            properties = {**properties, self.name: name}
        return super().create(work, properties)


class Pipeline(Row):
    """A pipeline whose definition may lie in S3."""

    def parameters(self, work: Work, properties: Properties) -> dict[str, Any]:
        params = super().parameters(work, properties)
        definition = params.pop("PipelineDefinition", {})
        if "PipelineDefinitionBody" in definition:
            params["PipelineDefinition"] = definition["PipelineDefinitionBody"]
        else:
            place = definition["PipelineDefinitionS3Location"]
            version = {"VersionId": place["Version"]} if place.get("Version") else {}
            found = work.client("s3").get_object(Bucket=place["Bucket"], Key=place["Key"], **version)
            params["PipelineDefinition"] = found["Body"].read().decode()
        params.setdefault("PipelineDisplayName", params.get("PipelineName"))
        params["ClientRequestToken"] = f"{work.stack_name}-{work.logical_id}".ljust(32, "-")[:128]
        return params


class ModelPackageGroup(Row):
    """A model package group with its resource policy."""

    def create(self, work: Work, properties: Properties) -> Created:
        created = super().create(work, properties)
        self._put_policy(work, created, None, properties.get("ModelPackageGroupPolicy"))
        return created

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        self.retag(work, existing, old, new)
        self._put_policy(work, existing, old.get("ModelPackageGroupPolicy"), new.get("ModelPackageGroupPolicy"))
        return existing

    def _put_policy(self, work: Work, group: Created, old: Any, new: Any) -> None:
        client, name = work.client("sagemaker"), {"ModelPackageGroupName": group.keys["ModelPackageGroupName"]}
        if new and new != old:
            call(client, "put_model_package_group_policy", {**name, "ResourcePolicy": new})
        elif old and not new:
            call(client, "delete_model_package_group_policy", name)


class FeatureGroup(Row):
    """A feature group. Features can be added; the update fails if one is removed or retyped, which nothing can do."""

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        self.retag(work, existing, old, new)
        before = {item["FeatureName"]: item for item in old.get("FeatureDefinitions", [])}
        after = {item["FeatureName"]: item for item in new.get("FeatureDefinitions", [])}
        lost = [name for name, item in before.items() if after.get(name) != item]
        if lost:
            text = f"Feature definitions can only be added, but {', '.join(lost)} would be removed or changed"
            raise AwsError("NotUpdatable", text)
        # The API takes one kind of change per call.
        changes: list[dict[str, Any]] = []
        additions = [item for name, item in after.items() if name not in before]
        changes += [{"FeatureAdditions": additions[start : start + 100]} for start in range(0, len(additions), 100)]
        ttl = (new.get("OnlineStoreConfig") or {}).get("TtlDuration")
        if ttl != (old.get("OnlineStoreConfig") or {}).get("TtlDuration"):
            changes.append({"OnlineStoreConfig": {"TtlDuration": ttl or {}}})
        if new.get("ThroughputConfig") != old.get("ThroughputConfig"):
            changes.append({"ThroughputConfig": new.get("ThroughputConfig") or {"ThroughputMode": "OnDemand"}})
        client = work.client("sagemaker")
        for change in changes:
            call(client, "update_feature_group", {**existing.keys, **change})
            work.wait(lambda: _updated(call(client, "describe_feature_group", existing.keys)))
        return existing


def _updated(described: dict[str, Any]) -> bool:
    status = described.get("LastUpdateStatus") or {"Status": "Successful"}
    if status["Status"] == "Failed":
        raise AwsError("NotStabilized", str(status.get("FailureReason") or "the update of the feature group failed"))
    return bool(status["Status"] == "Successful")


def _row(
    noun: str,
    *attributes: str,
    row: type[Row] = Row,
    ref: str = "Arn",
    updated: bool = False,
    keys: Sequence[str] = ("Name",),
    tagging: Tagging = _TAGS,
    stabilise: Stabilise | None = None,
) -> Row:
    """A row whose calls and members are named after what it makes: `create_model`, `ModelName`, `ModelArn`.

    Args:
        attributes: what GetAtt gives; times become texts.
        ref: which member Ref gives, after the noun.
        updated: whether there is a call that updates it.
        keys: members that name it in calls, after the noun.
    """
    verb = xform_name(noun)
    return row(
        "sagemaker",
        f"create_{verb}",
        f"delete_{verb}",
        updated_by=f"update_{verb}" if updated else "",
        described_by=f"describe_{verb}",
        ref=f"{noun}{ref}",
        name=f"{noun}Name",
        keys={f"{noun}{key}": f"{noun}{key}" for key in keys},
        attributes={name: f"to_string({name})" if name.endswith("Time") else name for name in attributes},
        stabilise=stabilise,
        tagging=tagging,
    )


def _job_definition(kind: str) -> Row:
    noun = f"{kind}JobDefinition"
    return JobDefinition(
        "sagemaker",
        f"create_{xform_name(noun)}",
        f"delete_{xform_name(noun)}",
        described_by=f"describe_{xform_name(noun)}",
        ref="JobDefinitionArn",
        name="JobDefinitionName",
        keys={"JobDefinitionName": "JobDefinitionName"},
        attributes={"JobDefinitionArn": "JobDefinitionArn", "CreationTime": "to_string(CreationTime)"},
        tagging=_TAGS,
    )


TYPES: dict[str, ResourceType] = {
    "AWS::SageMaker::Model": _row("Model", "ModelName", "ModelArn"),
    "AWS::SageMaker::EndpointConfig": _row("EndpointConfig", "EndpointConfigName", "EndpointConfigArn"),
    "AWS::SageMaker::Endpoint": _row(
        "Endpoint",
        *("EndpointName", "EndpointArn"),
        row=Endpoint,
        updated=True,
        stabilise=Stabilise("EndpointStatus", ("InService",), ("Failed", "UpdateRollbackFailed")),
    ),
    "AWS::SageMaker::InferenceComponent": _row(
        "InferenceComponent",
        *("InferenceComponentArn", "InferenceComponentStatus", "CreationTime", "LastModifiedTime", "FailureReason"),
        *("RuntimeConfig.CurrentCopyCount", "RuntimeConfig.DesiredCopyCount"),
        row=InferenceComponent,
        updated=True,
        stabilise=Stabilise("InferenceComponentStatus", ("InService",), ("Failed",)),
        tagging=_tags_by("InferenceComponentArn"),
    ),
    "AWS::SageMaker::ModelPackageGroup": _row(
        "ModelPackageGroup",
        *("ModelPackageGroupArn", "ModelPackageGroupStatus", "CreationTime"),
        row=ModelPackageGroup,
    ),
    "AWS::SageMaker::DataQualityJobDefinition": _job_definition("DataQuality"),
    "AWS::SageMaker::ModelQualityJobDefinition": _job_definition("ModelQuality"),
    "AWS::SageMaker::ModelBiasJobDefinition": _job_definition("ModelBias"),
    "AWS::SageMaker::ModelExplainabilityJobDefinition": _job_definition("ModelExplainability"),
    "AWS::SageMaker::MonitoringSchedule": _row(
        "MonitoringSchedule",
        *("MonitoringScheduleArn", "CreationTime", "LastModifiedTime"),
        updated=True,
        stabilise=Stabilise("MonitoringScheduleStatus", ("Scheduled", "Stopped"), ("Failed",)),
        # The service's own handler never applies changed tags to a schedule; nothing to do, but no failure either.
        tagging=_tags_by("MonitoringScheduleArn"),
    ),
    "AWS::SageMaker::FeatureGroup": _row(
        "FeatureGroup",
        *("FeatureGroupStatus", "CreationTime"),
        row=FeatureGroup,
        ref="Name",
        updated=True,
        keys=("Name", "Arn"),
        stabilise=Stabilise("FeatureGroupStatus", ("Created",), ("CreateFailed",)),
        tagging=_tags_by("FeatureGroupArn"),
    ),
    "AWS::SageMaker::Pipeline": _row(
        "Pipeline", row=Pipeline, ref="Name", updated=True, keys=("Name", "Arn"), tagging=_tags_by("PipelineArn")
    ),
}
