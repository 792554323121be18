"""What SageMaker remembers in one account and region."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .fleet import Fleet, Routes


@dataclass
class Record:
    """A resource that is stored as it was requested: model, endpoint configuration, job definition, schedule."""

    name: str
    arn: str
    created: datetime
    definition: dict[str, Any]
    modified: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.modified = self.created


@dataclass
class Package:
    """A version in a model package group."""

    group: str
    version: int
    arn: str
    created: datetime
    definition: dict[str, Any]
    modified: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.modified = self.created

    @property
    def approval(self) -> str:
        """Its ModelApprovalStatus."""
        return str(self.definition["ModelApprovalStatus"])


@dataclass
class Group:
    """A model package group with its versions, oldest first."""

    name: str
    arn: str
    created: datetime
    description: str | None
    created_by: str
    packages: dict[int, Package] = field(default_factory=dict)
    last_version: int = 0
    policy: str | None = None


@dataclass
class Endpoint:
    """An endpoint and its running fleets."""

    name: str
    arn: str
    account: str
    region: str
    created: datetime
    config_name: str
    routes: Routes
    status: str = "Creating"
    failure_reason: str | None = None
    deployment_config: dict[str, Any] | None = None
    fleet: Fleet | None = None
    pending: dict[str, Any] | None = None
    """PendingDeploymentSummary while an update runs."""
    modified: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.modified = self.created

    @property
    def log_group(self) -> str:
        """Where its containers log to."""
        return f"/aws/sagemaker/Endpoints/{self.name}"


@dataclass
class Component(Endpoint):
    """An inference component: rolled out as an endpoint is, onto the instances of its host."""

    host: Endpoint = field(kw_only=True)
    variant: str = field(kw_only=True)
    definition: dict[str, Any] = field(default_factory=dict)
    """Its Specification."""
    copies: int = 1
    """Desired number; what serves now is its fleet's."""

    @property
    def log_group(self) -> str:
        """Where its containers log to."""
        return f"/aws/sagemaker/InferenceComponents/{self.name}"


@dataclass
class Store:
    """All resources of one account and region. Hold `lock` to change them."""

    account: str
    region: str
    lock: threading.RLock = field(default_factory=threading.RLock)
    groups: dict[str, Group] = field(default_factory=dict)
    models: dict[str, Record] = field(default_factory=dict)
    configs: dict[str, Record] = field(default_factory=dict)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    """By lower-case name: names of endpoints are unique whatever their case."""
    components: dict[str, Component] = field(default_factory=dict)
    """By lower-case name, as endpoints."""
    job_definitions: dict[str, dict[str, Record]] = field(default_factory=dict)
    schedules: dict[str, Record] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)

    def arn(self, resource: str) -> str:
        """Return the ARN of a resource such as `model/churn`; SageMaker writes them in lower case."""
        partition = "aws-cn" if self.region.startswith("cn-") else "aws"
        partition = "aws-us-gov" if self.region.startswith("us-gov-") else partition
        return f"arn:{partition}:sagemaker:{self.region}:{self.account}:{resource.lower()}"

    def tag(self, arn: str, tags: list[dict[str, str]] | None) -> None:
        """Remember tags; an entry, even an empty one, says that the resource is ours."""
        self.tags.setdefault(arn, {}).update({tag["Key"]: tag["Value"] for tag in tags or []})
