"""From the VPC of an environment file to constructs."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2

import cdk_sagemaker_mlops as mlops

from .base import acknowledge
from .settings import NetworkSettings, VpcEndpointSettings

_ROUTES_ARE_NOT_OURS = {"@aws-cdk/aws-ec2:noSubnetRouteTableId": "the VPC is given; no routes are added to its subnets"}
_of_jobs: WeakKeyDictionary[cdk.Stack, mlops.Network] = WeakKeyDictionary()


def network_of_endpoint(stack: cdk.Stack, settings: NetworkSettings | None) -> mlops.Network | None:
    """The VPC for the containers of a stack's endpoint, if there is one."""
    return _network(stack, settings, "") if settings else None


def network_of_jobs(stack: cdk.Stack, settings: NetworkSettings) -> mlops.Network:
    """The VPC for the jobs of a stack."""
    if stack not in _of_jobs:
        _of_jobs[stack] = _network(stack, settings, "Jobs")
    return _of_jobs[stack]


def define_vpc_endpoints(
    stack: cdk.Stack, settings: NetworkSettings, wanted: VpcEndpointSettings, services: Sequence[str]
) -> mlops.VpcEndpoints:
    """Define the private ways from the VPC to AWS.

    :param services: Services with an interface endpoint.
    """
    vpc = _vpc(stack, "Vpc", settings.vpc_id, wanted.subnet_ids or settings.subnet_ids)
    return mlops.VpcEndpoints(
        stack,
        "VpcEndpoints",
        vpc=vpc,
        services=services,
        # Taken as they are: the zones that the CDK believes them to be in are made up.
        subnets=ec2.SubnetSelection(subnets=vpc.private_subnets),
        allow_from=[
            ec2.SecurityGroup.from_security_group_id(stack, f"Caller-{caller}", caller, mutable=False)
            if caller.startswith("sg-")
            else ec2.Peer.ipv4(caller)
            for caller in wanted.allow_from or settings.security_group_ids
        ],
        route_table_ids=wanted.route_table_ids,
        accounts=wanted.accounts,
    )


def _network(stack: cdk.Stack, settings: NetworkSettings, prefix: str) -> mlops.Network:
    groups = [
        ec2.SecurityGroup.from_security_group_id(stack, f"{prefix}SecurityGroup{number}", group_id, mutable=False)
        for number, group_id in enumerate(settings.security_group_ids)
    ]
    return mlops.Network(vpc=_vpc(stack, f"{prefix}Vpc", settings.vpc_id, settings.subnet_ids), security_groups=groups)


def _vpc(stack: cdk.Stack, construct_id: str, vpc_id: str, subnet_ids: Sequence[str]) -> ec2.IVpc:
    vpc = ec2.Vpc.from_vpc_attributes(
        stack,
        construct_id,
        vpc_id=vpc_id,
        # The CDK demands a zone; nothing that is defined here depends on it, EC2 knows where the subnets are.
        availability_zones=[f"{stack.region}a"],
        private_subnet_ids=list(subnet_ids),
    )
    acknowledge(vpc, _ROUTES_ARE_NOT_OURS)
    return vpc
