"""What AWS authorises a call as: actions, resources and condition keys of the operations that this project uses.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from e2e_support.site import Site

from sagemaker_local.recorder import Call

# Operations that are authorised under another name.
ACTIONS = {
    "lambda:Invoke": "lambda:InvokeFunction",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectsV2": "s3:ListBucket",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:SendMessageBatch": "sqs:SendMessage",
}
NO_RESOURCE = {
    "sagemaker:ListMonitoringExecutions",
    "application-autoscaling:DescribeScalableTargets",
    "application-autoscaling:DescribeScalingPolicies",
    "cloudwatch:GetMetricData",
    "cloudwatch:ListMetrics",
    "cloudwatch:PutMetricData",
    "ecr:GetAuthorizationToken",
}
_KINDS = {"CreateEndpoint": "endpoint", "CreateEndpointConfig": "endpoint-config", "CreateModel": "model"}
Tags = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Need:
    """One action on one resource, under condition keys."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


def needs(call: Call, site: Site, tags: Tags) -> Iterator[Need]:
    """Everything that the caller of `call` must be allowed to do.

    Raises:
        KeyError: an operation that nobody has looked up in the reference yet.
    """
    name = f"{call.service}:{call.operation}"
    action = ACTIONS.get(name, name)
    if action in NO_RESOURCE:
        yield Need(action, "*", {"cloudwatch:namespace": call.params.get("Namespace", "")})
        return
    yield from _RULES[call.service](call, action, site, tags)


def _arn(call: Call, service: str, resource: str) -> str:
    return f"arn:aws:{service}:{call.region}:{call.account}:{resource}"


def _s3(call: Call, action: str, site: Site, tags: Tags) -> Iterator[Need]:
    bucket, key = call.params["Bucket"], call.params.get("Key")
    if key is None:
        yield Need(action, f"arn:aws:s3:::{bucket}", {"s3:prefix": call.params.get("Prefix", "")})
        return
    yield Need(action, f"arn:aws:s3:::{bucket}/{key}")
    used = {"s3:GetObject": "kms:Decrypt", "s3:PutObject": "kms:GenerateDataKey"}.get(action)
    if used and (encrypted_with := _bucket_key(site, bucket)):
        yield Need(used, encrypted_with)


@cache
def _bucket_key(site: Site, bucket: str) -> str:
    owned = {item["Name"] for item in site.client("s3").list_buckets()["Buckets"]}
    s3 = site.client("s3") if bucket in owned else site.owner("s3")
    try:
        rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    except s3.exceptions.ClientError:
        return ""  # not made by a template, and nobody configured it
    default = rules[0]["ApplyServerSideEncryptionByDefault"]
    return str(default["KMSMasterKeyID"]) if default["SSEAlgorithm"] == "aws:kms" else ""


def _definition_kind(action: str) -> str:
    """`data-quality-job-definition` of `sagemaker:DescribeDataQualityJobDefinition`."""
    words = re.findall(r"[A-Z][a-z]+", action.partition(":")[2])[1:]
    return "-".join(word.lower() for word in words)


def _runtime(call: Call, action: str, site: Site, tags: Tags) -> Iterator[Need]:
    name = call.params["EndpointName"].lower()
    yield Need(action.replace("sagemaker-runtime:", "sagemaker:"), _arn(call, "sagemaker", f"endpoint/{name}"))


