"""S3 buckets and their policies."""

from __future__ import annotations

import re
from typing import Any

from .base import Created, Properties, ResourceType, Work, as_json, delete_quietly, tag_list
from .coerce import call

_DEFAULT_REGION = "us-east-1"


class Bucket(ResourceType):
    """A bucket and the configurations that are API calls of their own."""

    def create(self, work: Work, properties: Properties) -> Created:
        client = work.client("s3")
        name = properties.get("BucketName") or re.sub(r"[^a-z0-9.-]", "-", work.generated_name(63, lower=True))
        params: dict[str, Any] = {"Bucket": name}
        if work.region != _DEFAULT_REGION:
            params["CreateBucketConfiguration"] = {"LocationConstraint": work.region}
        if properties.get("ObjectLockEnabled"):
            params["ObjectLockEnabledForBucket"] = True
        call(client, "create_bucket", params)
        _configure(client, name, {}, properties)
        suffix = "amazonaws.com.cn" if work.partition == "aws-cn" else "amazonaws.com"
        attributes = {
            "Arn": f"arn:{work.partition}:s3:::{name}",
            "DomainName": f"{name}.s3.{suffix}",
            "RegionalDomainName": f"{name}.s3.{work.region}.{suffix}",
            "DualStackDomainName": f"{name}.s3.dualstack.{work.region}.{suffix}",
            "WebsiteURL": f"http://{name}.s3-website-{work.region}.{suffix}",
        }
        return Created(name, attributes)

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        _configure(work.client("s3"), existing.ref, old, new)
        return existing

    def delete(self, work: Work, existing: Created, properties: Properties) -> None:
        delete_quietly(work.client("s3").delete_bucket, Bucket=existing.ref)


class BucketPolicy(ResourceType):
    """A bucket policy: kept and readable, never enforced."""

    def create(self, work: Work, properties: Properties) -> Created:
        bucket = properties["Bucket"]
        work.client("s3").put_bucket_policy(Bucket=bucket, Policy=as_json(properties["PolicyDocument"]))
        return Created(bucket)

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        return self.create(work, new)

    def delete(self, work: Work, existing: Created, properties: Properties) -> None:
        delete_quietly(work.client("s3").delete_bucket_policy, Bucket=existing.ref)


def _configure(client: Any, bucket: str, old: Properties, new: Properties) -> None:
    """Apply every configuration that differs; one that is gone is deleted where S3 has a call for that."""
    for name, (put, wrap, delete) in _CONFIGURATIONS.items():
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        if after is not None:
            call(client, put, {"Bucket": bucket, **wrap(after)})
        elif delete:
            call(client, delete, {"Bucket": bucket})
        elif name == "NotificationConfiguration":
            call(client, put, {"Bucket": bucket, **wrap({})})
        elif name == "VersioningConfiguration":
            call(client, put, {"Bucket": bucket, **wrap({"Status": "Suspended"})})


def _encryption(value: Any) -> dict[str, Any]:
    rules = [
        {
            "ApplyServerSideEncryptionByDefault": rule.get("ServerSideEncryptionByDefault"),
            "BucketKeyEnabled": rule.get("BucketKeyEnabled"),
        }
        for rule in value["ServerSideEncryptionConfiguration"]
    ]
    return {"ServerSideEncryptionConfiguration": {"Rules": rules}}


