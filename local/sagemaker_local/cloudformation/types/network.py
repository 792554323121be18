"""The EC2 types of a VPC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botocore import xform_name

from sagemaker_local.errors import AwsError

from .base import Created, Properties, ResourceType, Work, as_json, delete_quietly
from .coerce import call
from .rows import Row, Tagging

TAGS = Tagging("create_tags", "delete_tags", "Resources", "[Ref]", tags="Tags", keys="TagKeys")


@dataclass(frozen=True)
class Ec2(Row):
    """An EC2 resource: tagged by CreateTags after its creation."""

    def create(self, work: Work, properties: Properties) -> Created:
        created = super().create(work, {key: value for key, value in properties.items() if key != "Tags"})
        if properties.get("Tags"):
            work.client("ec2").create_tags(Resources=[self.tagged(created)], Tags=properties["Tags"])
        return created

    def tagged(self, existing: Created) -> str:
        """Return the id that tags go to: an address's is not what `Ref` gives."""
        return str(existing.keys.get("AllocationId") or existing.ref)

    def retag(self, work: Work, existing: Created, old: Properties, new: Properties) -> None:
        before = {tag["Key"]: tag["Value"] for tag in old.get("Tags") or []}
        after = {tag["Key"]: tag["Value"] for tag in new.get("Tags") or []}
        client = work.client("ec2")
        gone = [{"Key": key} for key in sorted(before.keys() - after.keys())]
        if gone:
            client.delete_tags(Resources=[self.tagged(existing)], Tags=gone)
        if after and before != after:
            client.create_tags(Resources=[self.tagged(existing)], Tags=new["Tags"])


class Vpc(Ec2):
    """A VPC; DNS settings are separate calls."""

    def create(self, work: Work, properties: Properties) -> Created:
        created = super().create(work, properties)
        self._dns(work, created, properties)
        client = work.client("ec2")
        groups = client.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [created.ref]}])[
            "SecurityGroups"
        ]
        created.attributes["DefaultSecurityGroup"] = next(g["GroupId"] for g in groups if g["GroupName"] == "default")
        created.attributes["CidrBlockAssociations"] = []
        return created

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        self.retag(work, existing, old, new)
        self._dns(work, existing, new)
        return existing

    def _dns(self, work: Work, vpc: Created, properties: Properties) -> None:
        for name in ("EnableDnsSupport", "EnableDnsHostnames"):
            if name in properties:
                value = {"Value": properties[name] in (True, "true")}
                work.client("ec2").modify_vpc_attribute(VpcId=vpc.ref, **{name: value})


class Subnet(Ec2):
    """A subnet."""

    def create(self, work: Work, properties: Properties) -> Created:
        created = super().create(work, properties)
        self._public(work, created, properties)
        return created

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        self.retag(work, existing, old, new)
        self._public(work, existing, new)
        return existing

    def _public(self, work: Work, subnet: Created, properties: Properties) -> None:
        if "MapPublicIpOnLaunch" in properties:
            value = {"Value": properties["MapPublicIpOnLaunch"] in (True, "true")}
            work.client("ec2").modify_subnet_attribute(SubnetId=subnet.ref, MapPublicIpOnLaunch=value)


class GatewayAttachment(ResourceType):
    """An internet gateway's attachment to a VPC."""

    def create(self, work: Work, properties: Properties) -> Created:
        gateway, vpc = properties["InternetGatewayId"], properties["VpcId"]
        work.client("ec2").attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        return Created(f"IGW|{vpc}", {"AttachmentType": "IGW"}, {"InternetGatewayId": gateway, "VpcId": vpc})

    def delete(self, work: Work, existing: Created, properties: Properties) -> None:
        delete_quietly(work.client("ec2").detach_internet_gateway, **existing.keys)


class Route(ResourceType):
    """A route of a route table."""

    def create(self, work: Work, properties: Properties) -> Created:
        call(work.client("ec2"), "create_route", properties)
        destination = properties.get("DestinationCidrBlock") or properties.get("DestinationIpv6CidrBlock")
        keys: dict[str, Any] = {
            key: properties[key]
            for key in ("RouteTableId", "DestinationCidrBlock", "DestinationIpv6CidrBlock")
            if key in properties
        }
        return Created(f"{properties['RouteTableId']}|{destination}", {"CidrBlock": destination}, keys)

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        call(work.client("ec2"), "replace_route", new)
        return existing

    def delete(self, work: Work, existing: Created, properties: Properties) -> None:
        delete_quietly(work.client("ec2").delete_route, **existing.keys)


