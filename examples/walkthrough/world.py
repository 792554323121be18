"""Where the story takes place: the environment's names, the embedded AWS, what is deployed there, and its clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from examples.walkthrough.cdk import Cdk
from examples.walkthrough.deployed import Deployed
from examples.walkthrough.embedded import EmbeddedAws
from examples.walkthrough.processes import Guardian
from stacks.settings import endpoint_name, feature_group_name, load, prefix

ROOT = Path(__file__).resolve().parent.parent.parent
ENVIRONMENT = ROOT / "environments" / "local.yaml"
MODEL, GROUP = "churn", "customers"


class World:
    """One environment in an embedded AWS of its own, which starts with it.

    Args:
        guardian: ends its processes.
        folder: where logs and pages go.
    """

    def __init__(self, guardian: Guardian, folder: Path) -> None:
        settings = load(ENVIRONMENT)
        registry = settings.models[MODEL].registry
        assert registry is not None
        self.folder = folder
        self.account, self.region = settings.account, settings.region
        self.prefix = prefix(settings.project, ENVIRONMENT.stem)
        self.endpoint = endpoint_name(settings.project, ENVIRONMENT.stem, MODEL)
        self.feature_group = feature_group_name(settings.project, ENVIRONMENT.stem, GROUP)
        self.group = registry.group
        self.aws = EmbeddedAws(guardian, account=self.account, region=self.region, folder=folder)
        self.live = Deployed(self.aws, prefix=self.prefix, model=MODEL)
        self.sagemaker = self.aws.client("sagemaker")
        self.runtime = self.aws.client("sagemaker-runtime")
        self.cdk = Cdk(guardian, environment=ENVIRONMENT.stem, variables=self.aws.variables, folder=folder)

    def next_hour(self) -> datetime:
        """Move to the start of the next hour: the window that the coming traffic falls into."""
        now = self.aws.now()
        start = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        self.aws.advance((start - now).total_seconds() + 60)
        return start

    def minute(self) -> None:
        """Let a minute pass."""
        self.aws.advance(60)

    def half_minute(self) -> None:
        """Let half a minute pass."""
        self.aws.advance(30)
