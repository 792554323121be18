"""Private ways from a VPC to AWS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from . import _paths, _refs
from ._block import Block, Member, to_cloudformation
from ._errors import Problems
from .network import select_subnets
from .storage import ACCOUNT_PATTERN, ACCOUNT_RULE

_HTTPS = 443

#: Services that what runs in a VPC calls, by the end of their endpoints' names.
#: https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html
SERVICES: Mapping[str, str] = {
    "athena": "queries over feature groups",
    "ecr.api": "images, for what pulls them itself; SageMaker's jobs and endpoints do not",
    "ecr.dkr": "the layers of these images",
    "events": "announcements of monitors' runs",
    "execute-api": "a private HTTP front door",
    "glue": "tables of feature groups, for training sets",
    "kms": "encryption by one's own code",
    "lambda": "functions",
    "logs": "logs that are written by one's own code; SageMaker delivers those of its containers",
    "monitoring": "CloudWatch's metrics",
    "sagemaker.api": "the registry, jobs, pipelines",
    "sagemaker.featurestore-runtime": "online records of feature groups",
    "sagemaker.runtime": "requests to endpoints",
    "secretsmanager": "secrets",
    "sns": "messages",
    "sqs": "queues",
    "ssm": "parameters",
    "sts": "roles that are taken on",
}
#: What the constructs of this library call from within a VPC, and requests to endpoints.
DEFAULT_SERVICES = ("events", "monitoring", "sagemaker.api", "sagemaker.runtime")


class VpcEndpoints(Construct):
    """Endpoints in a VPC, so that containers, jobs and callers in it reach AWS without internet access.

    An interface endpoint per service with private DNS, which turns every client's ordinary address into a private one,
    and a gateway endpoint for S3. One security group lets in HTTPS from whom you say; the endpoints' policies let
    through principals of this account only. Requests that nobody of the account has signed are refused, also those of
    everything else whose route tables lead to S3 then: public buckets, repositories of Amazon Linux, addresses that
    others signed; layers of ECR's images come through.

    :param vpc: The VPC. Private DNS needs its DNS support and DNS host names turned on.
    :param services: Services with an interface endpoint, such as sagemaker.api and athena; a VPC takes one of each.
        Default: - events, monitoring, sagemaker.api, sagemaker.runtime
    :param subnets: Subnets of the interface endpoints, at most one in a zone. Default: - a private one of each zone
    :param allow_from: Who may call: security groups, and ranges by `ec2.Peer`. Default: - every address of the VPC
    :param route_table_ids: Route tables that lead to S3; with an empty list no endpoint for S3 is made, for a VPC that
        has one. Default: - those of the VPC's private subnets
    :param accounts: Further accounts whose principals are let through. Default: - none
    :ivar services: The services with an interface endpoint.
    """

    services: tuple[str, ...]

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc: ec2.IVpc,
        services: Sequence[str] = DEFAULT_SERVICES,
        subnets: ec2.SubnetSelection | None = None,
        allow_from: Sequence[ec2.IPeer] = (),
        route_table_ids: Sequence[str] | None = None,
        accounts: Sequence[str] = (),
    ) -> None:
        problems = Problems()
        _check_services(problems, services, route_table_ids)
        for number in accounts:
            problems.matches("accounts", number, ACCOUNT_PATTERN, ACCOUNT_RULE)
        callers = _callers(problems, vpc, allow_from)
        tables = _route_tables(problems, vpc) if route_table_ids is None else list(route_table_ids)
        selected = vpc.select_subnets(one_per_az=True) if subnets is None else select_subnets(vpc, subnets)
        problems.require(
            not services or bool(selected.subnet_ids), "subnets select none of the VPC; interface endpoints need one"
        )
        problems.raise_if_any(scope, construct_id)
        super().__init__(scope, construct_id)
        _paths.place(self, scope, construct_id)
        self.services = tuple(services)
        self._vpc_id = vpc.vpc_id
        self._principals = [_refs.account(), *dict.fromkeys(accounts)]
        self._block = Block(self)
        self._group = self._add_group(callers) if services else None
        self._interfaces = {service: self._add_interface(service, selected.subnet_ids) for service in services}
        self._gateway = self._add_gateway(tables) if tables else None
        self._block.define()

    @property
    def security_group_id(self) -> str | None:
        """Security group of the interface endpoints, if there are some."""
        return self._group.att("GroupId") if self._group else None

    @cached_property
    def s3_endpoint_id(self) -> str | None:
        """Id of the gateway endpoint, `aws:SourceVpce` of bucket policies; None without one."""
        return self._gateway.ref if self._gateway else None

    def interface_endpoint(self, service: str) -> ec2.IInterfaceVpcEndpoint:
        """The endpoint of one of the services, for `InferenceApi(vpc_endpoints=...)` and policies.

        :param service: One of `services`.
        """
        problems = Problems()
        problems.one_of("service", service, self.services)
        problems.raise_if_any(self)
        return _refs.remembered(
            self,
            f"view of {service}",
            lambda: ec2.InterfaceVpcEndpoint.from_interface_vpc_endpoint_attributes(
                self, f"View-{service}", vpc_endpoint_id=self._interfaces[service].ref, port=_HTTPS
            ),
        )

    def _add_group(self, callers: Sequence[Mapping[str, Any]]) -> Member:
        rules = [
            {"IpProtocol": "tcp", "FromPort": _HTTPS, "ToPort": _HTTPS, "Description": "HTTPS to AWS", **caller}
            for caller in callers
        ]
        return self._block.add(
            "SecurityGroup",
            "AWS::EC2::SecurityGroup",
            ec2.CfnSecurityGroupProps(
                group_description="VPC endpoints: HTTPS in, nothing out",
                vpc_id=self._vpc_id,
                # Without any rule EC2 adds one that allows everything; this one matches no packet.
                security_group_egress=[
                    ec2.CfnSecurityGroup.EgressProperty(
                        ip_protocol="icmp",
                        from_port=252,
                        to_port=86,
                        cidr_ip="255.255.255.255/32",
                        description="Nothing: endpoints only answer",
                    )
                ],
            ),
            extra={"SecurityGroupIngress": rules},
        )

    def _add_interface(self, service: str, subnet_ids: Sequence[str]) -> Member:
        assert self._group is not None  # noqa: S101  (made before the first of them)
        return self._block.add(
            service,
            "AWS::EC2::VPCEndpoint",
            ec2.CfnVPCEndpointProps(
                vpc_id=self._vpc_id,
                # The CDK knows which services have another prefix in which partition.
                service_name=ec2.InterfaceVpcEndpointAwsService(service).name,
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=list(subnet_ids),
                security_group_ids=[self._group.att("GroupId")],
                policy_document=self._policy(*(self._federated() if service == "sts" else ())),
            ),
        )

    def _add_gateway(self, route_table_ids: Sequence[str]) -> Member:
        return self._block.add(
            "S3",
            "AWS::EC2::VPCEndpoint",
            ec2.CfnVPCEndpointProps(
                vpc_id=self._vpc_id,
                service_name=f"com.amazonaws.{_refs.region()}.s3",
                vpc_endpoint_type="Gateway",
                route_table_ids=list(dict.fromkeys(route_table_ids)),
                policy_document=self._policy(self._layers()),
            ),
        )

    def _policy(self, *further: Mapping[str, Any]) -> dict[str, Any]:
        """Whatever policies of principals allow, for principals of these accounts: no data leave by others' keys."""
        own = {
            "Sid": "OwnPrincipals",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": "*",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:PrincipalAccount": self._principals}},
        }
        return {"Version": "2012-10-17", "Statement": [own, *further]}

    def _federated(self) -> list[Mapping[str, Any]]:
        """Who comes with a token of an identity provider is nobody's principal yet, only the role is ours.

        https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
        """
        return [
            {
                "Sid": "FederatedToOwnRoles",
                "Effect": "Allow",
                "Principal": "*",
                "Action": ["sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity"],
                "Resource": [f"arn:{_refs.partition()}:iam::{account}:role/*" for account in self._principals],
            }
        ]

    @staticmethod
    def _layers() -> Mapping[str, Any]:
        """ECR hands out layers of images by addresses that ECR itself has signed.

        Whoever made ECR's endpoints, or reaches it through NAT: layers come through this way as soon as it is there.

        https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
        """
        bucket = f"arn:{_refs.partition()}:s3:::prod-{_refs.region()}-starport-layer-bucket"
        return {
            "Sid": "ImageLayers",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": "s3:GetObject",
            "Resource": f"{bucket}/*",
        }


