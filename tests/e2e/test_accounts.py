"""Three accounts: what is approved where the registry is goes live where it is followed, stage by stage.

Events cross the accounts: the followers' clocks are stopped while approvals have to wake them. Permissions are not
enforced by the embedded AWS; that the policies on all sides allow what happened is checked here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from e2e_support import models, policies
from e2e_support.deployment import Deployment
from e2e_support.site import Site, environment

from sagemaker_local.server import LocalAws

pytestmark = pytest.mark.e2e
OWNER, TRIAL, LIVE = "111000000031", "111000000032", "111000000033"
STAGE = "production"


@dataclass
class Promotion:
    """The environments, and what was live in development, staging and production, step by step."""

    sites: dict[str, Site]
    done: dict[str, str]
    versions: dict[int, str] = field(default_factory=dict)
    live: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    proposed: dict[str, Any] = field(default_factory=dict)

    def note(self, step: str) -> None:
        """What is live now; 0 is nothing."""
        numbers = [self.sites[name].live.live_version().rpartition("/")[2] for name in ("dev", "staging", "prod")]
        self.live[step] = tuple(int(number or 0) for number in numbers)  # type: ignore[assignment]


@pytest.fixture(scope="module")
def promotion(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Promotion:
    dev = environment(
        OWNER,
        registry={"group": "churn", "share_with_accounts": [TRIAL, LIVE], "promoted_by_accounts": [TRIAL]},
    )
    documents = {"dev": _unwatched(dev)}
    Deployment(aws, tmp_path_factory.mktemp("owner"), documents).deploy()
    owner = Site(aws, "dev", dev)

    # Generated names: the followers can only be told where the archives are once they have a place.
    artifacts = {
        "models_bucket": owner.live.bucket("Models"),
        "baselines_bucket": owner.live.bucket("Baselines"),
        "kms_key_arn": _key(owner),
    }
    followed = {"group": "churn", "account": OWNER, "artifacts": artifacts}
    order = {"staging": {"next_stage": STAGE, "healthy_minutes": 10}, "prod": {"stage": STAGE, "after": "staging"}}
    for name, account in (("staging", TRIAL), ("prod", LIVE)):
        promotion = {**followed, "promotion": order[name]}
        documents[name] = _unwatched(environment(account, registry=promotion, removal="retain"))
    done = Deployment(aws, tmp_path_factory.mktemp("all"), documents).deploy()
    sites = {name: Site(aws, name, documents[name], registry=dev) for name in ("dev", "staging", "prod")}
    return _live_through(Promotion(sites, done))


def _live_through(found: Promotion) -> Promotion:
    dev, staging, prod = (found.sites[name] for name in ("dev", "staging", "prod"))
    for number in (1, 2):
        found.versions[number] = version = dev.register(number, models.archive(), models.baseline())
        with _stopped_clock(staging), _stopped_clock(prod):
            dev.judge(version, "Approved")
            dev.until_live(version)
            staging.until_live(version)
            found.note(f"approved {number}")
        found.reasons[f"approved {number}"] = _ask(prod)
        staging.until(lambda version=version: _stage(dev, version), f"{version} to be proposed", step=60)  # type: ignore[misc]
        found.proposed = dev.client("sagemaker").describe_model_package(ModelPackageName=version)
        found.note(f"proposed {number}")
        with _stopped_clock(prod):
            _decide(dev, version, "Approved")
            prod.until_live(version)
            found.note(f"approved {number} for production")
    with _stopped_clock(prod):
        _decide(dev, found.versions[2], "Rejected")
        prod.until_live(found.versions[1])
        found.note("rejected 2 for production")
    return found


def _unwatched(document: dict[str, Any]) -> dict[str, Any]:
    """The environment without monitors, which have nothing to do with who may do what to a version."""
    del document["models"]["churn"]["monitors"]
    return document


def _key(site: Site) -> str:
    (key,) = site.resources("AWS::KMS::Key")
    return str(site.client("kms").describe_key(KeyId=key["PhysicalResourceId"])["KeyMetadata"]["Arn"])


def _stage(site: Site, version: str) -> dict[str, Any]:
    package = site.client("sagemaker").describe_model_package(ModelPackageName=version)
    return dict(package.get("ModelLifeCycle") or {})


def _decide(site: Site, version: str, status: str) -> None:
    """What a person does for a stage, where the registry is."""
    stage = {"Stage": STAGE, "StageStatus": status}
    site.client("sagemaker").update_model_package(ModelPackageArn=version, ModelLifeCycle=stage)


def _ask(site: Site) -> str:
    """What the controller says when a person asks it."""
    names = [resource["PhysicalResourceId"] for resource in site.resources("AWS::Lambda::Function")]
    (name,) = (name for name in names if "Controller" in name)
    answer = site.client("lambda").invoke(FunctionName=name, Payload=b"{}")
    return str(json.loads(answer["Payload"].read())["models"][0]["reason"])


@contextmanager
def _stopped_clock(site: Site) -> Iterator[None]:
    """Only events wake the site's controller meanwhile."""
    (rule,) = (r for r in site.resources("AWS::Events::Rule") if r["LogicalResourceId"].startswith("ControllerClock"))
    events, name = site.client("events"), rule["PhysicalResourceId"].rpartition("|")[2]
    events.disable_rule(Name=name)
    try:
        yield
    finally:
        events.enable_rule(Name=name)


