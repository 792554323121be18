"""The base class of all settings and the value types that several of them use."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError


class Settings(BaseModel):
    """Unknown keys are errors, values are never converted, objects cannot be changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=False)


def conflict(key: str, message: str) -> PydanticCustomError:
    """An error about how keys of one mapping go together; `key` is the one to point at."""
    return PydanticCustomError("conflict", "{message}", {"key": key, "message": message})


def conflicts(found: list[tuple[str, str]]) -> PydanticCustomError:
    """Several errors about how keys of one mapping go together, as key and message."""
    text = "; ".join(message for _, message in found)
    return PydanticCustomError("conflicts", "{message}", {"found": found, "message": text})


AccountId = Annotated[
    str,
    Field(pattern=r"^[0-9]{12}$", examples=["111111111111"], json_schema_extra={"x-allowed": "12 digits, in quotes"}),
]

Region = Annotated[
    str,
    Field(
        pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$",
        examples=["eu-west-1"],
        json_schema_extra={"x-allowed": "the name of an AWS region, for example eu-west-1"},
    ),
]

# 63 characters is SageMaker's limit for names; what else goes into a name is checked where it is composed.
ResourceName = Annotated[
    str,
    Field(
        pattern=r"^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$",
        max_length=63,
        json_schema_extra={"x-allowed": "letters, digits and inner hyphens, at most 63 characters"},
    ),
]

# What an author calls a model, a feature group or an event: part of longer names, which are checked where composed.
ItemName = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$",
        max_length=40,
        json_schema_extra={"x-allowed": "lower-case letters, digits and inner hyphens, at most 40 characters"},
    ),
]

InstanceType = Annotated[
    str,
    Field(
        # Free text after the prefix on purpose: every list of instance types is out of date.
        pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9-]+$",
        examples=["ml.m5.large"],
        json_schema_extra={"x-allowed": "a SageMaker instance type, for example ml.m5.large"},
    ),
]

KeyArn = Annotated[
    str,
    Field(
        pattern=r"^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[-a-zA-Z0-9]+$",
        json_schema_extra={"x-allowed": "the ARN of a KMS key (arn:<partition>:kms:<region>:<account>:key/<id>)"},
    ),
]

S3Uri = Annotated[
    str,
    Field(
        pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.+$",
        json_schema_extra={"x-allowed": "an S3 URI, for example s3://bucket/path/model.tar.gz"},
    ),
]

BootstrapQualifier = Annotated[
    str,
    Field(
        # Part of a bucket's name, hence narrower than what `cdk bootstrap` itself lets through.
        pattern=r"^[a-z0-9]{1,10}$",
        examples=["mlteam"],
        json_schema_extra={"x-allowed": "1 to 10 lower-case letters and digits"},
    ),
]

PermissionsBoundary = Annotated[
    str,
    Field(
        pattern=r"^(arn:[a-z-]+:iam::([0-9]{12}|aws):policy/)?[\w+=,.@-]+(/[\w+=,.@-]+)*$",
        max_length=512,
        examples=["ml-workloads"],
        json_schema_extra={
            "x-allowed": "the name of a managed policy in the account, or an ARN "
            "(arn:<partition>:iam::<account>:policy/<name>)"
        },
    ),
]

BucketName = Annotated[
    str,
    Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", json_schema_extra={"x-allowed": "the name of an S3 bucket"}),
]

Prefix = Annotated[
    str,
    Field(
        pattern=r"^([^/]+(/[^/]+)*)?$",
        max_length=400,
        json_schema_extra={"x-allowed": "a key prefix without a slash at either end"},
    ),
]

TopicArn = Annotated[
    str,
    Field(
        pattern=r"^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[-_a-zA-Z0-9]+$",
        json_schema_extra={"x-allowed": "the ARN of an SNS topic (arn:<partition>:sns:<region>:<account>:<name>)"},
    ),
]

Seconds = Annotated[int, Field(ge=60, le=3600)]

Timing = Annotated[
    str,
    Field(
        pattern=r"^(cron\((\S+ ){5}\S+\)|rate\([0-9]+ (minute|hour|day)s?\)|"
        r"at\([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\))$",
        json_schema_extra={
            "x-allowed": 'cron with six fields, such as "cron(0 7 ? * MON-FRI *)", "rate(12 hours)", or '
            '"at(2026-12-24T18:00:00)"'
        },
    ),
]
