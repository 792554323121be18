"""Where an endpoint's instances stand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_cdk import aws_ec2 as ec2
from aws_cdk.aws_sagemaker import CfnModel

from . import _refs
from ._iam import Statement

if TYPE_CHECKING:
    from constructs import Construct


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Attach the instances to a VPC: their containers reach S3 and whatever they call through it only.

    https://docs.aws.amazon.com/sagemaker/latest/dg/host-vpc.html

    :param vpc: The VPC. It needs a way to S3 and to what containers call: :class:`VpcEndpoints`, or NAT.
    :param subnets: Which subnets. Default: - the VPC's private ones.
    :param security_groups: At most 5. For jobs on several instances their members have to reach each other.
        Default: - a new group that lets nothing in and HTTPS out, and the instances of a job to each other.
    """

    vpc: ec2.IVpc
    subnets: ec2.SubnetSelection | None = None
    security_groups: Sequence[ec2.ISecurityGroup] = ()

    def problems(self) -> Iterable[str]:
        """Say what SageMaker would refuse."""
        if len(self.security_groups) > 5:
            yield f"{len(self.security_groups)} security_groups are given, allowed are 5"

    def render(self, scope: Construct, *, instances_meet: bool = False) -> CfnModel.VpcConfigProperty:
        """The model's part; makes the security group if none is given.

        :param instances_meet: Whether several instances work together, and have to reach each other.
        """
        selected = self.vpc.select_subnets() if self.subnets is None else select_subnets(self.vpc, self.subnets)
        groups = [group.security_group_id for group in self.security_groups]
        if not groups:
            made = ec2.CfnSecurityGroup(
                scope,
                "SecurityGroup",
                group_description="Instances of a SageMaker endpoint: nothing in, HTTPS out",
                vpc_id=self.vpc.vpc_id,
                security_group_egress=[
                    ec2.CfnSecurityGroup.EgressProperty(
                        ip_protocol="tcp", from_port=443, to_port=443, cidr_ip="0.0.0.0/0", description="HTTPS"
                    )
                ],
            )
            groups = [made.attr_group_id]
            if instances_meet:
                _let_members_meet(scope, groups[0])
        return CfnModel.VpcConfigProperty(security_group_ids=groups, subnets=selected.subnet_ids[:16])

    @staticmethod
    def statements() -> list[Statement]:
        """Network interfaces in the VPC, as SageMaker's hosting makes them."""
        interface = _refs.arn("ec2", "network-interface/*")
        return [
            Statement(
                sid="ManageNetworkInterfaces",
                actions=[
                    "ec2:CreateNetworkInterface",
                    "ec2:CreateNetworkInterfacePermission",
                    "ec2:DeleteNetworkInterface",
                    "ec2:DeleteNetworkInterfacePermission",
                ],
                resources=[interface, _refs.arn("ec2", "subnet/*"), _refs.arn("ec2", "security-group/*")],
                reason="interfaces get their ids when SageMaker makes them; subnets and groups are chosen in the model",
            ),
            Statement(
                sid="DescribeNetwork",
                actions=[
                    "ec2:DescribeDhcpOptions",
                    "ec2:DescribeNetworkInterfaces",
                    "ec2:DescribeSecurityGroups",
                    "ec2:DescribeSubnets",
                    "ec2:DescribeVpcs",
                ],
                resources=["*"],
                reason="EC2's Describe actions cannot be limited to a resource",
            ),
        ]


def _let_members_meet(scope: Construct, group_id: str) -> None:
    """All protocols, because encrypted traffic between instances is neither TCP nor UDP.

    https://docs.aws.amazon.com/sagemaker/latest/dg/train-encrypt.html
    """
    rule: dict[str, Any] = {"group_id": group_id, "ip_protocol": "-1", "description": "Instances of one job"}
    ec2.CfnSecurityGroupIngress(scope, "FromMembers", source_security_group_id=group_id, **rule)
    ec2.CfnSecurityGroupEgress(scope, "ToMembers", destination_security_group_id=group_id, **rule)


def select_subnets(vpc: ec2.IVpc, selection: ec2.SubnetSelection) -> ec2.SelectedSubnets:
    """Subnets of a VPC."""
    return vpc.select_subnets(
        availability_zones=selection.availability_zones,
        one_per_az=selection.one_per_az,
        subnet_filters=selection.subnet_filters,
        subnet_group_name=selection.subnet_group_name,
        subnets=selection.subnets,
        subnet_type=selection.subnet_type,
    )
