"""Synthesizes one stage for each environment file.

    cdk synth                                  all of environments/*.yaml
    cdk deploy -c env=prod 'mlops-prod/*'      environments/prod.yaml only
    MLOPS_ENV=dev,staging cdk synth            the same selection by environment variable

A name that ends in .yaml is taken as a path. Nothing else is read from outside: no account, region, clock or network.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

try:
    import aws_cdk as cdk
except ModuleNotFoundError as error:
    sys.exit(f"{error.name} is not installed for {sys.executable}: run `make setup`, then `. .venv/bin/activate`")

from cdk_sagemaker_mlops import ConstructError, EndpointRecordError
from cdk_sagemaker_mlops.feature_store import RecordError
from cdk_sagemaker_mlops.functions import WheelsError
from stacks import endpoint_records, feature_records
from stacks.settings import SettingsError, load_all
from stacks.stage import EnvironmentStage

ROOT = Path(__file__).resolve().parent
ENVIRONMENTS = ROOT / "environments"
#: Where a person finds what helps, below every report of mistakes.
MESSAGES = f"Every message with its way out: {ROOT / 'docs' / 'reference' / 'errors.md'}"


def selected(names: str | None) -> list[Path]:
    """Files of a comma-separated selection, or all files."""
    if not names:
        return sorted(ENVIRONMENTS.glob("*.yaml"))
    chosen = [name.strip() for name in names.split(",") if name.strip()]
    return [Path(name) if name.endswith(".yaml") else ENVIRONMENTS / f"{name}.yaml" for name in chosen]


def main() -> int:
    # Traces in the metadata would name the temporary folder of the CDK's own process.
    app = cdk.App(stack_traces=False, context={"aws:cdk:disable-creation-stack-traces": True})
    files = selected(app.node.try_get_context("env") or os.environ.get("MLOPS_ENV"))
    try:
        environments = load_all(files)
        records = {file.stem: feature_records.read(file) for file in files}
        deployed = {file.stem: endpoint_records.read(file) for file in files}
    except (SettingsError, RecordError, EndpointRecordError) as error:
        sys.stderr.write(f"{error}\n{MESSAGES}\n")
        return 2
    for name, environment in environments.items():
        try:
            folder = next(file.parent for file in files if file.stem == name)
            EnvironmentStage(
                app,
                name,
                environment,
                feature_records=records[name],
                endpoint_records=deployed[name],
                folder=folder,
            )
        except (ConstructError, WheelsError) as error:
            # What only the library knows of the values: a person needs the sentence, not where in the code it was said.
            sys.stderr.write(f"environment {name}: {error}\n{MESSAGES}\n")
            return 2
    app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main())
