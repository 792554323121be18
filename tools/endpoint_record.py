"""Records what was deployed of endpoints, so that a change that SageMaker would refuse is refused at synthesis.

    python -m tools.endpoint_record accept prod                  after a deployment: record all endpoints of prod.yaml
    python -m tools.endpoint_record accept prod churn            record one
    python -m tools.endpoint_record accept prod churn --anyway   record a change that was made in another way

Nothing is deployed or read from AWS.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from cdk_sagemaker_mlops import ConstructError, EndpointRecordError
from stacks import endpoint_records
from stacks.endpoints import recorded_variants
from stacks.settings import SettingsError, load

ENVIRONMENTS = Path(__file__).resolve().parent.parent / "environments"


def accept(file: Path, models: Sequence[str], *, anyway: bool) -> list[str]:
    """Write the records of one environment; returns what is not accepted, in sentences.

    :param models: Names of models in the environment file; none for all.
    :param anyway: Whether changes are recorded that SageMaker would refuse.
    """
    settings = load(file)
    recorded = endpoint_records.read(file)
    unknown = [name for name in models if name not in settings.models]
    if unknown:
        return [f"{', '.join(unknown)}: no such model in {file.name}; there are: {', '.join(settings.models)}"]
    refused = []
    for name in models or settings.models:
        now = recorded_variants(settings.models[name])
        if now is None:
            print(f"{name}: has inference components, which can change freely; nothing is recorded")
            continue
        before = recorded.get(name)
        problems = [] if before is None or anyway else before.refusals(now)
        if problems:
            refused += [f"{name}: {problem}" for problem in problems]
        elif before == now:
            print(f"{name}: unchanged")
        else:
            target = endpoint_records.directory(file) / f"{name}.json"
            now.write(target)
            print(f"{name}: wrote {target}; commit it")
    return refused


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns 1 if something is refused, 2 if something cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m tools.endpoint_record", description="Records of endpoints.")
    commands = parser.add_subparsers(dest="command", required=True)
    accepting = commands.add_parser("accept", help="write the records of an environment")
    accepting.add_argument("environment", help="name of the environment, or its file")
    accepting.add_argument("models", nargs="*", help="models; all if none is named")
    accepting.add_argument("--anyway", action="store_true", help="record what SageMaker would refuse")
    options = parser.parse_args(arguments)
    name: str = options.environment
    file = Path(name) if name.endswith(".yaml") else ENVIRONMENTS / f"{name}.yaml"
    try:
        refused = accept(file, options.models, anyway=options.anyway)
    except (SettingsError, EndpointRecordError, ConstructError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for line in refused:
        sys.stderr.write(f"{line}\n")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
