"""The VPC of an environment file: its private ways to AWS are made on demand, and mistakes are told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import nag
import pytest
from cfnlint.api import ManualArgs, lint_file

from stacks.foundation import FoundationStack
from stacks.settings import Environment, SettingsError, load, load_all

COMMON = """\
account: "111111111111"
region: eu-west-1
network:
  vpc_id: vpc-0a1b2c3d
  subnet_ids: [subnet-0a1b2c3d, subnet-1a1b2c3d]
"""
MODEL = """\
models:
  churn:
    registry: {group: churn}
    endpoint: {instance_type: ml.m5.large}
"""
TRAINED = """\
    monitors: {data_quality: {schedule: hourly}}
    training: {label: a, problem: regression, query: {sql: s, feature_groups: [customers]}}
feature_groups:
  customers: {record_id: id, event_time: at, features: {id: string, at: string}, online: true, offline: glue}
"""
WANTED = """\
  vpc_endpoints:
    route_table_ids: [rtb-0a1b2c3d]
    allow_from: [10.0.0.0/16]
"""


def read(folder: Path, text: str) -> Environment:
    file = folder / "test.yaml"
    file.write_text(text)
    return load(file)


def services(template: dict[str, Any]) -> set[str]:
    text = [
        json.dumps(item["Properties"]["ServiceName"])
        for item in template["Resources"].values()
        if item["Type"] == "AWS::EC2::VPCEndpoint"
    ]
    return {name.split("eu-west-1.")[-1].strip('".]}') if "eu-west-1" in name else "s3" for name in text}


def test_foundation_makes_them_and_the_checks_find_nothing(tmp_path: Path) -> None:
    app = nag.checked(tmp_path / "out", nag.ALL_PACKS)
    settings = read(tmp_path, COMMON + WANTED + MODEL)
    stack = FoundationStack(app, "Foundation", environment_name="test", settings=settings)
    assert [(rule, path) for rule, path in nag.findings(app) if "VpcEndpoints" in path] == []
    file = Path(app.outdir) / f"{stack.artifact_id}.template.json"
    assert lint_file(file, config=ManualArgs(regions=["eu-west-1"])) == []
    template = json.loads(file.read_text())
    # Requests to endpoints; nothing else of this file calls from the VPC.
    assert services(template) == {"sagemaker.runtime", "s3"}
    (endpoint,) = (
        item["Properties"]
        for item in template["Resources"].values()
        if item["Properties"].get("VpcEndpointType") == "Interface"
    )
    assert endpoint["SubnetIds"] == ["subnet-0a1b2c3d", "subnet-1a1b2c3d"]


def test_services_follow_from_what_stands_in_the_vpc(tmp_path: Path) -> None:
    everything = (
        "athena",
        "events",
        "monitoring",
        "sagemaker.api",
        "sagemaker.featurestore-runtime",
        "sagemaker.runtime",
    )
    assert read(tmp_path, COMMON + WANTED + MODEL + TRAINED).vpc_endpoint_services == everything
    # Analyses in a Lambda stand outside.
    alone = TRAINED.partition("    training")[0].replace("hourly", "hourly, engine: lambda")
    assert read(tmp_path, COMMON + WANTED + MODEL + alone).vpc_endpoint_services == ("sagemaker.runtime",)
    given = WANTED + "    services: [kms, sts]\n"
    assert read(tmp_path, COMMON + given + MODEL).vpc_endpoint_services == ("kms", "sts")
    assert read(tmp_path, COMMON + MODEL).vpc_endpoint_services == ()


def test_security_groups_of_the_network_are_the_callers(tmp_path: Path) -> None:
    text = COMMON + "  security_group_ids: [sg-0a1b2c3d]\n" + WANTED.replace("    allow_from: [10.0.0.0/16]\n", "")
    settings = read(tmp_path, text + "    subnet_ids: [subnet-0a1b2c3d]\n" + MODEL)
    app = cdk.App()
    stack = FoundationStack(app, "Foundation", environment_name="test", settings=settings)
    found = {
        item["Type"]: item["Properties"]
        for item in app.synth().get_stack_by_name(stack.stack_name).template["Resources"].values()
    }
    assert found["AWS::EC2::SecurityGroup"]["SecurityGroupIngress"][0]["SourceSecurityGroupId"] == "sg-0a1b2c3d"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{}", ["vpc_endpoints.route_table_ids: is missing", "the id of a route table"]),
        ("true", ["vpc_endpoints", "a mapping with route_table_ids"]),
        ("{route_table_ids: [rtb-1]}", ["route_table_ids[0]", '"rtb-1"']),
        ("{route_table_ids: []}", ["nobody could call them", 'add allow_from: ["10.0.0.0/16"]']),
        ("{route_table_ids: [], services: []}", ["services", "there is nothing to make"]),
        ("{route_table_ids: [], allow_from: [0.0.0.0/0]}", ["allow_from[0]", "a range such as 10.0.0.0/16"]),
        ("{route_table_ids: [], allow_from: [10.0.0.0/16], services: [s3]}", ["services[0]", "sagemaker.runtime"]),
        (
            "{route_table_ids: [], allow_from: [10.0.0.0/16], services: [sagemaker_api]}",
            ["did you mean sagemaker.api?"],
        ),
        ("{route_table_ids: [], allow_from: [10.0.0.0/16], services: [sts, sts]}", ["names sts twice"]),
        ("{route_table_ids: [], allow_from: [10.0.0.0/16], zones: 2}", ["vpc_endpoints.zones: unknown key"]),
    ],
)
def test_mistakes_are_told_with_their_place(tmp_path: Path, given: str, said: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, f"{COMMON}  vpc_endpoints: {given}\n{MODEL}")
    for part in ["network.", *said]:
        assert part in str(caught.value), str(caught.value)


def test_a_vpc_takes_one_endpoint_of_each_service(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(COMMON + WANTED + MODEL)
    files = sorted(tmp_path.glob("*.yaml"))
    with pytest.raises(SettingsError) as caught:
        load_all(files)
    assert "two makes endpoints for sagemaker.runtime in vpc-0a1b2c3d as well" in str(caught.value)
    assert "two leads rtb-0a1b2c3d to S3 as well" in str(caught.value)
    (tmp_path / "two.yaml").write_text(
        COMMON + WANTED.replace("[rtb-0a1b2c3d]", "[]") + "    services: [sts]\n" + MODEL
    )
    assert len(load_all(files)) == 2
    # Another one's, and one that leaves them to the other.
    (tmp_path / "two.yaml").write_text((COMMON + WANTED + MODEL).replace("vpc-0a1b2c3d", "vpc-1a1b2c3d"))
    assert len(load_all(files)) == 2
    (tmp_path / "two.yaml").write_text(COMMON + MODEL)
    assert len(load_all(files)) == 2
