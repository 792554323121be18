"""The environments' pipeline in AWS CodePipeline, by CDK Pipelines."""

from __future__ import annotations

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam
from aws_cdk import pipelines
from constructs import Construct

from .base import boundary_of
from .settings import Environment, prefix
from .settings.delivery import CodePipelineSettings, DeliveredEnvironment, Delivery

_ASSEMBLY = "cdk.out.environments"


class CodePipelineStack(cdk.Stack):
    """Checks, synthesis, then the environments in the order of `delivery.yaml`, with a person's approval where it says
    so. The pipeline changes itself when `delivery.yaml` does.

    Environments are deployed by the CDK's command line in CodeBuild and not by CodePipeline's CloudFormation action:
    that action sets parameters which it is not told back to their defaults
    (https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1789), and the live version of a model
    is such a parameter. `cdk deploy` keeps their values.

    https://docs.aws.amazon.com/cdk/v2/guide/cdk-pipeline.html

    :param delivery: Settings of the delivery.
    :param settings: Settings of the pipeline.
    :param environments: Settings of the environments by name.
    :param cli_version: Version of the CDK's command line.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        delivery: Delivery,
        settings: CodePipelineSettings,
        environments: Mapping[str, Environment],
        cli_version: str,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            env=cdk.Environment(account=settings.account, region=settings.region),
            synthesizer=cdk.DefaultStackSynthesizer(qualifier=settings.bootstrap_qualifier),
            permissions_boundary=boundary_of(settings.permissions_boundary),
            description=f"Delivers {delivery.repository} to {', '.join(item.name for item in delivery.environments)}",
        )
        self._delivery, self._cli_version = delivery, cli_version
        source = pipelines.CodePipelineSource.connection(
            delivery.repository, delivery.branch, connection_arn=settings.connection_arn
        )
        checks = pipelines.ShellStep("Checks", input=source, commands=["make test"])
        names = ",".join(item.name for item in delivery.environments)
        synth = pipelines.ShellStep(
            "Synth",
            input=source,
            commands=[
                "make setup",
                'export PATH="$PWD/.venv/bin:$PATH"',
                f"npx cdk synth --quiet --context env={names} --output {_ASSEMBLY}",
                'npx cdk synth --quiet --app "python pipeline.py"',
            ],
        )
        synth.add_step_dependency(checks)
        assembly = synth.add_output_directory(_ASSEMBLY)
        self.pipeline = pipelines.CodePipeline(
            self,
            "Pipeline",
            synth=synth,
            # Its artifacts are encrypted by a key of their own.
            cross_account_keys=True,
            enable_key_rotation=True,
            code_build_defaults=pipelines.CodeBuildOptions(
                build_environment=codebuild.BuildEnvironment(
                    build_image=codebuild.LinuxBuildImage.STANDARD_7_0,
                    compute_type=codebuild.ComputeType.MEDIUM,
                ),
                partial_build_spec=codebuild.BuildSpec.from_object(
                    {"phases": {"install": {"runtime-versions": {"python": "3.13", "nodejs": "22"}}}}
                ),
            ),
        )
        for item in delivery.environments:
            deployment = self._deployment(item, environments[item.name], assembly)
            approvals: list[pipelines.Step] = []
            if item.approval:
                approvals.append(
                    pipelines.ManualApprovalStep(
                        f"Approve-{item.name}", comment=f"Deploys {delivery.repository} to {item.name}"
                    )
                )
                deployment.add_step_dependency(approvals[0])
            self.pipeline.add_wave(item.name, pre=[*approvals, deployment])

    def _deployment(
        self, item: DeliveredEnvironment, environment: Environment, assembly: pipelines.FileSet
    ) -> pipelines.CodeBuildStep:
        own = self.synthesizer.bootstrap_qualifier or cdk.DefaultStackSynthesizer.DEFAULT_QUALIFIER
        qualifier = environment.bootstrap_qualifier or own
        roles = [
            cdk.Arn.format(
                cdk.ArnComponents(
                    partition=self.partition,
                    service="iam",
                    region="",
                    account=environment.account,
                    resource="role",
                    # Made by `cdk bootstrap`; each says itself what it may.
                    resource_name=f"cdk-{qualifier}-{kind}-role-{environment.account}-{environment.region}",
                )
            )
            for kind in ("deploy", "file-publishing", "lookup")
        ]
        stacks = f"{prefix(environment.project, item.name)}/*"
        return pipelines.CodeBuildStep(
            f"Deploy-{item.name}",
            input=assembly,
            commands=[f"npx --yes aws-cdk@{self._cli_version} deploy --app . '{stacks}' --require-approval never"],
            role_policy_statements=[iam.PolicyStatement(actions=["sts:AssumeRole"], resources=roles)],
        )