def _check_services(problems: Problems, services: Sequence[str], route_table_ids: Sequence[str] | None) -> None:
    for service in dict.fromkeys(services):
        if service == "s3":
            problems.add("services names s3, which has a gateway endpoint here, free of charge; give route_table_ids")
            continue
        problems.one_of("services", service, tuple(SERVICES))
        count = list(services).count(service)
        problems.require(count == 1, f"services names {service} {count} times, and a VPC takes one endpoint of each")
    problems.require(
        bool(services) or route_table_ids is None or bool(route_table_ids),
        "services and route_table_ids are both empty, so there is nothing to make; give one of them",
    )


def _callers(problems: Problems, vpc: ec2.IVpc, allow_from: Sequence[ec2.IPeer]) -> list[Mapping[str, Any]]:
    """Sources of the security group's rules, as CloudFormation writes them."""
    if not allow_from:
        try:
            return [{"CidrIp": vpc.vpc_cidr_block}]
        except RuntimeError:
            problems.add(
                "allow_from is empty, and the addresses of this imported VPC are not known; give security groups, "
                "ec2.Peer.ipv4(...), or vpc_cidr_block to Vpc.from_vpc_attributes"
            )
            return []
    found: list[Mapping[str, Any]] = []
    for peer in allow_from:
        source = to_cloudformation(peer.to_ingress_rule_config())
        everybody = sorted({"0.0.0.0/0", "::/0"} & {str(value) for value in source.values()})
        problems.require(
            not everybody, f"allow_from holds {', '.join(everybody)}, which is everybody; name your own addresses"
        )
        found.append(source)
    return found


def _route_tables(problems: Problems, vpc: ec2.IVpc) -> list[str]:
    """Route tables of the VPC's private subnets."""
    try:
        found = [subnet.route_table.route_table_id for subnet in (*vpc.private_subnets, *vpc.isolated_subnets)]
    except RuntimeError:
        found = []
    if not found:
        problems.add(
            "route_table_ids is not given, and the route tables of this VPC's private subnets are not known; give "
            "their ids, or [] if the VPC has an endpoint for S3"
        )
    return list(dict.fromkeys(found))
