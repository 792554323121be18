"""Synthesizes what delivers the environments, from `delivery.yaml`: deployed once by a person, then it keeps itself.

cdk deploy --app "python pipeline.py" 'mlops-GitHubAccess-*'     roles for the workflows in .github/workflows
cdk deploy --app "python pipeline.py" mlops-CodePipeline         a pipeline in AWS CodePipeline
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

try:
    import aws_cdk as cdk
except ModuleNotFoundError as error:
    sys.exit(f"{error.name} is not installed for {sys.executable}: run `make setup`, then `. .venv/bin/activate`")

from stacks.code_pipeline import CodePipelineStack
from stacks.github_access import GitHubAccessStack
from stacks.settings import SettingsError, load_all
from stacks.settings.delivery import load_delivery

ROOT = Path(__file__).resolve().parent


def main() -> int:
    try:
        delivery = load_delivery(ROOT / "delivery.yaml")
        environments = load_all(ROOT / "environments" / f"{item.name}.yaml" for item in delivery.environments)
    except SettingsError as error:
        sys.stderr.write(f"{error}\nEvery message with its way out: {ROOT / 'docs' / 'reference' / 'errors.md'}\n")
        return 2
    # Traces in the metadata would name the temporary folder of the CDK's own process.
    app = cdk.App(stack_traces=False, context={"aws:cdk:disable-creation-stack-traces": True})
    if delivery.github_actions is not None:
        for account in sorted({environment.account for environment in environments.values()}):
            GitHubAccessStack(
                app,
                f"{delivery.project}-GitHubAccess-{account}",
                delivery=delivery,
                account=account,
                environments={name: each for name, each in environments.items() if each.account == account},
            )
    if delivery.code_pipeline is not None:
        package = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
        CodePipelineStack(
            app,
            f"{delivery.project}-CodePipeline",
            delivery=delivery,
            settings=delivery.code_pipeline,
            environments=environments,
            cli_version=package["devDependencies"]["aws-cdk"],
        )
    app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main())
