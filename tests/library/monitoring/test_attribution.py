"""The monitor of feature attribution: settings, permissions, alarms, mistakes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

import cdk_sagemaker_mlops as mlops
from cdk_sagemaker_mlops._iam import Statement, add_service_role
from cdk_sagemaker_mlops.monitoring.engine import BoundEngine, EngineRequest, EngineTask

ALARM = mlops.MetricAlarm(metric="age", threshold=0.5)


@dataclass
class Recorder(mlops.Engine):
    """An engine that keeps what it is asked to do and defines a role only."""

    requests: list[EngineRequest] = field(default_factory=list)

    def problems(self, task: EngineTask) -> list[str]:
        return []

    def bind(self, request: EngineRequest) -> BoundEngine:
        self.requests.append(request)
        role = add_service_role(
            request.block, "Role", service="sagemaker.amazonaws.com", statements=request.statements, description="runs"
        )
        return BoundEngine(name="recorder", role=role, rules=())


@pytest.fixture
def engine() -> Recorder:
    return Recorder()


@pytest.fixture
def attribution(stack: cdk.Stack, endpoint: mlops.Endpoint, engine: Recorder) -> Callable[..., Any]:
    def make(**props: Any) -> mlops.AttributionMonitor:
        given = {"endpoint": endpoint, "engine": engine} | props
        return mlops.AttributionMonitor(stack, "Attribution", **given)

    return make


def told(engine: Recorder) -> dict[str, str]:
    (request,) = engine.requests
    return request.settings


def allowed(engine: Recorder) -> dict[str, Statement]:
    (request,) = engine.requests
    return {statement.sid: statement for statement in request.statements}


def test_runs_are_told_what_the_monitor_says(attribution: Callable, engine: Recorder) -> None:
    from monitor.attribution_settings import AttributionSettings
    from monitor.kinds import settings_of
    from monitor.model_attribution import configured

    attribution(
        headers=["age", "income"],
        label_headers=["left"],
        output_columns=["p", "why"],
        shap=mlops.Shap(baseline=[[40, 50.5]], num_samples=64, aggregation="median", use_logit=True, seed=3),
        drift_threshold=0.8,
        allow_pickle=True,
        max_rows=500,
        shadow_endpoint=mlops.ShadowEndpoint(instance_type="ml.c5.large"),
        publish_metrics=False,
        scripts=mlops.Scripts(postprocessor="s3://scripts/post.py"),
    )
    settings = settings_of(told(engine))
    assert (str(settings.postprocessor), "ReadScripts" in allowed(engine)) == ("s3://scripts/post.py", True)
    assert isinstance(settings, AttributionSettings)
    assert (settings.threshold, settings.max_rows, settings.allow_pickle) == (0.8, 500, True)
    assert (settings.shadow_instance_type, settings.publish_metrics) == ("ml.c5.large", False)
    assert settings.output_columns == ("p", "why")
    shap = configured(json.loads(settings.config or ""))
    assert (shap.features, shap.labels, shap.background) == (("age", "income"), ("left",), ((40.0, 50.5),))
    assert (shap.num_samples, shap.aggregation, shap.link, shap.seed) == (64, "median", "logit", 3)


def test_what_is_not_said_is_left_to_the_run(attribution: Callable, engine: Recorder) -> None:
    made = attribution()
    assert told(engine) == {
        "ENDPOINT_NAME": "mlops-dev-churn",
        "CAPTURE_URI": "s3://the-bucket/captured",
        "MONITORING_SCHEDULE_NAME": "mlops-dev-churn-attribution",
        "MONITORING_TYPE": "ModelExplainability",
        "REPORTS_URI": "s3://the-bucket/monitoring-reports",
        "PERIOD_HOURS": "24",
        "ANALYSIS_CONFIG": '{"methods": {"shap": {"agg_method": "mean_abs"}}}',
    }
    assert made.baseline_parameters == {"constraints": "ModelExplainabilityConstraintsUri"}


def test_runs_read_the_archives_of_the_group_and_nothing_else(
    stack: cdk.Stack, bucket: s3.IBucket, attribution: Callable, engine: Recorder
) -> None:
    key = kms.Key.from_key_arn(stack, "Key", "arn:aws:kms:eu-west-1:111122223333:key/models")
    models = s3.Bucket.from_bucket_attributes(stack, "Models", bucket_name="the-models", encryption_key=key)
    group = mlops.ModelPackageGroup(stack, "Own", name="own", artifacts=[models])
    endpoint = mlops.Endpoint(
        stack,
        "Other",
        endpoint_name="other",
        parameter_prefix="Other",
        model=mlops.Model.latest_approved(group),
        capture=mlops.DataCapture(bucket=bucket),
        alarms=mlops.EndpointAlarms.none(),
    )
    attribution(endpoint=endpoint)
    statements = allowed(engine)
    assert statements["DescribeVersion"].actions == ["sagemaker:DescribeModelPackage"]
    assert statements["DescribeVersion"].resources == [group.package_arns]
    assert [r.rpartition(":")[2] for r in statements["ReadArtifacts"].resources] == ["the-models/*"]
    assert statements["DecryptArtifacts"].resources == ["arn:aws:kms:eu-west-1:111122223333:key/models"]
    assert not any("CreateEndpoint" in action for s in statements.values() for action in s.actions)


def test_a_fixed_model_is_read_where_it_lies(
    fixed_endpoint: mlops.Endpoint, attribution: Callable, engine: Recorder
) -> None:
    shap = mlops.Shap(baseline="s3://the-models/background.csv")
    attribution(endpoint=fixed_endpoint, model_data_url="s3://the-models/churn/model.tar.gz", shap=shap)
    assert told(engine)["MODEL_DATA_URL"] == "s3://the-models/churn/model.tar.gz"
    statements = allowed(engine)
    assert statements["ReadModel"].resources[0].endswith(":s3:::the-models/churn/model.tar.gz")
    assert statements["ReadShapBaseline"].resources[0].endswith(":s3:::the-models/background.csv")
    assert "DescribeVersion" not in statements


def test_shadow_endpoints_are_made_under_the_names_that_runs_give_them(attribution: Callable, engine: Recorder) -> None:
    import fnmatch
    from datetime import UTC, datetime

    from monitor.shadow_endpoint import shadow_name

    attribution(shadow_endpoint=mlops.ShadowEndpoint(), shap=mlops.Shap(baseline=[[1, 2]]))
    make = allowed(engine)["MakeShadow"]
    name = shadow_name("mlops-dev-churn", datetime(2026, 1, 1, tzinfo=UTC))
    patterns = [resource.rpartition(":")[2] for resource in make.resources]
    for kind in ("endpoint", "endpoint-config"):
        assert any(fnmatch.fnmatch(f"{kind}/{name}", pattern) for pattern in patterns)
        assert not any(fnmatch.fnmatch(f"{kind}/mlops-dev-churn", pattern) for pattern in patterns)


def test_features_have_alarms_and_lines(
    stack: cdk.Stack, endpoint: mlops.Endpoint, attribution: Callable, synthesise: Callable
) -> None:
    made = attribution(headers=["age", "income"], label_headers=["stays", "leaves"], feature_alarms=[ALARM])
    names = [alarm.rule.id for alarm in made.alarms]
    assert [name for name in names if name.startswith("Attribution")] == [
        "Attribution age stays",
        "Attribution age leaves",
    ]
    charts = {chart.title: chart for chart in made.charts}
    assert [measure.name for measure in charts["Attribution"].measures] == ["feature_age"]
    assert charts["Agreement with the baseline's ranking"].threshold == 0.9
    found = [r["Properties"] for r in synthesise().of_type("CloudWatch::Alarm").values()]
    (alarm,) = [a for a in found if str(a["AlarmName"]).endswith("Attribution age leaves")]
    assert {item["Name"]: item["Value"] for item in alarm["Dimensions"]} == {
        "Endpoint": "mlops-dev-churn",
        "MonitoringSchedule": "mlops-dev-churn-attribution",
        "ExplainabilityMethod": "KernelShap",
        "Label": "leaves",
        "ValueType": "GlobalShapValues",
    }
    assert (alarm["Namespace"], alarm["Threshold"]) == ("aws/sagemaker/Endpoints/explainability-metrics", 0.5)
    assert made.metric_attribution("age").dimensions == made.metric_attribution("age", "stays").dimensions
    assert made.metric_agreement("leaves").metric_name == "NDCG"


def test_a_lambda_cannot_explain_models(attribution: Callable) -> None:
    with pytest.raises(mlops.ConstructError, match="do not fit into a function, choose auto or processing"):
        attribution(engine=mlops.LambdaEngine())


def test_there_has_to_be_a_model(fixed_endpoint: mlops.Endpoint, attribution: Callable) -> None:
    with pytest.raises(mlops.ConstructError, match="endpoint fixed follows no model package group, so nothing says"):
        attribution(endpoint=fixed_endpoint)


@pytest.mark.parametrize(
    ("props", "message"),
    [
        ({"drift_threshold": 0}, "drift_threshold is 0, allowed are numbers above 0"),
        ({"max_rows": 0}, "max_rows is 0, allowed are 1 to 1000000"),
        ({"model_data_url": "model.tar.gz"}, 'model_data_url is "model.tar.gz", allowed are URIs'),
        ({"headers": ["a", "a"]}, "headers names a twice"),
        ({"label_headers": [""]}, "label_headers holds an empty name"),
        ({"shap": mlops.Shap(num_samples=0)}, "shap.num_samples is 0"),
        ({"shap": mlops.Shap(aggregation="max")}, 'shap.aggregation is "max", allowed are mean_abs'),
        ({"shap": mlops.Shap(baseline="rows.csv")}, 'shap.baseline is "rows.csv", allowed are rows of numbers'),
        ({"shap": mlops.Shap(baseline=[[1], [1, 2]])}, "rows of shap.baseline have 1, 2 values"),
        ({"shap": mlops.Shap(baseline=[[1]]), "headers": ["a", "b"]}, "have 1 values, headers name 2 features"),
        ({"shap": mlops.Shap(baseline=[[float("nan")]])}, "no finite number"),
        ({"shap": mlops.Shap(baseline=[[1.0] * 2000])}, "put the baseline's rows into S3"),
        ({"shadow_endpoint": mlops.ShadowEndpoint()}, "shadow_endpoint needs shap=Shap"),
        (
            {"shadow_endpoint": mlops.ShadowEndpoint(instance_type="m5.large"), "shap": mlops.Shap(baseline=[[1]])},
            'the instance type "m5.large", allowed are those of SageMaker',
        ),
        ({"feature_alarms": [ALARM], "publish_metrics": False}, "they would never see data"),
        ({"feature_alarms": [ALARM, ALARM]}, "feature_alarms holds age twice"),
        ({"feature_alarms": [ALARM], "headers": ["income"]}, 'holds "age", which is none of the headers'),
        ({"feature_alarms": [mlops.MetricAlarm(metric="größe", threshold=1)]}, "metric names of printable ASCII"),
    ],
)
def test_mistakes_say_what_to_change(attribution: Callable, props: dict[str, Any], message: str) -> None:
    with pytest.raises(mlops.ConstructError, match=message):
        attribution(**props)
