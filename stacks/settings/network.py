"""The VPC that containers and jobs stand in, and its private ways to AWS."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import Field, model_validator

from .base import AccountId, Settings, conflict
from .engines import EngineSettings
from .features import FeatureGroupSettings
from .model import ModelSettings

SubnetId = Annotated[
    str,
    Field(
        pattern=r"^subnet-[0-9a-f]{8,17}$",
        json_schema_extra={"x-allowed": "the id of a subnet: subnet-0a1b2c3d"},
    ),
]
#: Those of `cdk_sagemaker_mlops.vpc_endpoints.SERVICES`, which a test compares.
Service = Literal[
    "athena",
    "ecr.api",
    "ecr.dkr",
    "events",
    "execute-api",
    "glue",
    "kms",
    "lambda",
    "logs",
    "monitoring",
    "sagemaker.api",
    "sagemaker.featurestore-runtime",
    "sagemaker.runtime",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "sts",
]
# Where analyses may run in the VPC. A container of one's own calls nothing: the Lambda tells of its findings.
_ENGINES_OF_JOBS = ("auto", "processing", "spark", "model-monitor")


class VpcEndpointSettings(Settings):
    """Private ways from the VPC to AWS. Each interface endpoint costs by zone and hour, the one for S3 nothing."""

    route_table_ids: Annotated[
        tuple[
            Annotated[
                str,
                Field(
                    pattern=r"^rtb-[0-9a-f]{8,17}$",
                    json_schema_extra={"x-allowed": "the id of a route table, such as rtb-0a1b2c3d"},
                ),
            ],
            ...,
        ],
        Field(max_length=50, description="Route tables of the subnets, which lead to S3; [] if it has an endpoint."),
    ]
    services: Annotated[
        tuple[Service, ...] | None,
        Field(max_length=20, description="Services with an endpoint. Default: those that parts of this file call"),
    ] = None
    subnet_ids: Annotated[
        tuple[SubnetId, ...],
        Field(max_length=16, description="Subnets of the endpoints, at most one in a zone. Default: the network's"),
    ] = ()
    allow_from: Annotated[
        tuple[
            Annotated[
                str,
                Field(
                    pattern=r"^(sg-[0-9a-f]{8,17}|([0-9]{1,3}\.){3}[0-9]{1,3}/([1-9]|[12][0-9]|3[0-2]))$",
                    json_schema_extra={"x-allowed": "a range such as 10.0.0.0/16, or a security group's id"},
                ),
            ],
            ...,
        ],
        Field(
            max_length=30,
            description="Addresses and security groups that may call. Default: the network's security groups",
        ),
    ] = ()
    accounts: Annotated[
        tuple[AccountId, ...],
        Field(max_length=50, description="Further accounts whose roles may use them. Default: only this one"),
    ] = ()

    @model_validator(mode="after")
    def _are_different(self) -> VpcEndpointSettings:
        for key in ("route_table_ids", "services", "subnet_ids", "allow_from", "accounts"):
            given = getattr(self, key) or ()
            twice = sorted({item for item in given if given.count(item) > 1})
            if twice:
                raise conflict(key, f"names {', '.join(twice)} twice; remove one of them")
        return self

    @model_validator(mode="after")
    def _makes_something(self) -> VpcEndpointSettings:
        if self.services == () and not self.route_table_ids:
            raise conflict("services", "and route_table_ids are empty, so there is nothing to make; fill one of them")
        return self


class NetworkSettings(Settings):
    """An existing VPC for the endpoints' containers and for jobs."""

    vpc_id: Annotated[
        str,
        Field(
            pattern=r"^vpc-[0-9a-f]{8,17}$",
            description="Id of the VPC.",
            examples=["vpc-0a1b2c3d"],
            json_schema_extra={"x-allowed": "the id of a VPC, such as vpc-0a1b2c3d"},
        ),
    ]
    subnet_ids: Annotated[
        tuple[SubnetId, ...],
        Field(min_length=1, max_length=16, description="Private subnets, at least two zones for production."),
    ]
    security_group_ids: Annotated[
        tuple[
            Annotated[
                str,
                Field(
                    pattern=r"^sg-[0-9a-f]{8,17}$",
                    json_schema_extra={"x-allowed": "the id of a security group, such as sg-0a1b2c3d"},
                ),
            ],
            ...,
        ],
        Field(max_length=5, description="Security groups of the containers. Default: a new one without inbound rules"),
    ] = ()
    vpc_endpoints: Annotated[
        VpcEndpointSettings | None,
        Field(description="Private ways to AWS that are made here. Default: none; the VPC has its own, or NAT"),
    ] = None

    @model_validator(mode="after")
    def _somebody_may_call(self) -> NetworkSettings:
        wanted = self.vpc_endpoints
        if wanted and wanted.services != () and not (wanted.allow_from or self.security_group_ids):
            raise conflict(
                "vpc_endpoints",
                "nobody could call them: containers get security groups of their own, which are not known before; "
                'add allow_from: ["10.0.0.0/16"] with the VPC\'s addresses, or security_group_ids to network',
            )
        return self


def called_services(
    models: Collection[ModelSettings], groups: Collection[FeatureGroupSettings], engine: EngineSettings
) -> tuple[str, ...]:
    """Services that what stands in the VPC of an environment calls, and those through which models are asked.

    S3 is not among them: its endpoint is of another kind, and always needed. ``engine`` is the default of monitors.
    """
    found = {"sagemaker.runtime"}
    monitors = [monitor for model in models for monitor in model.monitors.wanted]
    monitors += [group.monitors.data_quality for group in groups if group.monitors.data_quality]
    if any((monitor.engine or engine).type in _ENGINES_OF_JOBS for monitor in monitors):
        found |= {"events", "monitoring", "sagemaker.api"}
    trained = [model.training for model in models if model.training]
    if trained:
        found.add("sagemaker.api")
    if any(training.query for training in trained):
        found.add("athena")
    if any(group.online for group in groups):
        found.add("sagemaker.featurestore-runtime")
    return tuple(sorted(found))
