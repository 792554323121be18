"""Accounts with a permissions boundary and a bootstrap of their own: every role and every name has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from stacks.code_pipeline import CodePipelineStack
from stacks.github_access import GitHubAccessStack
from stacks.settings import Environment
from stacks.settings.delivery import Delivery
from stacks.stage import EnvironmentStage

CDKS_OWN = cdk.DefaultStackSynthesizer.DEFAULT_QUALIFIER
BY_NAME, BY_ARN = "teams/ml-workloads", "arn:aws:iam::222222222222:policy/ml-workloads"


def bounds(template: dict[str, Any]) -> list[str]:
    """Boundaries of a template's roles, "none" for a role without."""
    roles = [r for r in template["Resources"].values() if r["Type"] == "AWS::IAM::Role"]
    return [json.dumps(role["Properties"].get("PermissionsBoundary", "none")) for role in roles]


@pytest.fixture(scope="module")
def assembly(environments: dict[str, Environment], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment that has a stack of every kind, and what delivers it and another one of the account."""
    folder = tmp_path_factory.mktemp("bootstrap")
    local = environments["local"].model_copy(
        update={"bootstrap_qualifier": "mlteam", "permissions_boundary": BY_NAME, "account": "222222222222"}
    )
    plain = environments["dev"].model_copy(update={"permissions_boundary": BY_ARN, "account": "222222222222"})
    app = cdk.App(outdir=str(folder))
    EnvironmentStage(app, "local", local)
    delivery = Delivery.model_validate(
        {
            "repository": "a/b",
            "environments": ({"name": "local"}, {"name": "dev"}),
            "github_actions": {},
            "code_pipeline": {
                "account": "111111111111",
                "region": "eu-west-1",
                "connection_arn": f"arn:aws:codeconnections:eu-west-1:111111111111:connection/{'0' * 36}",
                "bootstrap_qualifier": "tools",
                "permissions_boundary": BY_NAME,
            },
        }
    )
    both = {"local": local, "dev": plain}
    GitHubAccessStack(app, "Access", delivery=delivery, account="222222222222", environments=both)
    GitHubAccessStack(app, "Plain", delivery=delivery, account="222222222222", environments={"dev": plain})
    assert delivery.code_pipeline
    CodePipelineStack(
        app,
        "Pipeline",
        delivery=delivery,
        settings=delivery.code_pipeline,
        environments=both,
        cli_version="2.1148.1",
    )
    app.synth()
    return folder


def test_every_role_of_an_environment_has_the_boundary(assembly: Path) -> None:
    templates = [json.loads(file.read_text()) for file in assembly.glob("assembly-*/*.template.json")]
    found = [bound for template in templates for bound in bounds(template)]

    assert len(found) > 10
    assert len(templates) >= 7, "all kinds of stacks"
    assert {bound for bound in found if f"222222222222:policy/{BY_NAME}" not in bound} == set()


def test_assets_roles_and_the_bootstraps_version_have_the_qualifier(assembly: Path) -> None:
    for file in assembly.glob("assembly-*/*.json"):
        assert CDKS_OWN not in file.read_text(), file.name
    (manifest,) = assembly.glob("assembly-*/manifest.json")
    artifacts = json.loads(manifest.read_text())["artifacts"].values()
    stacks = [each["properties"] for each in artifacts if each["type"] == "aws:cloudformation:stack"]
    assert stacks
    for stack in stacks:
        assert stack["bootstrapStackVersionSsmParameter"] == "/cdk-bootstrap/mlteam/version"
        assert "role/cdk-mlteam-deploy-role-222222222222-eu-west-1" in stack["assumeRoleArn"]
        assert "cdk-mlteam-assets-222222222222-eu-west-1" in stack["stackTemplateAssetObjectUrl"]


def test_what_delivers_them_is_bounded_and_takes_on_their_bootstraps_roles(assembly: Path) -> None:
    access = (assembly / "Access.template.json").read_text()
    plain = (assembly / "Plain.template.json").read_text()
    pipeline = (assembly / "Pipeline.template.json").read_text()

    for kind in ("deploy", "file-publishing", "lookup"):
        for qualifier in ("mlteam", CDKS_OWN):
            assert f"cdk-{qualifier}-{kind}-role-222222222222-" in access, "one environment has the CDK's own"
            assert f"cdk-{qualifier}-{kind}-role-222222222222-eu-west-1" in pipeline
    assert "/cdk-bootstrap/mlteam/version" in access
    assert "mlteam" not in plain
    assert "/cdk-bootstrap/tools/version" in pipeline
    assert all(BY_NAME in bound for text in (access, pipeline) for bound in bounds(json.loads(text)))
    assert set(bounds(json.loads(plain))) == {json.dumps(BY_ARN)}
