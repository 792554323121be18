"""Publishes descriptions and parameters of features, which CloudFormation has no property for.

    python -m tools.feature_metadata dev            make SageMaker's metadata as environments/dev.yaml says
    python -m tools.feature_metadata dev --dry-run  say what would change

Needs credentials of the environment's account. Only what differs is written; running it again changes nothing.
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_UpdateFeatureMetadata.html
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from stacks.settings import SettingsError, feature_group_name, load
from stacks.settings.features import FeatureSettings

ENVIRONMENTS = Path(__file__).resolve().parent.parent / "environments"


def update_of(group: str, feature: str, wanted: FeatureSettings, found: dict[str, Any]) -> dict[str, Any] | None:
    """The call that makes one feature's metadata what is wanted, or nothing if it is that already.

    :param found: What `DescribeFeatureMetadata` says.
    """
    known = {item["Key"]: item.get("Value", "") for item in found.get("Parameters", [])}
    additions = [{"Key": key, "Value": value} for key, value in wanted.parameters.items() if known.get(key) != value]
    removals = [key for key in known if key not in wanted.parameters]
    update: dict[str, Any] = {"FeatureGroupName": group, "FeatureName": feature}
    if wanted.description != found.get("Description", ""):
        update["Description"] = wanted.description
    if additions:
        update["ParameterAdditions"] = additions
    if removals:
        update["ParameterRemovals"] = removals
    return update if len(update) > 2 else None


def publish(client: Any, group: str, features: dict[str, FeatureSettings], *, dry_run: bool = False) -> list[str]:
    """Make the metadata of a group's features as they are given; returns the names of those that differ."""
    changed = []
    for name, wanted in features.items():
        found = client.describe_feature_metadata(FeatureGroupName=group, FeatureName=name)
        update = update_of(group, name, wanted, found)
        if update is None:
            continue
        changed.append(name)
        if not dry_run:
            client.update_feature_metadata(**update)
    return changed


def main(arguments: Sequence[str]) -> int:
    """Publish the metadata of one environment; returns 2 if a file or AWS refuses."""
    parser = argparse.ArgumentParser(prog="python -m tools.feature_metadata", description="Metadata of features.")
    parser.add_argument("environment", help="name of the environment, or its file")
    parser.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")
    options = parser.parse_args(arguments)
    named = options.environment
    file = Path(named) if named.endswith(".yaml") else ENVIRONMENTS / f"{named}.yaml"
    try:
        settings = load(file)
        client = boto3.client("sagemaker", region_name=settings.region)
        for key, group in settings.feature_groups.items():
            name = group.name or feature_group_name(settings.project, file.stem, key)
            changed = publish(client, name, group.features, dry_run=options.dry_run)
            verb = "would change" if options.dry_run else "changed"
            print(f"{name}: {verb} {', '.join(changed)}" if changed else f"{name}: as it should be")
    except (SettingsError, ClientError, BotoCoreError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
