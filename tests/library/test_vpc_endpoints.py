"""Private ways from a VPC to AWS: what is made for a VPC of the app and for an imported one, and what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2

import cdk_sagemaker_mlops as mlops
from cdk_sagemaker_mlops.vpc_endpoints import DEFAULT_SERVICES, SERVICES
from stacks.settings.network import Service

ROOT = Path(__file__).resolve().parents[2]
#: Clients of boto3 and the endpoints that they need; S3's is of another kind.
ENDPOINT_OF = {
    "athena": "athena",
    "cloudwatch": "monitoring",
    "events": "events",
    "sagemaker": "sagemaker.api",
    "sagemaker-runtime": "sagemaker.runtime",
}


def made(stack: cdk.Stack) -> ec2.Vpc:
    isolated = ec2.SubnetConfiguration(name="inside", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
    return ec2.Vpc(stack, "Vpc", max_azs=2, nat_gateways=0, subnet_configuration=[isolated])


def imported(stack: cdk.Stack, **more: Any) -> ec2.IVpc:
    return ec2.Vpc.from_vpc_attributes(
        stack, "Vpc", vpc_id="vpc-0a1b2c3d", availability_zones=["a"], private_subnet_ids=["subnet-0a1b2c3d"], **more
    )


def by_service(template: Any) -> dict[str, dict[str, Any]]:
    found = {}
    for item in template.of_type("EC2::VPCEndpoint").values():
        name = item["Properties"]["ServiceName"]
        text = name if isinstance(name, str) else "".join(p if isinstance(p, str) else "x" for p in name["Fn::Join"][1])
        found[text.split(".", 3)[3]] = item["Properties"]
    return found


def test_a_vpc_of_the_app_gets_endpoints_in_each_zone(stack: cdk.Stack, synthesise: Callable, lint: Callable) -> None:
    endpoints = mlops.VpcEndpoints(stack, "Private", vpc=made(stack), accounts=["222222222222"])
    cdk.CfnOutput(stack, "S3", value=str(endpoints.s3_endpoint_id))
    cdk.CfnOutput(stack, "Group", value=str(endpoints.security_group_id))
    template = synthesise()
    found = by_service(template)
    assert set(found) == {*DEFAULT_SERVICES, "s3"}
    group = template.by_id("PrivateSecurityGroup", "EC2::SecurityGroup")["Properties"]
    (rule,) = group["SecurityGroupIngress"]
    assert (rule["FromPort"], rule["ToPort"], rule["IpProtocol"]) == (443, 443, "tcp")
    assert rule["CidrIp"]["Fn::GetAtt"][1] == "CidrBlock"
    assert [item["CidrIp"] for item in group["SecurityGroupEgress"]] == ["255.255.255.255/32"]
    for service in DEFAULT_SERVICES:
        endpoint = found[service]
        assert endpoint["VpcEndpointType"] == "Interface" and endpoint["PrivateDnsEnabled"] is True
        assert len(endpoint["SubnetIds"]) == 2 and len(endpoint["SecurityGroupIds"]) == 1
    assert found["s3"]["VpcEndpointType"] == "Gateway"
    assert len(found["s3"]["RouteTableIds"]) == 2
    for service, endpoint in found.items():
        statement, *further = endpoint["PolicyDocument"]["Statement"]
        # Layers of images come from a bucket of ECR's, by addresses that ECR has signed, wherever ECR is reached.
        assert [item["Sid"] for item in further] == (["ImageLayers"] if service == "s3" else [])
        accounts = [{"Ref": "AWS::AccountId"}, "222222222222"]
        assert statement["Condition"] == {"StringEquals": {"aws:PrincipalAccount": accounts}}
    assert lint(template.template) == []


def test_an_imported_vpc_is_told_what_is_not_known_of_it(
    stack: cdk.Stack, synthesise: Callable, lint: Callable
) -> None:
    caller = ec2.SecurityGroup.from_security_group_id(stack, "Caller", "sg-0a1b2c3d", mutable=False)
    endpoints = mlops.VpcEndpoints(
        stack,
        "Private",
        vpc=imported(stack),
        services=["ecr.api", "ecr.dkr", "execute-api", "sts"],
        accounts=["222222222222"],
        allow_from=[caller, ec2.Peer.ipv4("10.1.0.0/16")],
        route_table_ids=["rtb-0a1b2c3d", "rtb-1a1b2c3d", "rtb-0a1b2c3d"],
    )
    template = synthesise()
    found = by_service(template)
    rules = template.only("EC2::SecurityGroup")["SecurityGroupIngress"]
    assert [rule.get("SourceSecurityGroupId") or rule["CidrIp"] for rule in rules] == ["sg-0a1b2c3d", "10.1.0.0/16"]
    assert found["s3"]["RouteTableIds"] == ["rtb-0a1b2c3d", "rtb-1a1b2c3d"]
    _, federated = found["sts"]["PolicyDocument"]["Statement"]
    assert federated["Action"] == ["sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity"]
    assert "222222222222:role/*" in json.dumps(federated["Resource"][1]) and len(federated["Resource"]) == 2
    _, layers = found["s3"]["PolicyDocument"]["Statement"]
    assert layers["Action"] == "s3:GetObject" and "starport-layer-bucket/*" in json.dumps(layers["Resource"])
    assert lint(template.template) == []
    entry = endpoints.interface_endpoint("execute-api")
    assert entry is endpoints.interface_endpoint("execute-api")
    with pytest.raises(
        mlops.ConstructError, match=r'service is "athena", allowed are ecr.api, ecr.dkr, execute-api, sts'
    ):
        endpoints.interface_endpoint("athena")


def test_a_vpc_that_has_an_endpoint_for_s3_gets_no_other(stack: cdk.Stack, synthesise: Callable) -> None:
    vpc = imported(stack, vpc_cidr_block="10.0.0.0/16")
    mlops.VpcEndpoints(stack, "Private", vpc=vpc, services=["sagemaker.runtime"], route_table_ids=[])
    mlops.VpcEndpoints(stack, "Free", vpc=vpc, services=[], route_table_ids=["rtb-1"])
    template = synthesise()
    assert set(by_service(template)) == {"sagemaker.runtime", "s3"}
    assert template.only("EC2::SecurityGroup")["SecurityGroupIngress"][0]["CidrIp"] == "10.0.0.0/16"


def test_everything_that_is_wrong_is_told_at_once(stack: cdk.Stack) -> None:
    with pytest.raises(mlops.ConstructError) as caught:
        mlops.VpcEndpoints(
            stack,
            "Private",
            vpc=imported(stack),
            services=["sagemaker-api", "s3", "logs", "logs"],
            allow_from=[ec2.Peer.any_ipv4()],
            accounts=["1234"],
        )
    said = "\n".join(caught.value.problems)
    assert 'services is "sagemaker-api", allowed are athena' in said and 'did you mean "sagemaker.api"?' in said
    assert "services names s3, which has a gateway endpoint here" in said
    assert "services names logs 2 times" in said
    assert "allow_from holds 0.0.0.0/0, which is everybody" in said
    assert 'accounts is "1234"' in said
    assert "route_table_ids is not given" in said
    assert len(caught.value.problems) == 6
    with pytest.raises(mlops.ConstructError, match="the addresses of this imported VPC are not known"):
        mlops.VpcEndpoints(stack, "Unknown", vpc=imported(cdk.Stack()), route_table_ids=[])
    with pytest.raises(mlops.ConstructError, match="both empty, so there is nothing to make"):
        mlops.VpcEndpoints(stack, "Nothing", vpc=imported(cdk.Stack()), services=[], route_table_ids=[])


def test_names_of_services_follow_the_partition(app: cdk.App) -> None:
    stack = cdk.Stack(app, "China", env=cdk.Environment(account="111111111111", region="cn-north-1"))
    mlops.VpcEndpoints(stack, "Private", vpc=imported(stack, vpc_cidr_block="10.0.0.0/16"), route_table_ids=[])
    template = app.synth().get_stack_by_name("China").template
    names = {item["Properties"].get("ServiceName") for item in template["Resources"].values()}
    assert "cn.com.amazonaws.cn-north-1.sagemaker.api" in names


def test_environment_files_know_the_same_services_and_aws_has_them() -> None:
    assert set(get_args(Service)) == set(SERVICES)
    kinds = ec2.InterfaceVpcEndpointAwsService
    known = {getattr(kinds, name).short_name for name in dir(kinds) if name.isupper()}
    assert set(SERVICES) <= known


def test_whatever_jobs_call_has_an_endpoint() -> None:
    """Code that runs in jobs, which may stand in a VPC, makes clients of these services only."""
    called = {
        name
        for folder in ("lambda/monitor", "training/tabular_training")
        for file in (ROOT / folder).glob("*.py")
        for name in re.findall(r'client\(\s*"([a-z0-9-]+)"', file.read_text(encoding="utf-8"))
    }
    assert called - {"s3"} == set(ENDPOINT_OF)
    assert set(ENDPOINT_OF.values()) <= set(SERVICES)
    assert set(DEFAULT_SERVICES) == set(ENDPOINT_OF.values()) - {"athena"}  # which only queries need
