"""KMS, Systems Manager parameters, Secrets Manager."""

from __future__ import annotations

import json
import secrets
import string
from typing import Any

from .base import Created, Properties, ResourceType, Work, as_json, delete_quietly, tag_list, tag_map
from .coerce import call
from .rows import Row, Tagging

_KMS_TAG_NAMES = {"key": "TagKey", "value": "TagValue"}


class Key(ResourceType):
    """A KMS key."""

    def create(self, work: Work, properties: Properties) -> Created:
        client = work.client("kms")
        params = {
            **{key: properties.get(key) for key in ("Description", "KeyUsage", "KeySpec", "MultiRegion", "Origin")},
            "Policy": as_json(properties["KeyPolicy"]) if "KeyPolicy" in properties else None,
            "Tags": tag_list(properties["Tags"], **_KMS_TAG_NAMES) if properties.get("Tags") else None,
        }
        key = call(client, "create_key", params)["KeyMetadata"]
        created = Created(key["KeyId"], {"Arn": key["Arn"], "KeyId": key["KeyId"]})
        self._switch(client, created, {}, properties)
        return created

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        client, key = work.client("kms"), existing.ref
        if old.get("KeyPolicy") != new.get("KeyPolicy"):
            client.put_key_policy(KeyId=key, PolicyName="default", Policy=as_json(new["KeyPolicy"]))
        if old.get("Description") != new.get("Description"):
            client.update_key_description(KeyId=key, Description=new.get("Description", ""))
        before, after = tag_map(old.get("Tags")), tag_map(new.get("Tags"))
        if before.keys() - after.keys():
            client.untag_resource(KeyId=key, TagKeys=sorted(before.keys() - after.keys()))
        if after and before != after:
            client.tag_resource(KeyId=key, Tags=tag_list(after, **_KMS_TAG_NAMES))
        self._switch(client, existing, old, new)
        return existing

    def delete(self, work: Work, existing: Created, properties: Properties) -> None:
        days = int(properties.get("PendingWindowInDays", 30))
        delete_quietly(work.client("kms").schedule_key_deletion, KeyId=existing.ref, PendingWindowInDays=days)

    def _switch(self, client: Any, key: Created, old: Properties, new: Properties) -> None:
        def on(properties: Properties, name: str, default: bool) -> bool:
            return properties.get(name, default) in (True, "true")

        if on(old, "EnableKeyRotation", False) != on(new, "EnableKeyRotation", False):
            switch = client.enable_key_rotation if on(new, "EnableKeyRotation", False) else client.disable_key_rotation
            switch(KeyId=key.ref)
        if on(old, "Enabled", True) != on(new, "Enabled", True):
            (client.enable_key if on(new, "Enabled", True) else client.disable_key)(KeyId=key.ref)


class Parameter(ResourceType):
    """An SSM parameter. `Ref` is its name, `GetAtt Value` its value."""

    def create(self, work: Work, properties: Properties) -> Created:
        params = {**properties, "Name": properties.get("Name") or work.generated_name(500)}
        params["Tags"] = tag_list(properties["Tags"]) if properties.get("Tags") else None
        call(work.client("ssm"), "put_parameter", params)
        return Created(params["Name"], {"Type": properties["Type"], "Value": properties["Value"]})

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        client, name = work.client("ssm"), existing.ref
        call(
            client, "put_parameter", {**{k: v for k, v in new.items() if k != "Tags"}, "Name": name, "Overwrite": True}
        )
        before, after = tag_map(old.get("Tags")), tag_map(new.get("Tags"))
        resource = {"ResourceType": "Parameter", "ResourceId": name}
        if before.keys() - after.keys():
            client.remove_tags_from_resource(**resource, TagKeys=sorted(before.keys() - after.keys()))
        if after and before != after:
            client.add_tags_to_resource(**resource, Tags=tag_list(after))
        return Created(name, {"Type": new["Type"], "Value": new["Value"]})

    def delete(self, work: Work, existing: Created, properties: Properties) -> None:
        delete_quietly(work.client("ssm").delete_parameter, Name=existing.ref)


class Secret(Row):
    """A secret, with a generated value if the template asks for one."""

    def parameters(self, work: Work, properties: Properties) -> dict[str, Any]:
        params = super().parameters(work, properties)
        wanted = params.pop("GenerateSecretString", None)
        if wanted is not None:
            length = int(wanted.get("PasswordLength", 32))
            password = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(length))
            if "GenerateStringKey" in wanted:
                template = json.loads(wanted.get("SecretStringTemplate", "{}"))
                password = json.dumps({**template, wanted["GenerateStringKey"]: password})
            params["SecretString"] = password
        return params


TYPES: dict[str, ResourceType] = {
    "AWS::KMS::Key": Key(),
    "AWS::KMS::Alias": Row(
        "kms",
        "create_alias",
        "delete_alias",
        updated_by="update_alias",
        ref="AliasName",
        keys={"AliasName": "AliasName"},
    ),
    "AWS::SSM::Parameter": Parameter(),
    "AWS::SecretsManager::Secret": Secret(
        "secretsmanager",
        "create_secret",
        "delete_secret",
        updated_by="update_secret",
        ref="ARN",
        name="Name",
        keys={"SecretId": "ARN"},
        attributes={"Id": "ARN"},
        fixed={"ForceDeleteWithoutRecovery": True},
        tagging=Tagging("tag_resource", "untag_resource", "SecretId", "Ref"),
    ),
}
