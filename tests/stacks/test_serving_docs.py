"""The examples of docs/serving.md work as they stand there."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns

import cdk_sagemaker_mlops as mlops
from stacks.settings import load

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")
IMAGE = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("text", examples("yaml"), ids=lambda text: text.splitlines()[-1].strip()[:40])
def test_environment_file(tmp_path: Path, text: str) -> None:
    if text.startswith("scaling:"):
        text = f"registry: {{group: churn}}\nendpoint:\n  instance_type: ml.m5.large\n{textwrap.indent(text, '  ')}"
    file = tmp_path / "dev.yaml"
    head = 'account: "111111111111"\nregion: eu-west-1\nmodels:\n  churn:\n'
    file.write_text(head + textwrap.indent(text, "    "), encoding="utf-8")
    assert load(file).models["churn"].endpoint


@pytest.mark.parametrize("text", examples("python"), ids=lambda text: text.splitlines()[0].strip()[:40])
def test_construct(text: str) -> None:
    app = cdk.App()
    stack = cdk.Stack(app, "Docs")
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "the-bucket")
    names = {
        "self": stack,
        "mlops": mlops,
        "image_uri": IMAGE,
        "group": mlops.ModelPackageGroup(stack, "Group", name="churn"),
        "answers": bucket,
        "data": bucket,
        "topic": sns.Topic.from_topic_arn(stack, "Topic", "arn:aws:sns:eu-west-1:111111111111:answers"),
        "caller": iam.Role(stack, "Caller", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com")),
        "vpc_endpoint": ec2.InterfaceVpcEndpoint.from_interface_vpc_endpoint_attributes(
            stack, "VpcEndpoint", vpc_endpoint_id="vpce-0a1b2c3d4e5f60718", port=443
        ),
    }
    exec(text, names)
    kinds = {each["Type"] for each in app.synth().get_stack_by_name("Docs").template["Resources"].values()}
    assert "AWS::SageMaker::Endpoint" in kinds


def test_the_page_has_an_example_of_every_mode() -> None:
    assert len(examples("yaml")) == 11 and len(examples("python")) == 10
