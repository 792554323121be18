"""The whole of an environment file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .around import BatchSettings
from .base import (
    AccountId,
    BootstrapQualifier,
    BucketName,
    KeyArn,
    PermissionsBoundary,
    Region,
    ResourceName,
    Settings,
    conflict,
)
from .containers import ContainerSettings
from .endpoint import EndpointSettings
from .features import FeatureGroupSettings, FeatureStoreSettings
from .insights import InsightsSettings
from .labelled import MonitorsSettings
from .monitors import Defaults
from .promotion import PromotionSettings
from .training import OnDrift, TrainingSettings

EmailAddress = Annotated[
    str,
    Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", json_schema_extra={"x-allowed": "an e-mail address"}),
]


class NotificationSettings(Settings):
    """Who hears about alarms, violations and rollouts."""

    email: Annotated[
        tuple[EmailAddress, ...],
        Field(description="Addresses that are subscribed; AWS asks each to confirm. Default: none"),
    ] = ()
    topic_arn: Annotated[
        str | None,
        Field(
            pattern=r"^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[-_a-zA-Z0-9]+$",
            description="An SNS topic of yours to use instead of a new one. Default: a new topic",
            json_schema_extra={"x-allowed": "the ARN of an SNS topic (arn:<partition>:sns:<region>:<account>:<name>)"},
        ),
    ] = None

    @model_validator(mode="after")
    def _one_topic(self) -> NotificationSettings:
        if self.topic_arn and self.email:
            raise conflict("email", "subscribe addresses to your own topic yourself; remove email, or remove topic_arn")
        return self


class NetworkSettings(Settings):
    """An existing VPC for the endpoints' containers."""

    vpc_id: Annotated[
        str, Field(pattern=r"^vpc-[0-9a-f]{8,17}$", description="Id of the VPC.", examples=["vpc-0a1b2c3d"])
    ]
    subnet_ids: Annotated[
        tuple[Annotated[str, Field(pattern=r"^subnet-[0-9a-f]{8,17}$")], ...],
        Field(min_length=1, max_length=16, description="Private subnets, at least two zones for production."),
    ]
    security_group_ids: Annotated[
        tuple[Annotated[str, Field(pattern=r"^sg-[0-9a-f]{8,17}$")], ...],
        Field(max_length=5, description="Security groups of the containers. Default: a new one without inbound rules"),
    ] = ()


class ArtifactsSettings(Settings):
    """Where another account keeps what its versions name."""

    models_bucket: Annotated[BucketName, Field(description="Bucket of the model archives.")]
    baselines_bucket: Annotated[
        BucketName | None, Field(description="Bucket of the versions' baselines. Default: models_bucket")
    ] = None
    kms_key_arn: Annotated[
        KeyArn | None, Field(description="KMS key of their objects. Default: none of a customer's")
    ] = None


class RegistrySettings(Settings):
    """Where approved versions come from."""

    group: Annotated[ResourceName, Field(description="Name of the model package group.")]
    account: Annotated[
        AccountId | None,
        Field(
            description="Account that holds the group. With it the group is only read; without it this environment "
            "creates it. Default: created here"
        ),
    ] = None
    region: Annotated[
        Region | None, Field(description="Region that holds the group, if `account` is given. Default: this region")
    ] = None
    artifacts: Annotated[
        ArtifactsSettings | None,
        Field(
            description="Buckets of archives and baselines, if `account` is given. "
            "Default: SageMaker's default bucket of that account, and baselines in this environment's bucket"
        ),
    ] = None
    share_with_accounts: Annotated[
        tuple[AccountId, ...],
        Field(max_length=50, description="Accounts that may deploy from a group that is created here. Default: none"),
    ] = ()

    promoted_by_accounts: Annotated[
        tuple[AccountId, ...],
        Field(
            max_length=50,
            description="Of the accounts in share_with_accounts, those whose environments propose versions for the "
            "next stage (promotion.next_stage). Default: none",
        ),
    ] = ()
    promotion: Annotated[
        PromotionSettings | None,
        Field(description="Place in an order of stages. Default: every approved version goes live"),
    ] = None

    @model_validator(mode="after")
    def _owned_or_read(self) -> RegistrySettings:
        if self.region and not self.account:
            raise conflict(
                "region", "a group that is created here is in this environment's region; add account, or remove region"
            )
        if self.artifacts and not self.account:
            raise conflict(
                "artifacts", "archives of a group that is created here are in this environment's bucket; remove it"
            )
        if self.account and self.share_with_accounts:
            raise conflict(
                "share_with_accounts", "only the environment that creates the group can share it; remove it here"
            )
        strangers = sorted(set(self.promoted_by_accounts) - set(self.share_with_accounts))
        if strangers:
            raise conflict(
                "promoted_by_accounts",
                f"{', '.join(strangers)}: who proposes a version has to be able to deploy it; add it to "
                "share_with_accounts, or remove it here",
            )
        return self


