"""Security groups and their rules."""

from __future__ import annotations

from typing import Any

from .base import Created, Properties, ResourceType, Work, delete_quietly
from .network import TAGS, Ec2


class SecurityGroup(Ec2):
    """A security group with its inline rules."""

    def create(self, work: Work, properties: Properties) -> Created:
        plain = {key: value for key, value in properties.items() if not key.startswith("SecurityGroup")}
        plain["GroupName"] = properties.get("GroupName") or work.generated_name(255)
        created = super().create(work, plain)
        self._rules(work, created, {}, properties)
        return created

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        self.retag(work, existing, old, new)
        self._rules(work, existing, old, new)
        return existing

    def parameters(self, work: Work, properties: Properties) -> dict[str, Any]:
        params = super().parameters(work, properties)
        params["Description"] = params.pop("GroupDescription")
        return params

    def _rules(self, work: Work, group: Created, old: Properties, new: Properties) -> None:
        client = work.client("ec2")
        for name, kind in (("SecurityGroupIngress", "ingress"), ("SecurityGroupEgress", "egress")):
            before, after = old.get(name) or [], new.get(name) or []
            if before == after:
                continue
            authorize = getattr(client, f"authorize_security_group_{kind}")
            revoke = getattr(client, f"revoke_security_group_{kind}")
            if kind == "egress" and after and not before:
                # The rule that every new group has gives way to the ones of the template. In a VPC that an app imports,
                # of which nothing is known here, a group has none.
                everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
                delete_quietly(revoke, GroupId=group.ref, IpPermissions=everything)
            gone = [rule for rule in before if rule not in after]
            if gone:
                delete_quietly(revoke, GroupId=group.ref, IpPermissions=[_permission(rule) for rule in gone])
            added = [rule for rule in after if rule not in before]
            if added:
                authorize(GroupId=group.ref, IpPermissions=[_permission(rule) for rule in added])


class SecurityGroupRule(ResourceType):
    """A rule that is a resource of its own."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def create(self, work: Work, properties: Properties) -> Created:
        authorize = getattr(work.client("ec2"), f"authorize_security_group_{self._kind}")
        result = authorize(GroupId=properties["GroupId"], IpPermissions=[_permission(properties)])
        rules = result.get("SecurityGroupRules") or []
        identifier = rules[0]["SecurityGroupRuleId"] if rules else work.generated_name()
        return Created(identifier, {"Id": identifier})

    def delete(self, work: Work, existing: Created, properties: Properties) -> None:
        revoke = getattr(work.client("ec2"), f"revoke_security_group_{self._kind}")
        delete_quietly(revoke, GroupId=properties["GroupId"], IpPermissions=[_permission(properties)])

    def replaces(self, old: Properties, new: Properties) -> bool:
        return old != new


def _permission(rule: dict[str, Any]) -> dict[str, Any]:
    permission: dict[str, Any] = {"IpProtocol": str(rule["IpProtocol"])}
    for name in ("FromPort", "ToPort"):
        if name in rule:
            permission[name] = int(rule[name])
    described = {"Description": rule["Description"]} if "Description" in rule else {}
    group = rule.get("SourceSecurityGroupId") or rule.get("DestinationSecurityGroupId")
    prefix = rule.get("SourcePrefixListId") or rule.get("DestinationPrefixListId")
    if "CidrIp" in rule:
        permission["IpRanges"] = [{"CidrIp": rule["CidrIp"], **described}]
    if "CidrIpv6" in rule:
        permission["Ipv6Ranges"] = [{"CidrIpv6": rule["CidrIpv6"], **described}]
    if group:
        permission["UserIdGroupPairs"] = [{"GroupId": group, **described}]
    if prefix:
        permission["PrefixListIds"] = [{"PrefixListId": prefix, **described}]
    return permission


TYPES: dict[str, ResourceType] = {
    "AWS::EC2::SecurityGroup": SecurityGroup(
        "ec2",
        "create_security_group",
        "delete_security_group",
        ref="GroupId",
        keys={"GroupId": "GroupId"},
        attributes={"GroupId": "GroupId", "Id": "GroupId", "VpcId": "VpcId"},
        tagging=TAGS,
    ),
    "AWS::EC2::SecurityGroupIngress": SecurityGroupRule("ingress"),
    "AWS::EC2::SecurityGroupEgress": SecurityGroupRule("egress"),
}
