"""What a resource type does: create, update and delete one resource through the AWS API."""

from __future__ import annotations

import json
import secrets
import string
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from sagemaker_local.errors import AwsError

if TYPE_CHECKING:
    from sagemaker_local.accounts import Principal
    from sagemaker_local.server import LocalAws

Properties = dict[str, Any]

_ALPHABET = string.ascii_letters + string.digits
_LONGEST_WAIT = timedelta(hours=36)
_POLL_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.25)


@dataclass
class Created:
    """A resource as the stack knows it."""

    ref: str
    """What `Ref` gives, and the physical id."""
    attributes: dict[str, Any] = field(default_factory=dict)
    """What `Fn::GetAtt` gives."""
    keys: dict[str, Any] = field(default_factory=dict)
    """Parameters that name the resource in the API."""


@dataclass
class Work:
    """Everything that a resource type needs to know about the stack operation that it works for."""

    aws: LocalAws
    principal: Principal
    """Whose permissions count: the stack's role, or whoever started the operation."""
    region: str
    stack_id: str
    stack_name: str
    logical_id: str
    type: str
    tags: dict[str, str]
    waiting: Callable[[], None] = lambda: None
    """Called when the resource takes longer than an API call."""

    @property
    def account(self) -> str:
        return self.principal.account

    @property
    def partition(self) -> str:
        if self.region.startswith("cn-"):
            return "aws-cn"
        return "aws-us-gov" if self.region.startswith("us-gov-") else "aws"

    def client(self, service: str) -> Any:
        """Return a boto3 client that calls with the stack's permissions."""
        return self.aws.clients.of(self.principal, service, self.region)

    def generated_name(self, longest: int = 63, *, lower: bool = False) -> str:
        """Return a new physical name in CloudFormation's form: stack, logical id, twelve random characters."""
        suffix = "".join(secrets.choice(_ALPHABET) for _ in range(12))
        room = longest - len(suffix) - 2
        logical = self.logical_id[: max(room // 2, room - len(self.stack_name))]
        name = f"{self.stack_name[: room - len(logical)]}-{logical}-{suffix}"
        return name.lower() if lower else name

    def wait(self, probe: Callable[[], bool]) -> None:
        """Wait until `probe` is true, up to 36 hours of virtual time.

        Raises:
            AwsError: `NotStabilized` when the time is over.
        """
        deadline = self.aws.clock.now() + _LONGEST_WAIT
        attempt = 0
        while not probe():
            if attempt == len(_POLL_SECONDS):
                self.waiting()
            if self.aws.clock.now() > deadline:
                raise AwsError("NotStabilized", f"{self.type} did not stabilize within {_LONGEST_WAIT}")
            time.sleep(_POLL_SECONDS[min(attempt, len(_POLL_SECONDS) - 1)])
            attempt += 1


class ResourceType:
    """Base of all resource types. Updates that a type cannot do fail by name; they are never skipped."""

    def create(self, work: Work, properties: Properties) -> Created:
        """Create the resource and wait until it is usable."""
        raise NotImplementedError

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        """Change the resource in place."""
        changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
        raise AwsError("NotUpdatable", f"the embedded AWS cannot update {', '.join(changed)} of {work.type} in place")

    def delete(self, work: Work, existing: Created, properties: Properties) -> None:
        """Delete the resource; one that is gone already counts as deleted."""
        raise NotImplementedError

    def replaces(self, old: Properties, new: Properties) -> bool:
        """Whether a change replaces the resource although its schema does not say so."""
        return False


_GONE = ("notfound", "nosuch", "doesnotexist", "resourcenotfound", "nonexistent", "notexist")


def is_gone(error: ClientError) -> bool:
    """Whether an error says that the resource does not exist."""
    code = str(error.response.get("Error", {}).get("Code", "")).lower()
    message = str(error.response.get("Error", {}).get("Message", "")).lower()
    if any(word in code for word in _GONE):
        return True
    return code in ("validationexception", "validationerror", "404") and (
        "could not find" in message or "not found" in message or "does not exist" in message
    )


def delete_quietly(call: Callable[..., Any], **params: Any) -> None:
    """Call a delete operation; a resource that does not exist is as good as deleted."""
    try:
        call(**params)
    except ClientError as error:
        if not is_gone(error):
            raise


def as_json(document: Any) -> str:
    """Return a policy or similar document as the JSON text that APIs want."""
    return document if isinstance(document, str) else json.dumps(document)


def tag_list(tags: Any, *, key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Return tags, given as a list or a map, as a list with the given member names."""
    return [{key: name, value: text} for name, text in tag_map(tags).items()]


def tag_map(tags: Any) -> dict[str, str]:
    """Return tags, given as a list or a map, as a map."""
    if isinstance(tags, dict):
        return {str(name): str(text) for name, text in tags.items()}
    return {str(tag["Key"]): str(tag["Value"]) for tag in tags or []}
