"""Stacks that hold every type of resource, by what belongs together, each in two versions that differ everywhere."""

from __future__ import annotations

import json
from typing import Any

from local_support.lab import SKLEARN as IMAGE

ACCOUNT = "333333333333"


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


FAMILIES = (security, storage, messaging, events, functions, network, sagemaker, components, frontdoor)


def resources(family: Any, version: int) -> dict[str, Any]:
    found = {}
    for name, (kind, properties, *after) in family(version).items():
        found[name] = {"Type": kind, "Properties": properties, **({"DependsOn": after[0]} if after else {})}
    return {"Resources": found}
