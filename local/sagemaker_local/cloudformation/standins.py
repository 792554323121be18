"""Stand-ins for the custom resource handlers that the CDK ships.

They run on Node with the AWS SDK that Lambda's own image contains, and answer over HTTPS only, so they cannot run here
as they are. The stand-ins do what the handlers document, through the same API.
"""

from __future__ import annotations

import io
import json
import mimetypes
import time
import zipfile
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from .sdk_call import aws_sdk_call

if TYPE_CHECKING:
    from .types.base import Work

Handler = Callable[["Work", dict[str, Any]], dict[str, Any]]
_EXPORT_PREFIX = "/cdk/exports/"
_COMPLETION_POLL_SECONDS = 0.1


def stand_in(work: Work, service_token: str, type_name: str) -> Handler | None:
    """Return the stand-in for a custom resource, or None if its function runs for real."""
    if type_name in _BY_TYPE:
        return _BY_TYPE[type_name]
    settings = _function(work, service_token)
    if str(settings.get("Runtime", "")).startswith("nodejs") and settings.get("Handler") == "framework.onEvent":
        return _provider_framework(settings.get("Environment", {}).get("Variables", {}))
    return None


def _function(work: Work, service_token: str) -> dict[str, Any]:
    if ":lambda:" not in service_token:
        return {}
    region = service_token.split(":")[3]
    client = work.aws.clients.of(work.principal, "lambda", region)
    try:
        found: dict[str, Any] = client.get_function_configuration(FunctionName=service_token)
    except ClientError:
        return {}
    return found


def _auto_delete_objects(work: Work, request: dict[str, Any]) -> dict[str, Any]:
    """Custom::S3AutoDeleteObjects: empty a bucket that is about to go."""
    properties, old = request["ResourceProperties"], request.get("OldResourceProperties", {})
    bucket = properties["BucketName"]
    doomed = None
    if request["RequestType"] == "Delete":
        doomed = bucket
    elif request["RequestType"] == "Update" and old.get("BucketName", bucket) != bucket:
        doomed = old["BucketName"]
    if doomed is not None and (request["RequestType"] != "Delete" or _marked_for_deletion(work, doomed)):
        _empty(work.client("s3"), doomed)
    return {"PhysicalResourceId": bucket}


def _marked_for_deletion(work: Work, bucket: str) -> bool:
    # The CDK's handler spares a bucket from which a deployment has removed the tag.
    try:
        tags = work.client("s3").get_bucket_tagging(Bucket=bucket)["TagSet"]
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchBucket", "NoSuchTagSet"):
            return False
        raise
    return any(tag == {"Key": "aws-cdk:auto-delete-objects", "Value": "true"} for tag in tags)


def _empty(client: Any, bucket: str) -> None:
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        items = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if items:
            objects = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in items]
            client.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})


def _bucket_deployment(work: Work, request: dict[str, Any]) -> dict[str, Any]:
    """Custom::CDKBucketDeployment: unpack archives into a bucket, with markers replaced, surplus objects pruned."""
    properties = request["ResourceProperties"]
    client = work.client("s3")
    bucket, prefix = properties["DestinationBucketName"], properties.get("DestinationBucketKeyPrefix", "").strip("/")
    prefix = f"{prefix}/" if prefix else ""
    if request["RequestType"] == "Delete":
        if properties.get("RetainOnDelete", "true") == "false":
            for key in _keys(client, bucket, prefix):
                client.delete_object(Bucket=bucket, Key=key)
        return {"PhysicalResourceId": request["PhysicalResourceId"]}
    written: dict[str, bytes] = {}
    sources = zip(properties["SourceBucketNames"], properties["SourceObjectKeys"], strict=True)
    markers = properties.get("SourceMarkers") or []
    for index, (source, key) in enumerate(sources):
        body = client.get_object(Bucket=source, Key=key)["Body"].read()
        replacements = markers[index] if index < len(markers) else {}
        if properties.get("Extract", "true") == "false":
            written[prefix + key.rsplit("/", 1)[-1]] = body
            continue
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            for name in archive.namelist():
                if not name.endswith("/"):
                    written[prefix + name] = _marked(archive.read(name), replacements)
    for key, content in written.items():
        kind = mimetypes.guess_type(key)[0] or "binary/octet-stream"
        client.put_object(Bucket=bucket, Key=key, Body=content, ContentType=kind)
    if properties.get("Prune", "true") == "true":
        for key in _keys(client, bucket, prefix):
            if key not in written:
                client.delete_object(Bucket=bucket, Key=key)
    data = {
        "DestinationBucketArn": properties.get("DestinationBucketArn"),
        "SourceObjectKeys": properties["SourceObjectKeys"],
    }
    return {
        "PhysicalResourceId": request.get("PhysicalResourceId") or f"aws.cdk.s3deployment.{bucket}/{prefix}",
        "Data": data,
    }


def _marked(content: bytes, replacements: dict[str, str]) -> bytes:
    for marker, value in replacements.items():
        content = content.replace(marker.encode(), value.encode())
    return content


def _keys(client: Any, bucket: str, prefix: str) -> list[str]:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


