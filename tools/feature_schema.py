"""Records what feature groups are, so that a change that would replace one is refused at synthesis.

    python -m tools.feature_schema accept dev                       record all groups of environments/dev.yaml
    python -m tools.feature_schema accept dev customers             record one
    python -m tools.feature_schema accept dev customers --replace   record a change that replaces it, on purpose
    python -m tools.feature_schema accept dev customers --drop      forget a group that was removed, on purpose
    python -m tools.feature_schema check                            fail if a record is missing or behind
    python -m tools.feature_schema infer data.parquet               print the `features:` of a Parquet or CSV file

Nothing is deployed or read from AWS.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import aws_cdk as cdk

from cdk_sagemaker_mlops import ConstructError
from cdk_sagemaker_mlops.feature_store import Feature, RecordError, SchemaRecord, compare
from stacks import feature_records
from stacks.feature_store import FeatureStoreStack
from stacks.foundation import FoundationStack
from stacks.settings import Environment, SettingsError, load, prefix

ENVIRONMENTS = Path(__file__).resolve().parent.parent / "environments"


def proposals(name: str, settings: Environment, recorded: Mapping[str, SchemaRecord]) -> dict[str, SchemaRecord]:
    """What the groups of an environment would be, by their names in its file."""
    if not settings.feature_groups:
        return {}
    stage = cdk.Stage(cdk.App(), prefix(settings.project, name))
    foundation = FoundationStack(stage, "Foundation", environment_name=name, settings=settings)
    stack = FeatureStoreStack(
        stage,
        "FeatureStore",
        environment_name=name,
        settings=settings,
        notifications=foundation.notifications,
        records={group: record.without_enforcement() for group, record in recorded.items()},
    )
    return {group: made.proposed_record for group, made in stack.groups.items()}


def accept(file: Path, groups: Sequence[str], *, replace: bool, drop: bool) -> list[str]:
    """Write the records of one environment; returns what is not accepted, in sentences.

    :param groups: Names of groups in the environment file; none for all.
    :param replace: Whether these may be changed in ways that replace them.
    :param drop: Whether the records of these are removed.
    """
    recorded = feature_records.read(file)
    settings = load(file)
    unknown = [name for name in groups if name not in settings.feature_groups and name not in recorded]
    if unknown:
        known = ", ".join(dict.fromkeys([*settings.feature_groups, *recorded])) or "none"
        return [f"{', '.join(unknown)}: no such feature group in {file.name}; there are: {known}"]
    if drop:
        return _drop(file, groups, settings)
    refused = []
    for name, proposed in proposals(file.stem, settings, recorded).items():
        if groups and name not in groups:
            continue
        before = recorded.get(name)
        evolution = compare(before, proposed) if before else None
        if evolution and evolution.refusals and not replace:
            refused += [f"{name}: {reason}" for reason in evolution.refusals]
            continue
        if before is not None and before.to_json() == proposed.to_json():
            print(f"{name}: unchanged")
            continue
        target = feature_records.directory(file) / f"{name}.json"
        proposed.write(target)
        print(f"{name}: wrote {target}; commit it")
        if replace and evolution and evolution.refusals:
            print(f"{name}: the next deployment replaces it; under the same name it fails until the old one is deleted")
    return refused


def _drop(file: Path, groups: Sequence[str], settings: Environment) -> list[str]:
    still_there = [name for name in groups if name in settings.feature_groups]
    if still_there:
        return [f"{', '.join(still_there)}: still in {file.name}; remove it there first"]
    for name in groups:
        (feature_records.directory(file) / f"{name}.json").unlink()
        print(f"{name}: forgotten; commit the removal of its record")
    return []


def check(file: Path) -> list[str]:
    """What is missing or behind in the records of one environment, in sentences."""
    recorded = feature_records.read(file)
    proposed = proposals(file.stem, load(file), recorded)
    gone = [f"{file.stem}: {name} is recorded but not in {file.name}" for name in recorded if name not in proposed]
    behind = [
        f"{file.stem}: {name} is not recorded as it is; run: {feature_records.COMMAND} accept {file.stem} {name}"
        for name, record in proposed.items()
        if name not in recorded or recorded[name].to_json() != record.to_json()
    ]
    return gone + behind


def infer(file: Path) -> str:
    """The `features:` of an environment file, told from data."""
    if not file.is_file():
        raise ValueError(f"there is no file {file}")
    found = Feature.from_parquet(file) if file.suffix == ".parquet" else Feature.from_csv(file)
    return "\n".join(["features:", *(f"  {feature.name}: {feature.type.lower()}" for feature in found)])


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns 1 if something is refused, 2 if something cannot be read."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "infer":
            print(infer(options.file))
            return 0
        if options.command == "check":
            files = [_file(name) for name in options.environments] or sorted(ENVIRONMENTS.glob("*.yaml"))
            refused = [line for file in files for line in check(file)]
        else:
            if (options.drop or options.replace) and not options.groups:
                raise ValueError("name the groups that --replace or --drop is meant for")
            refused = accept(_file(options.environment), options.groups, replace=options.replace, drop=options.drop)
    except (SettingsError, RecordError, ConstructError, ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for line in refused:
        sys.stderr.write(f"{line}\n")
    return 1 if refused else 0


def _file(name: str) -> Path:
    return Path(name) if name.endswith(".yaml") else ENVIRONMENTS / f"{name}.yaml"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.feature_schema", description="Records of feature groups.")
    commands = parser.add_subparsers(dest="command", required=True)
    accepting = commands.add_parser("accept", help="write the records of an environment")
    accepting.add_argument("environment", help="name of the environment, or its file")
    accepting.add_argument("groups", nargs="*", help="groups; all if none is named")
    accepting.add_argument("--replace", action="store_true", help="accept changes that replace these groups")
    accepting.add_argument("--drop", action="store_true", help="forget these groups")
    checking = commands.add_parser("check", help="fail if a record is missing or behind")
    checking.add_argument("environments", nargs="*", help="environments; all if none is named")
    inferring = commands.add_parser("infer", help="print the features of a Parquet or CSV file")
    inferring.add_argument("file", type=Path)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