def test_one_app_deploys_to_all_accounts(promotion: Promotion) -> None:
    accounts = {site.account for site in promotion.sites.values()}
    stacks = {name: len(site.live.stacks()) for name, site in promotion.sites.items()}

    assert accounts == {OWNER, TRIAL, LIVE}
    assert stacks == {"dev": 4, "staging": 3, "prod": 3}, "followers have no registry of their own"
    others = {name: what for name, what in promotion.done.items() if "-dev-" in name}
    assert set(others.values()) == {"unchanged"}, "nothing else changes when environments are added"


def test_an_approval_reaches_staging_at_once_and_production_not_yet(promotion: Promotion) -> None:
    assert promotion.live["approved 1"] == (1, 1, 0)
    assert promotion.live["approved 2"] == (2, 2, 1)
    assert "version 1 has not been healthy in e2e-staging yet" in promotion.reasons["approved 1"]


def test_what_stays_healthy_in_staging_is_proposed_for_production(promotion: Promotion) -> None:
    package = promotion.proposed

    assert promotion.live["proposed 2"] == (2, 2, 1), "a proposal is no approval"
    assert (package["ModelLifeCycle"]["Stage"], package["ModelLifeCycle"]["StageStatus"]) == (STAGE, "PendingApproval")
    assert set(package["CustomerMetadataProperties"]) == {"healthy-in:e2e-staging"}
    proposals = [event for event in promotion.sites["staging"].events("Model Rollout") if event["status"] == "Proposed"]
    assert [event["toVersion"] for event in proposals] == [1, 2]


def test_a_person_approves_for_production_and_takes_it_back(promotion: Promotion) -> None:
    assert promotion.live["approved 1 for production"] == (1, 1, 1)
    assert promotion.live["approved 2 for production"] == (2, 2, 2)
    assert promotion.live["rejected 2 for production"] == (2, 2, 1), "staging keeps what is good enough for it"


def test_the_group_lets_followers_read_and_deploy_and_staging_propose(promotion: Promotion) -> None:
    client = promotion.sites["dev"].client("sagemaker")
    document = client.get_model_package_group_policy(ModelPackageGroupName="churn")["ResourcePolicy"]
    allowed = {
        account: {
            action
            for statement in json.loads(document)["Statement"]
            if any(account in principal for principal in _many(statement["Principal"]["AWS"]))
            for action in _many(statement["Action"])
        }
        for account in (TRIAL, LIVE)
    }

    reading = {
        "sagemaker:CreateModel",
        "sagemaker:DescribeModelPackage",
        "sagemaker:DescribeModelPackageGroup",
        "sagemaker:ListModelPackages",
    }
    assert allowed == {TRIAL: {*reading, "sagemaker:UpdateModelPackage"}, LIVE: reading}


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("name", ["dev", "staging", "prod"])
def test_every_role_may_do_what_it_did(promotion: Promotion, name: str) -> None:
    site = promotion.sites[name]
    verdict = policies.judge(site, site.aws.calls)

    assert verdict.judged > 20
    assert verdict.missing == {}


@pytest.mark.parametrize("account", [TRIAL, LIVE])
def test_forwarded_events_are_let_in(promotion: Promotion, account: str) -> None:
    name = "staging" if account == TRIAL else "prod"
    calls = promotion.sites["dev"].aws.recorder.select(service="events", operation="PutEvents")
    forwarded = [call for call in calls if call.account == account and OWNER in call.caller_arn]
    policy = promotion.sites[name].client("events").describe_event_bus()["Policy"]
    statements = [s for s in json.loads(policy)["Statement"] if s["Sid"] == f"e2e-{name}-{OWNER}"]

    assert len(forwarded) >= 6, "registrations, approvals and proposals of two versions"
    assert "EventsRole" in forwarded[0].caller_arn
    assert OWNER in str(statements[0]["Principal"])
    assert statements[0]["Condition"]["StringEquals"]["events:source"] == "aws.sagemaker"


@pytest.mark.parametrize("kind", ["Models", "Baselines"])
def test_the_owner_lets_followers_read_archives_and_baselines(promotion: Promotion, kind: str) -> None:
    owner = promotion.sites["dev"]
    policy = owner.client("s3").get_bucket_policy(Bucket=owner.live.bucket(kind))["Policy"]
    key = owner.client("kms").get_key_policy(KeyId=_key(owner), PolicyName="default")["Policy"]

    for document, action in ((policy, "s3:GetObject"), (key, "kms:Decrypt")):
        for account in (TRIAL, LIVE):
            granted = [
                statement
                for statement in json.loads(document)["Statement"]
                if statement["Effect"] == "Allow" and account in json.dumps(statement["Principal"])
            ]
            assert any(action in json.dumps(statement["Action"]) for statement in granted), document
