"""The whole of an environment file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .base import (
    AccountId,
    BootstrapQualifier,
    ItemName,
    PermissionsBoundary,
    Region,
    Settings,
    conflict,
)
from .features import FeatureGroupSettings, FeatureStoreSettings
from .insights import InsightsSettings
from .model import ModelSettings
from .monitors import Defaults
from .network import NetworkSettings, called_services
from .training_events import in_own_bucket

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
            Annotated[
                str,
                Field(
                    # IAM's, which is the narrowest of the services whose resources get them.
                    pattern=r"^[\w .:/=+@-]*$",
                    max_length=256,
                    json_schema_extra={"x-allowed": "letters, digits, spaces and . : / = + - @ _, at most 256 of them"},
                ),
            ],
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
    network: Annotated[
        NetworkSettings | None, Field(description="VPC of endpoints' containers and of jobs. Default: none")
    ] = None
    insights: Annotated[
        InsightsSettings | None,
        Field(description="A report about all models with what to do; {} takes the defaults. Default: none"),
    ] = None
    models: Annotated[
        dict[ItemName, ModelSettings],
        Field(min_length=1, description="Models by name; the name becomes part of the endpoint's name."),
    ]

    feature_groups: Annotated[
        dict[ItemName, FeatureGroupSettings],
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

    @property
    def vpc_endpoint_services(self) -> tuple[str, ...]:
        """Services that get an interface endpoint in the VPC."""
        wanted = self.network.vpc_endpoints if self.network else None
        if wanted is None:
            return ()
        if wanted.services is not None:
            return wanted.services
        return called_services(self.models.values(), self.feature_groups.values(), self.defaults.monitoring.engine)

    def watches_models(self) -> bool:
        """Whether new objects in the environment's bucket of models start a training."""
        watched = [model.training.watched for model in self.models.values() if model.training]
        return any(place is not None and in_own_bucket(place) for place in watched)

    @model_validator(mode="after")
    def _tags_are_ours(self) -> Environment:
        for key in self.tags:
            if key.lower().startswith("aws:"):
                raise conflict("tags", f"{key}: tags that start with aws: are AWS's own")
        return self
