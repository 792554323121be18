"""The engine `model-monitor`: job definitions, schedules, permissions, and what it has no words for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

import cdk_sagemaker_mlops as mlops
from cdk_sagemaker_mlops.monitoring.native_schedule import native_expression

GENDER = mlops.Facet(name_or_index="gender", values=["female"])
KEY = "arn:aws:kms:eu-west-1:111122223333:key/disks"


def plain(value: Any) -> Any:
    """A template value with references as text in braces."""
    if isinstance(value, dict) and "Fn::Join" in value:
        return "".join(map(plain, value["Fn::Join"][1]))
    if isinstance(value, dict) and len(value) == 1 and next(iter(value)) in ("Ref", "Fn::GetAtt"):
        ((_, target),) = value.items()
        return f"{{{'.'.join(map(str, target)) if isinstance(target, list) else target}}}"
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


@pytest.fixture
def truth(stack: cdk.Stack) -> s3.IBucket:
    return s3.Bucket.from_bucket_name(stack, "Truth", "the-truth")


@pytest.fixture
def stack(app: cdk.App) -> cdk.Stack:
    return cdk.Stack(app, "Serving", env=cdk.Environment(account="111122223333", region="eu-west-1"))


@pytest.fixture
def native(stack: cdk.Stack, endpoint: mlops.Endpoint, truth: s3.IBucket) -> Callable[..., mlops.Monitor]:
    """Defines a monitor of a kind on the native engine."""

    def make(kind: str, **props: Any) -> mlops.Monitor:
        labels = mlops.Labels(bucket=truth, start_time_offset="-P2D", end_time_offset="-P1D")
        given: dict[str, dict[str, Any]] = {
            "DataQuality": {},
            "ModelQuality": {"problem_type": mlops.ProblemType.BINARY_CLASSIFICATION, "labels": labels},
            "Bias": {"facets": [GENDER], "headers": ["age", "gender"], "labels": labels, "label": "left"},
            "Attribution": {"headers": ["age", "gender"], "shap": mlops.Shap(baseline=[[40, 0]], num_samples=50)},
        }
        made = getattr(mlops, f"{kind}Monitor")
        engine = mlops.Engine.MODEL_MONITOR
        return made(stack, kind, **{"endpoint": endpoint, "engine": engine} | given[kind] | props)

    return make


def found(template: Any, kind: str) -> dict[str, Any]:
    """Properties of the only resource of a SageMaker type, references as text."""
    resource: dict[str, Any] = plain(template.only(f"SageMaker::{kind}"))
    return resource


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("DataQuality", "DataQuality"),
        ("ModelQuality", "ModelQuality"),
        ("Bias", "ModelBias"),
        ("Attribution", "ModelExplainability"),
    ],
)
def test_each_kind_has_its_definition_and_schedule(
    native: Callable, synthesise: Callable, lint: Callable, kind: str, name: str
) -> None:
    monitor = native(kind)
    template = synthesise()
    assert lint(template.template) == []
    definition = found(template, f"{name}JobDefinition")
    image = definition[f"{name}AppSpecification"]["ImageUri"]
    clarify = kind in ("Bias", "Attribution")
    assert image == (
        "131013547314.dkr.ecr.{AWS::Region}.{AWS::URLSuffix}/sagemaker-clarify-processing:1.0"
        if clarify
        else "468650794304.dkr.ecr.{AWS::Region}.{AWS::URLSuffix}/sagemaker-model-monitor-analyzer"
    )
    assert "JobDefinitionName" not in definition, "a name would stand in the way of the next definition"
    environment = definition[f"{name}AppSpecification"]["Environment"]
    if kind == "ModelQuality":  # whose definition takes no statistics
        assert environment.pop("BASELINE_STATISTICS_URI")["Fn::If"][1] == "{ModelQualityStatisticsUri}"
    assert environment == {"publish_cloudwatch_metrics": "Enabled", "MODEL_PACKAGE_ARN": "{ModelPackageArn}"}
    output = definition[f"{name}JobOutputConfig"]["MonitoringOutputs"][0]["S3Output"]
    assert output["S3Uri"] == "s3://the-bucket/monitoring-reports"
    (logical,) = template.of_type(f"SageMaker::{name}JobDefinition")
    schedule = found(template, "MonitoringSchedule")
    assert schedule["MonitoringScheduleName"] == monitor.schedule_name
    config = schedule["MonitoringScheduleConfig"]
    assert config["MonitoringJobDefinitionName"] == {"Fn::Select": [1, {"Fn::Split": ["/", f"{{{logical}}}"]}]}
    assert config["MonitoringType"] == name


def test_what_a_version_decides_is_conditional(native: Callable, synthesise: Callable) -> None:
    native("DataQuality")
    template = synthesise()
    (definition,) = template.of_type("SageMaker::DataQualityJobDefinition").values()
    (schedule,) = template.of_type("SageMaker::MonitoringSchedule").values()
    (look,) = template.of_type("Scheduler::Schedule").values()
    assert definition["Condition"] == schedule["Condition"] == look["Condition"] == "HasModelVersion"
    assert schedule["DependsOn"], "the endpoint's name alone makes nobody wait"
    baseline = definition["Properties"]["DataQualityBaselineConfig"]
    for part, parameter in (("Constraints", "DataQualityConstraintsUri"), ("Statistics", "DataQualityStatisticsUri")):
        condition, given, otherwise = baseline[f"{part}Resource"]["Fn::If"]
        assert given == {"S3Uri": {"Ref": parameter}}
        assert otherwise == {"Ref": "AWS::NoValue"}
        assert template.template["Conditions"][condition] == {"Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, ""]}]}


def test_fixed_files_are_named_outright(native: Callable, synthesise: Callable) -> None:
    native("Bias", baseline=mlops.Baseline.from_files(constraints="s3://base/analysis.json"))
    definition = found(synthesise(), "ModelBiasJobDefinition")
    assert definition["ModelBiasBaselineConfig"] == {"ConstraintsResource": {"S3Uri": "s3://base/analysis.json"}}


def test_labels_and_predictions_stand_where_model_monitor_looks(native: Callable, synthesise: Callable) -> None:
    native("ModelQuality", predictions=mlops.Predictions(probability_attribute="0", probability_threshold=0.3))
    definition = found(synthesise(), "ModelQualityJobDefinition")
    assert definition["ModelQualityAppSpecification"]["ProblemType"] == "BinaryClassification"
    assert definition["ModelQualityJobInput"] == {
        "EndpointInput": {
            "EndpointName": "mlops-dev-churn",
            "LocalPath": "/opt/ml/processing/input/data",
            "ProbabilityAttribute": "0",
            "ProbabilityThresholdAttribute": 0.3,
            "StartTimeOffset": "-P2D",
            "EndTimeOffset": "-P1D",
        },
        "GroundTruthS3Input": {"S3Uri": "s3://the-truth/mlops-dev-churn"},
    }
    assert definition["StoppingCondition"] == {"MaxRuntimeInSeconds": 1800}


def test_clarifys_config_is_a_file_under_its_contents_hash(
    app: cdk.App, native: Callable, synthesise: Callable
) -> None:
    native("Bias")
    template = synthesise()
    uri = found(template, "ModelBiasJobDefinition")["ModelBiasAppSpecification"]["ConfigUri"]
    name = uri.rpartition("/")[2]
    import pathlib

    (file,) = pathlib.Path(app.outdir).rglob(f"asset.{name}")
    assert json.loads(file.read_text()) == {
        "facet": [{"name_or_index": "gender", "value_or_threshold": ["female"]}],
        "headers": ["age", "gender", "left"],
        "label": "left",
        "label_values_or_threshold": ["1"],
    }
    statements = _statements(template, "RunRole")
    assert plain(statements["ReadConfig"]["Resource"]).endswith(f"/{name}")


def _statements(template: Any, role: str) -> dict[str, Any]:
    (found,) = [r for key, r in template.of_type("IAM::Role").items() if role in key]
    (policy,) = found["Properties"]["Policies"]
    return {statement["Sid"]: statement for statement in policy["PolicyDocument"]["Statement"]}


def test_runs_may_do_what_they_do_and_no_more(native: Callable, synthesise: Callable) -> None:
    native("ModelQuality")
    statements = _statements(synthesise(), "RunRole")
    assert set(statements) == {
        *("ReadCapture", "ListCapture", "ReadGroundTruth", "ListGroundTruth", "ReadBaselines", "ListBaselines"),
        *("WriteReports", "ReadMerged", "ListMerged", "ListMergedFolder", "WriteMerged"),
        *("EcrLogin", "PullImages", "WriteLogs", "PublishMetrics"),
    }
    assert plain(statements["WriteMerged"]["Resource"]).endswith(
        ":the-bucket/monitoring-reports/merge/mlops-dev-churn/*"
    )
    assert [plain(arn).rpartition("/")[2] for arn in statements["PullImages"]["Resource"]] == [
        "sagemaker-model-monitor-analyzer",
        "sagemaker-model-monitor-groundtruth-merger",
    ]


def test_only_attribution_makes_endpoints(native: Callable, synthesise: Callable) -> None:
    native("Attribution")
    make = _statements(synthesise(), "RunRole")["MakeShadow"]
    assert [plain(arn).rpartition(":")[2] for arn in make["Resource"]] == [
        "endpoint/sm-clarify*",
        "endpoint-config/sm-clarify*",
    ]


def test_size_network_and_keys_are_passed_on(
    stack: cdk.Stack, native: Callable, synthesise: Callable, lint: Callable
) -> None:
    vpc = ec2.Vpc(stack, "Vpc", max_azs=1, nat_gateways=0)
    engine = mlops.ModelMonitorEngine(
        instance_type="ml.m5.2xlarge",
        instance_count=2,
        volume_gb=50,
        volume_key=kms.Key.from_key_arn(stack, "Disks", KEY),
        max_runtime_seconds=600,
        network=mlops.Network(vpc=vpc, subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC)),
        network_isolation=True,
        encrypt_traffic=True,
    )
    native("DataQuality", engine=engine)
    template = synthesise()
    definition = found(template, "DataQualityJobDefinition")
    assert definition["JobResources"]["ClusterConfig"] == {
        "InstanceCount": 2,
        "InstanceType": "ml.m5.2xlarge",
        "VolumeKmsKeyId": KEY,
        "VolumeSizeInGB": 50,
    }
    network = definition["NetworkConfig"]
    assert (network["EnableNetworkIsolation"], network["EnableInterContainerTrafficEncryption"]) == (True, True)
    assert len(network["VpcConfig"]["Subnets"]) == 1
    assert {"GrantVolumeKey", "UseVolumeKey", "ManageNetworkInterfaces"} <= set(_statements(template, "RunRole"))
    assert [finding for finding in lint(template.template) if "JobDefinition" in finding] == []


def test_scripts_are_model_monitors_own(native: Callable, synthesise: Callable, tmp_path: Path) -> None:
    script = tmp_path / "rows.py"
    script.write_text("def preprocess_handler(inference_record): return []\n")
    native("DataQuality", scripts=mlops.Scripts(preprocessor=script, postprocessor="s3://code/post.py"))
    template = synthesise()
    app = plain(found(template, "DataQualityJobDefinition")["DataQualityAppSpecification"])
    assert app["PostAnalyticsProcessorSourceUri"] == "s3://code/post.py"
    assert app["RecordPreprocessorSourceUri"].endswith(".py")
    statements = _statements(template, "RunRole")
    assert plain(statements["ReadPostprocessor"]["Resource"]).endswith(":s3:::code/post.py")
    assert statements["ListPostprocessor"]["Condition"] == {"StringEquals": {"s3:prefix": "post.py"}}
    assert {"ReadPreprocessor", "ListPreprocessor"} <= set(statements)


def test_ended_jobs_of_this_monitor_wake_the_function_that_tells(native: Callable, synthesise: Callable) -> None:
    native("DataQuality")
    template = synthesise()
    pattern = plain(template.only("Events::Rule")["EventPattern"])
    (role,) = [key for key in template.of_type("IAM::Role") if "RunRole" in key]
    assert pattern["detail"]["RoleArn"] == [f"{{{role}.Arn}}"]
    (function,) = [f for key, f in template.of_type("Lambda::Function").items() if key.startswith("DataQuality")]
    variables = function["Properties"]["Environment"]["Variables"]
    assert (variables["ENGINE"], variables["MONITORING_TYPE"]) == ("model-monitor", "DataQuality")


def test_labels_are_not_counted_so_nothing_watches_their_number(native: Callable) -> None:
    monitor = native("ModelQuality")
    assert "Unlabelled" not in [alarm.rule.id for alarm in monitor.alarms]
    assert "Labels" not in [chart.title for chart in monitor.charts]
    assert {"RunFailed", "Violations", "Heartbeat", "BaselineMissing", "RunLost"} <= {
        alarm.rule.id for alarm in monitor.alarms
    }


def test_a_stack_for_any_region_decides_at_deployment(app: cdk.App, lint: Callable) -> None:
    stack = cdk.Stack(app, "Anywhere")
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "the-bucket")
    for number in (1, 2):
        endpoint = mlops.Endpoint.from_endpoint_name(
            stack, f"Endpoint{number}", f"given{number}", capture=mlops.DataCapture(bucket=bucket)
        )
        mlops.DataQualityMonitor(
            stack, f"Monitor{number}", endpoint=endpoint, engine=mlops.Engine.MODEL_MONITOR, baseline=FILES
        )
    template = app.synth().get_stack_by_name("Anywhere").template
    (mapping,) = [m for name, m in template["Mappings"].items() if "Analyzer" in name]
    assert mapping["eu-west-1"] == {"account": "468650794304"}
    assert lint(template) == []


FILES = mlops.Baseline.from_files(constraints="s3://base/c.json", statistics="s3://base/s.json")


def test_a_region_without_images_is_refused(app: cdk.App) -> None:
    stack = cdk.Stack(app, "Far", env=cdk.Environment(account="111122223333", region="mx-central-1"))
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "the-bucket")
    endpoint = mlops.Endpoint.from_endpoint_name(stack, "Endpoint", "given", capture=mlops.DataCapture(bucket=bucket))
    with pytest.raises(mlops.ConstructError, match=r"no image in mx-central-1.*Engine.AUTO.*af-south-1"):
        mlops.DataQualityMonitor(stack, "Monitor", endpoint=endpoint, engine=mlops.Engine.MODEL_MONITOR, baseline=FILES)


@pytest.mark.parametrize(
    ("schedule", "expression"),
    [
        (mlops.MonitoringSchedule.hourly(), "cron(0 * ? * * *)"),
        (mlops.MonitoringSchedule.daily(hour=7), "cron(0 7 ? * * *)"),
        (mlops.MonitoringSchedule.every(hours=6), "cron(0 0/6 ? * * *)"),
        (mlops.MonitoringSchedule.cron("15 3 * * ? *"), "cron(0 3 ? * * *)"),
        (mlops.MonitoringSchedule.cron("5 2/4 * * ? *"), "cron(0 2/4 ? * * *)"),
        (mlops.MonitoringSchedule.cron("5 1,13 * * ? *"), None),
        (mlops.MonitoringSchedule.cron("5 3 ? * MON *", period_hours=24), None),
        (mlops.MonitoringSchedule.cron("5 3 * * ? *", period_hours=12), None),
    ],
)
def test_schedules_in_model_monitors_words(schedule: Any, expression: str | None) -> None:
    assert native_expression(schedule) == expression


@pytest.mark.parametrize(
    ("kind", "props", "message"),
    [
        ("DataQuality", {"drift_threshold": 0.2}, "thresholds from the baseline's constraints.json only"),
        ("DataQuality", {"comparison_method": "Simple"}, "takes it from the baseline's constraints.json only"),
        ("DataQuality", {"include_features": ["a"]}, "exclude_features says the same the other way round"),
        ("DataQuality", {"exclude_features": ["a" * 101]}, "takes 101 characters, the engine model-monitor allows 100"),
        ("DataQuality", {"window_offset_hours": 24}, "further back than the 24 hours"),
        ("DataQuality", {"schedule": mlops.MonitoringSchedule.cron("5 1,13 * * ? *")}, "every day the same hours"),
        ("DataQuality", {"engine": mlops.ModelMonitorEngine(instance_type="m5.large")}, "those of SageMaker"),
        ("DataQuality", {"engine": mlops.ModelMonitorEngine(volume_gb=0)}, "volume_gb is 0, allowed are 1 to 16384"),
        ("Bias", {"scripts": mlops.Scripts(postprocessor="s3://c/p.py")}, "Clarify runs no scripts"),
        ("Bias", {"tolerance": 0.1}, "tolerance is 0.1: Model Monitor has no setting for it"),
        ("ModelQuality", {"positive_label": "yes"}, 'positive_label is "yes": Model Monitor has no setting'),
        ("ModelQuality", {"predictions": mlops.Predictions(output_columns=["p"])}, "output_columns is given"),
        ("Attribution", {"drift_threshold": 0.8}, "Clarify has fixed it at 0.9"),
        ("Attribution", {"max_rows": 5}, "max_rows is given, but Clarify always explains all rows"),
    ],
)
def test_what_it_has_no_words_for_is_refused_with_the_way_out(
    native: Callable, kind: str, props: dict[str, Any], message: str
) -> None:
    with pytest.raises(mlops.ConstructError, match=message):
        native(kind, **props)


def test_offsets_of_windows_become_those_of_the_schedule(native: Callable, synthesise: Callable) -> None:
    native("DataQuality", window_offset_hours=2)
    config = found(synthesise(), "MonitoringSchedule")["MonitoringScheduleConfig"]["ScheduleConfig"]
    assert config == {
        "ScheduleExpression": "cron(0 * ? * * *)",
        "DataAnalysisStartTime": "-PT3H",
        "DataAnalysisEndTime": "-PT2H",
    }


def test_datasets_are_not_for_it(stack: cdk.Stack, bucket: s3.IBucket) -> None:
    with pytest.raises(mlops.ConstructError, match="endpoints and batch transform jobs only, not at datasets"):
        mlops.DataQualityMonitor(
            stack,
            "Table",
            input=mlops.DatasetInput(dataset="orders", bucket=bucket),
            engine=mlops.Engine.MODEL_MONITOR,
            baseline=FILES,
        )


@pytest.mark.parametrize("engine", [mlops.Engine.MODEL_MONITOR, mlops.Engine.AUTO])
def test_every_alarm_of_every_kind_names_the_report_to_read(
    native: Callable, synthesise: Callable, engine: mlops.Engine
) -> None:
    native("DataQuality", engine=engine, features=["age"])
    native("ModelQuality", engine=engine, metric_alarms=[mlops.MetricAlarm(metric="auc", threshold=0.8)])
    native("Bias", engine=engine, metric_alarms=[mlops.MetricAlarm(metric="DPPL", threshold=0.2)])
    native("Attribution", engine=engine, feature_alarms=[mlops.MetricAlarm(metric="age", threshold=0.5)])
    alarms = [r["Properties"] for r in synthesise().of_type("CloudWatch::Alarm").values()]
    assert len(alarms) >= 4 * 6
    for alarm in alarms:
        text = json.dumps(alarm["AlarmDescription"])
        assert "<yyyy/mm/dd/hh>/report.html" in text, alarm["AlarmName"]
        assert len(plain(alarm["AlarmDescription"])) <= 1024
