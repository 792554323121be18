"""delivery.yaml, pipeline.py and the workflows: what delivers the environments."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
import yaml

from stacks.code_pipeline import CodePipelineStack
from stacks.github_access import GitHubAccessStack
from stacks.settings import SettingsError, load_all
from stacks.settings.delivery import Delivery, load_delivery
from tools.diff_comment import MARK, MOST_CHARACTERS, comment, read
from tools.oracles import ask

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PIPELINE = """
repository: example/ml-platform
environments: [{name: dev}, {name: prod, approval: true}]
github_actions: {owner_id: 7, repository_id: 8}
code_pipeline:
  account: "111111111111"
  region: eu-west-1
  connection_arn: arn:aws:codeconnections:eu-west-1:111111111111:connection/01234567-89ab-cdef-0123-456789abcdef
"""


def delivery_of(text: str, folder: Path) -> Delivery:
    file = folder / "delivery.yaml"
    file.write_text(text, encoding="utf-8")
    return load_delivery(file)


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("delivery")
    delivery = delivery_of(PIPELINE, folder)
    environments = load_all(ROOT / "environments" / f"{item.name}.yaml" for item in delivery.environments)
    app = cdk.App(outdir=str(folder / "out"))
    access = GitHubAccessStack(
        app, "Access", delivery=delivery, account="333333333333", environments={"prod": environments["prod"]}
    )
    assert delivery.code_pipeline is not None
    pipeline = CodePipelineStack(
        app,
        "Pipeline",
        delivery=delivery,
        settings=delivery.code_pipeline,
        environments=environments,
        cli_version="2.1148.1",
    )
    app.synth()
    return {
        stack.node.id: json.loads(Path(folder / "out" / stack.template_file).read_text())
        for stack in (access, pipeline)
    }


def of_type(template: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [resource["Properties"] for resource in template["Resources"].values() if resource["Type"] == kind]


def test_the_committed_file_is_valid_and_names_the_workflows_environments() -> None:
    names = [item.name for item in load_delivery(ROOT / "delivery.yaml").environments]
    deploy = yaml.safe_load((ROOT / ".github" / "workflows" / "deploy.yml").read_text())["jobs"]
    diff = yaml.safe_load((ROOT / ".github" / "workflows" / "pull-request.yml").read_text())["jobs"]["diff"]

    assert [job for job in deploy if job != "synth"] == names
    assert [deploy[after]["needs"] for after in names] == ["synth", *names[:-1]]
    assert diff["strategy"]["matrix"]["environment"] == names


def test_every_mistake_is_reported_at_once(tmp_path: Path) -> None:
    wrong = """
