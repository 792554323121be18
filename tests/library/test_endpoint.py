"""The endpoint: what is defined, under which condition, with which permissions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

import cdk_sagemaker_mlops as mlops

KEY_ARN = "arn:aws:kms:eu-west-1:111111111111:key/abc"


@pytest.fixture
def group(stack: cdk.Stack) -> mlops.ModelPackageGroup:
    return mlops.ModelPackageGroup(stack, "Registry", name="churn")


@pytest.fixture
def key(stack: cdk.Stack) -> kms.IKey:
    return kms.Key.from_key_arn(stack, "Key", KEY_ARN)


def as_text(value: Any) -> str:
    """Everything in a part of a template as one text, `Fn::Join` resolved."""
    if isinstance(value, dict):
        if "Fn::Join" in value:
            return "".join(as_text(part) for part in value["Fn::Join"][1])
        if "Ref" in value:
            return f"<{value['Ref']}>"
        if "Fn::GetAtt" in value:
            return f"<{'.'.join(value['Fn::GetAtt'])}>"
        return " ".join(as_text(part) for part in value.values())
    if isinstance(value, list):
        return " ".join(as_text(part) for part in value)
    return str(value)


def test_following_a_registry_makes_the_version_a_parameter(
    stack: cdk.Stack, group: mlops.ModelPackageGroup, synthesise: Callable
) -> None:
    endpoint = mlops.Endpoint(stack, "Endpoint", endpoint_name="churn", model=mlops.Model.latest_approved(group))
    template = synthesise()
    parameters = template.template["Parameters"]
    assert parameters["ModelPackageArn"]["Default"] == ""
    assert parameters["RetainVariantProperties"] | {"Description": ""} == {
        "Type": "String",
        "Default": "false",
        "AllowedValues": ["true", "false"],
        "Description": "",
    }
    assert template.template["Conditions"] == {
        "HasModelVersion": {"Fn::Not": [{"Fn::Equals": [{"Ref": "ModelPackageArn"}, ""]}]}
    }
    assert template.only("SageMaker::Model")["PrimaryContainer"] == {"ModelPackageName": {"Ref": "ModelPackageArn"}}
    assert template.only("SageMaker::Endpoint")["RetainAllVariantProperties"] == {"Ref": "RetainVariantProperties"}
    assert endpoint.rollout_parameters == {"version": "ModelPackageArn", "retain": "RetainVariantProperties"}
    assert endpoint.condition_id == "HasModelVersion"
    assert endpoint.follows is group


def test_only_what_needs_a_model_waits_for_one(
    stack: cdk.Stack, group: mlops.ModelPackageGroup, bucket: s3.IBucket, synthesise: Callable
) -> None:
    mlops.Endpoint(
        stack,
        "Endpoint",
        endpoint_name="churn",
        model=mlops.Model.latest_approved(group),
        capture=mlops.DataCapture(bucket=bucket),
        scaling=mlops.Scaling(max_instances=2, invocations_per_instance=100),
    )
    template = synthesise()
    conditional = {r["Type"] for r in template.resources.values() if r.get("Condition") == "HasModelVersion"}
    unconditional = {r["Type"] for r in template.resources.values() if "Condition" not in r}
    assert conditional == {
        "AWS::SageMaker::Model",
        "AWS::SageMaker::EndpointConfig",
        "AWS::SageMaker::Endpoint",
        "AWS::ApplicationAutoScaling::ScalableTarget",
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        "AWS::CloudWatch::Alarm",
    }
    # A rollout never touches permissions, logs, or the alarms that people hear of.
    assert unconditional == {
        "AWS::SageMaker::ModelPackageGroup",
        "AWS::IAM::Role",
        "AWS::Logs::LogGroup",
        "AWS::CloudWatch::Alarm",
    }
    waiting = [key for key, r in template.of_type("CloudWatch::Alarm").items() if "Condition" in r]
    assert waiting and all(key.startswith("EndpointRollback") for key in waiting)


def test_unconditional_resources_refer_to_no_conditional_one(
    stack: cdk.Stack, group: mlops.ModelPackageGroup, bucket: s3.IBucket, synthesise: Callable
) -> None:
    """CloudFormation refuses a reference to a resource whose condition is false, in the very first deployment."""
    mlops.Endpoint(
        stack,
        "Endpoint",
        endpoint_name="churn",
        model=mlops.Model.latest_approved(group),
        capture=mlops.DataCapture(bucket=bucket),
        scaling=mlops.Scaling(max_instances=2, invocations_per_instance=100),
    )
    resources = synthesise().resources
    conditional = {key for key, value in resources.items() if "Condition" in value}
    for logical_id, resource in resources.items():
        if logical_id not in conditional:
            assert not set(re.findall(r"<([A-Za-z0-9]+)", as_text(resource))) & conditional


def test_model_and_config_have_generated_names(
    stack: cdk.Stack, image_model: mlops.Model, synthesise: Callable
) -> None:
    mlops.Endpoint(stack, "Endpoint", endpoint_name="churn", model=image_model)
    template = synthesise()
    assert "ModelName" not in template.only("SageMaker::Model")
    config = template.only("SageMaker::EndpointConfig")
    assert "EndpointConfigName" not in config
    (model_id,) = template.of_type("SageMaker::Model")
    (config_id,) = template.of_type("SageMaker::EndpointConfig")
    # Ref of both is an ARN; where a name is wanted it has to be the attribute.
    assert config["ProductionVariants"][0]["ModelName"] == {"Fn::GetAtt": [model_id, "ModelName"]}
    endpoint = template.only("SageMaker::Endpoint")
    assert endpoint["EndpointConfigName"] == {"Fn::GetAtt": [config_id, "EndpointConfigName"]}
    assert endpoint["EndpointName"] == "churn"
    assert "Parameters" not in template.template or "ModelPackageArn" not in template.template["Parameters"]


def test_a_fixed_model_needs_neither_parameter_nor_condition(
    stack: cdk.Stack, group: mlops.ModelPackageGroup, synthesise: Callable
) -> None:
    endpoint = mlops.Endpoint(stack, "Endpoint", endpoint_name="churn", model=mlops.Model.from_model_package(group, 3))
    template = synthesise()
    assert "Conditions" not in template.template
    assert endpoint.condition_id is None and endpoint.model_package_arn == "" and endpoint.rollout_parameters == {}
    container = template.only("SageMaker::Model")["PrimaryContainer"]
    assert as_text(container).endswith(":model-package/churn/3")
    assert "RetainAllVariantProperties" not in template.only("SageMaker::Endpoint")


def test_the_name_comes_from_stack_and_path(app: cdk.App, image_model: mlops.Model) -> None:
    stack = cdk.Stack(app, "Other", stack_name="My-Serving-Stack")
    endpoint = mlops.Endpoint(stack, "Fraud", model=image_model)
    assert endpoint.endpoint_name == "my-serving-stack-fraud"
    long = mlops.Endpoint(stack, "F" * 70, model=image_model)
    assert len(long.endpoint_name) <= 63


def test_variants_share_a_model_and_are_scaled_and_watched_each(
    stack: cdk.Stack, group: mlops.ModelPackageGroup, image_model: mlops.Model, synthesise: Callable
) -> None:
    scaling = mlops.Scaling(min_instances=2, max_instances=4, invocations_per_instance=50)
    mlops.Endpoint(
        stack,
        "Endpoint",
        endpoint_name="churn",
        variants=[
            mlops.Variant(name="champion", model=mlops.Model.latest_approved(group), weight=9, scaling=scaling),
            mlops.Variant(name="large", model=mlops.Model.latest_approved(group), instance_type="ml.m5.4xlarge"),
            mlops.Variant(name="challenger", model=image_model, initial_instance_count=3, volume_gb=20),
        ],
    )
    template = synthesise()
    assert {key[:-8] for key in template.of_type("SageMaker::Model")} == {"EndpointModel", "EndpointModelChallenger"}
    champion, large, challenger = template.only("SageMaker::EndpointConfig")["ProductionVariants"]
    assert champion["ModelName"] == large["ModelName"] != challenger["ModelName"]
    assert (champion["InitialVariantWeight"], champion["InitialInstanceCount"]) == (9, 2)
    assert (challenger["InitialInstanceCount"], challenger["VolumeSizeInGB"]) == (3, 20)
    (target,) = template.of_type("ApplicationAutoScaling::ScalableTarget").values()
    assert as_text(target["Properties"]["ResourceId"]).endswith("EndpointName>/variant/champion")
    alarms = {key[len("Endpoint") : -8] for key in template.of_type("CloudWatch::Alarm")}
    assert {"ServerErrorsChampion", "ServerErrorsLarge", "RollbackLatencyChallenger"} <= alarms
    # Two sources of models, one role that reads both.
    assert {"PullImage", "PullPrebuiltImages", "ReadModelData", "ReadArtifacts"} <= set(template.statements())


def test_scaling_waits_for_the_endpoint(stack: cdk.Stack, image_model: mlops.Model, synthesise: Callable) -> None:
    mlops.Endpoint(
        stack,
        "Endpoint",
        endpoint_name="churn",
        model=image_model,
        scaling=mlops.Scaling(min_instances=2, max_instances=8, invocations_per_instance=500),
    )
    template = synthesise()
    (endpoint_id,) = template.of_type("SageMaker::Endpoint")
    target = template.only("ApplicationAutoScaling::ScalableTarget")
    assert {"Fn::GetAtt": [endpoint_id, "EndpointName"]} in target["ResourceId"]["Fn::Join"][1]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 8)
    policy = template.only("ApplicationAutoScaling::ScalingPolicy")
    assert policy["TargetTrackingScalingPolicyConfiguration"] == {
        "TargetValue": 500,
        "ScaleInCooldown": 300,
        "ScaleOutCooldown": 60,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
    }
    assert template.only("SageMaker::EndpointConfig")["ProductionVariants"][0]["InitialInstanceCount"] == 2


def test_capture_writes_below_this_endpoint_only(
    stack: cdk.Stack, image_model: mlops.Model, key: kms.IKey, synthesise: Callable
) -> None:
    bucket = s3.Bucket.from_bucket_attributes(stack, "Capture", bucket_name="cap", encryption_key=key)
    capture = mlops.DataCapture(
        bucket=bucket,
        prefix="traffic/live",
        sampling_percentage=20,
        content=mlops.CaptureContent.INPUT,
        json_content_types=["application/jsonlines"],
    )
    endpoint = mlops.Endpoint(stack, "Endpoint", endpoint_name="churn", model=image_model, capture=capture)
    template = synthesise()
    assert template.only("SageMaker::EndpointConfig")["DataCaptureConfig"] == {
        "EnableCapture": True,
        "InitialSamplingPercentage": 20,
        "DestinationS3Uri": "s3://cap/traffic/live",
        "CaptureOptions": [{"CaptureMode": "Input"}],
        "CaptureContentTypeHeader": {
            "CsvContentTypes": ["text/csv"],
            "JsonContentTypes": ["application/jsonlines"],
        },
        "KmsKeyId": KEY_ARN,
    }
    statements = template.statements()
    assert as_text(statements["WriteCapture"]["Resource"]) == "arn:<AWS::Partition>:s3:::cap/traffic/live/churn/*"
    assert statements["EncryptCapture"]["Resource"] == KEY_ARN
    assert (endpoint.capture_bucket, endpoint.capture_prefix) == (bucket, "traffic/live")


def test_without_content_types_everything_is_recorded_in_base64(
    stack: cdk.Stack, image_model: mlops.Model, bucket: s3.IBucket, synthesise: Callable
) -> None:
    capture = mlops.DataCapture(bucket=bucket, csv_content_types=[], json_content_types=[])
    mlops.Endpoint(stack, "Endpoint", endpoint_name="churn", model=image_model, capture=capture)
    config = synthesise().only("SageMaker::EndpointConfig")["DataCaptureConfig"]
    assert "CaptureContentTypeHeader" not in config
    assert config["CaptureOptions"] == [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}]


def test_the_role_of_a_plain_endpoint_does_little(
    stack: cdk.Stack, image_model: mlops.Model, synthesise: Callable
) -> None:
    mlops.Endpoint(stack, "Endpoint", endpoint_name="churn", model=image_model, alarms=mlops.EndpointAlarms.none())
    statements = synthesise().statements()
    assert set(statements) == {
        "EcrLogin", "PullImage", "ReadModelData", "ReadModelDataBucket", "WriteLogs", "PublishMetrics",
    }  # fmt: skip
    assert as_text(statements["ReadModelData"]["Resource"]).endswith(":s3:::the-models/churn/model.tar.gz")
    assert as_text(statements["PullImage"]["Resource"]).endswith(":141502667606:repository/sagemaker-scikit-learn")
    assert "cloudwatch:namespace" in statements["PublishMetrics"]["Condition"]["StringLike"]


def test_the_role_grows_with_what_is_used(
    stack: cdk.Stack, group: mlops.ModelPackageGroup, key: kms.IKey, bucket: s3.IBucket, synthesise: Callable
) -> None:
    vpc = ec2.Vpc(stack, "Vpc", nat_gateways=0, subnet_configuration=[
        ec2.SubnetConfiguration(name="inner", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)])  # fmt: skip
    mlops.Endpoint(
        stack,
        "Endpoint",
        endpoint_name="churn",
        model=mlops.Model.latest_approved(group),
        capture=mlops.DataCapture(bucket=bucket, encryption_key=key),
        encryption_key=key,
        network=mlops.Network(vpc=vpc),
        network_isolation=True,
    )
    template = synthesise()
    (role,) = (r for k, r in template.of_type("IAM::Role").items() if k.startswith("EndpointRole"))
    (policy,) = role["Properties"]["Policies"]
    statements = {s["Sid"]: s for s in policy["PolicyDocument"]["Statement"]}
    assert statements["GrantVolumeKey"]["Condition"] == {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    assert as_text(statements["WatchRollbackAlarms"]["Resource"]).endswith(":alarm:<AWS::StackName>-*")
    assert {"ManageNetworkInterfaces", "DescribeNetwork", "WriteCapture", "EncryptCapture"} <= set(statements)
    # The default bucket of SageMaker's tools, in the account of the group.
    assert "sagemaker-<AWS::Region>-<AWS::AccountId>/*" in as_text(statements["ReadArtifacts"]["Resource"])
    wild = {sid for sid, s in statements.items() if "*" in as_text(s["Action"]) + as_text(s["Resource"])}
    assert {"WriteLogs"} | wild == set(role["Metadata"]["WildcardReasons"]) | {"WriteLogs"}
    model = template.only("SageMaker::Model")
    assert model["EnableNetworkIsolation"] is True
    assert len(model["VpcConfig"]["Subnets"]) == 2 and len(model["VpcConfig"]["SecurityGroupIds"]) == 1
    assert template.only("EC2::SecurityGroup")["SecurityGroupEgress"][0]["FromPort"] == 443


def test_artifacts_of_the_group_narrow_the_role(stack: cdk.Stack, synthesise: Callable) -> None:
    storage = mlops.Storage(stack, "Storage")
    group = mlops.ModelPackageGroup(stack, "Registry", name="churn", artifacts=[storage.models])
    mlops.Endpoint(stack, "Endpoint", endpoint_name="churn", model=mlops.Model.latest_approved(group))
    statements = synthesise().statements()
    assert as_text(statements["ReadArtifacts"]["Resource"]).startswith("arn:<AWS::Partition>:s3:::<StorageModels")
    assert as_text(statements["DecryptArtifacts"]["Resource"]).startswith("<StorageKey")


def test_a_given_role_is_used_as_it_is(stack: cdk.Stack, image_model: mlops.Model, synthesise: Callable) -> None:
    role = iam.Role.from_role_arn(stack, "Own", "arn:aws:iam::111111111111:role/own")
    mlops.Endpoint(stack, "Endpoint", endpoint_name="churn", model=image_model, execution_role=role)
    template = synthesise()
    assert template.of_type("IAM::Role") == {} and template.of_type("IAM::Policy") == {}
    assert template.only("SageMaker::Model")["ExecutionRoleArn"] == "arn:aws:iam::111111111111:role/own"


def test_the_log_group_outlives_the_endpoint_on_deletion(
    stack: cdk.Stack, image_model: mlops.Model, synthesise: Callable
) -> None:
    """Deleted before the endpoint, a container would make it again, without retention, and the next deployment fail."""
    mlops.Endpoint(stack, "Endpoint", endpoint_name="churn", model=image_model, log_retention_days=30)
    template = synthesise()
    assert template.only("Logs::LogGroup") == {
        "LogGroupName": "/aws/sagemaker/Endpoints/churn",
        "RetentionInDays": 30,
    }
    (log_group_id,) = template.of_type("Logs::LogGroup")
    assert f"<{log_group_id}.Arn>" in as_text(template.only("IAM::Role"))


def test_two_endpoints_in_one_stack_need_a_prefix(
    stack: cdk.Stack, group: mlops.ModelPackageGroup, synthesise: Callable
) -> None:
    mlops.Endpoint(stack, "One", endpoint_name="one", model=mlops.Model.latest_approved(group))
    with pytest.raises(mlops.ConstructError, match=r'Serving/Two: the stack already has a parameter "ModelPackageArn"'):
        mlops.Endpoint(stack, "Two", endpoint_name="two", model=mlops.Model.latest_approved(group))
    three = mlops.Endpoint(
        stack, "Three", endpoint_name="three", model=mlops.Model.latest_approved(group), parameter_prefix="Third"
    )
    assert three.rollout_parameters["version"] == "ThirdModelPackageArn"
    assert {"HasModelVersion", "ThirdHasModelVersion"} == set(synthesise().template["Conditions"])


def test_grants_and_metrics_go_by_name_not_by_reference(
    stack: cdk.Stack, group: mlops.ModelPackageGroup, synthesise: Callable
) -> None:
    endpoint = mlops.Endpoint(stack, "Endpoint", endpoint_name="churn", model=mlops.Model.latest_approved(group))
    user = iam.User(stack, "Caller")
    endpoint.grant_invoke(user)
    (statement,) = synthesise().only("IAM::Policy")["PolicyDocument"]["Statement"]
    assert statement["Action"] == ["sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointWithResponseStream"]
    assert as_text(statement["Resource"]).endswith(":endpoint/churn")
    metric = endpoint.metric_model_latency()
    assert (metric.namespace, metric.metric_name, metric.statistic) == ("AWS/SageMaker", "ModelLatency", "p99")
    assert metric.dimensions == {"EndpointName": "churn", "VariantName": "AllTraffic"}
    assert endpoint.metric_disk_utilization().namespace == "/aws/sagemaker/Endpoints"


@pytest.mark.parametrize(
    "name",
    ["invocations", "invocations_per_instance", "client_errors", "server_errors", "model_errors", "overhead_latency",
     "cpu_utilization", "memory_utilization"],
)  # fmt: skip
def test_every_metric_is_a_cloudwatch_metric(stack: cdk.Stack, name: str) -> None:
    endpoint = mlops.Endpoint.from_endpoint_name(stack, "Endpoint", "Churn")
    assert isinstance(getattr(endpoint, f"metric_{name}")(), cloudwatch.Metric)


def test_an_unknown_variant_has_no_metrics(stack: cdk.Stack, image_model: mlops.Model) -> None:
    endpoint = mlops.Endpoint(stack, "Endpoint", endpoint_name="churn", model=image_model)
    with pytest.raises(mlops.ConstructError, match=r'variant is "AllTrafic".*did you mean "AllTraffic"\?'):
        endpoint.metric_invocations(variant="AllTrafic")


def test_monitors_need_recorded_traffic(stack: cdk.Stack, image_model: mlops.Model, bucket: s3.IBucket) -> None:
    class Recorder:
        endpoint: mlops.EndpointBase | None = None

        def bind(self, endpoint: mlops.EndpointBase) -> None:
            self.endpoint = endpoint

    silent = mlops.Endpoint(stack, "Silent", endpoint_name="silent", model=image_model)
    with pytest.raises(mlops.ConstructError, match=r'endpoint "silent", which records no traffic; give it capture='):
        silent.add_monitor(Recorder())
    imported = mlops.Endpoint.from_endpoint_name(stack, "Imported", "churn", capture=mlops.DataCapture(bucket=bucket))
    monitor = Recorder()
    imported.add_monitor(monitor)
    assert monitor.endpoint is imported and imported.monitors == (monitor,)


def test_a_tag_changes_nothing_that_is_replaced(
    app: cdk.App, stack: cdk.Stack, image_model: mlops.Model, synthesise: Callable
) -> None:
    mlops.Endpoint(stack, "Endpoint", endpoint_name="churn", model=image_model)
    cdk.Tags.of(app).add("team", "risk")
    template = synthesise()
    tagged = {"SageMaker::Model", "SageMaker::EndpointConfig", "SageMaker::Endpoint"}
    for kind in tagged:
        # Tags are the one thing that changes in place on all three.
        assert template.only(kind)["Tags"] == [{"Key": "team", "Value": "risk"}]


def test_logical_ids_are_pinned(stack: cdk.Stack, image_model: mlops.Model, synthesise: Callable) -> None:
    """The endpoint has a fixed name: a moved id would make CloudFormation create a second one of that name and fail."""
    mlops.Endpoint(stack, "Endpoint", endpoint_name="churn", model=image_model)
    template = synthesise()
    assert list(template.of_type("SageMaker::Endpoint")) == ["EndpointEEF1FD8F"]
    assert list(template.of_type("Logs::LogGroup")) == ["EndpointLogs7B39CB5E"]


def test_a_second_variant_moves_no_scalable_target(app: cdk.App, image_model: mlops.Model) -> None:
    """Under another id the target would be registered again, and the cleanup of the old id would deregister it."""

    def targets(name: str, *more: str) -> dict[str, Any]:
        stack = cdk.Stack(app, name)
        scaling = mlops.Scaling(max_instances=2, invocations_per_instance=100)
        variants = [mlops.Variant(name=n, model=image_model, scaling=scaling) for n in ("champion", *more)]
        mlops.Endpoint(stack, "Endpoint", endpoint_name="churn", variants=variants)
        resources = app.synth(force=True).get_stack_by_name(name).template["Resources"]
        return {key: as_text(r["Properties"]["ResourceId"]) for key, r in resources.items() if "ScalableT" in r["Type"]}

    one, two = targets("One"), targets("Two", "challenger")
    assert one.items() <= two.items() and len(two) == 2
