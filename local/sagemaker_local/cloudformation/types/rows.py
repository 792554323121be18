"""Resource types that a table row describes: which operations, which name, what Ref and GetAtt give."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jmespath
from botocore.exceptions import ClientError

from sagemaker_local.errors import AwsError

from .base import Created, Properties, ResourceType, Work, delete_quietly, is_gone, tag_map
from .coerce import call


@dataclass(frozen=True)
class Tagging:
    """How tags of an existing resource are changed: two boto3 methods and the parameter that names the resource."""

    add: str
    remove: str
    resource: str
    """Parameter of both methods that takes the resource's identifier."""
    identifier: str
    """Path of that identifier in what is known of the resource."""
    keys: str = "TagKeys"
    tags: str = "Tags"


@dataclass(frozen=True)
class Stabilise:
    """How to tell that a resource is usable."""

    status: str
    """Path of the status in the describe operation's result."""
    ready: tuple[str, ...]
    failed: tuple[str, ...] = ()
    reason: str = "FailureReason"


@dataclass(frozen=True)
class Row(ResourceType):
    """A resource type by description.

    Paths (`ref`, `attributes`, ...) are JMESPath expressions over the properties, the result of the create call and
    that of the describe call together.
    """

    service: str
    created_by: str
    """boto3 method that creates."""
    deleted_by: str = ""
    """boto3 method that deletes; "" for what disappears with its parent."""
    ref: str = ""
    updated_by: str = ""
    """boto3 method that updates; "" if only tags can change in place."""
    described_by: str = ""
    name: str = ""
    """Property that takes the name, generated when the template leaves it out; "" if there is none to generate."""
    longest_name: int = 63
    lower_name: bool = False
    keys: Mapping[str, str] = field(default_factory=dict)
    """Parameters that identify the resource in describe, update and delete calls, with the paths of their values."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    rename: Mapping[str, str] = field(default_factory=dict)
    """Properties that the API calls differently."""
    stabilise: Stabilise | None = None
    tagging: Tagging | None = None
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Parameters added to delete calls."""

    def create(self, work: Work, properties: Properties) -> Created:
        params = self.parameters(work, properties)
        if self.name and self.name not in properties:
            params[self.rename.get(self.name, self.name)] = work.generated_name(
                self.longest_name, lower=self.lower_name
            )
        result = call(work.client(self.service), self.created_by, params)
        try:
            return self.observe(work, params, result)
        except Exception:
            # What did not become usable must not stay behind.
            known = {**params, **_plain(result)}
            keys = {name: _search(path, known) for name, path in self.keys.items()}
            with contextlib.suppress(ClientError, AwsError):
                self.delete(work, Created("", {}, keys), properties)
            raise

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        if self.tagging is not None:
            self.retag(work, existing, old, new)
        elif tag_map(old.get("Tags")) != tag_map(new.get("Tags")) and "Tags" not in self.accepted_by_update(work):
            return super().update(work, existing, old, new)
        wanted = _without_tags if self.tagging is not None else dict
        if self.updated_by and wanted(old) != wanted(new):
            params = {**self.parameters(work, new), **existing.keys}
            result = call(work.client(self.service), self.updated_by, params)
            return self.observe(work, params, result, existing)
        if _without_tags(old) != _without_tags(new):
            return super().update(work, existing, old, new)
        return existing

    def delete(self, work: Work, existing: Created, properties: Properties) -> None:
        if not self.deleted_by:
            return
        client = work.client(self.service)

        def remove(**params: Any) -> None:
            call(client, self.deleted_by, params)

        delete_quietly(remove, **{**self.fixed, **existing.keys})
        if self.described_by and self.stabilise is not None:
            work.wait(lambda: not self._exists(client, existing))

    def parameters(self, work: Work, properties: Properties) -> dict[str, Any]:
        """Return the API's parameters for some properties. Types with other shapes override this."""
        return {self.rename.get(key, key): value for key, value in properties.items()}

    def observe(
        self, work: Work, params: dict[str, Any], result: dict[str, Any], existing: Created | None = None
    ) -> Created:
        """Wait until the resource is usable, and read what Ref and GetAtt give."""
        known = {**params, **_plain(result)}
        keys = existing.keys if existing else {name: _search(path, known) for name, path in self.keys.items()}
        client = work.client(self.service)
        if self.described_by:
            if self.stabilise is not None:
                work.wait(lambda: self._ready(client, keys))
            known = {**known, **_plain(call(client, self.described_by, keys))}
        ref = existing.ref if existing else str(_search(self.ref, known))
        attributes = {name: _search(path, known) for name, path in self.attributes.items()}
        return Created(ref, {name: value for name, value in attributes.items() if value is not None}, keys)

    def accepted_by_update(self, work: Work) -> set[str]:
        """Return the parameters of the update call."""
        if not self.updated_by:
            return set()
        client = work.client(self.service)
        operation = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[self.updated_by])
        return set(operation.input_shape.members)

    def retag(self, work: Work, existing: Created, old: Properties, new: Properties) -> None:
        """Change the tags of the resource to those of the new properties."""
        tagging = self.tagging
        before, after = tag_map(old.get("Tags")), tag_map(new.get("Tags"))
        if tagging is None or before == after:
            return
        known = {"Ref": existing.ref, **existing.attributes, **existing.keys}
        client, resource = work.client(self.service), {tagging.resource: _search(tagging.identifier, known)}
        gone = sorted(before.keys() - after.keys())
        if gone:
            call(client, tagging.remove, {**resource, tagging.keys: gone})
        if after:
            call(client, tagging.add, {**resource, tagging.tags: after})

    def _ready(self, client: Any, keys: dict[str, Any]) -> bool:
        assert self.stabilise is not None  # noqa: S101 - only called for types that stabilise
        described = call(client, self.described_by, keys)
        status = _search(self.stabilise.status, described)
        if status in self.stabilise.failed:
            reason = _search(self.stabilise.reason, described) or f"its status is {status}"
            raise AwsError("NotStabilized", str(reason))
        return status in self.stabilise.ready

    def _exists(self, client: Any, existing: Created) -> bool:
        try:
            call(client, self.described_by, existing.keys)
        except ClientError as error:
            if is_gone(error):
                return False
            raise
        return True


def _search(path: str, document: dict[str, Any]) -> Any:
    return jmespath.search(path, document) if path else None


def _plain(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key != "ResponseMetadata" and value is not None}


def _without_tags(properties: Properties) -> Properties:
    return {key: value for key, value in properties.items() if key != "Tags"}