repository: no-owner
enviroments: []
environments: [{name: dev}, {name: dev, approval: "yes"}]
github_actions: {owner_id: 7}
code_pipeline: {account: 111, region: eu-west-1, connection_arn: none}
"""
    with pytest.raises(SettingsError) as caught:
        delivery_of(wrong, tmp_path)

    report = str(caught.value)
    assert re.search(r'delivery.yaml:2: repository: .*\n +given: +"no-owner" \(text\)\n +allowed: +owner/name', report)
    assert "enviroments: unknown key" in report
    assert "did you mean environments?" in report
    assert "environments[1].approval" in report
    assert "github_actions.repository_id: owner_id and repository_id go together" in report
    assert "code_pipeline.account" in report
    assert "code_pipeline.connection_arn" in report
    assert "6 mistakes in 1 delivery file" in report


def test_an_environment_stands_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="environments: dev stands in it more than once"):
        delivery_of("repository: a/b\nenvironments: [{name: dev}, {name: dev}]", tmp_path)


def test_github_takes_on_bootstrap_roles_only(templates: dict[str, dict[str, Any]]) -> None:
    deploy, diff = of_type(templates["Access"], "AWS::IAM::Role")
    subject = "token.actions.githubusercontent.com:sub"

    conditions = [
        role["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]["StringEquals"] for role in (deploy, diff)
    ]
    assert conditions[0][subject] == ["repo:example@7/ml-platform@8:environment:prod"]
    assert conditions[1][subject] == ["repo:example@7/ml-platform@8:pull_request"]
    assert all(condition["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com" for condition in conditions)
    (statement,) = diff["Policies"][0]["PolicyDocument"]["Statement"]
    assert statement["Action"] == "sts:AssumeRole"
    assert "cdk-hnb659fds-lookup-role-333333333333-" in json.dumps(statement["Resource"])
    assert "deploy-role" not in json.dumps(diff)
    (provider,) = [r for r in templates["Access"]["Resources"].values() if r["Type"] == "AWS::IAM::OIDCProvider"]
    assert provider["DeletionPolicy"] == "Retain"


def test_the_pipeline_deploys_in_order_by_the_command_line(templates: dict[str, dict[str, Any]]) -> None:
    (pipeline,) = of_type(templates["Pipeline"], "AWS::CodePipeline::Pipeline")
    stages = {
        stage["Name"]: [action["Name"] for action in sorted(stage["Actions"], key=lambda action: action["RunOrder"])]
        for stage in pipeline["Stages"]
    }

    assert list(stages) == ["Source", "Build", "UpdatePipeline", "dev", "prod"]
    assert stages["Build"] == ["Checks", "Synth"]
    assert stages["prod"] == ["Approve-prod", "Deploy-prod"]
    # CodePipeline's own CloudFormation action would set the live versions of all models back to none.
    providers = {action["ActionTypeId"]["Provider"] for stage in pipeline["Stages"] for action in stage["Actions"]}
    assert "CloudFormation" not in providers
    builds = json.dumps(of_type(templates["Pipeline"], "AWS::CodeBuild::Project"))
    assert "npx --yes aws-cdk@2.1148.1 deploy --app . 'mlops-prod/*' --require-approval never" in builds
    policies = json.dumps(of_type(templates["Pipeline"], "AWS::IAM::Policy"))
    assert "cdk-hnb659fds-deploy-role-333333333333-eu-west-1" in policies


@pytest.mark.oracle
@pytest.mark.parametrize("folder", [".github", "examples/platform/.github"])
def test_workflows_are_what_github_takes_and_careful(folder: str) -> None:
    """GitHub's published schema, and zizmor's audits of what workflows get wrong."""
    answer = ask("workflows", "workflow_findings.py", str(ROOT / folder))

    assert answer == {"schema": "", "audit": []}


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_workflows_run_what_exists(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))

    assert set(re.findall(r"\bmake ([a-z-]+)", text)) <= targets
    for module in re.findall(r"-m (tools\.\w+)", text):
        assert (ROOT / f"{module.replace('.', '/')}.py").exists(), module


DIFF = """Stack mlops-dev-Registry
There were no differences
Stack mlops-dev-Foundation
Resources
[-] AWS::S3::Bucket Storage/Old StorageOld1234 destroy
[~] AWS::KMS::Key Storage/Key StorageKey99 replace
 └─ [~] KeySpec (requires replacement)
[+] AWS::SNS::Topic Topic Topic55
Stack mlops-dev-Serving-churn (mlops-dev-Serving-churn)
Resources
[~] AWS::SageMaker::Model Endpoint/Model EndpointModel1 may be replaced
[~] AWS::CloudWatch::Alarm Alarm Alarm2
[-] AWS::CloudWatch::Alarm Gone Gone3 destroy
"""


def test_a_diff_is_told_stack_by_stack_with_dangers_first() -> None:
    stacks, dangers = read(DIFF)

    assert [stack.row for stack in stacks if not stack.empty] == [
        "| mlops-dev-Foundation | 1 | 0 | 1 | 1 |",
        "| mlops-dev-Serving-churn | 0 | 1 | 1 | 1 |",
    ]
    assert [danger.split(": ")[1][:20] for danger in dangers] == ["[-] AWS::S3::Bucket ", "[~] AWS::KMS::Key St"]
    text = comment({"dev": DIFF, "prod": "Stack mlops-prod-Foundation\nThere were no differences\n"})
    assert text.startswith(MARK)
    assert text.index("Data would be deleted") < text.index("| mlops-dev-Foundation")
    assert "No resource changes." in text


def test_a_long_diff_is_cut_to_what_github_takes() -> None:
    long = DIFF + "[+] AWS::SNS::Topic T T\n" * 20_000

    text = comment({"dev": long, "prod": long})

    assert len(text) < MOST_CHARACTERS + 500
    assert text.count("… cut; the whole text is in the workflow's log") == 2
