"""Resource types: the table against the models of the API and the schemas, and each type through its life."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import boto3
import pytest

from sagemaker_local.cloudformation.schema import schema_of
from sagemaker_local.cloudformation.types import TYPES
from sagemaker_local.cloudformation.types.coerce import coerce
from sagemaker_local.cloudformation.types.rows import Row
from sagemaker_local.server import LocalAws

ROWS = {name: row for name, row in TYPES.items() if isinstance(row, Row)}
IMAGE = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3"
SCRIPT = """
def model_fn(path): return None
def input_fn(body, kind): return body
def predict_fn(data, model): return "{answer}"
def output_fn(result, accept): return result
"""


@pytest.mark.parametrize("name", sorted(ROWS))
def test_rows_name_real_operations_and_properties(name: str) -> None:
    row, schema = ROWS[name], schema_of(name)
    assert schema.properties, f"{name} has a provider schema"
    client = boto3.client(row.service, region_name="eu-west-1")
    methods = {
        getattr(row, field.name)
        for field in fields(row)
        if field.name in ("created_by", "deleted_by", "updated_by", "described_by")
    }
    if row.tagging is not None:
        methods |= {row.tagging.add, row.tagging.remove}
    assert {method for method in methods if method and not hasattr(client, method)} == set()
    assert row.name in {"", *schema.properties}
    assert set(row.rename) <= schema.properties


@pytest.mark.parametrize("name", sorted(ROWS))
def test_tags_of_every_taggable_row_can_change(name: str) -> None:
    row = ROWS[name]
    if schema_of(name).tag_property is None:
        pytest.skip("takes no stack tags")
    client = boto3.client(row.service, region_name="eu-west-1")
    by_update = row.updated_by and "Tags" in (
        client.meta.service_model.operation_model(client.meta.method_to_api_mapping[row.updated_by]).input_shape.members
    )
    assert row.tagging is not None or by_update


def test_values_take_the_form_of_the_api() -> None:
    def shaped(service: str, operation: str, value: dict[str, Any]) -> Any:
        return coerce(
            value,
            boto3.client(service, region_name="eu-west-1").meta.service_model.operation_model(operation).input_shape,
        )

    assert shaped("sqs", "CreateQueue", {"queueName": "q", "Attributes": {"A": {"x": 1}}, "Unknown": 1}) == {
        "QueueName": "q",
        "Attributes": {"A": '{"x": 1}'},
    }
    assert shaped(
        "lambda", "CreateFunction", {"Timeout": "3", "Publish": "true", "Tags": [{"Key": "a", "Value": "b"}]}
    ) == {
        "Timeout": 3,
        "Publish": True,
        "Tags": {"a": "b"},
    }
    assert shaped(
        "cloudwatch", "PutMetricAlarm", {"Threshold": "1.5", "Tags": {"a": "b"}, "ActionsEnabled": False}
    ) == {
        "Threshold": 1.5,
        "Tags": [{"Key": "a", "Value": "b"}],
        "ActionsEnabled": False,
    }
    assert shaped("scheduler", "CreateSchedule", {"Target": {"Arn": "x", "Input": {"a": 1}}}) == {
        "Target": {"Arn": "x", "Input": '{"a": 1}'}
    }


def policy(action: str, resource: Any = "*") -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": "*", "Action": action, "Resource": resource}
    return {"Version": "2012-10-17", "Statement": [statement]}


def identity(action: str) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}


TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def at(name: str, attribute: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [name, attribute]}


def ref(name: str) -> dict[str, Any]:
    return {"Ref": name}


def security(version: int) -> dict[str, Any]:
    return {
        "Key": (
            "AWS::KMS::Key",
            {"KeyPolicy": policy("kms:*"), "Description": f"v{version}", "EnableKeyRotation": version == 2},
        ),
        "Alias": ("AWS::KMS::Alias", {"AliasName": "alias/types", "TargetKeyId": ref("Key")}),
        "Parameter": ("AWS::SSM::Parameter", {"Type": "String", "Value": f"v{version}"}),
        "Secret": (
            "AWS::SecretsManager::Secret",
            {"Description": f"v{version}", "GenerateSecretString": {"PasswordLength": 12}},
        ),
        "Role": (
            "AWS::IAM::Role",
            {
                "AssumeRolePolicyDocument": TRUST,
                "Description": f"v{version}",
                "ManagedPolicyArns": ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"],
                "Policies": [{"PolicyName": f"own{version}", "PolicyDocument": identity("s3:GetObject")}],
            },
        ),
        "Policy": (
            "AWS::IAM::Policy",
            {"PolicyName": "p", "PolicyDocument": identity(f"sqs:{version}"), "Roles": [ref("Role")]},
        ),
        "Managed": ("AWS::IAM::ManagedPolicy", {"PolicyDocument": identity(f"sns:{version}"), "Roles": [ref("Role")]}),
        "Profile": ("AWS::IAM::InstanceProfile", {"Roles": [ref("Role")]}),
    }


def storage(version: int) -> dict[str, Any]:
    rules = [
        {"Status": "Enabled", "ExpirationInDays": version, "Prefix": "logs/"},
        {"Status": "Enabled", "NoncurrentVersionExpirationInDays": 3},
    ]
    return {
        "Logs": ("AWS::S3::Bucket", {}),
        "Bucket": (
            "AWS::S3::Bucket",
            {
                "VersioningConfiguration": {"Status": "Enabled"},
                "LifecycleConfiguration": {"Rules": rules},
                "BucketEncryption": {
                    "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
                },
                "PublicAccessBlockConfiguration": {"BlockPublicAcls": True, "BlockPublicPolicy": "true"},
                "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
                "LoggingConfiguration": {"DestinationBucketName": ref("Logs"), "LogFilePrefix": "x/"},
                "NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": version == 2}},
                "CorsConfiguration": {"CorsRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]},
            },
        ),
        "BucketPolicy": (
            "AWS::S3::BucketPolicy",
            {"Bucket": ref("Bucket"), "PolicyDocument": policy(f"s3:Get{version}")},
        ),
        "Repository": ("AWS::ECR::Repository", {"ImageTagMutability": "IMMUTABLE" if version == 2 else "MUTABLE"}),
        "Database": (
            "AWS::Glue::Database",
            {"CatalogId": ref("AWS::AccountId"), "DatabaseInput": {"Name": "types", "Description": f"v{version}"}},
        ),
        "WorkGroup": ("AWS::Athena::WorkGroup", {"Name": "types"}),
        "Table": (
            "AWS::DynamoDB::Table",
            {
                "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                "BillingMode": "PAY_PER_REQUEST",
            },
        ),
    }


def messaging(version: int) -> dict[str, Any]:
    return {
        "Topic": ("AWS::SNS::Topic", {"DisplayName": f"v{version}"}),
        "TopicPolicy": (
            "AWS::SNS::TopicPolicy",
            {"Topics": [ref("Topic")], "PolicyDocument": policy("sns:Publish", ref("Topic"))},
        ),
        "Dead": ("AWS::SQS::Queue", {}),
        "Queue": (
            "AWS::SQS::Queue",
            {
                "VisibilityTimeout": 30 * version,
                "RedrivePolicy": {"deadLetterTargetArn": at("Dead", "Arn"), "maxReceiveCount": 3},
            },
        ),
        "QueuePolicy": (
            "AWS::SQS::QueuePolicy",
            {"Queues": [ref("Queue")], "PolicyDocument": policy("sqs:SendMessage")},
        ),
        "Subscription": (
            "AWS::SNS::Subscription",
            {
                "TopicArn": ref("Topic"),
                "Protocol": "sqs",
                "Endpoint": at("Queue", "Arn"),
                "RawMessageDelivery": version == 2,
            },
        ),
    }


def events(version: int) -> dict[str, Any]:
    role = f"arn:aws:iam::{ACCOUNT}:role/x"
    target = {"Arn": f"arn:aws:sqs:eu-west-1:{ACCOUNT}:q", "RoleArn": role, "Input": json.dumps({"version": version})}
    alarm = {
        "Namespace": "N",
        "MetricName": "M",
        "Period": 60,
        "EvaluationPeriods": version,
        "Threshold": "1",
        "Statistic": "Sum",
    }
    comparison = {"ComparisonOperator": "GreaterThanThreshold"}
    return {
        "Bus": ("AWS::Events::EventBus", {"Name": "types"}),
        "BusPolicy": (
            "AWS::Events::EventBusPolicy",
            {"StatementId": "s", "Action": "events:PutEvents", "Principal": "222222222222"},
        ),
        "Rule": (
            "AWS::Events::Rule",
            {"EventPattern": {"source": [f"v{version}"]}, "Targets": [{"Id": f"t{version}", "Arn": target["Arn"]}]},
        ),
        "OnBus": ("AWS::Events::Rule", {"EventBusName": ref("Bus"), "EventPattern": {"source": ["x"]}}),
        "Group": ("AWS::Scheduler::ScheduleGroup", {}),
        "Schedule": (
            "AWS::Scheduler::Schedule",
            {
                "GroupName": ref("Group"),
                "ScheduleExpression": f"rate({version + 1} minutes)",
                "FlexibleTimeWindow": {"Mode": "OFF"},
                "Target": target,
            },
        ),
        "Alarm": ("AWS::CloudWatch::Alarm", {**alarm, **comparison}),
        "Composite": (
            "AWS::CloudWatch::CompositeAlarm",
            {"AlarmRule": {"Fn::Sub": 'ALARM("${Alarm}")'}, "AlarmDescription": f"v{version}"},
        ),
        "Dashboard": ("AWS::CloudWatch::Dashboard", {"DashboardBody": json.dumps({"widgets": [], "v": version})}),
        "LogGroup": ("AWS::Logs::LogGroup", {"RetentionInDays": 7 * version}),
        "Metrics": (
            "AWS::Logs::MetricFilter",
            {
                "LogGroupName": ref("LogGroup"),
                "FilterPattern": f"v{version}",
                "MetricTransformations": [{"MetricName": "m", "MetricNamespace": "n", "MetricValue": "1"}],
            },
        ),
    }


def functions(version: int) -> dict[str, Any]:
    code = {"ZipFile": f"def handler(event, context):\n    return {version}\n"}
    runtime = {"Runtime": "python3.13", "Handler": "index.handler", "Role": at("Role", "Arn")}
    return {
        "Role": ("AWS::IAM::Role", {"AssumeRolePolicyDocument": TRUST}),
        "Queue": ("AWS::SQS::Queue", {}),
        "Layer": ("AWS::Lambda::LayerVersion", {"Content": {"S3Bucket": "material", "S3Key": "layer.zip"}}),
        "Function": (
            "AWS::Lambda::Function",
            {
                **runtime,
                "Code": code,
                "Timeout": 3 * version,
                "Layers": [ref("Layer")],
                "Environment": {"Variables": {"V": version}},
            },
        ),
        "Version": ("AWS::Lambda::Version", {"FunctionName": ref("Function")}),
        "Alias": (
            "AWS::Lambda::Alias",
            {
                "FunctionName": ref("Function"),
                "FunctionVersion": at("Version", "Version"),
                "Name": "live",
                "Description": f"v{version}",
            },
        ),
        "Permission": (
            "AWS::Lambda::Permission",
            {"FunctionName": ref("Function"), "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com"},
        ),
        "Mapping": (
            "AWS::Lambda::EventSourceMapping",
            {"FunctionName": ref("Function"), "EventSourceArn": at("Queue", "Arn"), "BatchSize": version},
        ),
        "Async": (
            "AWS::Lambda::EventInvokeConfig",
            {"FunctionName": ref("Function"), "Qualifier": "$LATEST", "MaximumRetryAttempts": version - 1},
        ),
        "Url": (
            "AWS::Lambda::Url",
            {"TargetFunctionArn": at("Function", "Arn"), "AuthType": "AWS_IAM" if version == 1 else "NONE"},
        ),
    }


def network(version: int) -> dict[str, Any]:
    rules = [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443 + version, "CidrIp": "10.0.0.0/16"}]
    return {
        "Vpc": ("AWS::EC2::VPC", {"CidrBlock": "10.0.0.0/16", "EnableDnsHostnames": version == 2}),
        "Subnet": (
            "AWS::EC2::Subnet",
            {"VpcId": ref("Vpc"), "CidrBlock": {"Fn::Select": [0, {"Fn::Cidr": [at("Vpc", "CidrBlock"), 2, 8]}]}},
        ),
        "Table": ("AWS::EC2::RouteTable", {"VpcId": ref("Vpc")}),
        "Association": (
            "AWS::EC2::SubnetRouteTableAssociation",
            {"SubnetId": ref("Subnet"), "RouteTableId": ref("Table")},
        ),
        "Gateway": ("AWS::EC2::InternetGateway", {}),
        "Attachment": ("AWS::EC2::VPCGatewayAttachment", {"VpcId": ref("Vpc"), "InternetGatewayId": ref("Gateway")}),
        "Route": (
            "AWS::EC2::Route",
            {"RouteTableId": ref("Table"), "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": ref("Gateway")},
        ),
        "Address": ("AWS::EC2::EIP", {"Domain": "vpc"}),
        "Nat": ("AWS::EC2::NatGateway", {"SubnetId": ref("Subnet"), "AllocationId": at("Address", "AllocationId")}),
        "Group": (
            "AWS::EC2::SecurityGroup",
            {"GroupDescription": "g", "VpcId": ref("Vpc"), "SecurityGroupIngress": rules},
        ),
        # In a VPC that an app imports, of which nothing is known here.
        "Elsewhere": (
            "AWS::EC2::SecurityGroup",
            {
                "GroupDescription": "g",
                "VpcId": "vpc-0a1b2c3d4e5f60222",
                "SecurityGroupEgress": [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "0.0.0.0/0"}],
            },
        ),
        "Ingress": (
            "AWS::EC2::SecurityGroupIngress",
            {
                "GroupId": at("Group", "GroupId"),
                "IpProtocol": "tcp",
                "FromPort": 22,
                "ToPort": 22,
                "CidrIp": "10.0.0.0/8",
            },
        ),
        "Endpoint": (
            "AWS::EC2::VPCEndpoint",
            {"VpcId": ref("Vpc"), "ServiceName": "com.amazonaws.eu-west-1.s3", "RouteTableIds": [ref("Table")]},
        ),
        "Private": (
            "AWS::EC2::VPCEndpoint",
            {
                **interface(ref("Vpc"), [ref("Subnet")]),
                "PrivateDnsEnabled": False,
                "SecurityGroupIds": [at("Group", "GroupId")] if version == 2 else [],
                "PolicyDocument": {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": f"events:{version}"}]},
            },
        ),
    }


def interface(vpc: Any, subnets: list[Any]) -> dict[str, Any]:
    return {
        "VpcEndpointType": "Interface",
        "VpcId": vpc,
        "ServiceName": "com.amazonaws.eu-west-1.sagemaker.api",
        "SubnetIds": subnets,
        "PrivateDnsEnabled": True,
    }


def sagemaker(version: int) -> dict[str, Any]:
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": at("Model", "ModelName"),
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
        "InitialVariantWeight": 1,
    }
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://material/model-{version}.tar.gz"}
    role = f"arn:aws:iam::{ACCOUNT}:role/model"
    resource = {
        "ResourceId": "endpoint/types/variant/AllTraffic",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    metric = {"PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}}
    return {
        "Model": ("AWS::SageMaker::Model", {"PrimaryContainer": container, "ExecutionRoleArn": role}),
        "Config": ("AWS::SageMaker::EndpointConfig", {"ProductionVariants": [variant]}),
        "Endpoint": (
            "AWS::SageMaker::Endpoint",
            {"EndpointName": "types", "EndpointConfigName": at("Config", "EndpointConfigName")},
        ),
        "Registry": (
            "AWS::SageMaker::ModelPackageGroup",
            {"ModelPackageGroupName": "types", "ModelPackageGroupPolicy": policy(f"sagemaker:{version}")},
        ),
        "Target": (
            "AWS::ApplicationAutoScaling::ScalableTarget",
            {
                **resource,
                "ServiceNamespace": "sagemaker",
                "MinCapacity": 1,
                "MaxCapacity": version + 1,
                "ScheduledActions": [
                    {
                        "ScheduledActionName": "morning",
                        "Schedule": f"cron(0 {version} * * ? *)",
                        "ScalableTargetAction": {"MinCapacity": version},
                    }
                ],
            },
            "Endpoint",
        ),
        "Scaling": (
            "AWS::ApplicationAutoScaling::ScalingPolicy",
            {
                "PolicyName": "types",
                "PolicyType": "TargetTrackingScaling",
                "ScalingTargetId": ref("Target"),
                "TargetTrackingScalingPolicyConfiguration": {**metric, "TargetValue": 100 * version},
            },
        ),
    }


def components(version: int) -> dict[str, Any]:
    variant = {"VariantName": "AllTraffic", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    container = {"Image": IMAGE, "ArtifactUrl": f"s3://material/model-{version}.tar.gz"}
    needs = {"MinMemoryRequiredInMb": 128 * version}
    return {
        "Config": (
            "AWS::SageMaker::EndpointConfig",
            {"ProductionVariants": [variant], "ExecutionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/model"},
        ),
        "Endpoint": (
            "AWS::SageMaker::Endpoint",
            {"EndpointName": "hosting", "EndpointConfigName": at("Config", "EndpointConfigName")},
        ),
        "Component": (
            "AWS::SageMaker::InferenceComponent",
            {
                "InferenceComponentName": "hosted",
                "EndpointName": at("Endpoint", "EndpointName"),
                "VariantName": "AllTraffic",
                "Specification": {"Container": container, "ComputeResourceRequirements": needs},
                "RuntimeConfig": {"CopyCount": version},
            },
        ),
        "Copies": (
            "AWS::ApplicationAutoScaling::ScalableTarget",
            {
                "ResourceId": "inference-component/hosted",
                "ScalableDimension": "sagemaker:inference-component:DesiredCopyCount",
                "ServiceNamespace": "sagemaker",
                "MinCapacity": 0,
                "MaxCapacity": 3 + version,
            },
            "Component",
        ),
    }


def frontdoor(version: int) -> dict[str, Any]:
    api = {"RestApiId": ref("Api")}
    uri = "arn:aws:apigateway:eu-west-1:runtime.sagemaker:path/endpoints/types/invocations"
    integration = {
        "Type": "AWS",
        "IntegrationHttpMethod": "POST",
        "Uri": uri,
        "Credentials": f"arn:aws:iam::{ACCOUNT}:role/model",
        "TimeoutInMillis": 1000 * version,
        "IntegrationResponses": [{"StatusCode": "200"}],
    }
    return {
        "Api": ("AWS::ApiGateway::RestApi", {"Name": "types", "EndpointConfiguration": {"Types": ["REGIONAL"]}}),
        "Path": (
            "AWS::ApiGateway::Resource",
            {**api, "ParentId": at("Api", "RootResourceId"), "PathPart": "invocations"},
        ),
        "Method": (
            "AWS::ApiGateway::Method",
            {
                **api,
                "ResourceId": ref("Path"),
                "HttpMethod": "POST",
                "AuthorizationType": "AWS_IAM",
                "MethodResponses": [{"StatusCode": "200"}],
                "Integration": integration,
            },
        ),
        f"Deployment{version}": ("AWS::ApiGateway::Deployment", api, "Method"),
        "Stage": (
            "AWS::ApiGateway::Stage",
            {
                **api,
                "DeploymentId": ref(f"Deployment{version}"),
                "StageName": "live",
                "MethodSettings": [
                    {
                        "HttpMethod": "*",
                        "ResourcePath": "/*",
                        "LoggingLevel": "ERROR",
                        "DataTraceEnabled": False,
                        "ThrottlingRateLimit": 10 * version,
                        "ThrottlingBurstLimit": 5,
                    }
                ],
            },
        ),
        "Account": (
            "AWS::ApiGateway::Account",
            {"CloudWatchRoleArn": f"arn:aws:iam::{ACCOUNT}:role/model-{version}"},
        ),
    }


ACCOUNT = "333333333333"
FAMILIES = (security, storage, messaging, events, functions, network, sagemaker, components, frontdoor)


def resources(family: Any, version: int) -> dict[str, Any]:
    found = {}
    for name, (kind, properties, *after) in family(version).items():
        found[name] = {"Type": kind, "Properties": properties, **({"DependsOn": after[0]} if after else {})}
    return {"Resources": found}


@pytest.fixture(scope="module")
def full(workbench: Any) -> Iterator[Any]:
    with LocalAws() as aws:
        bench = workbench(aws, ACCOUNT)
        s3 = bench.client("s3")
        s3.create_bucket(Bucket="material", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        layer = io.BytesIO()
        with zipfile.ZipFile(layer, "w") as archive:
            archive.writestr("python/extra.py", "VALUE = 1")
        s3.put_object(Bucket="material", Key="layer.zip", Body=layer.getvalue())
        for version in (1, 2):
            script = SCRIPT.format(answer=f"version {version}").encode()
            packed = io.BytesIO()
            with tarfile.open(fileobj=packed, mode="w:gz") as archive:
                member = tarfile.TarInfo("code/inference.py")
                member.size = len(script)
                archive.addfile(member, io.BytesIO(script))
            s3.put_object(Bucket="material", Key=f"model-{version}.tar.gz", Body=packed.getvalue())
        yield bench


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_a_family_of_types_is_created_updated_retagged_and_deleted(full: Any, family: Any) -> None:
    name = family.__name__
    first, second = ([{"Key": "team", "Value": value}] for value in ("ml", "ops"))
    stack = full.create(name, resources(family, 1), Tags=first)
    assert stack["StackStatus"] == "CREATE_COMPLETE", failures(full, name)
    stack = full.update(name, resources(family, 2), Tags=second)
    assert stack["StackStatus"] == "UPDATE_COMPLETE", failures(full, name)
    # What CloudFormation knows of every resource is what a template can refer to.
    referring = resources(family, 2)
    outputs = {
        f"{logical}{attribute.replace('.', '')}": {"Value": at(logical, attribute)}
        for logical, attribute in attributes(full, name)
    }
    referring["Outputs"] = outputs
    if outputs:
        assert full.update(name, referring)["StackStatus"] == "UPDATE_COMPLETE", failures(full, name)
        assert set(full.outputs(name)) == set(outputs)
    assert full.delete(name) == "DELETE_COMPLETE", full.stack(stack["StackId"])["StackStatusReason"]


def failures(bench: Any, name: str) -> list[str]:
    events = bench.cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    return [f"{e['LogicalResourceId']}: {e['ResourceStatusReason']}" for e in events if "FAILED" in e["ResourceStatus"]]


def attributes(bench: Any, name: str) -> list[tuple[str, str]]:
    """Return what the schemas promise for GetAtt and the stack's resources have."""
    stack = bench.aws.extensions["cloudformation"].stacks.get(name, bench.account, bench.region)
    return [(item.logical_id, key) for item in stack.resources.values() for key in item.created.attributes]


