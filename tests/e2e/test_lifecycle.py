"""A model's life under the real CDK CLI: deployed empty, rolled out, redeployed, taken back, destroyed.

Two environments, in two accounts and two regions, share every command: one keeps its data when it is destroyed, one
does not.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

import pytest
from e2e_support import models
from e2e_support.app import App
from e2e_support.site import Site, environment

from sagemaker_local.server import LocalAws

pytestmark = pytest.mark.e2e
STACKS = ("Delivery", "Foundation", "Registry", "Serving-churn")
STATEFUL = {
    "AWS::S3::Bucket",
    "AWS::KMS::Key",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::SSM::Parameter",
    "AWS::SageMaker::ModelPackageGroup",
    "AWS::SageMaker::Endpoint",
    "AWS::Logs::LogGroup",
}


@dataclass
class Life:
    """What was seen on the way, by name of the environment where both were looked at."""

    gone: Site
    kept: Site
    packages: dict[str, list[str]] = field(default_factory=dict)
    printed: dict[str, str] = field(default_factory=dict)
    stacks: dict[str, dict[str, str]] = field(default_factory=dict)
    live: dict[str, str] = field(default_factory=dict)
    previews: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    physical: dict[str, dict[str, str]] = field(default_factory=dict)
    objects: set[str] = field(default_factory=set)
    left: dict[str, dict[str, set[str]]] = field(default_factory=dict)

    def stateful(self) -> dict[str, str]:
        """Physical ids of what holds data or serves, by logical id."""
        return {
            f"{site.prefix}/{resource['LogicalResourceId']}": resource["PhysicalResourceId"]
            for site in (self.gone, self.kept)
            for kind in STATEFUL
            for resource in site.resources(kind)
        }


@pytest.fixture(scope="module")
def life(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Life:
    documents = {
        "gone": environment("111000000011"),
        "kept": environment("111000000012", "us-west-2", removal="retain"),
    }
    app = App(aws, tmp_path_factory.mktemp("lifecycle"), documents)
    found = Life(Site(aws, "gone", documents["gone"]), Site(aws, "kept", documents["kept"]))
    sites = (found.gone, found.kept)
    app.deploy(synthesise=True)
    found.stacks["first"] = {**found.gone.live.stacks(), **found.kept.live.stacks()}
    found.printed["again"] = app.deploy()

    for site in sites:
        first = site.register(1, models.archive(), models.baseline())
        second = site.register(2, models.archive(), models.baseline())
        found.packages[site.prefix] = [first, second]
        site.judge(first, "Approved")
    for site in sites:
        site.until_live(found.packages[site.prefix][0])
    found.live["approved"] = found.gone.live.live_version()
    found.live["approved in the other region"] = found.kept.live.live_version()
    found.printed["diff after a rollout"] = app.run("diff", "**")

    # A change of the serving stack, of tags and of defaults, previewed and then deployed.
    found.physical["before"] = found.stateful()
    changed = copy.deepcopy(documents)
    for document in changed.values():
        document["tags"] = {"team": "risk", "cost-center": "4711"}
        document["log_retention_days"] = 3
        document["models"]["churn"]["endpoint"]["alarms"] = {"latency_milliseconds": 700}
    app.write(changed)
    marker = len(aws.calls)
    # Not `cdk diff`: its change set takes the parameters' defaults, as if no version were live.
    app.deploy(synthesise=True)
    found.previews = [
        (call.params["StackName"], change["ResourceChange"])
        for call in aws.calls[marker:]
        if (call.service, call.operation) == ("cloudformation", "DescribeChangeSet") and call.response
        for change in call.response.get("Changes", [])
    ]
    found.stacks["changed"] = {**found.gone.live.stacks(), **found.kept.live.stacks()}
    found.physical["after"] = found.stateful()
    found.live["redeployed"] = found.gone.live.live_version()

    second = found.packages[found.gone.prefix][1]
    found.gone.judge(second, "Approved")
    found.gone.until_live(second)
    found.live["second"] = found.gone.live.live_version()
    found.gone.judge(second, "Rejected")
    found.gone.until_live(found.packages[found.gone.prefix][0])
    found.live["rejected"] = found.gone.live.live_version()

    found.objects = {
        item["Key"]
        for kind in ("Models", "Baselines")
        for item in found.kept.client("s3").list_objects_v2(Bucket=found.kept.live.bucket(kind))["Contents"]
    }
    found.printed["destroy"] = app.run("destroy", "**", "--force")
    found.stacks["destroyed"] = {**found.gone.live.stacks(), **found.kept.live.stacks()}
    found.left = {"gone": found.gone.inventory(), "kept": found.kept.inventory()}
    return found


def test_every_stack_is_created_before_any_model_exists(life: Life) -> None:
    wanted = {f"{site.prefix}-{stack}" for site in (life.gone, life.kept) for stack in STACKS}

    assert set(life.stacks["first"]) == wanted
    assert set(life.stacks["first"].values()) == {"CREATE_COMPLETE"}


def test_a_second_deployment_has_nothing_to_do(life: Life) -> None:
    assert life.printed["again"].count("(no changes)") == 8


def test_an_approved_version_goes_live_without_a_difference_to_the_code(life: Life) -> None:
    assert life.live["approved"] == life.packages[life.gone.prefix][0]
    assert life.live["approved in the other region"] == life.packages[life.kept.prefix][0]
    regions = {package.split(":")[3] for packages in life.packages.values() for package in packages}
    assert regions == {"eu-west-1", "us-west-2"}
    assert "Number of stacks with differences: 0" in life.printed["diff after a rollout"]


def test_a_deployment_keeps_the_live_version(life: Life) -> None:
    assert life.stacks["changed"][life.gone.live.serving_stack] == "UPDATE_COMPLETE"
    assert life.live["redeployed"] == life.packages[life.gone.prefix][0]


def test_tags_and_settings_replace_nothing_that_holds_data_or_serves(life: Life) -> None:
    kinds = {change["ResourceType"] for _, change in life.previews}
    replaced = [
        (stack, change["LogicalResourceId"], change["ResourceType"])
        for stack, change in life.previews
        if change["Action"] == "Remove" or change.get("Replacement") in ("True", "Conditional")
    ]

    assert kinds >= {"AWS::S3::Bucket", "AWS::CloudWatch::Alarm", "AWS::SageMaker::Endpoint"}, "tags reach them"
    assert [item for item in replaced if item[2] in STATEFUL] == []
    assert life.physical["before"] == life.physical["after"]


def test_rejecting_the_live_version_brings_the_one_before_back(life: Life) -> None:
    first, second = life.packages[life.gone.prefix]

    assert life.live["second"] == second
    assert life.live["rejected"] == first
    told = [(event["status"], event["fromVersion"], event["toVersion"]) for event in life.gone.events("Model Rollout")]
    assert [item for item in told if item[0] == "Succeeded"] == [
        ("Succeeded", None, 1),
        ("Succeeded", 1, 2),
        ("Succeeded", 2, 1),
    ]


def test_destroying_leaves_what_is_retained_and_nothing_else(life: Life) -> None:
    assert life.stacks["destroyed"] == {}
    assert life.left["gone"] == {}
    kept = life.left["kept"]
    assert set(kept) == {"bucket", "key", "group"}
    assert kept["group"] == {"churn"}
    assert len(kept["key"]) == 1
    assert life.objects == {"churn/v1/model.tar.gz", "churn/v2/model.tar.gz"} | {
        f"churn/v{number}/{name}.json" for number in (1, 2) for name in ("statistics", "constraints")
    }
