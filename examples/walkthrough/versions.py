"""The versions in the registry: how they come there, what a person says of them, what becomes of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from examples.walkthrough import model
from examples.walkthrough.story import Step
from examples.walkthrough.training import Training
from examples.walkthrough.world import MODEL, World


@dataclass
class Version:
    """One registered version and what became of it."""

    arn: str
    number: int
    story: str
    fate: str = "registered"


class Versions:
    """The versions so far, oldest first; their numbers count from 1."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.all: list[Version] = []

    def __getitem__(self, number: int) -> Version:
        return self.all[number - 1]

    def wait_for(self, step: Step, training: Training, story: str) -> dict[str, Any]:
        """The version that the pipeline registers next; its failure is a difference."""
        number = len(self.all) + 1

        def done() -> bool:
            failures = training.failures()
            step.require(not failures, f"the training pipeline failed: {failures}")
            return training.registered(number) is not None

        step.wait(done, for_what=f"the pipeline to register version {number}", timeout_seconds=180, pause_seconds=0.5)
        package = training.registered(number) or {}
        self.all.append(Version(package["ModelPackageArn"], number, story))
        return package

    def register(self, story: str, archive: bytes) -> None:
        """A version that no pipeline has looked at."""
        number = len(self.all) + 1
        package = self._world.sagemaker.create_model_package(
            ModelPackageGroupName=self._world.group,
            ModelPackageDescription=story,
            ModelApprovalStatus="PendingManualApproval",
            InferenceSpecification={
                "Containers": [
                    {
                        "Image": model.XGBOOST_IMAGE,
                        "ModelDataUrl": self._world.live.upload("Models", f"{MODEL}/v{number}/model.tar.gz", archive),
                    }
                ],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
        )
        self.all.append(Version(package["ModelPackageArn"], number, story))

    def approve(self, number: int) -> None:
        """Say what a person says in the registry."""
        self._world.sagemaker.update_model_package(ModelPackageArn=self[number].arn, ModelApprovalStatus="Approved")

    def wait_until_live(self, step: Step, number: int) -> None:
        """Wait until the endpoint serves a version, the clock running ahead."""
        package = self[number].arn
        step.wait(
            lambda: self._world.live.is_live(package),
            for_what=f"version {number} to be live (the clock runs ahead through bake times)",
            timeout_seconds=90, meanwhile=self._world.minute,
        )  # fmt: skip

    def quarantined(self) -> list[dict[str, Any]]:
        """What the deploy Lambda has written down of versions that it does not try again."""
        ssm = self._world.aws.client("ssm")
        found = ssm.get_parameters(Names=[f"/{self._world.prefix}/quarantine/{MODEL}"])["Parameters"]
        return list(json.loads(found[0]["Value"])) if found else []