def test_interface_endpoints_that_ec2_would_refuse_are_refused(full: Any) -> None:
    ec2 = full.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    one, other = (
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone="eu-west-1a")["Subnet"][
            "SubnetId"
        ]
        for number in range(2)
    )

    def refused(name: str, *given: list[str]) -> str:
        made = {
            f"E{number}": {"Type": "AWS::EC2::VPCEndpoint", "Properties": interface(vpc, subnets)}
            for number, subnets in enumerate(given)
        }
        full.create(name, {"Resources": made})
        return " ".join(failures(full, name))

    assert "enableDnsHostnames VPC attributes set to true" in refused("no-names", [one])
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    assert f"another VPC endpoint subnet in the availability zone of {other}" in refused("one-zone", [one, other])
    assert "conflicting DNS domain for api.sagemaker.eu-west-1.amazonaws.com" in refused("twice", [one], [other])


def test_an_endpoint_is_updated_in_place_while_model_and_config_are_replaced(full: Any) -> None:
    full.create("live", resources(sagemaker, 1))
    runtime = full.client("sagemaker-runtime")
    before = full.physical("live")

    def answer() -> str:
        return str(
            runtime.invoke_endpoint(EndpointName="types", Body=b"x", ContentType="text/csv")["Body"].read().decode()
        )

    assert answer() == "version 1"
    full.update("live", resources(sagemaker, 2))
    after = full.physical("live")
    assert answer() == "version 2"
    assert {name for name in before if before[name] != after[name]} == {"Model", "Config"}
    events = full.events("live")
    assert events.index(("Endpoint", "UPDATE_COMPLETE")) < events.index(("Config", "DELETE_IN_PROGRESS"))
    assert full.delete("live") == "DELETE_COMPLETE"


def test_a_model_that_does_not_load_rolls_the_stack_back(full: Any) -> None:
    full.create("bad", resources(sagemaker, 1))
    broken = resources(sagemaker, 1)
    broken["Resources"]["Model"]["Properties"]["PrimaryContainer"]["ModelDataUrl"] = "s3://material/layer.zip"
    assert full.update("bad", broken)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    runtime = full.client("sagemaker-runtime")
    answer = runtime.invoke_endpoint(EndpointName="types", Body=b"x", ContentType="text/csv")["Body"].read()
    assert answer == b"version 1"
    config = full.client("sagemaker").describe_endpoint(EndpointName="types")["EndpointConfigName"]
    assert full.physical("bad")["Config"].endswith(config.lower())
    assert full.delete("bad") == "DELETE_COMPLETE"