def _lifecycle(value: Any) -> dict[str, Any]:
    return {"LifecycleConfiguration": {"Rules": [_lifecycle_rule(rule) for rule in value["Rules"]]}}


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    converted: dict[str, Any] = {"Status": rule["Status"], "ID": rule.get("Id")}
    expiration = {
        "Days": rule.get("ExpirationInDays"),
        "Date": rule.get("ExpirationDate"),
        "ExpiredObjectDeleteMarker": rule.get("ExpiredObjectDeleteMarker"),
    }
    if any(item is not None for item in expiration.values()):
        converted["Expiration"] = expiration
    if "NoncurrentVersionExpirationInDays" in rule:
        converted["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule["NoncurrentVersionExpirationInDays"]}
    if "NoncurrentVersionExpiration" in rule:
        converted["NoncurrentVersionExpiration"] = rule["NoncurrentVersionExpiration"]
    if "AbortIncompleteMultipartUpload" in rule:
        converted["AbortIncompleteMultipartUpload"] = rule["AbortIncompleteMultipartUpload"]
    transitions = rule.get("Transitions") or ([rule["Transition"]] if "Transition" in rule else [])
    if transitions:
        converted["Transitions"] = [
            {
                "Days": item.get("TransitionInDays"),
                "Date": item.get("TransitionDate"),
                "StorageClass": item["StorageClass"],
            }
            for item in transitions
        ]
    noncurrent = rule.get("NoncurrentVersionTransitions") or []
    if noncurrent:
        converted["NoncurrentVersionTransitions"] = [
            {"NoncurrentDays": item["TransitionInDays"], "StorageClass": item["StorageClass"]} for item in noncurrent
        ]
    parts: dict[str, Any] = {"Prefix": rule["Prefix"]} if rule.get("Prefix") else {}
    tags = rule.get("TagFilters") or []
    if tags and (len(tags) > 1 or parts):
        converted["Filter"] = {"And": {**parts, "Tags": tags}}
    elif tags:
        converted["Filter"] = {"Tag": tags[0]}
    else:
        converted["Filter"] = parts or {"Prefix": ""}
    return converted


def _notifications(value: Any) -> dict[str, Any]:
    configuration: dict[str, Any] = {}
    if "EventBridgeConfiguration" in value:
        configuration["EventBridgeConfiguration"] = {}
    for name, target, arn in (
        ("LambdaConfigurations", "LambdaFunctionConfigurations", ("Function", "LambdaFunctionArn")),
        ("QueueConfigurations", "QueueConfigurations", ("Queue", "QueueArn")),
        ("TopicConfigurations", "TopicConfigurations", ("Topic", "TopicArn")),
    ):
        if name in value:
            configuration[target] = [
                {
                    arn[1]: item[arn[0]],
                    "Events": [item["Event"]],
                    **(
                        {"Filter": {"Key": {"FilterRules": item["Filter"]["S3Key"]["Rules"]}}}
                        if "Filter" in item
                        else {}
                    ),
                }
                for item in value[name]
            ]
    return {"NotificationConfiguration": configuration}


def _cors(value: Any) -> dict[str, Any]:
    rules = [
        {
            "ID": rule.get("Id"),
            "AllowedHeaders": rule.get("AllowedHeaders"),
            "AllowedMethods": rule["AllowedMethods"],
            "AllowedOrigins": rule["AllowedOrigins"],
            "ExposeHeaders": rule.get("ExposedHeaders"),
            "MaxAgeSeconds": rule.get("MaxAge"),
        }
        for rule in value["CorsRules"]
    ]
    return {"CORSConfiguration": {"CORSRules": rules}}


def _logging(value: Any) -> dict[str, Any]:
    enabled = {"TargetBucket": value.get("DestinationBucketName"), "TargetPrefix": value.get("LogFilePrefix", "")}
    return {"BucketLoggingStatus": {"LoggingEnabled": enabled} if enabled["TargetBucket"] else {}}


_CONFIGURATIONS: dict[str, tuple[str, Any, str]] = {
    "VersioningConfiguration": ("put_bucket_versioning", lambda v: {"VersioningConfiguration": v}, ""),
    "BucketEncryption": ("put_bucket_encryption", _encryption, "delete_bucket_encryption"),
    "PublicAccessBlockConfiguration": (
        "put_public_access_block",
        lambda v: {"PublicAccessBlockConfiguration": v},
        "delete_public_access_block",
    ),
    "OwnershipControls": (
        "put_bucket_ownership_controls",
        lambda v: {"OwnershipControls": v},
        "delete_bucket_ownership_controls",
    ),
    "LifecycleConfiguration": ("put_bucket_lifecycle_configuration", _lifecycle, "delete_bucket_lifecycle"),
    "NotificationConfiguration": ("put_bucket_notification_configuration", _notifications, ""),
    "CorsConfiguration": ("put_bucket_cors", _cors, "delete_bucket_cors"),
    "LoggingConfiguration": ("put_bucket_logging", _logging, ""),
    "Tags": ("put_bucket_tagging", lambda v: {"Tagging": {"TagSet": tag_list(v)}}, "delete_bucket_tagging"),
}

TYPES: dict[str, ResourceType] = {"AWS::S3::Bucket": Bucket(), "AWS::S3::BucketPolicy": BucketPolicy()}