class ModelSettings(Settings):
    """One model: where its versions come from, how it is served, what watches it."""

    registry: Annotated[RegistrySettings | None, Field(description="Serve the latest approved version of a group.")] = (
        None
    )
    container: Annotated[
        ContainerSettings | None, Field(description="Serve a fixed image and model instead of a registry's.")
    ] = None
    pipeline: Annotated[
        tuple[ContainerSettings, ...],
        Field(max_length=15, description="Containers that a request passes one after the other. Default: none"),
    ] = ()
    endpoint: Annotated[EndpointSettings, Field(description="The endpoint.")]
    monitors: Annotated[MonitorsSettings, Field(description="What is watched. Default: the endpoint only")] = (
        MonitorsSettings()
    )
    batch: Annotated[BatchSettings | None, Field(description="Scheduled batch transform. Default: none")] = None
    training: Annotated[TrainingSettings | None, Field(description="How it is trained. Default: not here")] = None
    on_drift: OnDrift = None

    @model_validator(mode="after")
    def _trains_where_it_is_registered(self) -> ModelSettings:
        if self.training and (self.registry is None or self.registry.account is not None):
            raise conflict(
                "training",
                "new versions are registered in a group of this environment; train in the environment that owns the "
                "group, or write registry: {group: <name>} without account",
            )
        if self.on_drift and not self.training:
            raise conflict("on_drift", "there is nothing to start; add training: {…}, or remove it")
        if self.on_drift and self.monitors == MonitorsSettings():
            raise conflict("on_drift", "no monitor could find drift; add one to monitors, or remove on_drift")
        return self

    @model_validator(mode="after")
    def _one_source(self) -> ModelSettings:
        if self.registry and self.container:
            raise conflict("container", "a model comes from a registry or from a container; remove one of the two")
        if self.pipeline and (self.registry or self.container):
            raise conflict("pipeline", "a model comes from one source; remove pipeline, or registry and container")
        if self.pipeline and len(self.pipeline) < 2:
            raise conflict("pipeline", "holds one container, a pipeline has 2 to 15; write it as container")
        if not self.registry and not self.container and not self.pipeline:
            raise conflict("registry", "missing; say where versions come from: registry: {group: <name>}")
        if not self.registry and self.endpoint.pinned_version:
            raise conflict("endpoint", "pinned_version is a version of a registry; remove it, or use registry")
        return self

    @model_validator(mode="after")
    def _others_exist(self) -> ModelSettings:
        others = {**self.endpoint.variants, **self.endpoint.components}
        for name, other in (*others.items(), ("shadow", self.endpoint.shadow)):
            if other and other.version and not self.registry:
                raise conflict(
                    "endpoint", f"{name} serves a version of a registry, and there is none; give a container"
                )
        if self.endpoint.mode == "real-time":
            return self
        if self.pipeline or self.loads_many:
            what = "a pipeline" if self.pipeline else "a multi-model container"
            raise conflict(
                "endpoint", f"{what} answers at once from instances only, this endpoint is {self.endpoint.mode}"
            )
        return self

    @model_validator(mode="after")
    def _batch_hosts_one_model(self) -> ModelSettings:
        if self.batch and self.loads_many:
            raise conflict("batch", "batch transform cannot host a multi-model container; remove it")
        return self

    @model_validator(mode="after")
    def _captures_one_model(self) -> ModelSettings:
        if self.loads_many and self.endpoint.captured and "capture" in self.endpoint.model_fields_set:
            raise conflict("endpoint", "SageMaker does not capture multi-model containers; write capture: null")
        return self

    @property
    def loads_many(self) -> bool:
        """Whether a container loads models on request."""
        return any(each.models for each in (*self.pipeline, *([self.container] if self.container else ())))

    @model_validator(mode="after")
    def _monitors_see_what_they_need(self) -> ModelSettings:
        capture, bias = None if self.loads_many else self.endpoint.captured, self.monitors.bias
        needed = {"data_quality": "input", "model_quality": "output", "bias": "both", "attribution": "input"}
        for monitor, side in needed.items():
            if getattr(self.monitors, monitor) is None:
                continue
            if capture is None and (self.endpoint.mode != "real-time" or self.loads_many):
                what = "multi-model containers" if self.loads_many else f"{self.endpoint.mode} endpoints"
                raise conflict("monitors", f"{monitor} reads captured traffic, and SageMaker captures none of {what}")
            if capture is None:
                raise conflict(
                    "monitors", f"{monitor} reads captured traffic, and capture is turned off; turn one of them"
                )
            if capture.sides not in (side, "both"):
                what = "inputs and outputs" if side == "both" else f"{side}s"
                enough = "both" if side == "both" else f"both or {side}"
                raise conflict(
                    "monitors",
                    f"{monitor} reads captured {what}, and capture.sides is {capture.sides}; use {enough}",
                )
        if bias and bias.by_name and not bias.columns and capture and capture.content == "csv":
            raise conflict(
                "monitors",
                f"bias knows no column {bias.facet}: captured CSV has no names; add columns to bias, or give the "
                'column\'s number in quotes, such as facet: "3"',
            )
        return self


