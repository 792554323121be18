"""SageMaker's resource types (return values as in the CloudFormation template reference)."""

from __future__ import annotations

from typing import Any

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


def _job_definition(kind: str, noun: str) -> Row:
    return JobDefinition(
        "sagemaker",
        f"create_{noun}_job_definition",
        f"delete_{noun}_job_definition",
        described_by=f"describe_{noun}_job_definition",
        ref="JobDefinitionArn",
        name="JobDefinitionName",
        keys={"JobDefinitionName": "JobDefinitionName"},
        attributes={"JobDefinitionArn": "JobDefinitionArn", "CreationTime": "to_string(CreationTime)"},
        tagging=_TAGS,
    )


TYPES: dict[str, ResourceType] = {
    "AWS::SageMaker::Model": Row(
        "sagemaker",
        "create_model",
        "delete_model",
        described_by="describe_model",
        ref="ModelArn",
        name="ModelName",
        keys={"ModelName": "ModelName"},
        attributes={"ModelName": "ModelName", "ModelArn": "ModelArn"},
        tagging=_TAGS,
    ),
    "AWS::SageMaker::EndpointConfig": Row(
        "sagemaker",
        "create_endpoint_config",
        "delete_endpoint_config",
        described_by="describe_endpoint_config",
        ref="EndpointConfigArn",
        name="EndpointConfigName",
        keys={"EndpointConfigName": "EndpointConfigName"},
        attributes={"EndpointConfigName": "EndpointConfigName", "EndpointConfigArn": "EndpointConfigArn"},
        tagging=_TAGS,
    ),
    "AWS::SageMaker::Endpoint": Endpoint(
        "sagemaker",
        "create_endpoint",
        "delete_endpoint",
        updated_by="update_endpoint",
        described_by="describe_endpoint",
        ref="EndpointArn",
        name="EndpointName",
        keys={"EndpointName": "EndpointName"},
        attributes={"EndpointName": "EndpointName", "EndpointArn": "EndpointArn"},
        stabilise=Stabilise("EndpointStatus", ("InService",), ("Failed", "UpdateRollbackFailed")),
        tagging=_TAGS,
    ),
    "AWS::SageMaker::InferenceComponent": InferenceComponent(
        "sagemaker",
        "create_inference_component",
        "delete_inference_component",
        updated_by="update_inference_component",
        described_by="describe_inference_component",
        ref="InferenceComponentArn",
        name="InferenceComponentName",
        keys={"InferenceComponentName": "InferenceComponentName"},
        attributes={
            "InferenceComponentArn": "InferenceComponentArn",
            "InferenceComponentStatus": "InferenceComponentStatus",
            "CreationTime": "to_string(CreationTime)",
            "LastModifiedTime": "to_string(LastModifiedTime)",
            "FailureReason": "FailureReason",
            "RuntimeConfig.CurrentCopyCount": "RuntimeConfig.CurrentCopyCount",
            "RuntimeConfig.DesiredCopyCount": "RuntimeConfig.DesiredCopyCount",
        },
        stabilise=Stabilise("InferenceComponentStatus", ("InService",), ("Failed",)),
        tagging=_tags_by("InferenceComponentArn"),
    ),
    "AWS::SageMaker::ModelPackageGroup": ModelPackageGroup(
        "sagemaker",
        "create_model_package_group",
        "delete_model_package_group",
        described_by="describe_model_package_group",
        ref="ModelPackageGroupArn",
        name="ModelPackageGroupName",
        keys={"ModelPackageGroupName": "ModelPackageGroupName"},
        attributes={
            "ModelPackageGroupArn": "ModelPackageGroupArn",
            "ModelPackageGroupStatus": "ModelPackageGroupStatus",
            "CreationTime": "to_string(CreationTime)",
        },
        tagging=_TAGS,
    ),
    "AWS::SageMaker::DataQualityJobDefinition": _job_definition("DataQuality", "data_quality"),
    "AWS::SageMaker::ModelQualityJobDefinition": _job_definition("ModelQuality", "model_quality"),
    "AWS::SageMaker::ModelBiasJobDefinition": _job_definition("ModelBias", "model_bias"),
    "AWS::SageMaker::ModelExplainabilityJobDefinition": _job_definition("ModelExplainability", "model_explainability"),
    "AWS::SageMaker::MonitoringSchedule": Row(
        "sagemaker",
        "create_monitoring_schedule",
        "delete_monitoring_schedule",
        updated_by="update_monitoring_schedule",
        described_by="describe_monitoring_schedule",
        ref="MonitoringScheduleArn",
        name="MonitoringScheduleName",
        keys={"MonitoringScheduleName": "MonitoringScheduleName"},
        attributes={
            "MonitoringScheduleArn": "MonitoringScheduleArn",
            "CreationTime": "to_string(CreationTime)",
            "LastModifiedTime": "to_string(LastModifiedTime)",
        },
        stabilise=Stabilise("MonitoringScheduleStatus", ("Scheduled", "Stopped"), ("Failed",)),
        # The service's own handler never applies changed tags to a schedule; nothing to do, but no failure either.
        tagging=_tags_by("MonitoringScheduleArn"),
    ),
    "AWS::SageMaker::FeatureGroup": FeatureGroup(
        "sagemaker",
        "create_feature_group",
        "delete_feature_group",
        updated_by="update_feature_group",
        described_by="describe_feature_group",
        ref="FeatureGroupName",
        name="FeatureGroupName",
        keys={"FeatureGroupName": "FeatureGroupName", "FeatureGroupArn": "FeatureGroupArn"},
        attributes={"FeatureGroupStatus": "FeatureGroupStatus", "CreationTime": "to_string(CreationTime)"},
        stabilise=Stabilise("FeatureGroupStatus", ("Created",), ("CreateFailed",)),
        tagging=_tags_by("FeatureGroupArn"),
    ),
    "AWS::SageMaker::Pipeline": Pipeline(
        "sagemaker",
        "create_pipeline",
        "delete_pipeline",
        updated_by="update_pipeline",
        described_by="describe_pipeline",
        ref="PipelineName",
        name="PipelineName",
        keys={"PipelineName": "PipelineName", "PipelineArn": "PipelineArn"},
        tagging=_tags_by("PipelineArn"),
    ),
}
