"""What stands around an endpoint: an HTTP API before it, batch transform beside it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .base import BucketName, InstanceType, KeyArn, Prefix, Settings, Timing


class FrontDoorSettings(Settings):
    """HTTP without SageMaker's SDK: API Gateway with IAM authorisation before the endpoint."""

    vpc_endpoint_ids: Annotated[
        tuple[
            Annotated[
                str,
                Field(
                    pattern=r"^vpce-[0-9a-f]{8,17}$",
                    json_schema_extra={"x-allowed": "the id of an interface endpoint, such as vpce-0a1b2c3d"},
                ),
            ],
            ...,
        ],
        Field(
            max_length=10,
            description="Interface endpoints for execute-api; with them the API is private. Default: regional",
        ),
    ] = ()
    rate_per_second: Annotated[float, Field(gt=0, description="Requests a second. Default: 100")] = 100.0
    burst: Annotated[int, Field(ge=1, description="Requests at once. Default: 50")] = 50
    binary_media_types: Annotated[
        tuple[
            Annotated[
                str,
                Field(
                    pattern=r"^[^/\s;]+/[^/\s;]+$",
                    json_schema_extra={"x-allowed": "a media type, such as application/x-npy"},
                ),
            ],
            ...,
        ],
        Field(description="Media types that are not text. Default: none"),
    ] = ()
    account_logging_role: Annotated[
        bool,
        Field(
            description="true: set up the role with which API Gateway writes logs, once per account and region. "
            "Default: false"
        ),
    ] = False


class BatchSettings(Settings):
    """Scheduled batch transform with the version that the endpoint serves."""

    schedule: Annotated[Timing, Field(description="When jobs start.")]
    timezone: Annotated[str, Field(description="Time zone of the schedule. Default: UTC")] = "UTC"
    input_bucket: Annotated[BucketName, Field(description="Bucket of the records to score.")]
    input_prefix: Annotated[Prefix, Field(description="Their key prefix. Default: all of it")] = ""
    content_type: Annotated[str, Field(description="Their media type. Default: text/csv")] = "text/csv"
    output_bucket: Annotated[BucketName, Field(description="Bucket of the answers.")]
    output_prefix: Annotated[Prefix, Field(description="Key prefix of the runs. Default: none")] = ""
    kms_key_arn: Annotated[KeyArn | None, Field(description="KMS key of both buckets. Default: none of yours")] = None
    instance_type: Annotated[InstanceType, Field(description="Instance type. Default: ml.m5.large")] = "ml.m5.large"
    instance_count: Annotated[int, Field(ge=1, le=1000, description="Instances. Default: 1")] = 1
    join_input: Annotated[bool, Field(description="true: each record stands before its answer. Default: false")] = False
    capture: Annotated[
        bool,
        Field(description="true: record in the capture bucket what was read and written, for monitors. Default: true"),
    ] = True