def _sagemaker(call: Call, action: str, site: Site, tags: Tags) -> Iterator[Need]:
    params = call.params
    made = {f"aws:RequestTag/{tag['Key']}": tag["Value"] for tag in params.get("Tags") or []}
    for name, value in (
        ("sagemaker:ModelApprovalStatus", params.get("ModelApprovalStatus")),
        ("sagemaker:ModelLifeCycle:stage", (params.get("ModelLifeCycle") or {}).get("Stage")),
        ("sagemaker:ModelLifeCycle:stageStatus", (params.get("ModelLifeCycle") or {}).get("StageStatus")),
    ):
        made |= {name: value} if value else {}
    for parameter, kind in (
        ("EndpointName", "endpoint"),
        ("EndpointConfigName", "endpoint-config"),
        ("ModelName", "model"),
        ("ModelPackageName", "model-package"),
        ("ModelPackageArn", "model-package"),
        ("ModelPackageGroupName", "model-package-group"),
        ("FeatureGroupName", "feature-group"),
        ("JobDefinitionName", _definition_kind(action)),
        ("ProcessingJobName", "processing-job"),
        ("TransformJobName", "transform-job"),
        ("TrainingJobName", "training-job"),
        ("HyperParameterTuningJobName", "hyper-parameter-tuning-job"),
        ("PipelineName", "pipeline"),
        ("PipelineExecutionArn", "pipeline"),
    ):
        value = params.get(parameter)
        # A transform job is authorised on itself; its model is a condition key.
        if not value or (action == "sagemaker:CreateTransformJob" and kind == "model"):
            continue
        held = {f"aws:ResourceTag/{key}": tag for key, tag in tags.get(value.lower(), {}).items()}
        resource = value if value.startswith("arn:") else _arn(call, "sagemaker", f"{kind}/{value.lower()}")
        if action == "sagemaker:ListModelPackages":
            resource = resource.replace("model-package-group/", "model-package/") + "/1"
        yield Need(action, resource, {**made, **held})
        if (
            made
            and kind == action.removeprefix("sagemaker:Create").replace("EndpointConfig", "endpoint-config").lower()
        ):
            yield Need("sagemaker:AddTags", resource, made)
    if "ResourceArn" in params:
        name = params["ResourceArn"].rsplit("/", 1)[1]
        held = {f"aws:ResourceTag/{key}": tag for key, tag in tags.get(name, {}).items()}
        yield Need(action, params["ResourceArn"], {**made, **held})
    for container in [params.get("PrimaryContainer") or {}, *(params.get("Containers") or [])]:
        if "ModelPackageName" in container:
            yield Need(action, container["ModelPackageName"])
    for role in ("ExecutionRoleArn", "RoleArn"):
        if role in params:
            yield Need("iam:PassRole", params[role], {"iam:PassedToService": "sagemaker.amazonaws.com"})


def _cloudformation(call: Call, action: str, site: Site, tags: Tags) -> Iterator[Need]:
    name, role = call.params["StackName"], call.params.get("RoleARN", "")
    resource = name if name.startswith("arn:") else _arn(call, "cloudformation", f"stack/{name}/0a1b2c3d")
    yield Need(action, resource, {"cloudformation:RoleArn": role})
    if role:
        yield Need("iam:PassRole", role, {"iam:PassedToService": "cloudformation.amazonaws.com"})


def _cloudwatch(call: Call, action: str, site: Site, tags: Tags) -> Iterator[Need]:
    params = call.params
    for dashboard in [params.get("DashboardName"), *(params.get("DashboardNames") or [])]:
        if dashboard:
            yield Need(action, f"arn:aws:cloudwatch::{call.account}:dashboard/{dashboard}")
    for alarm in [params.get("AlarmName"), *(params.get("AlarmNames") or [])]:
        if alarm:
            yield Need(action, _arn(call, "cloudwatch", f"alarm:{alarm}"))
            if params.get("Tags"):
                yield Need("cloudwatch:TagResource", _arn(call, "cloudwatch", f"alarm:{alarm}"))
    if "AlarmNamePrefix" in params:
        yield Need(action, _arn(call, "cloudwatch", f"alarm:{params['AlarmNamePrefix']}*"))
    if "ResourceARN" in params:
        yield Need(action, params["ResourceARN"])


def _scheduler(call: Call, action: str, site: Site, tags: Tags) -> Iterator[Need]:
    yield Need(
        action, _arn(call, "scheduler", f"schedule/{call.params.get('GroupName', 'default')}/{call.params['Name']}")
    )
    role = (call.params.get("Target") or {}).get("RoleArn")
    if role:
        yield Need("iam:PassRole", role, {"iam:PassedToService": "scheduler.amazonaws.com"})


def _sns(call: Call, action: str, site: Site, tags: Tags) -> Iterator[Need]:
    arn = call.params["TopicArn"]
    yield Need(action, arn)
    if key := _topic_key(site, arn):
        yield Need("kms:GenerateDataKey", key)
        yield Need("kms:Decrypt", key)