class VpcEndpoint(Ec2):
    """A gateway or interface endpoint."""

    def create(self, work: Work, properties: Properties) -> Created:
        if properties.get("VpcEndpointType") == "Interface":
            _refuse_subnets_of_one_zone(work, properties)
            if properties.get("PrivateDnsEnabled") in (True, "true"):
                _refuse_private_dns(work, properties)
        return super().create(work, properties)

    def parameters(self, work: Work, properties: Properties) -> dict[str, Any]:
        params = {"VpcEndpointType": "Gateway", **super().parameters(work, properties)}
        if "PolicyDocument" in params:
            params["PolicyDocument"] = as_json(params["PolicyDocument"])
        return params

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        self.retag(work, existing, old, new)
        params: dict[str, Any] = {"VpcEndpointId": existing.ref}
        for name, plural in (
            ("SubnetIds", "Subnet"),
            ("SecurityGroupIds", "SecurityGroup"),
            ("RouteTableIds", "RouteTable"),
        ):
            before, after = set(old.get(name) or []), set(new.get(name) or [])
            if before != after:
                params[f"Add{plural}Ids"] = sorted(after - before)
                params[f"Remove{plural}Ids"] = sorted(before - after)
        if old.get("PolicyDocument") != new.get("PolicyDocument"):
            params["PolicyDocument"] = as_json(new["PolicyDocument"]) if "PolicyDocument" in new else None
        call(
            work.client("ec2"),
            "modify_vpc_endpoint",
            {key: value for key, value in params.items() if value not in (None, [])},
        )
        return existing

    def delete(self, work: Work, existing: Created, properties: Properties) -> None:
        delete_quietly(work.client("ec2").delete_vpc_endpoints, VpcEndpointIds=[existing.ref])


def _refuse_subnets_of_one_zone(work: Work, properties: Properties) -> None:
    wanted = properties.get("SubnetIds") or []
    zones: set[str] = set()
    for subnet in work.client("ec2").describe_subnets(SubnetIds=wanted)["Subnets"] if wanted else ():
        if subnet["AvailabilityZone"] in zones:
            raise AwsError(
                "DuplicateSubnetsInSameZone",
                f"Found another VPC endpoint subnet in the availability zone of {subnet['SubnetId']}. VPC endpoint "
                "subnets should be in different availability zones supported by the VPC endpoint service.",
            )
        zones.add(subnet["AvailabilityZone"])


def _refuse_private_dns(work: Work, properties: Properties) -> None:
    """A name can lead to one endpoint of a VPC only, and only where the VPC answers names itself."""
    client, vpc, service = work.client("ec2"), properties["VpcId"], properties["ServiceName"]
    switches = (("enableDnsSupport", "EnableDnsSupport"), ("enableDnsHostnames", "EnableDnsHostnames"))
    if not all(client.describe_vpc_attribute(VpcId=vpc, Attribute=name)[key]["Value"] for name, key in switches):
        raise AwsError(
            "InvalidParameter",
            "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for "
            f"{vpc}",
        )
    filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "service-name", "Values": [service]}]
    there = client.describe_vpc_endpoints(Filters=filters)["VpcEndpoints"]
    if any(endpoint["PrivateDnsEnabled"] and endpoint["State"] != "deleted" for endpoint in there):
        before, _, name = service.partition(f".{work.region}.")
        domain = ".".join([*reversed(name.split(".")), work.region, *reversed(before.split("."))])
        raise AwsError(
            "InvalidParameter",
            "private-dns-enabled cannot be set because there is already a conflicting DNS domain for "
            f"{domain} in the VPC {vpc}",
        )


def _made(noun: str, *more: str, row: type[Row] = Ec2) -> Row:
    """A row whose calls are named after what they make: `create_vpc` answers with a `Vpc` that has a `VpcId`."""
    verb, key = xform_name(noun), f"{noun}Id"
    return row(
        "ec2",
        f"create_{verb}",
        f"delete_{verb}",
        ref=f"{noun}.{key}",
        keys={key: f"{noun}.{key}"},
        attributes={name: f"{noun}.{name}" for name in (key, *more)},
        tagging=TAGS,
    )


TYPES: dict[str, ResourceType] = {
    "AWS::EC2::VPC": _made("Vpc", "CidrBlock", row=Vpc),
    "AWS::EC2::Subnet": _made("Subnet", "AvailabilityZone", "VpcId", "CidrBlock", row=Subnet),
    "AWS::EC2::RouteTable": _made("RouteTable"),
    "AWS::EC2::SubnetRouteTableAssociation": Row(
        "ec2",
        "associate_route_table",
        "disassociate_route_table",
        ref="AssociationId",
        keys={"AssociationId": "AssociationId"},
        attributes={"Id": "AssociationId"},
    ),
    "AWS::EC2::Route": Route(),
    "AWS::EC2::InternetGateway": _made("InternetGateway"),
    "AWS::EC2::VPCGatewayAttachment": GatewayAttachment(),
    "AWS::EC2::NatGateway": _made("NatGateway"),
    "AWS::EC2::EIP": Ec2(
        "ec2",
        "allocate_address",
        "release_address",
        ref="PublicIp",
        keys={"AllocationId": "AllocationId"},
        attributes={"AllocationId": "AllocationId", "PublicIp": "PublicIp"},
        tagging=TAGS,
    ),
    "AWS::EC2::VPCEndpoint": VpcEndpoint(
        "ec2",
        "create_vpc_endpoint",
        "delete_vpc_endpoints",
        ref="VpcEndpoint.VpcEndpointId",
        keys={"VpcEndpointIds": "[VpcEndpoint.VpcEndpointId]"},
        attributes={"Id": "VpcEndpoint.VpcEndpointId", "DnsEntries": "VpcEndpoint.DnsEntries"},
        tagging=TAGS,
    ),
    "AWS::EC2::FlowLog": Ec2(
        "ec2",
        "create_flow_logs",
        "delete_flow_logs",
        ref="FlowLogIds[0]",
        rename={"ResourceId": "ResourceIds"},
        keys={"FlowLogIds": "FlowLogIds"},
        attributes={"Id": "FlowLogIds[0]"},
        tagging=TAGS,
    ),
}
