"""The CDK app of test_cli.py: two accounts, two regions, four versions (context `version`)."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sagemaker as sagemaker
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm
from aws_cdk import custom_resources as cr
from constructs import Construct


class Data(cdk.Stack):
    """A bucket that empties itself and a topic, used by the other stack."""

    def __init__(self, scope: Construct, name: str, *, version: int, **settings: object) -> None:
        super().__init__(scope, name, **settings)
        self.bucket = s3.Bucket(
            self, "Bucket", auto_delete_objects=True, removal_policy=cdk.RemovalPolicy.DESTROY, enforce_ssl=True
        )
        self.topic = sns.Topic(self, "Topic", display_name=f"version {min(version, 2)}")


class Use(cdk.Stack):
    """Resources that are updated, replaced, and in version 4 fail."""

    def __init__(self, scope: Construct, name: str, *, data: Data, version: int, **settings: object) -> None:
        super().__init__(scope, name, **settings)
        image = "one" if version < 3 else "two"
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"))
        data.bucket.grant_read(role)
        container = sagemaker.CfnModel.ContainerDefinitionProperty(
            image=f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/{image}"
        )
        model = sagemaker.CfnModel(self, "Model", execution_role_arn=role.role_arn, primary_container=container)
        variant = sagemaker.CfnEndpointConfig.ProductionVariantProperty(
            variant_name="v",
            model_name=model.attr_model_name,
            initial_instance_count=1,
            instance_type="ml.m5.large",
            initial_variant_weight=1,
        )
        config = sagemaker.CfnEndpointConfig(self, "Config", production_variants=[variant])
        parameter = ssm.StringParameter(
            self, "Parameter", parameter_name="/matrix/topic", string_value=f"{min(version, 3)} {data.topic.topic_arn}"
        )
        if version >= 3:
            sqs.Queue(self, "Added")
        cdk.CfnOutput(self, "ConfigName", value=config.attr_endpoint_config_name)
        handler = lambda_.Function(
            self,
            "OnEvent",
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="index.handler",
            code=lambda_.Code.from_inline(
                "def handler(event, context):\n"
                "    return {'PhysicalResourceId': 'mine', 'Data': {'Double': event['ResourceProperties']['Text'] * 2}}"
            ),
        )
        provider = cr.Provider(self, "Provider", on_event_handler=handler)
        own = cdk.CustomResource(
            self, "Own", service_token=provider.service_token, properties={"Text": f"v{min(version, 3)}"}
        )
        cdk.CfnOutput(self, "Doubled", value=own.get_att_string("Double"))
        if version == 4:
            clash = ssm.CfnParameter(self, "Clash", name="/matrix/topic", type="String", value="taken")
            clash.node.add_dependency(parameter, config)
        nested = cdk.NestedStack(self, "Nested")
        ssm.StringParameter(nested, "Inside", string_value=f"{min(version, 2)}")


def main() -> None:
    app = cdk.App()
    version = int(app.node.try_get_context("version") or 1)
    for account, region in (("111111111111", "eu-west-1"), ("222222222222", "us-east-1")):
        stage = cdk.Stage(app, f"Matrix-{region}", env=cdk.Environment(account=account, region=region))
        data = Data(stage, "Data", version=version)
        Use(stage, "Use", data=data, version=version)
    app.synth()


if __name__ == "__main__":
    main()
