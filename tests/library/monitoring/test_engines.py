"""Engines that carry out runs in jobs: resources, what the function is told, permissions, variants, mistakes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

import cdk_sagemaker_mlops as mlops

JOB_ENGINES = {"processing": mlops.ProcessingEngine, "auto": mlops.AutoEngine}
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/own:1"


def text(value: Any) -> str:
    """A template value as one string, references in braces."""
    if isinstance(value, dict) and "Fn::Join" in value:
        return "".join(text(part) for part in value["Fn::Join"][1])
    if isinstance(value, dict):
        ((_, target),) = value.items()
        return f"{{{'.'.join(map(str, target)) if isinstance(target, list) else target}}}"
    return str(value)


def statements(template: Any, beginning: str) -> dict[str, dict[str, Any]]:
    (policy,) = template.by_id(beginning, "IAM::Role")["Properties"]["Policies"]
    return {statement["Sid"]: statement for statement in policy["PolicyDocument"]["Statement"]}


def variables(template: Any) -> dict[str, str]:
    function = template.only("Lambda::Function")
    return {name: text(value) for name, value in function["Environment"]["Variables"].items()}


def job_of(template: Any) -> dict[str, Any]:
    return json.loads(variables(template)["JOB"])


@pytest.mark.parametrize("name", JOB_ENGINES)
def test_the_resources_of_an_engine_with_jobs(
    monitor: Callable, synthesise: Callable, lint: Callable, name: str
) -> None:
    monitor(engine=JOB_ENGINES[name]())
    template = synthesise()
    kinds = [r["Type"].removeprefix("AWS::") for key, r in template.resources.items() if key.startswith("DataQuality")]
    assert sorted(kind for kind in kinds if kind != "CloudWatch::Alarm") == sorted(
        [
            "Events::Rule",
            *["IAM::Role"] * 3,
            "Lambda::EventInvokeConfig",
            "Lambda::Function",
            "Lambda::Permission",
            "Logs::LogGroup",
            "SQS::Queue",
            "SQS::QueuePolicy",
            "Scheduler::Schedule",
        ]
    )
    conditional = [r["Type"] for r in template.resources.values() if r.get("Condition") == "HasModelVersion"]
    assert conditional.count("AWS::Scheduler::Schedule") == 1
    assert not any("Event" in kind or "Role" in kind for kind in conditional)
    assert lint(template.template) == []


def test_a_function_that_only_starts_jobs_is_small_and_has_no_layer(monitor: Callable, synthesise: Callable) -> None:
    monitor(engine=mlops.Engine.PROCESSING)
    function = synthesise().only("Lambda::Function")
    assert (function["MemorySize"], function["Timeout"], function.get("Layers")) == (256, 120, None)


def test_the_job_runs_the_functions_own_code_with_locked_wheels(monitor: Callable, synthesise: Callable) -> None:
    monitor(engine=mlops.Engine.PROCESSING)
    template = synthesise()
    job, code = job_of(template), template.only("Lambda::Function")["Code"]
    assert job["AppSpecification"]["ContainerEntrypoint"] == ["python3", "-m", "monitor.job"]
    inputs = {item["InputName"]: item["S3Input"] for item in job["ProcessingInputs"]}
    assert inputs["code"]["S3Uri"] == f"s3://{{{code['S3Bucket']['Fn::Sub']}}}/{code['S3Key']}"
    assert job["Environment"]["PYTHONPATH"] == f"/opt/ml/processing/input/code/{code['S3Key']}"
    assert job["Environment"]["WHEELS"].startswith("/opt/ml/processing/input/wheels/")
    assert (job["Environment"]["WHEELS_PYTHON"], job["Environment"]["WHEELS_MACHINE"]) == ("3.12", "x86_64")
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 3600}
    assert job["ProcessingResources"]["ClusterConfig"] == {
        "InstanceCount": 1,
        "InstanceType": "ml.m5.xlarge",
        "VolumeSizeInGB": 30,
    }


@pytest.mark.parametrize("name", JOB_ENGINES)
def test_the_function_reads_what_the_construct_writes(monitor: Callable, synthesise: Callable, name: str) -> None:
    from monitor.engine_settings import EngineSettings
    from monitor.jobs import Jobs
    from monitor.kinds import settings_of

    monitor(engine=JOB_ENGINES[name]())
    template = synthesise()
    told = variables(template)
    assert settings_of(told).name == "mlops-dev-churn"
    settings = EngineSettings.read(told)
    assert (settings.engine, settings.job_engine) == (name, "processing")
    rule = template.only("Events::Rule")["EventPattern"]
    assert rule["source"] == ["aws.sagemaker"]
    ((prefix,),) = (item.values() for item in rule["detail"]["ProcessingJobName"])
    assert prefix == f"{settings.job_prefix}-"
    assert Jobs(lambda: None, settings.job_prefix, settings.job).owns(f"{prefix}2026112108-0123abcd")


def test_requests_are_ones_that_the_service_takes(monitor: Callable, synthesise: Callable) -> None:
    import botocore.session
    from botocore.validate import ParamValidator

    monitor(engine=mlops.ProcessingEngine(volume_gb=50))
    model = botocore.session.get_session().get_service_model("sagemaker").operation_model("CreateProcessingJob")
    report = ParamValidator().validate({"ProcessingJobName": "a", **job_of(synthesise())}, model.input_shape)
    assert not report.has_errors(), report.generate_report()


def test_the_starter_may_start_and_announce_and_the_job_may_run(monitor: Callable, synthesise: Callable) -> None:
    monitor(engine=mlops.Engine.PROCESSING)
    template = synthesise()
    starter = statements(template, "DataQualityRole")
    assert set(starter) == {
        "WriteLogs",
        "PublishMetrics",
        "AnnounceRuns",
        "NoteFailedJobs",
        "StartJobs",
        "HandOverRole",
        "KeepFailedRuns",
    }
    assert text(starter["StartJobs"]["Resource"]).endswith(":processing-job/mlops-dev-churn-data-quality-*")
    assert text(starter["HandOverRole"]["Resource"]).startswith("{DataQualityJobRole")
    assert starter["HandOverRole"]["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    job = statements(template, "DataQualityJobRole")
    assert {"ReadCapture", "ListCapture", "WriteReports", "ReadBaselines", "ReadCode", "PullImage"} <= set(job)
    assert "StartJobs" not in job and "HandOverRole" not in job
    assert len(job["ReadCode"]["Resource"]) == 2


def test_the_function_of_auto_may_both(monitor: Callable, synthesise: Callable) -> None:
    monitor(engine=mlops.Engine.AUTO)
    template = synthesise()
    assert {"ReadCapture", "WriteReports", "StartJobs", "HandOverRole"} <= set(statements(template, "DataQualityRole"))
    function = template.only("Lambda::Function")
    assert (function["MemorySize"], function["Layers"]) == (1769, [{"Ref": "AnalyzerWheelsArm64"}])


@pytest.mark.parametrize(("region", "account"), [("eu-west-1", "141502667606"), ("cn-north-1", "450853457545")])
def test_the_image_is_the_regions(region: str, account: str) -> None:
    app = cdk.App()
    stack = cdk.Stack(app, "Stack", env=cdk.Environment(account="111122223333", region=region))
    data = s3.Bucket.from_bucket_name(stack, "Data", "data")
    source = mlops.DatasetInput(dataset="customers", bucket=data)
    mlops.DataQualityMonitor(stack, "Monitor", input=source, engine=mlops.Engine.PROCESSING)
    template = app.synth().get_stack_by_name("Stack").template
    (function,) = (r for r in template["Resources"].values() if r["Type"] == "AWS::Lambda::Function")
    image = json.loads(text(function["Properties"]["Environment"]["Variables"]["JOB"]))["AppSpecification"]["ImageUri"]
    assert image.startswith(f"{account}.dkr.ecr.{region}.")
    assert image.endswith("/sagemaker-scikit-learn:1.4-2-py312-cpu-py3")


def test_in_a_stack_for_any_region_a_mapping_decides(monitor: Callable, synthesise: Callable) -> None:
    monitor(engine=mlops.Engine.PROCESSING)
    template = synthesise()
    (accounts,) = template.template["Mappings"].values()
    assert accounts["us-east-1"] == {"account": "683313688378"}
    assert "{SageMakerImageAccounts" in job_of(template)["AppSpecification"]["ImageUri"]


def test_a_region_without_the_image_is_refused_and_an_own_image_helps() -> None:
    stack = cdk.Stack(cdk.App(), "Stack", env=cdk.Environment(account="111122223333", region="mx-central-1"))
    source = mlops.DatasetInput(dataset="customers", bucket=s3.Bucket.from_bucket_name(stack, "Data", "data"))
    with pytest.raises(mlops.ConstructError, match="no account is known for SageMaker's sklearn image in mx-central-1"):
        mlops.DataQualityMonitor(stack, "Monitor", input=source, engine=mlops.Engine.PROCESSING)
    engine = mlops.ProcessingEngine(image=IMAGE)
    mlops.DataQualityMonitor(stack, "Other", input=source, engine=engine)


def test_disks_and_reports_are_encrypted_with_the_users_keys(
    stack: cdk.Stack, endpoint: mlops.Endpoint, synthesise: Callable
) -> None:
    keys = {
        name: kms.Key.from_key_arn(stack, name, f"arn:aws:kms:eu-west-1:111122223333:key/{name}")
        for name in ("Disks", "Reports")
    }
    reports = s3.Bucket.from_bucket_attributes(stack, "R", bucket_name="reports", encryption_key=keys["Reports"])
    engine = mlops.ProcessingEngine(volume_key=keys["Disks"])
    mlops.DataQualityMonitor(stack, "DataQuality", endpoint=endpoint, reports=reports, engine=engine)
    template = synthesise()
    assert job_of(template)["ProcessingResources"]["ClusterConfig"]["VolumeKmsKeyId"].endswith("key/Disks")
    job, starter = statements(template, "DataQualityJobRole"), statements(template, "DataQualityRole")
    assert job["GrantVolumeKey"]["Condition"] == {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    assert job["EncryptReports"]["Resource"].endswith("key/Reports")
    assert starter["EncryptReports"]["Resource"].endswith("key/Reports")


def test_jobs_stand_in_the_vpc(stack: cdk.Stack, monitor: Callable, synthesise: Callable, lint: Callable) -> None:
    vpc = ec2.Vpc(stack, "Vpc", nat_gateways=0, subnet_configuration=[
        ec2.SubnetConfiguration(name="inside", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
    ])  # fmt: skip
    monitor(engine=mlops.ProcessingEngine(network=mlops.Network(vpc=vpc)))
    template = synthesise()
    config = job_of(template)["NetworkConfig"]["VpcConfig"]
    assert len(config["Subnets"]) == 2
    assert re.fullmatch(r"\{DataQualitySecurityGroup\w+\.GroupId\}", config["SecurityGroupIds"][0])
    assert "ManageNetworkInterfaces" in statements(template, "DataQualityJobRole")
    assert [finding for finding in lint(template.template) if "DataQuality" in finding] == []
    # One instance has nobody to talk to.
    assert template.of_type("EC2::SecurityGroupIngress") == {}


def test_instances_of_one_job_reach_each_other(
    stack: cdk.Stack, monitor: Callable, synthesise: Callable, lint: Callable
) -> None:
    vpc = ec2.Vpc.from_vpc_attributes(
        stack, "Vpc", vpc_id="vpc-0a1b2c3d", availability_zones=["a"], private_subnet_ids=["subnet-0a1b2c3d"]
    )
    monitor(engine=mlops.SparkEngine(instance_count=2, network=mlops.Network(vpc=vpc)))
    template = synthesise()
    ingress, egress = template.only("EC2::SecurityGroupIngress"), template.only("EC2::SecurityGroupEgress")
    members = ingress["GroupId"]
    assert members["Fn::GetAtt"][1] == "GroupId"
    assert (ingress["SourceSecurityGroupId"], egress["DestinationSecurityGroupId"]) == (members, members)
    # Encrypted traffic between instances is a protocol of its own.
    assert (ingress["IpProtocol"], egress["IpProtocol"]) == ("-1", "-1")
    assert [finding for finding in lint(template.template) if "SecurityGroup" in finding] == []


def test_two_monitors_share_code_and_wheels(
    stack: cdk.Stack, bucket: s3.IBucket, endpoint: mlops.Endpoint, synthesise: Callable
) -> None:
    for name in ("one", "two"):
        mlops.DataQualityMonitor(stack, name, endpoint=endpoint, engine=mlops.Engine.AUTO, name=name)
    template = synthesise()
    uris = {
        item["S3Input"]["S3Uri"]
        for function in template.of_type("Lambda::Function").values()
        for item in json.loads(text(function["Properties"]["Environment"]["Variables"]["JOB"]))["ProcessingInputs"]
    }
    assert len(uris) == 2
    assert len(template.of_type("Lambda::LayerVersion")) == 1


def test_spark_gets_instances_driver_and_code(monitor: Callable, synthesise: Callable, lint: Callable) -> None:
    monitor(engine=mlops.SparkEngine(instance_count=4))
    template = synthesise()
    job = job_of(template)
    assert job["ProcessingResources"]["ClusterConfig"]["InstanceCount"] == 4
    assert job["NetworkConfig"] == {"EnableInterContainerTrafficEncryption": True}
    assert job["AppSpecification"]["ImageUri"].endswith("/sagemaker-spark-processing:3.5-cpu-py312-v1")
    submit, option, code, driver = job["AppSpecification"]["ContainerEntrypoint"]
    assert (submit, option, code) == ("smspark-submit", "--py-files", job["Environment"]["PYTHONPATH"])
    assert driver.startswith("/opt/ml/processing/input/driver/") and driver.endswith(".py")
    assert {item["InputName"] for item in job["ProcessingInputs"]} == {"code", "wheels", "driver"}
    assert variables(template)["ENGINE"] == "spark"
    assert lint(template.template) == []


def test_spark_says_what_it_cannot_do(stack: cdk.Stack, bucket: s3.IBucket, endpoint: mlops.Endpoint) -> None:
    with pytest.raises(mlops.ConstructError, match="cannot run ModelQuality: labels are joined in one process"):
        mlops.ModelQualityMonitor(
            stack,
            "Quality",
            endpoint=endpoint,
            engine=mlops.Engine.SPARK,
            problem_type=mlops.ProblemType.REGRESSION,
            labels=mlops.Labels(bucket=bucket),
        )


def test_auto_is_the_default(stack: cdk.Stack, endpoint: mlops.Endpoint, synthesise: Callable) -> None:
    made = mlops.DataQualityMonitor(stack, "DataQuality", endpoint=endpoint)
    assert made.engine.name == variables(synthesise())["ENGINE"] == "auto"


@pytest.mark.parametrize(
    ("engine", "messages"),
    [
        (
            mlops.ProcessingEngine(instance_type="m5.xlarge", volume_gb=0, max_runtime_seconds=10),
            [
                'engine instance_type is "m5.xlarge", allowed are types such as ml.m5.xlarge',
                "engine volume_gb is 0, allowed are 1 to 16384",
                "engine max_runtime_seconds is 10, allowed are 300 to 86400",
            ],
        ),
        (
            mlops.AutoEngine(function=mlops.LambdaEngine(memory_mb=128), max_function_mb=0),
            ["engine memory_mb is 128", "engine max_function_mb is 0, allowed are 1 and more"],
        ),
    ],
)
def test_what_cannot_be_is_said_at_once(monitor: Callable, engine: mlops.Engine, messages: list[str]) -> None:
    with pytest.raises(mlops.ConstructError) as raised:
        monitor(engine=engine)
    assert len(raised.value.problems) == len(messages)
    for message, problem in zip(messages, raised.value.problems, strict=True):
        assert problem.startswith(message)


def test_more_settings_than_a_function_takes_are_refused(monitor: Callable) -> None:
    names = [f"a_feature_with_a_rather_long_name_{number}" for number in range(120)]
    with pytest.raises(mlops.ConstructError, match="takes 4096; the longest is EXCLUDE_FEATURES with"):
        monitor(exclude_features=names)


# -- inputs without an endpoint ---------------------------------------------------------------------------------------


def test_a_dataset_is_watched_without_an_endpoint(
    stack: cdk.Stack, bucket: s3.IBucket, synthesise: Callable, lint: Callable
) -> None:
    source = mlops.DatasetInput(
        dataset="customers", bucket=bucket, prefix="store", partitions="year=%Y/month=%m/day=%d/hour=%H"
    )
    monitor = mlops.DataQualityMonitor(stack, "Customers", input=source, engine=mlops.Engine.LAMBDA, features=["age"])
    assert (monitor.endpoint_name, monitor.schedule_name) == (None, "customers-data-quality")
    assert monitor.reports_uri.endswith("/monitoring-reports/customers-data-quality")
    template = synthesise()
    from monitor.kinds import settings_of

    settings = settings_of(variables(template))
    assert (settings.source.type, settings.source.name) == ("Dataset", "customers")
    alarms = {
        a["AlarmName"]: a
        for a in (r["Properties"] for r in template.of_type("CloudWatch::Alarm").values())
        if "AlarmName" in a
    }
    drift = next(a for name, a in alarms.items() if "Drift age" in text(name))
    assert drift["Namespace"] == "aws/sagemaker/ModelMonitoring/data-metrics"
    assert [item["Name"] for item in drift["Dimensions"]] == ["MonitoringSchedule"]
    assert lint(template.template) == []


def test_a_dataset_has_no_predictions(stack: cdk.Stack, bucket: s3.IBucket) -> None:
    source = mlops.DatasetInput(dataset="customers", bucket=bucket, prefix="/store/", partitions="hour=%H")
    with pytest.raises(mlops.ConstructError) as raised:
        mlops.ModelQualityMonitor(
            stack,
            "Quality",
            input=source,
            problem_type=mlops.ProblemType.REGRESSION,
            labels=mlops.Labels(bucket=bucket),
        )
    found = "\n".join(raised.value.problems)
    assert 'prefix is "/store/"' in found
    assert "ModelQuality needs captured requests and answers" in found
    assert 'partitions are "hour=%H", allowed are folders that name year (%Y), month (%m) and day (%d)' in found


def test_endpoint_and_input_exclude_each_other(stack: cdk.Stack, bucket: s3.IBucket, endpoint: mlops.Endpoint) -> None:
    source = mlops.DatasetInput(dataset="customers", bucket=bucket)
    with pytest.raises(mlops.ConstructError, match="endpoint and input are both given"):
        mlops.DataQualityMonitor(stack, "Both", endpoint=endpoint, input=source)


# -- scripts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", [mlops.Engine.LAMBDA, mlops.Engine.PROCESSING])
def test_scripts_become_assets_that_runs_may_read(
    monitor: Callable, synthesise: Callable, tmp_path: Path, engine: mlops.Engine
) -> None:
    script = tmp_path / "pre.py"
    script.write_text("def preprocess_handler(record):\n    return {}\n")
    monitor(engine=engine, scripts=mlops.Scripts(preprocessor=script, postprocessor="s3://scripts/post.py"))
    template = synthesise()
    told = variables(template)
    assert re.fullmatch(r"s3://\{cdk-.*\}/[0-9a-f]{64}\.py", told["PREPROCESSOR_URI"])
    assert told["POSTPROCESSOR_URI"] == "s3://scripts/post.py"
    runs = "DataQualityRole" if engine is mlops.Engine.LAMBDA else "DataQualityJobRole"
    assert len(statements(template, runs)["ReadScripts"]["Resource"]) == 2


def test_scripts_that_cannot_run_are_refused(monitor: Callable, stack: cdk.Stack, bucket: s3.IBucket) -> None:
    with pytest.raises(mlops.ConstructError) as raised:
        monitor(engine=mlops.Engine.SPARK, scripts=mlops.Scripts(preprocessor="none.py", postprocessor="s3://bucket"))
    found = "\n".join(raised.value.problems)
    assert 'scripts preprocessor is "none.py", which is no file' in found
    assert 'scripts postprocessor is "s3://bucket", allowed are URIs of objects' in found
    assert "scripts preprocessor cannot be used: the engine is spark" in found
    source = mlops.DatasetInput(dataset="customers", bucket=bucket)
    scripts = mlops.Scripts(preprocessor="s3://scripts/pre.py")
    with pytest.raises(mlops.ConstructError, match="preprocessor is for data quality of captured records"):
        mlops.DataQualityMonitor(stack, "Customers", input=source, scripts=scripts)
