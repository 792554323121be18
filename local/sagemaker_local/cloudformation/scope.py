"""What the functions of a template see, for a stack as it is or as it will be."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from sagemaker_local.errors import AwsError

from .intrinsics import NO_VALUE, Resolver, Unknown, unknowns
from .schema import schema_of
from .state import STACK_TYPE, Desired, Stack
from .template import ResourceTemplate, validation_error
from .types.base import tag_map

if TYPE_CHECKING:
    from sagemaker_local.accounts import Principal
    from sagemaker_local.server import LocalAws

    from .state import Stacks


class StackScope:
    """References of one stack's template, resolved against its live resources.

    Args:
        unsettled: logical ids whose Ref and GetAtt are not known yet; None while executing, when everything that a
            resource needs exists before it.
    """

    def __init__(
        self,
        aws: LocalAws,
        stacks: Stacks,
        stack: Stack,
        desired: Desired,
        principal: Principal,
        unsettled: Collection[str] | None = None,
    ) -> None:
        self._aws = aws
        self._stacks = stacks
        self._stack = stack
        self._desired = desired
        self._principal = principal
        self._unsettled = unsettled
        self._looked_up: dict[tuple[str, str], str] = {}
        self.imported: set[str] = set()

    def reference(self, name: str) -> Any:
        if name in self._desired.values:
            return self._desired.values[name]
        if name.startswith("AWS::"):
            return self._pseudo(name)
        if name not in self._desired.template.resources:
            raise validation_error(
                f"Template format error: Unresolved resource dependencies [{name}] in the Resources block"
            )
        resource = self._stack.resources.get(name)
        if self._unsettled is not None and (resource is None or name in self._unsettled):
            return Unknown(frozenset({(name, None)}))
        if resource is None:
            raise validation_error(f"Template error: resource {name} does not exist: its condition is false")
        return resource.created.ref

    def attribute(self, logical_id: str, name: str) -> Any:
        if logical_id not in self._desired.template.resources:
            raise validation_error(f"Template error: instance of Fn::GetAtt references undefined resource {logical_id}")
        resource = self._stack.resources.get(logical_id)
        if self._unsettled is not None and (resource is None or logical_id in self._unsettled):
            return Unknown(frozenset({(logical_id, name)}))
        if resource is None:
            raise validation_error(f"Template error: resource {logical_id} does not exist: its condition is false")
        attributes = resource.created.attributes
        if name in attributes:
            return attributes[name]
        # GetAtt also gives properties that are part of a type's read-only surface under their own name.
        if name in schema_of(resource.type).properties and name in resource.properties:
            return resource.properties[name]
        available = ", ".join(sorted(attributes)) or "none"
        raise validation_error(
            f"Requested attribute {name} must be a readonly property in schema for {resource.type}; "
            f"{logical_id} has {available}"
        )

    def import_value(self, name: str) -> Any:
        self.imported.add(name)
        exporter = self._stacks.exporter(name, self._stack.account, self._stack.region)
        if exporter is None or exporter.id == self._stack.id:
            raise validation_error(f"No export named {name} found.")
        return exporter.exports()[name]

    def dynamic_reference(self, service: str, key: str) -> str:
        if (service, key) not in self._looked_up:
            self._looked_up[service, key] = self._look_up(service, key)
        return self._looked_up[service, key]

    def availability_zones(self, region: str) -> list[str]:
        client = self._aws.clients.of(self._principal, "ec2", region or self._stack.region)
        return [zone["ZoneName"] for zone in client.describe_availability_zones()["AvailabilityZones"]]

    def ssm_value(self, name: str) -> str:
        """Return the value of an SSM parameter."""
        client = self._aws.clients.of(self._principal, "ssm", self._stack.region)
        found = client.get_parameters(Names=[name], WithDecryption=True)["Parameters"]
        if not found:
            raise validation_error(f"Unable to fetch parameters [{name}] from parameter store for this account.")
        return str(found[0]["Value"])

    def _look_up(self, service: str, key: str) -> str:
        if service in ("ssm", "ssm-secure"):
            return self.ssm_value(key)
        # secretsmanager: id[:SecretString[:json key[:version stage[:version id]]]], where the id may be an ARN.
        parts = key.split(":")
        size = 7 if key.startswith("arn:") else 1
        client = self._aws.clients.of(self._principal, "secretsmanager", self._stack.region)
        text = str(client.get_secret_value(SecretId=":".join(parts[:size]))["SecretString"])
        rest = parts[size:]
        if len(rest) > 1 and rest[1]:
            return str(json.loads(text)[rest[1]])
        return text

    def _pseudo(self, name: str) -> Any:
        region, china = self._stack.region, self._stack.region.startswith("cn-")
        values = {
            "AWS::AccountId": self._stack.account,
            "AWS::Region": region,
            "AWS::StackId": self._stack.id,
            "AWS::StackName": self._stack.name,
            "AWS::Partition": self._stack.id.split(":", 2)[1],
            "AWS::URLSuffix": "amazonaws.com.cn" if china else "amazonaws.com",
            "AWS::NotificationARNs": list(self._desired.notification_arns),
            "AWS::NoValue": NO_VALUE,
        }
        if name not in values:
            raise validation_error(
                f"Template format error: Unresolved resource dependencies [{name}] in the Resources block"
            )
        return values[name]


def effective_properties(
    resource: ResourceTemplate, resolver: Resolver, stack: Stack, desired: Desired
) -> dict[str, Any]:
    """Resolve a resource's properties and add the stack's tags where its type takes them.

    Raises:
        AwsError: `ValidationError` for properties that the type does not have.
    """
    properties: dict[str, Any] = resolver.resolve(resource.properties)
    schema = schema_of(resource.type)
    if schema.properties:
        unknown = sorted(properties.keys() - schema.properties)
        if unknown:
            raise AwsError(
                "ValidationError",
                f"Properties validation failed for resource {resource.logical_id} with message: "
                f"extraneous key [{', '.join(unknown)}] is not permitted",
            )
    if schema.tag_property is None or resource.type == STACK_TYPE:
        return properties
    own = properties.get(schema.tag_property)
    if unknowns(own):
        return properties
    merged = {**desired.tags, **tag_map(own)}
    if merged:
        as_list = [{"Key": key, "Value": value} for key, value in sorted(merged.items())]
        properties[schema.tag_property] = merged if schema.tags_are_map else as_list
    return properties