@cache
def _topic_key(site: Site, arn: str) -> str:
    return str(site.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"].get("KmsMasterKeyId") or "")


def _sqs(call: Call, action: str, site: Site, tags: Tags) -> Iterator[Need]:
    yield Need(action, _arn(call, "sqs", call.params["QueueUrl"].rsplit("/", 1)[1]))


def _events(call: Call, action: str, site: Site, tags: Tags) -> Iterator[Need]:
    for entry in call.params["Entries"]:
        yield Need(action, _arn(call, "events", "event-bus/default"), {"events:source": entry["Source"]})


def _logs(call: Call, action: str, site: Site, tags: Tags) -> Iterator[Need]:
    group, stream = call.params["logGroupName"], call.params.get("logStreamName")
    yield Need(action, _arn(call, "logs", f"log-group:{group}" + (f":log-stream:{stream}" if stream else "")))


def _ssm(call: Call, action: str, site: Site, tags: Tags) -> Iterator[Need]:
    for name in [call.params.get("Name"), call.params.get("Path"), *(call.params.get("Names") or [])]:
        if name:
            yield Need(action, _arn(call, "ssm", f"parameter/{name.strip('/')}"))


def _lambda(call: Call, action: str, site: Site, tags: Tags) -> Iterator[Need]:
    name = call.params["FunctionName"]
    yield Need(action, name if name.startswith("arn:") else _arn(call, "lambda", f"function:{name}"))


def _scaling(call: Call, action: str, site: Site, tags: Tags) -> Iterator[Need]:
    context: dict[str, Any] = {"application-autoscaling:service-namespace": call.params.get("ServiceNamespace")}
    yield Need(action, _arn(call, "application-autoscaling", "scalable-target/0123"), context)


def _feature_records(call: Call, action: str, site: Site, tags: Tags) -> Iterator[Need]:
    params = call.params
    for part in [params, *(params.get("Entries") or []), *(params.get("Identifiers") or [])]:
        name = part.get("FeatureGroupName")
        if name:
            # Records are authorised as actions of SageMaker, with the caller's own permission for the online key.
            arn = _arn(call, "sagemaker", f"feature-group/{name.lower()}")
            yield Need(action.replace("sagemaker-featurestore-runtime:", "sagemaker:"), arn)
            group = site.client("sagemaker").describe_feature_group(FeatureGroupName=name)
            key = group.get("OnlineStoreConfig", {}).get("SecurityConfig", {}).get("KmsKeyId")
            if key:
                yield Need("kms:Decrypt", key, {"kms:ViaService": f"sagemaker.{call.region}.amazonaws.com"})


def _athena(call: Call, action: str, site: Site, tags: Tags) -> Iterator[Need]:
    name = call.params.get("WorkGroup")
    if name is None:
        described = site.client("athena").get_query_execution(QueryExecutionId=call.params["QueryExecutionId"])
        name = described["QueryExecution"]["WorkGroup"]
    yield Need(action, _arn(call, "athena", f"workgroup/{name}"))
    # The embedded Athena lists whole catalogues; AWS's own looks up, as the caller, what a query names.
    for database, table in re.findall(r'"([a-z0-9_]+)"\."([a-z0-9_]+)"', call.params.get("QueryString", "")):
        if not table.startswith("_"):
            yield from _table("glue:GetTable", call, database, table)


def _glue(call: Call, action: str, site: Site, tags: Tags) -> Iterator[Need]:
    if action not in ("glue:GetDatabases", "glue:GetTables"):
        table = call.params.get("Name") or call.params["TableInput"]["Name"]
        yield from _table(action, call, call.params["DatabaseName"], table)


def _table(action: str, call: Call, database: str, table: str) -> Iterator[Need]:
    for resource in ("catalog", f"database/{database}", f"table/{database}/{table}"):
        yield Need(action, _arn(call, "glue", resource))


_RULES = {
    "application-autoscaling": _scaling,
    "athena": _athena,
    "cloudformation": _cloudformation,
    "cloudwatch": _cloudwatch,
    "events": _events,
    "glue": _glue,
    "lambda": _lambda,
    "logs": _logs,
    "s3": _s3,
    "sagemaker": _sagemaker,
    "sagemaker-featurestore-runtime": _feature_records,
    "sagemaker-runtime": _runtime,
    "scheduler": _scheduler,
    "sns": _sns,
    "sqs": _sqs,
    "ssm": _ssm,
}
