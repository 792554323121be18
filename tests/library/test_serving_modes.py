"""Each way of serving: what CloudFormation gets, what the role may do, which alarms and charts fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns

import cdk_sagemaker_mlops as mlops

Synthesise = Callable[[], Any]
KEY_ARN = "arn:aws:kms:eu-west-1:111111111111:key/abc"


@pytest.fixture
def group(stack: cdk.Stack) -> mlops.ModelPackageGroup:
    return mlops.ModelPackageGroup(stack, "Registry", name="churn")


def alarm_names(template: Any) -> set[str]:
    """Ids of alarms without construct and hash."""
    return {key[len("Endpoint") : -8] for key in template.of_type("CloudWatch::Alarm")}


def endpoint(stack: cdk.Stack, **props: Any) -> mlops.Endpoint:
    return mlops.Endpoint(stack, "Endpoint", endpoint_name="churn", **props)


# --- serverless


def test_a_serverless_variant_has_no_instances_and_no_guardrails(
    stack: cdk.Stack, group: mlops.ModelPackageGroup, synthesise: Synthesise
) -> None:
    made = endpoint(
        stack,
        model=mlops.Model.latest_approved(group),
        serverless=mlops.Serverless(memory_mb=4096, max_concurrency=30, provisioned_concurrency=2),
    )
    template = synthesise()
    (variant,) = template.only("SageMaker::EndpointConfig")["ProductionVariants"]
    assert variant["ServerlessConfig"] == {"MemorySizeInMB": 4096, "MaxConcurrency": 30, "ProvisionedConcurrency": 2}
    assert not {"InstanceType", "InitialInstanceCount"} & set(variant)
    properties = template.only("SageMaker::Endpoint")
    assert not {"DeploymentConfig", "RetainAllVariantProperties"} & set(properties)
    assert made.rollout_parameters == {"version": "ModelPackageArn"} and made.rollback_alarms == ()
    # Exactly what is published: neither model errors nor disks.
    assert alarm_names(template) == {"ClientErrors", "ServerErrors", "Latency", "Concurrency"}
    assert "WatchRollbackAlarms" not in template.statements()


def test_warm_containers_scale_by_their_use(stack: cdk.Stack, image_model: mlops.Model, synthesise: Synthesise) -> None:
    endpoint(
        stack,
        model=image_model,
        serverless=mlops.Serverless(scaling=mlops.ProvisionedScaling(min_concurrency=2, max_concurrency=8)),
    )
    template = synthesise()
    target = template.only("ApplicationAutoScaling::ScalableTarget")
    assert target["ScalableDimension"] == "sagemaker:variant:DesiredProvisionedConcurrency"
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 8)
    policy = template.only("ApplicationAutoScaling::ScalingPolicy")["TargetTrackingScalingPolicyConfiguration"]
    assert policy["TargetValue"] == 0.7
    assert policy["PredefinedMetricSpecification"] == {
        "PredefinedMetricType": "SageMakerVariantProvisionedConcurrencyUtilization"
    }
    (variant,) = template.only("SageMaker::EndpointConfig")["ProductionVariants"]
    assert variant["ServerlessConfig"]["ProvisionedConcurrency"] == 2


# --- asynchronous


@pytest.fixture
def queue(stack: cdk.Stack) -> mlops.AsyncInference:
    key = kms.Key.from_key_arn(stack, "Key", KEY_ARN)
    answers = s3.Bucket.from_bucket_attributes(stack, "Answers", bucket_name="answers", encryption_key=key)
    return mlops.AsyncInference(
        bucket=answers,
        prefix="churn",
        inputs=[s3.Bucket.from_bucket_name(stack, "Requests", "requests")],
        success_topic=sns.Topic.from_topic_arn(stack, "Ok", "arn:aws:sns:eu-west-1:111111111111:ok"),
        error_topic=sns.Topic.from_topic_arn(stack, "Bad", "arn:aws:sns:eu-west-1:111111111111:bad"),
        include_responses=True,
        max_concurrent_requests=4,
    )


def test_an_asynchronous_endpoint_reads_and_writes_s3_and_tells_of_it(
    stack: cdk.Stack, image_model: mlops.Model, queue: mlops.AsyncInference, synthesise: Synthesise
) -> None:
    endpoint(stack, model=image_model, asynchronous=queue)
    template = synthesise()
    assert template.only("SageMaker::EndpointConfig")["AsyncInferenceConfig"] == {
        "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 4},
        "OutputConfig": {
            "S3OutputPath": "s3://answers/churn",
            "S3FailurePath": "s3://answers/churn/failures",
            "KmsKeyId": KEY_ARN,
            "NotificationConfig": {
                "SuccessTopic": "arn:aws:sns:eu-west-1:111111111111:ok",
                "ErrorTopic": "arn:aws:sns:eu-west-1:111111111111:bad",
                "IncludeInferenceResponseIn": ["SUCCESS_NOTIFICATION_TOPIC", "ERROR_NOTIFICATION_TOPIC"],
            },
        },
    }
    allowed = template.statements()
    assert "requests/*" in str(allowed["ReadRequests"]["Resource"])
    assert "answers/churn/*" in str(allowed["WriteAnswers"]["Resource"])
    assert allowed["CryptAnswers"]["Resource"] == KEY_ARN
    assert len(allowed["TellOfAnswers"]["Resource"]) == 2
    # Guardrails work as for real time, with the figures that there are.
    assert "AutoRollbackConfiguration" in template.only("SageMaker::Endpoint")["DeploymentConfig"]
    assert alarm_names(template) == {
        "ClientErrors",
        "ServerErrors",
        "Failures",
        "QueueAge",
        "RollbackClientErrors",
        "RollbackServerErrors",
    }
    age = template.by_id("EndpointQueueAge", "CloudWatch::Alarm")["Properties"]
    assert (age["MetricName"], age["Threshold"], age["Dimensions"]) == (
        "ApproximateAgeOfOldestRequest",
        3600,
        [{"Name": "EndpointName", "Value": "churn"}],
    )


def test_a_queue_scales_to_zero_and_wakes_up(
    stack: cdk.Stack, image_model: mlops.Model, queue: mlops.AsyncInference, synthesise: Synthesise
) -> None:
    scaling = mlops.Scaling(min_instances=0, max_instances=3, backlog_per_instance=5)
    endpoint(stack, model=image_model, asynchronous=queue, scaling=scaling, alarms=mlops.EndpointAlarms.none(),
             rollout=mlops.Rollout.all_at_once(bake_minutes=0))  # fmt: skip
    template = synthesise()
    (variant,) = template.only("SageMaker::EndpointConfig")["ProductionVariants"]
    assert variant["InitialInstanceCount"] == 1
    assert template.only("ApplicationAutoScaling::ScalableTarget")["MinCapacity"] == 0
    policies = {p["Properties"]["PolicyName"]: p["Properties"] for p in template.of_type(
        "ApplicationAutoScaling::ScalingPolicy").values()}  # fmt: skip
    backlog = policies["BacklogPerInstance"]["TargetTrackingScalingPolicyConfiguration"]
    (endpoint_id,) = template.of_type("SageMaker::Endpoint")
    named = {"Fn::GetAtt": [endpoint_id, "EndpointName"]}
    assert backlog["CustomizedMetricSpecification"] == {
        "Namespace": "AWS/SageMaker",
        "MetricName": "ApproximateBacklogSizePerInstance",
        "Statistic": "Average",
        "Dimensions": [{"Name": "EndpointName", "Value": named}],
    }
    step = policies["WakeFromZero"]["StepScalingPolicyConfiguration"]
    assert step["StepAdjustments"] == [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}]
    alarm = template.only("CloudWatch::Alarm")
    (policy_id,) = (key for key in template.of_type("ApplicationAutoScaling::ScalingPolicy") if "Wake" in key)
    assert (alarm["MetricName"], alarm["AlarmActions"]) == ("HasBacklogWithoutCapacity", [{"Ref": policy_id}])


def test_callers_of_a_queue_may_queue_and_exchange_objects(
    stack: cdk.Stack, image_model: mlops.Model, queue: mlops.AsyncInference, synthesise: Synthesise
) -> None:
    caller = iam.Role(stack, "Caller", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    endpoint(stack, model=image_model, asynchronous=queue).grant_invoke(caller)
    queue.grant_exchange(caller)
    text = json.dumps(synthesise().only("IAM::Policy"))
    assert "sagemaker:InvokeEndpointAsync" in text and '"sagemaker:InvokeEndpoint"' not in text
    assert "requests/*" in text and "answers/churn/failures/*" in text and "kms:GenerateDataKey" in text


# --- shadow and several variants


def test_a_shadow_gets_its_share_and_stays_out_of_alarms(
    stack: cdk.Stack, group: mlops.ModelPackageGroup, bucket: s3.IBucket, synthesise: Synthesise
) -> None:
    made = endpoint(
        stack,
        model=mlops.Model.latest_approved(group),
        initial_instance_count=2,
        shadow=mlops.Shadow(model=mlops.Model.from_model_package(group, 8), sampling_percentage=25),
        capture=mlops.DataCapture(bucket=bucket),
    )
    mlops.EndpointDashboard(stack, "Dashboard", endpoint=made)
    template = synthesise()
    (shadow,) = template.only("SageMaker::EndpointConfig")["ShadowProductionVariants"]
    assert (shadow["VariantName"], shadow["InitialVariantWeight"], shadow["InitialInstanceCount"]) == (
        "Shadow",
        0.25,
        2,
    )
    assert shadow["InstanceType"] == "ml.m5.large"
    assert len(template.of_type("SageMaker::Model")) == 2
    assert not [name for name in alarm_names(template) if "Shadow" in name]
    assert made.variant_names == ("AllTraffic",) and made.shadow_name == "Shadow"
    assert "Shadow" in json.dumps(template.only("CloudWatch::Dashboard"))
    assert made.metric_model_latency(variant="Shadow").dimensions == {"EndpointName": "churn", "VariantName": "Shadow"}


def test_variants_scale_each_by_its_own_rule_and_by_the_clock(
    stack: cdk.Stack, image_model: mlops.Model, synthesise: Synthesise
) -> None:
    evening = mlops.ScheduledCapacity(schedule="cron(0 19 * * ? *)", minimum=1, maximum=2, timezone="Europe/Berlin")
    endpoint(
        stack,
        variants=[
            mlops.Variant(
                model=image_model,
                name="champion",
                weight=9,
                scaling=mlops.Scaling(
                    max_instances=4, invocations_per_instance=100, concurrency_per_instance=3, schedule=[evening]
                ),
            ),
            mlops.Variant(model=image_model, name="challenger"),
        ],
    )
    template = synthesise()
    target = template.only("ApplicationAutoScaling::ScalableTarget")
    assert target["ScheduledActions"] == [
        {
            "ScheduledActionName": "Schedule1",
            "Schedule": "cron(0 19 * * ? *)",
            "Timezone": "Europe/Berlin",
            "ScalableTargetAction": {"MinCapacity": 1, "MaxCapacity": 2},
        }
    ]
    assert set(template.of_type("ApplicationAutoScaling::ScalingPolicy")) and {
        p["Properties"]["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"][
            "PredefinedMetricType"
        ]
        for p in template.of_type("ApplicationAutoScaling::ScalingPolicy").values()
    } == {
        "SageMakerVariantInvocationsPerInstance",
        "SageMakerVariantConcurrentRequestsPerModelHighResolution",
    }


# --- several models, several containers


def test_a_multi_model_container_reads_below_its_prefix(
    stack: cdk.Stack, image_uri: str, synthesise: Synthesise
) -> None:
    tenants = mlops.Model.multi_model(image_uri, models_url="s3://the-models/tenants/", caching=False)
    mlops.EndpointDashboard(stack, "Dashboard", endpoint=endpoint(stack, model=tenants))
    template = synthesise()
    container = template.only("SageMaker::Model")["PrimaryContainer"]
    assert container["Mode"] == "MultiModel"
    assert container["MultiModelConfig"] == {"ModelCacheSetting": "Disabled"}
    assert container["ModelDataUrl"] == "s3://the-models/tenants/" and "ModelDataSource" not in container
    assert "the-models/tenants/*" in str(template.statements()["ReadModelData"]["Resource"])
    assert "ReadModelDataBucket" in template.statements()
    body = json.dumps(template.only("CloudWatch::Dashboard"))
    assert "ModelCacheHit" in body and "LoadedModelCount" in body


def test_a_pipeline_may_end_in_what_the_registry_says(
    stack: cdk.Stack, image_uri: str, group: mlops.ModelPackageGroup, synthesise: Synthesise
) -> None:
    prepare = mlops.Model.from_image(image_uri, model_data_url="s3://the-models/prepare/")
    made = endpoint(stack, model=mlops.Model.pipeline(prepare, mlops.Model.latest_approved(group)))
    template = synthesise()
    model = template.only("SageMaker::Model")
    assert "PrimaryContainer" not in model
    first, second = model["Containers"]
    assert first["ModelDataSource"]["S3DataSource"]["CompressionType"] == "None"
    assert second == {"ModelPackageName": {"Ref": "ModelPackageArn"}}
    assert made.follows is group
    assert {"ReadModelData", "ReadArtifacts"} <= set(template.statements())


# --- inference components


def components(stack: cdk.Stack, *of: mlops.Component, **props: Any) -> mlops.ComponentEndpoint:
    return mlops.ComponentEndpoint(stack, "Endpoint", endpoint_name="shop", components=of, **props)


def test_components_share_instances_and_exist_from_the_first_version_on(
    stack: cdk.Stack, group: mlops.ModelPackageGroup, image_model: mlops.Model, synthesise: Synthesise
) -> None:
    made = components(
        stack,
        mlops.Component(name="churn", model=mlops.Model.latest_approved(group), min_memory_mb=1024, cpu_cores=0.5),
        mlops.Component(name="fraud", model=image_model, min_memory_mb=512, copies=2, startup_seconds=120),
    )
    template = synthesise()
    config = template.only("SageMaker::EndpointConfig")
    (variant,) = config["ProductionVariants"]
    assert "ModelName" not in variant and "ExecutionRoleArn" in config
    assert variant["ManagedInstanceScaling"] == {"Status": "ENABLED", "MinInstanceCount": 1, "MaxInstanceCount": 2}
    assert variant["RoutingConfig"] == {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}
    churn = template.by_id("EndpointComponentChurn", "SageMaker::InferenceComponent")
    fraud = template.by_id("EndpointComponentFraud", "SageMaker::InferenceComponent")
    assert churn["Condition"] == "HasModelVersion" and "Condition" not in fraud
    assert churn["Properties"]["InferenceComponentName"] == "shop-churn"
    assert churn["Properties"]["Specification"]["ComputeResourceRequirements"] == {
        "MinMemoryRequiredInMb": 1024,
        "NumberOfCpuCoresRequired": 0.5,
    }
    assert churn["Properties"]["RuntimeConfig"] == {"CopyCount": 1}
    assert fraud["Properties"]["RuntimeConfig"] == {"CopyCount": 2}
    assert fraud["Properties"]["Specification"]["StartupParameters"] == {
        "ContainerStartupHealthCheckTimeoutInSeconds": 120
    }
    # A fixed model is there from the start, and so is the endpoint.
    (resource,) = template.of_type("SageMaker::Endpoint").values()
    assert "Condition" not in resource and made.condition_id is None
    assert made.rollout_parameters == {"version": "ModelPackageArn"}
    latency = template.by_id("EndpointLatencyChurn", "CloudWatch::Alarm")["Properties"]
    assert latency["Dimensions"] == [{"Name": "InferenceComponentName", "Value": "shop-churn"}]
    assert not [name for name in alarm_names(template) if name.startswith("Rollback")]


def test_an_endpoint_that_would_host_nothing_waits_for_a_version(
    stack: cdk.Stack, group: mlops.ModelPackageGroup, synthesise: Synthesise
) -> None:
    only = mlops.Component(name="churn", model=mlops.Model.latest_approved(group), min_memory_mb=1024)
    made = components(stack, only)
    (resource,) = synthesise().of_type("SageMaker::Endpoint").values()
    assert resource["Condition"] == made.condition_id == "HasModelVersion"


def test_copies_scale_to_zero_and_wake_up(stack: cdk.Stack, image_model: mlops.Model, synthesise: Synthesise) -> None:
    scaling = mlops.CopyScaling(min_copies=0, max_copies=4, concurrency_per_copy=2)
    components(
        stack,
        mlops.Component(name="churn", model=image_model, min_memory_mb=1024, scaling=scaling),
        instances=mlops.ManagedInstances(min_instances=0, max_instances=4),
    )
    template = synthesise()
    (component_id,) = template.of_type("SageMaker::InferenceComponent")
    (target,) = template.of_type("ApplicationAutoScaling::ScalableTarget").values()
    assert target["DependsOn"] == [component_id]
    assert target["Properties"]["ResourceId"] == "inference-component/shop-churn"
    assert target["Properties"]["ScalableDimension"] == "sagemaker:inference-component:DesiredCopyCount"
    wake = template.by_id("EndpointWakeAlarmChurn", "CloudWatch::Alarm")["Properties"]
    assert (wake["MetricName"], wake["Namespace"]) == ("NoCapacityInvocationFailures", "AWS/SageMaker")
    (variant,) = template.only("SageMaker::EndpointConfig")["ProductionVariants"]
    assert (variant["InitialInstanceCount"], variant["ManagedInstanceScaling"]["MinInstanceCount"]) == (1, 0)


def test_copies_are_exchanged_in_batches_and_watched(
    stack: cdk.Stack, image_model: mlops.Model, synthesise: Synthesise
) -> None:
    components(
        stack,
        mlops.Component(name="churn", model=image_model, min_memory_mb=1024, copies=4),
        rollout=mlops.Rollout.rolling(percent=50, bake_minutes=5),
    )
    template = synthesise()
    deployment = template.only("SageMaker::InferenceComponent")["DeploymentConfig"]
    policy = deployment["RollingUpdatePolicy"]
    assert policy["MaximumBatchSize"] == {"Type": "CAPACITY_PERCENT", "Value": 50}
    assert policy["WaitIntervalInSeconds"] == 300
    assert len(deployment["AutoRollbackConfiguration"]["Alarms"]) == 3
    alarm = template.by_id("EndpointRollbackServerErrorsChurn", "CloudWatch::Alarm")["Properties"]
    assert [dimension["Name"] for dimension in alarm["Dimensions"]] == ["InferenceComponentName"]
    assert "WatchRollbackAlarms" in template.statements()


def test_callers_name_a_component(stack: cdk.Stack, image_model: mlops.Model, synthesise: Synthesise) -> None:
    caller = iam.Role(stack, "Caller", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    made = components(stack, mlops.Component(name="churn", model=image_model, min_memory_mb=1024))
    made.grant_invoke(caller)
    assert made.component_name("churn") == "shop-churn"
    assert made.metric_invocations().dimensions == {"InferenceComponentName": "shop-churn"}
    assert made.metric_cpu_utilization().dimensions == {"EndpointName": "shop", "VariantName": "AllTraffic"}
    with pytest.raises(mlops.ConstructError, match=r'component is "shop-chrun".*did you mean "shop-churn"'):
        made.component_name("chrun")
    text = json.dumps(synthesise().only("IAM::Policy"))
    assert ":inference-component/shop-churn" in text and ":endpoint/shop" in text


# --- what else hangs on the mode


def test_a_monitor_is_refused_where_nothing_is_captured(stack: cdk.Stack, image_model: mlops.Model) -> None:
    made = endpoint(stack, model=image_model, serverless=mlops.Serverless())
    monitor = mlops.DataQualityMonitor(
        stack,
        "Monitor",
        baseline=mlops.Baseline.from_files(constraints="s3://base/c.json", statistics="s3://base/s.json"),
    )
    with pytest.raises(mlops.ConstructError, match="SageMaker captures no traffic of serverless endpoints"):
        made.add_monitor(monitor)


def test_a_metric_that_is_not_published_names_the_one_that_is(stack: cdk.Stack, image_model: mlops.Model) -> None:
    made = endpoint(stack, model=image_model, serverless=mlops.Serverless())
    with pytest.raises(mlops.ConstructError, match="endpoints publish no metric InvocationModelErrors; read"):
        made.metric_model_errors()


def test_an_imported_endpoint_knows_its_mode(stack: cdk.Stack, synthesise: Synthesise) -> None:
    caller = iam.Role(stack, "Caller", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    arn = "arn:aws:sagemaker:eu-west-1:111111111111:endpoint/queue"
    made = mlops.Endpoint.from_endpoint_arn(stack, "Queue", arn, mode=mlops.ServingMode.ASYNCHRONOUS)
    made.grant_invoke(caller)
    assert made.metric_backlog().dimensions == {"EndpointName": "queue"}
    assert "InvokeEndpointAsync" in json.dumps(synthesise().only("IAM::Policy"))
    with pytest.raises(mlops.ConstructError, match="component_names holds 0; an endpoint of mode inference components"):
        mlops.Endpoint.from_endpoint_name(stack, "Other", "other", mode=mlops.ServingMode.COMPONENTS)


@pytest.mark.parametrize(
    ("props", "titles"),
    [
        ({"serverless": mlops.Serverless()}, ["Requests per minute", "Cold starts (microseconds)"]),
        ({"asynchronous": True}, ["Requests in the queue", "Age of the oldest request (seconds)"]),
    ],
    ids=["serverless", "asynchronous"],
)
def test_the_dashboard_shows_what_is_published(
    stack: cdk.Stack, image_model: mlops.Model, queue: mlops.AsyncInference, synthesise: Synthesise,
    props: dict[str, Any], titles: list[str],
) -> None:  # fmt: skip
    given = {key: queue if value is True else value for key, value in props.items()}
    mlops.EndpointDashboard(stack, "Dashboard", endpoint=endpoint(stack, model=image_model, **given))
    body = json.dumps(synthesise().only("CloudWatch::Dashboard"))
    for title in titles:
        assert title in body
    assert "InvocationModelErrors" not in body
    assert ("InvocationsPerInstance" in body) is False
