"""Two accounts, two regions, one CLI run: what is approved where the registry is goes live where it is followed.

Permissions are not enforced by the embedded AWS; that the policies on both sides allow what happened is checked here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from e2e_support import models, policies
from e2e_support.app import App
from e2e_support.site import Site, environment

from sagemaker_local.server import LocalAws

pytestmark = pytest.mark.e2e
OWNER, FOLLOWER = "111000000031", "111000000032"


@dataclass
class Promotion:
    """The environments, and what was live where after each approval."""

    dev: Site
    prod: Site
    west: Site
    printed: str
    version: str
    western: str
    after_first: tuple[str, str, str]
    after_second: tuple[str, str, str]
    group_policy: list[dict[str, object]]


@pytest.fixture(scope="module")
def promotion(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Promotion:
    documents = {
        "dev": environment(OWNER, registry={"group": "churn", "share_with_accounts": [FOLLOWER]}),
        "west": environment(FOLLOWER, "us-west-2"),
    }
    dev, west = (Site(aws, name, documents[name]) for name in ("dev", "west"))
    app = App(aws, tmp_path_factory.mktemp("accounts"), documents)
    app.synth()
    app.deploy()

    # Generated names: production can only be told where the archives are once they have a place.
    artifacts = {
        "models_bucket": dev.live.bucket("Models"),
        "baselines_bucket": dev.live.bucket("Baselines"),
        "kms_key_arn": _key(dev),
    }
    documents["prod"] = environment(
        FOLLOWER, registry={"group": "churn", "account": OWNER, "artifacts": artifacts}, removal="retain"
    )
    prod = Site(aws, "prod", documents["prod"], registry=documents["dev"])
    app.write(documents)
    app.synth()
    printed = app.deploy()

    def live() -> tuple[str, str, str]:
        return dev.live.live_version(), prod.live.live_version(), west.live.live_version()

    version = dev.register(1, models.archive(), models.baseline())
    dev.judge(version, "Approved")
    dev.until_live(version)
    prod.until_live(version)
    after_first = live()
    western = west.register(1, models.archive(), models.baseline())
    west.judge(western, "Approved")
    west.until_live(western)
    policy = dev.client("sagemaker").get_model_package_group_policy(ModelPackageGroupName="churn")["ResourcePolicy"]
    return Promotion(dev, prod, west, printed, version, western, after_first, live(), json.loads(policy)["Statement"])


def _key(site: Site) -> str:
    (key,) = site.resources("AWS::KMS::Key")
    return str(site.client("kms").describe_key(KeyId=key["PhysicalResourceId"])["KeyMetadata"]["Arn"])


def test_one_run_deploys_to_both_accounts_and_regions(promotion: Promotion) -> None:
    sites = (promotion.dev, promotion.prod, promotion.west)

    assert {(site.account, site.region) for site in sites} == {
        (OWNER, "eu-west-1"),
        (FOLLOWER, "eu-west-1"),
        (FOLLOWER, "us-west-2"),
    }
    assert [len(site.live.stacks()) for site in sites] == [4, 3, 4], "production has no registry of its own"
    assert promotion.printed.count("(no changes)") == 8, "nothing else changes when an environment is added"


def test_what_is_approved_in_one_account_goes_live_in_the_other(promotion: Promotion) -> None:
    assert promotion.after_first == (promotion.version, promotion.version, "")


def test_regions_are_apart(promotion: Promotion) -> None:
    assert ":us-west-2:" in promotion.western
    assert promotion.after_second == (promotion.version, promotion.version, promotion.western)


def test_the_group_lets_the_follower_read_and_deploy_and_nothing_more(promotion: Promotion) -> None:
    allowed = {
        action
        for statement in promotion.group_policy
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }

    assert {str(s["Principal"]) for s in promotion.group_policy} == {str({"AWS": [f"arn:aws:iam::{FOLLOWER}:root"]})}
    assert allowed == {
        "sagemaker:CreateModel",
        "sagemaker:DescribeModelPackage",
        "sagemaker:DescribeModelPackageGroup",
        "sagemaker:ListModelPackages",
    }


@pytest.mark.parametrize("name", ["dev", "prod", "west"])
def test_every_role_may_do_what_it_did(promotion: Promotion, name: str) -> None:
    site: Site = getattr(promotion, name)
    verdict = policies.judge(site, site.aws.calls)

    assert verdict.judged > 20
    assert verdict.missing == {}


@pytest.mark.parametrize("kind", ["Models", "Baselines"])
def test_the_owner_lets_the_follower_read_archives_and_baselines(promotion: Promotion, kind: str) -> None:
    policy = promotion.dev.client("s3").get_bucket_policy(Bucket=promotion.dev.live.bucket(kind))["Policy"]
    key = promotion.dev.client("kms").get_key_policy(KeyId=_key(promotion.dev), PolicyName="default")["Policy"]

    for document, action in ((policy, "s3:GetObject"), (key, "kms:Decrypt")):
        granted = [
            statement
            for statement in json.loads(document)["Statement"]
            if statement["Effect"] == "Allow" and FOLLOWER in json.dumps(statement["Principal"])
        ]
        assert any(action in json.dumps(statement["Action"]) for statement in granted), document
