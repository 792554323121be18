"""What the controller knows of one model: plain values, read by the access modules and judged by the pure ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from deploy.package import Package
from deploy.promotion import Promotion

#: Statuses from which CloudFormation takes an update. Everything else that does not end in _IN_PROGRESS needs a person.
UPDATABLE = frozenset(
    {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"}
)
#: Endpoint statuses that end by themselves; no update is accepted meanwhile.
MOVING = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})


class RegistrationError(ValueError):
    """A serving stack's registration cannot be read; names the parameter and every mistake in it."""


@dataclass(frozen=True)
class Registration:
    """A serving stack's entry with its controller (an SSM parameter that the stack itself owns)."""

    name: str
    model: str
    stack_name: str
    endpoint_name: str
    group: str
    version_parameter: str
    retain_parameter: str | None = None
    baselines: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    pinned_version: int | None = None
    frozen: bool = False
    promotion: Promotion | None = None

    @classmethod
    def parse(cls, name: str, text: str) -> Registration:
        """Read the JSON of parameter ``name``; raises :class:`RegistrationError` that lists all mistakes."""
        try:
            document = json.loads(text)
        except ValueError as error:
            raise RegistrationError(f"registration {name} is not JSON: {error}") from None
        if not isinstance(document, dict):
            raise RegistrationError(f"registration {name} is not a JSON object")
        parameters = document.get("parameters")
        parameters = parameters if isinstance(parameters, dict) else {}
        mistakes = [
            f"{key!r} must be a non-empty string, not {document.get(key)!r}"
            for key in ("stack_name", "model", "endpoint_name", "model_package_group")
            if not isinstance(document.get(key), str) or not document[key]
        ]
        if isinstance(document.get("model"), str) and document["model"] != name.rpartition("/")[2]:
            mistakes.append(f"'model' is {document['model']!r}, but the parameter's name ends otherwise")
        if not isinstance(parameters.get("version"), str):
            mistakes.append("'parameters.version' must name the stack parameter that takes the version")
        pinned = document.get("pinned_version")
        if pinned is not None and (isinstance(pinned, bool) or not isinstance(pinned, int) or pinned < 1):
            mistakes.append(f"'pinned_version' must be a positive whole number or null, not {pinned!r}")
        if not isinstance(document.get("frozen", False), bool):
            mistakes.append(f"'frozen' must be true or false, not {document['frozen']!r}")
        baselines = parameters.get("baselines") or {}
        if not isinstance(baselines, dict) or not all(isinstance(names, dict) for names in baselines.values()):
            mistakes.append("'parameters.baselines' must map a monitor type to the parameters of its files")
        promotion = Promotion.parse(document.get("promotion"), mistakes)
        if mistakes:
            raise RegistrationError(f"registration {name} is wrong: " + "; ".join(mistakes))
        return cls(
            name=name,
            model=document["model"],
            stack_name=document["stack_name"],
            endpoint_name=document["endpoint_name"],
            group=document["model_package_group"],
            version_parameter=parameters["version"],
            retain_parameter=parameters.get("retain"),
            baselines=baselines,
            pinned_version=pinned,
            frozen=document.get("frozen", False),
            promotion=promotion,
        )

    @property
    def controller(self) -> str:
        """Name of the controller that it is registered with."""
        return self.name.split("/")[1]

    def objection(self, package: Package) -> str:
        """Why an approved version must not go live here yet; empty if nothing speaks against it."""
        return self.promotion.objection(package, self.controller) if self.promotion else ""

    def held(self, journal: Journal) -> Registration:
        """The registration with what a person has asked of the controller; a pin of theirs comes before the stack's."""
        pinned = int(journal.pinned) if journal.pinned.isdigit() else self.pinned_version
        return replace(self, pinned_version=pinned, frozen=self.frozen or bool(journal.frozen))

    @property
    def group_name(self) -> str:
        """The group's name, whether it was registered by name or (another account's) by ARN."""
        return self.group.rpartition("/")[2]

    def package_arn(self, version: int, stack_id: str) -> str:
        """The ARN of a version of the group; account, region and partition of a plain name are the stack's."""
        if self.group.startswith("arn:"):
            return self.group.replace(":model-package-group/", ":model-package/", 1) + f"/{version}"
        _, partition, _, region, account, _ = stack_id.split(":", 5)
        return f"arn:{partition}:sagemaker:{region}:{account}:model-package/{self.group.lower()}/{version}"


@dataclass(frozen=True)
class Stack:
    """A serving stack as CloudFormation describes it. ``configs`` and ``endpoint`` are physical names in lower case."""

    stack_id: str
    name: str
    status: str
    changed_at: str
    parameters: Mapping[str, str]
    configs: frozenset[str] = frozenset()
    endpoints: frozenset[str] = frozenset()
    registrations: frozenset[str] = frozenset()

    @property
    def busy(self) -> bool:
        """An operation is running (ours, a person's or the CDK's), or a first change set awaits its execution."""
        return self.status.endswith("_IN_PROGRESS")

    @property
    def updatable(self) -> bool:
        """CloudFormation would accept an update now."""
        return self.status in UPDATABLE

    def owns(self, registration: Registration) -> bool:
        """Whether the registration is a resource of this very stack, so that the stack asked to be rolled out."""
        return registration.name in self.registrations

    def has_endpoint(self, registration: Registration) -> bool:
        """Whether the registered endpoint is among the stack's resources."""
        return registration.endpoint_name.lower() in self.endpoints


@dataclass(frozen=True)
class Endpoint:
    """What SageMaker says of an endpoint; ``config`` in lower case, ``lost`` its name if it has been deleted."""

    status: str
    config: str
    failure: str = ""
    lost: str = ""

    def runs(self, stack: Stack) -> bool:
        """Whether it serves the configuration that its stack holds, and not one it went back to."""
        return self.config in stack.configs


@dataclass(frozen=True)
class Quarantined:
    """A version that is not tried again, and why. Scope ``baselines`` bars only changes of its monitors' baselines."""

    arn: str
    reason: str
    resource: str
    at: str
    scope: str = "version"

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Quarantined:
        """Read one entry of the quarantine parameter."""
        return cls(
            arn=document["model_package_arn"],
            reason=document.get("reason", ""),
            resource=document.get("resource", ""),
            at=document.get("at", ""),
            scope=document.get("scope", "version"),
        )

    def to_json(self) -> dict[str, str]:
        """One entry of the quarantine parameter."""
        return {
            "model_package_arn": self.arn,
            "reason": self.reason,
            "resource": self.resource,
            "at": self.at,
            "scope": self.scope,
        }


@dataclass(frozen=True)
class Intent:
    """A rollout about to be started, written down before it is, so that its outcome can be told in full."""

    token: str
    from_arn: str
    to_arn: str
    upgrade: bool
    approved_at: str


@dataclass(frozen=True)
class Journal:
    """How far a model's history was dealt with: what keeps a repeated wake-up from repeating an announcement."""

    processed: str = ""
    intent: Intent | None = None
    started: str = ""
    condition: str = ""
    diverged_since: str = ""
    #: The version that is being watched before it is proposed for the next stage, and since when nothing is wrong.
    healthy_arn: str = ""
    healthy_since: str = ""
    #: What a person has asked for, until they ask for the opposite: a version, and since when nothing is rolled out.
    pinned: str = ""
    frozen: str = ""