def _log_retention(work: Work, request: dict[str, Any]) -> dict[str, Any]:
    """Custom::LogRetention: make a log group with a retention."""
    properties = request["ResourceProperties"]
    name, region = properties["LogGroupName"], properties.get("LogGroupRegion") or work.region
    client = work.aws.clients.of(work.principal, "logs", region)
    if request["RequestType"] == "Delete":
        if properties.get("RemovalPolicy") == "destroy":
            _ignoring("ResourceNotFoundException", client.delete_log_group, logGroupName=name)
    else:
        _ignoring("ResourceAlreadyExistsException", client.create_log_group, logGroupName=name)
        if "RetentionInDays" in properties:
            client.put_retention_policy(logGroupName=name, retentionInDays=int(properties["RetentionInDays"]))
        else:
            client.delete_retention_policy(logGroupName=name)
    return {"PhysicalResourceId": name, "Data": {"LogGroupName": name}}


def _ignoring(code: str, call: Callable[..., Any], **params: Any) -> None:
    try:
        call(**params)
    except ClientError as error:
        if error.response["Error"]["Code"] != code:
            raise


def _export_writer(work: Work, request: dict[str, Any]) -> dict[str, Any]:
    """Custom::CrossRegionExportWriter: publish values as SSM parameters in the consumer's region."""
    properties = request["ResourceProperties"]["WriterProps"]
    client = work.aws.clients.of(work.principal, "ssm", properties["region"])
    exports = properties.get("exports") or {}
    old = (request.get("OldResourceProperties") or {}).get("WriterProps", {}).get("exports") or {}
    if request["RequestType"] == "Delete":
        old, exports = exports, {}
    for name in old.keys() - exports.keys():
        _ignoring("ParameterNotFound", client.delete_parameter, Name=name)
    for name, value in exports.items():
        client.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)
    return {"PhysicalResourceId": request.get("PhysicalResourceId") or request["LogicalResourceId"]}


def _export_reader(work: Work, request: dict[str, Any]) -> dict[str, Any]:
    """Custom::CrossRegionExportReader: hand the values over, and mark them as used."""
    imports = request["ResourceProperties"]["ReaderProps"].get("imports") or {}
    prefix = request["ResourceProperties"]["ReaderProps"].get("prefix", "")
    client = work.client("ssm")
    tag = {"Key": f"aws-cdk:strong-ref:{prefix}", "Value": "true"}
    for name in imports:
        reference = name if name.startswith("/") else f"/{name}"
        if reference.startswith(_EXPORT_PREFIX) and request["RequestType"] != "Delete":
            _ignoring(
                "InvalidResourceId",
                client.add_tags_to_resource,
                ResourceType="Parameter",
                ResourceId=reference,
                Tags=[tag],
            )
    return {"PhysicalResourceId": request.get("PhysicalResourceId") or request["LogicalResourceId"], "Data": imports}


def _restrict_default_group(work: Work, request: dict[str, Any]) -> dict[str, Any]:
    """Custom::VpcRestrictDefaultSG: take the default security group's rules away, give them back in the end."""
    group = request["ResourceProperties"]["DefaultSecurityGroupId"]
    client = work.client("ec2")
    within = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group, "UserId": work.account}]}]
    outward = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    kept = request["RequestType"] == "Delete"
    for kind, rules in (("ingress", within), ("egress", outward)):
        call = getattr(client, f"{'authorize' if kept else 'revoke'}_security_group_{kind}")
        code = "InvalidPermission.Duplicate" if kept else "InvalidPermission.NotFound"
        _ignoring(code, call, GroupId=group, IpPermissions=rules)
    return {"PhysicalResourceId": request.get("PhysicalResourceId") or request["LogicalResourceId"]}


def _provider_framework(environment: dict[str, str]) -> Handler:
    """Return the CDK's provider framework around a user's own `onEvent` and `isComplete` functions."""

    def handle(work: Work, request: dict[str, Any]) -> dict[str, Any]:
        event = {key: value for key, value in request.items() if key not in ("ResponseURL", "ServiceToken")}
        answer = _invoked(work, environment["USER_ON_EVENT_FUNCTION_ARN"], event) or {}
        fallback = request.get("PhysicalResourceId") or request["RequestId"]
        answer = {**answer, "PhysicalResourceId": answer.get("PhysicalResourceId") or fallback}
        waiter = environment.get("USER_IS_COMPLETE_FUNCTION_ARN")
        while waiter:
            state = _invoked(work, waiter, {**event, **answer}) or {}
            if state.get("IsComplete"):
                answer["Data"] = {**(answer.get("Data") or {}), **(state.get("Data") or {})}
                break
            work.waiting()
            time.sleep(_COMPLETION_POLL_SECONDS)
        return {"PhysicalResourceId": answer["PhysicalResourceId"], "Data": answer.get("Data") or {}}

    return handle


def _invoked(work: Work, function: str, event: dict[str, Any]) -> dict[str, Any] | None:
    result = work.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    payload = result["Payload"].read()
    if result.get("FunctionError"):
        raise RuntimeError(payload.decode()[:1000])
    answer: dict[str, Any] | None = json.loads(payload or b"null")
    return answer


_BY_TYPE: dict[str, Handler] = {
    "Custom::S3AutoDeleteObjects": _auto_delete_objects,
    "Custom::CDKBucketDeployment": _bucket_deployment,
    "Custom::LogRetention": _log_retention,
    "Custom::AWS": aws_sdk_call,
    "Custom::CrossRegionExportWriter": _export_writer,
    "Custom::CrossRegionExportReader": _export_reader,
    "Custom::VpcRestrictDefaultSG": _restrict_default_group,
}
