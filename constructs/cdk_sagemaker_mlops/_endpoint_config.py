"""Models and endpoint configuration: what CloudFormation exchanges with every version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_sagemaker as sagemaker

from ._naming import pascal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._block import Block, Member
    from ._endpoint_plan import EndpointPlan
    from .model import Model


def add_model(
    block: Block,
    construct_id: str,
    model: Model,
    *,
    package_arn: str,
    role_arn: str,
    vpc_config: sagemaker.CfnModel.VpcConfigProperty | None,
    network_isolation: bool,
    condition: str | None,
) -> Member:
    """Add a SageMaker model under a generated name.

    :param package_arn: Value of the stack's parameter for the version.
    :param condition: Id of the condition under which there is a version.
    """
    containers = model.bind(package_arn).containers
    properties = sagemaker.CfnModelProps(
        primary_container=containers[0] if len(containers) == 1 else None,
        containers=containers if len(containers) > 1 else None,
        execution_role_arn=role_arn,
        enable_network_isolation=network_isolation or None,
        vpc_config=vpc_config,
    )
    return block.add(construct_id, "AWS::SageMaker::Model", properties, condition=condition)


def add_fleet_models(
    block: Block,
    plan: EndpointPlan,
    *,
    package_arn: str,
    role_arn: str,
    vpc_config: sagemaker.CfnModel.VpcConfigProperty | None,
    condition: str | None,
) -> dict[str, str]:
    """Add the models of all fleets and return their names by fleet; fleets with equal models share one."""
    made: list[tuple[Model, str]] = []
    for fleet in plan.fleets:
        if any(fleet.model == model for model, _ in made):
            continue
        member = add_model(
            block,
            f"Model{pascal(fleet.name) if made else ''}",
            fleet.model,
            package_arn=package_arn,
            role_arn=role_arn,
            vpc_config=vpc_config,
            network_isolation=plan.network_isolation,
            condition=condition,
        )
        made.append((fleet.model, member.att("ModelName")))
    return {fleet.name: next(name for model, name in made if model == fleet.model) for fleet in plan.fleets}


def config_properties(
    plan: EndpointPlan, model_names: Mapping[str, str], *, volume_key: str | None
) -> sagemaker.CfnEndpointConfigProps:
    """The endpoint configuration.

    :param model_names: Names of the SageMaker models by fleet.
    :param volume_key: ARN of the key of the instances' volumes.
    """
    shadow = plan.shadow_variant
    return sagemaker.CfnEndpointConfigProps(
        production_variants=[variant.render(model_names[variant.name]) for variant in plan.variants],
        shadow_production_variants=[shadow.render(model_names[shadow.name])] if shadow else None,
        async_inference_config=plan.asynchronous.render() if plan.asynchronous else None,
        data_capture_config=plan.capture.render() if plan.capture else None,
        kms_key_id=volume_key,
    )