class Environment(Settings):
    """One environment: an account, a region and the models that are in production there."""

    project: Annotated[
        str,
        Field(
            pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$",
            max_length=20,
            description="First part of all names. Default: mlops",
            json_schema_extra={"x-allowed": "lower-case letters, digits and inner hyphens, at most 20 characters"},
        ),
    ] = "mlops"
    account: Annotated[AccountId, Field(description="AWS account id, 12 digits in quotes.")]
    region: Annotated[Region, Field(description="AWS region.")]
    tags: Annotated[
        dict[
            Annotated[
                str,
                Field(
                    pattern=r"^[\w .:/=+@-]{1,128}$",
                    json_schema_extra={"x-allowed": "letters, digits, spaces and . : / = + - @ _, at most 128 of them"},
                ),
            ],
            Annotated[str, Field(max_length=256)],
        ],
        Field(max_length=40, description="Tags of everything in this environment. Default: none"),
    ] = {}
    removal: Annotated[
        Literal["retain", "destroy"],
        Field(
            description="What `cdk destroy` does with data (buckets, key, registry): retain leaves it in the account, "
            "destroy deletes it. Default: retain"
        ),
    ] = "retain"
    termination_protection: Annotated[
        bool, Field(description="true: CloudFormation refuses to delete the stacks. Default: true")
    ] = True
    log_retention_days: Annotated[
        Literal[
            1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
        ],
        Field(description="How long logs of functions are kept, in days. Default: 90"),
    ] = 90
    bootstrap_qualifier: Annotated[
        BootstrapQualifier | None,
        Field(
            description="What `cdk bootstrap --qualifier` was given in this account and region. Default: the CDK's own"
        ),
    ] = None
    permissions_boundary: Annotated[
        PermissionsBoundary | None,
        Field(description="Managed policy that bounds every role of this environment. Default: none"),
    ] = None
    defaults: Annotated[Defaults, Field(description="Values for all models.")] = Defaults()
    notifications: Annotated[NotificationSettings, Field(description="Who hears about alarms.")] = (
        NotificationSettings()
    )
    network: Annotated[NetworkSettings | None, Field(description="VPC of the endpoints. Default: none")] = None
    insights: Annotated[
        InsightsSettings | None,
        Field(description="A report about all models with what to do; {} takes the defaults. Default: none"),
    ] = None
    models: Annotated[
        dict[
            Annotated[
                str,
                Field(
                    pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$",
                    max_length=40,
                    json_schema_extra={
                        "x-allowed": "lower-case letters, digits and inner hyphens, at most 40 characters"
                    },
                ),
            ],
            ModelSettings,
        ],
        Field(min_length=1, description="Models by name; the name becomes part of the endpoint's name."),
    ]

    feature_groups: Annotated[
        dict[
            Annotated[
                str,
                Field(
                    pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$",
                    max_length=40,
                    json_schema_extra={
                        "x-allowed": "lower-case letters, digits and inner hyphens, at most 40 characters"
                    },
                ),
            ],
            FeatureGroupSettings,
        ],
        Field(max_length=100, description="Feature groups by name. Default: none"),
    ] = {}
    feature_store: Annotated[FeatureStoreSettings, Field(description="What all feature groups share.")] = (
        FeatureStoreSettings()
    )

    @model_validator(mode="after")
    def _queries_have_groups(self) -> Environment:
        for name, model in self.models.items():
            query = model.training.query if model.training else None
            for group in query.feature_groups if query else ():
                found = self.feature_groups.get(group)
                if found is None:
                    known = ", ".join(self.feature_groups) or "none"
                    raise conflict("models", f"{name}: training.query reads {group}; feature groups here are {known}")
                if found.offline is None:
                    raise conflict(
                        "models", f"{name}: training.query reads {group}, which has no offline store; set offline: glue"
                    )
        return self

    @model_validator(mode="after")
    def _registries_are_here(self) -> Environment:
        for name, model in self.models.items():
            region = model.registry.region if model.registry else None
            if region not in (None, self.region):
                raise conflict(
                    "models",
                    f"{name}: registry.region is {region}, and SageMaker deploys a version only in the region of its "
                    f"group; register versions in {self.region} too, and remove region",
                )
        return self

    @model_validator(mode="after")
    def _serverless_has_no_vpc(self) -> Environment:
        for name, model in self.models.items():
            if self.network and model.endpoint.serverless:
                raise conflict(
                    "network",
                    f"{name} is serverless, which runs outside of any VPC; serve it from instances, or move it to an "
                    "environment file without network",
                )
        return self

    @model_validator(mode="after")
    def _boundary_is_here(self) -> Environment:
        policy = self.permissions_boundary or ""
        owner = policy.split(":")[4] if ":" in policy else self.account
        if owner not in (self.account, "aws"):
            raise conflict(
                "permissions_boundary",
                f"is a policy of account {owner}, and IAM takes a boundary from the role's own account only; create it "
                f"in {self.account} too, and give its name",
            )
        return self

    def uses_engine(self, name: str) -> bool:
        """Whether a monitor of a model runs on this engine."""
        default = self.defaults.monitoring.engine
        monitors = [monitor for model in self.models.values() for monitor in model.monitors.wanted]
        return any((monitor.engine or default).type == name for monitor in monitors)

    @model_validator(mode="after")
    def _tags_are_ours(self) -> Environment:
        for key in self.tags:
            if key.lower().startswith("aws:"):
                raise conflict("tags", f"{key}: tags that start with aws: are AWS's own")
        return self
