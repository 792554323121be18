"""IAM roles and policies: stored as on AWS, so that tests can read them; not enforced."""

from __future__ import annotations

from typing import Any

from .base import Created, Properties, ResourceType, Work, as_json, delete_quietly, tag_list, tag_map
from .coerce import call
from .rows import Row


class Role(ResourceType):
    """A role with its inline policies and attached managed policies."""

    def create(self, work: Work, properties: Properties) -> Created:
        client = work.client("iam")
        name = properties.get("RoleName") or work.generated_name(64)
        role = call(
            client,
            "create_role",
            {
                "RoleName": name,
                "AssumeRolePolicyDocument": as_json(properties["AssumeRolePolicyDocument"]),
                "Path": properties.get("Path"),
                "Description": properties.get("Description"),
                "MaxSessionDuration": properties.get("MaxSessionDuration"),
                "PermissionsBoundary": properties.get("PermissionsBoundary"),
                "Tags": tag_list(properties["Tags"]) if properties.get("Tags") else None,
            },
        )["Role"]
        try:
            _apply_policies(client, name, {}, properties)
        except Exception:
            # A role that could not be finished must not stay behind and block the next attempt.
            _delete_role(client, name)
            raise
        return Created(name, {"Arn": role["Arn"], "RoleId": role["RoleId"]})

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        client, name = work.client("iam"), existing.ref
        if old["AssumeRolePolicyDocument"] != new["AssumeRolePolicyDocument"]:
            client.update_assume_role_policy(RoleName=name, PolicyDocument=as_json(new["AssumeRolePolicyDocument"]))
        if any(old.get(key) != new.get(key) for key in ("Description", "MaxSessionDuration")):
            params = {
                "RoleName": name,
                "Description": new.get("Description", ""),
                "MaxSessionDuration": new.get("MaxSessionDuration"),
            }
            call(client, "update_role", params)
        if old.get("PermissionsBoundary") != new.get("PermissionsBoundary"):
            if new.get("PermissionsBoundary"):
                client.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=new["PermissionsBoundary"])
            else:
                client.delete_role_permissions_boundary(RoleName=name)
        before, after = tag_map(old.get("Tags")), tag_map(new.get("Tags"))
        if before.keys() - after.keys():
            client.untag_role(RoleName=name, TagKeys=sorted(before.keys() - after.keys()))
        if after and before != after:
            client.tag_role(RoleName=name, Tags=tag_list(after))
        _apply_policies(client, name, old, new)
        return existing

    def delete(self, work: Work, existing: Created, properties: Properties) -> None:
        _delete_role(work.client("iam"), existing.ref)


def _apply_policies(client: Any, role: str, old: Properties, new: Properties) -> None:
    before = {policy["PolicyName"]: policy["PolicyDocument"] for policy in old.get("Policies") or []}
    after = {policy["PolicyName"]: policy["PolicyDocument"] for policy in new.get("Policies") or []}
    for name in sorted(before.keys() - after.keys()):
        delete_quietly(client.delete_role_policy, RoleName=role, PolicyName=name)
    for name, document in after.items():
        if before.get(name) != document:
            client.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=as_json(document))
    attached, wanted = set(old.get("ManagedPolicyArns") or []), set(new.get("ManagedPolicyArns") or [])
    for arn in sorted(attached - wanted):
        delete_quietly(client.detach_role_policy, RoleName=role, PolicyArn=arn)
    for arn in sorted(wanted - attached):
        client.attach_role_policy(RoleName=role, PolicyArn=arn)


def _delete_role(client: Any, name: str) -> None:
    try:
        attached = client.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    except client.exceptions.NoSuchEntityException:
        return
    for policy in attached:
        client.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
    for policy_name in client.list_role_policies(RoleName=name)["PolicyNames"]:
        client.delete_role_policy(RoleName=name, PolicyName=policy_name)
    delete_quietly(client.delete_role, RoleName=name)


_HOLDERS = (("Roles", "role", "RoleName"), ("Users", "user", "UserName"), ("Groups", "group", "GroupName"))


class InlinePolicy(ResourceType):
    """AWS::IAM::Policy: one inline policy in several roles, users or groups."""

    def create(self, work: Work, properties: Properties) -> Created:
        self._put(work, properties, {})
        return Created(f"{work.stack_name[:4]}-{work.logical_id[:4]}-{work.generated_name()[-12:]}")

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        self._put(work, new, old)
        return existing

    def delete(self, work: Work, existing: Created, properties: Properties) -> None:
        self._remove(work, properties, {})

    def _put(self, work: Work, new: Properties, old: Properties) -> None:
        client = work.client("iam")
        document = as_json(new["PolicyDocument"])
        for key, kind, param in _HOLDERS:
            for holder in new.get(key) or []:
                put = getattr(client, f"put_{kind}_policy")
                put(**{param: holder, "PolicyName": new["PolicyName"], "PolicyDocument": document})
        self._remove(work, old, new)

    def _remove(self, work: Work, old: Properties, kept: Properties) -> None:
        client = work.client("iam")
        renamed = old.get("PolicyName") != kept.get("PolicyName")
        for key, kind, param in _HOLDERS:
            for holder in old.get(key) or []:
                if renamed or holder not in (kept.get(key) or []):
                    delete = getattr(client, f"delete_{kind}_policy")
                    delete_quietly(delete, **{param: holder, "PolicyName": old["PolicyName"]})


class ManagedPolicy(ResourceType):
    """A customer managed policy and whom it is attached to."""

    def create(self, work: Work, properties: Properties) -> Created:
        client = work.client("iam")
        policy = call(
            client,
            "create_policy",
            {
                "PolicyName": properties.get("ManagedPolicyName") or work.generated_name(128),
                "PolicyDocument": as_json(properties["PolicyDocument"]),
                "Path": properties.get("Path"),
                "Description": properties.get("Description"),
            },
        )["Policy"]
        self._attach(work, policy["Arn"], {}, properties)
        return Created(policy["Arn"], {"PolicyArn": policy["Arn"], "PolicyId": policy["PolicyId"]})

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        client = work.client("iam")
        if old["PolicyDocument"] != new["PolicyDocument"]:
            for version in client.list_policy_versions(PolicyArn=existing.ref)["Versions"]:
                if not version["IsDefaultVersion"]:
                    client.delete_policy_version(PolicyArn=existing.ref, VersionId=version["VersionId"])
            document = as_json(new["PolicyDocument"])
            client.create_policy_version(PolicyArn=existing.ref, PolicyDocument=document, SetAsDefault=True)
        self._attach(work, existing.ref, old, new)
        return existing

    def delete(self, work: Work, existing: Created, properties: Properties) -> None:
        client = work.client("iam")
        self._attach(work, existing.ref, properties, {})
        for version in client.list_policy_versions(PolicyArn=existing.ref)["Versions"]:
            if not version["IsDefaultVersion"]:
                client.delete_policy_version(PolicyArn=existing.ref, VersionId=version["VersionId"])
        delete_quietly(client.delete_policy, PolicyArn=existing.ref)

    def _attach(self, work: Work, arn: str, old: Properties, new: Properties) -> None:
        client = work.client("iam")
        for key, kind, param in _HOLDERS:
            before, after = set(old.get(key) or []), set(new.get(key) or [])
            for holder in sorted(after - before):
                getattr(client, f"attach_{kind}_policy")(**{param: holder, "PolicyArn": arn})
            for holder in sorted(before - after):
                delete_quietly(getattr(client, f"detach_{kind}_policy"), **{param: holder, "PolicyArn": arn})


class InstanceProfile(ResourceType):
    """An instance profile with its one role."""

    def create(self, work: Work, properties: Properties) -> Created:
        client = work.client("iam")
        name = properties.get("InstanceProfileName") or work.generated_name(128)
        profile = client.create_instance_profile(InstanceProfileName=name, Path=properties.get("Path", "/"))
        for role in properties.get("Roles") or []:
            client.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role)
        return Created(name, {"Arn": profile["InstanceProfile"]["Arn"]})

    def delete(self, work: Work, existing: Created, properties: Properties) -> None:
        client = work.client("iam")
        for role in properties.get("Roles") or []:
            delete_quietly(client.remove_role_from_instance_profile, InstanceProfileName=existing.ref, RoleName=role)
        delete_quietly(client.delete_instance_profile, InstanceProfileName=existing.ref)


TYPES: dict[str, ResourceType] = {
    "AWS::IAM::Role": Role(),
    "AWS::IAM::Policy": InlinePolicy(),
    "AWS::IAM::ManagedPolicy": ManagedPolicy(),
    "AWS::IAM::InstanceProfile": InstanceProfile(),
    "AWS::IAM::ServiceLinkedRole": Row(
        "iam", "create_service_linked_role", ref="Role.RoleName", attributes={"RoleName": "Role.RoleName"}
    ),
}
