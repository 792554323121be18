"""Monitors that compare predictions with labels: settings, permissions, alarms, mistakes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

import cdk_sagemaker_mlops as mlops
from cdk_sagemaker_mlops.monitoring import bias_analysis, model_quality

BINARY = mlops.ProblemType.BINARY_CLASSIFICATION
GENDER = mlops.Facet(name_or_index="gender", values=["female"])


def plain(value: Any) -> str:
    """A template value as text, references in braces."""
    if isinstance(value, dict) and "Fn::Join" in value:
        return "".join(map(plain, value["Fn::Join"][1]))
    if isinstance(value, dict):
        ((_, target),) = value.items()
        return f"{{{'.'.join(map(str, target)) if isinstance(target, list) else target}}}"
    return str(value)


@pytest.fixture
def truth(stack: cdk.Stack) -> s3.IBucket:
    key = kms.Key.from_key_arn(stack, "TruthKey", "arn:aws:kms:eu-west-1:111122223333:key/truth")
    return s3.Bucket.from_bucket_attributes(stack, "Truth", bucket_name="the-truth", encryption_key=key)


@pytest.fixture
def quality(stack: cdk.Stack, endpoint: mlops.Endpoint, truth: s3.IBucket) -> Callable[..., mlops.ModelQualityMonitor]:
    def make(**props: Any) -> mlops.ModelQualityMonitor:
        late = {name: props.pop(name) for name in ("start_time_offset", "end_time_offset", "prefix") if name in props}
        given = {
            "engine": mlops.Engine.LAMBDA,
            "problem_type": BINARY,
            "labels": mlops.Labels(bucket=truth, **late),
        } | props
        return mlops.ModelQualityMonitor(stack, "ModelQuality", endpoint=endpoint, **given)

    return make


@pytest.fixture
def bias(stack: cdk.Stack, endpoint: mlops.Endpoint, truth: s3.IBucket) -> Callable[..., mlops.BiasMonitor]:
    def make(**props: Any) -> mlops.BiasMonitor:
        given = {"facets": [GENDER], "labels": mlops.Labels(bucket=truth), "headers": ["age", "gender"]} | props
        return mlops.BiasMonitor(stack, "Bias", endpoint=endpoint, **given)

    return make


@pytest.fixture
def variables(synthesise: Callable) -> Callable[[], dict[str, str]]:
    def read() -> dict[str, str]:
        found = synthesise().only("Lambda::Function")["Environment"]["Variables"]
        return {name: plain(value) for name, value in found.items()}

    return read


@pytest.fixture
def alarm(synthesise: Callable) -> Callable[[str], dict[str, Any]]:
    def find(ending: str) -> dict[str, Any]:
        found = [r["Properties"] for r in synthesise().of_type("CloudWatch::Alarm").values()]
        (properties,) = [p for p in found if plain(p["AlarmName"]).endswith(f"-{ending}")]
        return properties

    return find


def queries(properties: dict[str, Any]) -> dict[str, Any]:
    return {query["Id"]: query.get("Expression") or query["MetricStat"]["Metric"] for query in properties["Metrics"]}


# -- what runs are told ------------------------------------------------------------------------------------------------


def test_model_quality_tells_the_run_what_it_reads(quality: Callable, variables: Callable) -> None:
    from monitor.kinds import settings_of

    quality(start_time_offset="-P8D", end_time_offset="-P1D")
    assert variables() == {
        "ENDPOINT_NAME": "mlops-dev-churn",
        "MONITORING_SCHEDULE_NAME": "mlops-dev-churn-model-quality",
        "MONITORING_TYPE": "ModelQuality",
        "CAPTURE_URI": "s3://the-bucket/captured",
        "REPORTS_URI": "s3://the-bucket/monitoring-reports",
        "PERIOD_HOURS": "24",
        "GROUND_TRUTH_URI": "s3://the-truth/mlops-dev-churn",
        "START_TIME_OFFSET": "-P8D",
        "END_TIME_OFFSET": "-P1D",
        "PROBABILITY_ATTRIBUTE": "0",
        "PROBLEM_TYPE": "BinaryClassification",
    }
    settings = settings_of(variables())
    assert (settings.period_hours, settings.offset_hours, settings.interval_hours) == (7 * 24, 24, 24)


@pytest.mark.parametrize(
    ("props", "expected"),
    [
        ({}, {"PROBABILITY_ATTRIBUTE": "0"}),
        ({"problem_type": mlops.ProblemType.REGRESSION}, {"INFERENCE_ATTRIBUTE": "0"}),
        ({"problem_type": mlops.ProblemType.MULTICLASS_CLASSIFICATION}, {"INFERENCE_ATTRIBUTE": "0"}),
        ({"predictions": mlops.Predictions(inference_attribute="label")}, {"INFERENCE_ATTRIBUTE": "label"}),
        (
            {"predictions": mlops.Predictions(inference_attribute="1", probability_attribute="0")},
            {"INFERENCE_ATTRIBUTE": "1", "PROBABILITY_ATTRIBUTE": "0"},
        ),
        (
            {"predictions": mlops.Predictions(probability_threshold=0.3, output_columns=["p", "why"])},
            {"PROBABILITY_ATTRIBUTE": "0", "PROBABILITY_THRESHOLD": "0.3", "OUTPUT_COLUMNS": '["p", "why"]'},
        ),
        ({"positive_label": "churned"}, {"POSITIVE_LABEL": "churned", "PROBABILITY_ATTRIBUTE": "0"}),
        ({"publish_metrics": False}, {"PUBLISH_METRICS": "false", "PROBABILITY_ATTRIBUTE": "0"}),
    ],
)
def test_where_predictions_stand(
    quality: Callable, variables: Callable, props: dict[str, Any], expected: dict[str, str]
) -> None:
    quality(**props)
    told = variables()
    names = ("INFERENCE_ATTRIBUTE", "PROBABILITY_ATTRIBUTE", "PROBABILITY_THRESHOLD", "OUTPUT_COLUMNS")
    names += ("POSITIVE_LABEL", "PUBLISH_METRICS")
    assert {name: told[name] for name in names if name in told} == expected


def test_bias_hands_over_clarifys_config(bias: Callable, variables: Callable) -> None:
    from monitor.kinds import settings_of
    from monitor.model_bias import ModelBias
    from monitor.settings import BiasSettings

    bias(
        facets=[GENDER, mlops.Facet(name_or_index=0, threshold=45)],
        label="left",
        label_values=["1", "yes"],
        group_variable="age",
        tolerance=0.05,
    )
    told = variables()
    assert json.loads(told["ANALYSIS_CONFIG"]) == {
        "headers": ["age", "gender"],
        "label": "left",
        "label_values_or_threshold": ["1", "yes"],
        "facet": [
            {"name_or_index": "gender", "value_or_threshold": ["female"]},
            {"name_or_index": 0, "value_or_threshold": [45]},
        ],
        "group_variable": "age",
    }
    settings = settings_of(told)
    assert isinstance(settings, BiasSettings)
    assert (settings.tolerance, settings.probability) == (0.05, "0")
    prepared = ModelBias(settings).prepare(None, None, lambda uri: None)
    assert [(facet.name, facet.values, facet.threshold) for facet in prepared.config.facets] == [
        ("gender", ("female",), None),
        ("age", None, 45),
    ]
    assert prepared.columns == ("prediction", "age", "gender")


def test_columns_by_number_are_called_as_the_run_calls_them(bias: Callable, variables: Callable) -> None:
    from monitor.kinds import settings_of
    from monitor.model_bias import ModelBias
    from monitor.settings import BiasSettings

    facet = mlops.Facet(name_or_index=3, values=["f"])
    made = bias(
        headers=[], facets=[facet], predictions=mlops.Predictions(inference_attribute="0", output_columns=["a", "b"])
    )
    settings = settings_of(variables())
    assert isinstance(settings, BiasSettings)
    prepared = ModelBias(settings).prepare(None, None, lambda uri: None)
    assert [facet.name for facet in prepared.config.facets] == ["_c5"]
    assert made.metric_bias("AD", 3).dimensions["Facet"] == "_c5"


@pytest.mark.parametrize("kind", ["quality", "bias"])
def test_runs_may_read_labels_and_nothing_else_of_that_bucket(
    kind: str, request: pytest.FixtureRequest, synthesise: Callable
) -> None:
    monitor = request.getfixturevalue(kind)()
    template = synthesise()
    ((_, role),) = [
        (key, value)
        for key, value in template.of_type("IAM::Role").items()
        if plain(value["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"]).startswith(
            "lambda"
        )
        and "CloudWatch" not in key
    ]
    (policy,) = role["Properties"]["Policies"]
    statements = {statement["Sid"]: statement for statement in policy["PolicyDocument"]["Statement"]}
    assert plain(statements["ReadGroundTruth"]["Resource"]).endswith(":s3:::the-truth/mlops-dev-churn/*")
    assert statements["ReadGroundTruth"]["Action"] == "s3:GetObject"
    assert statements["ListGroundTruth"]["Condition"] == {"StringLike": {"s3:prefix": ["mlops-dev-churn/*"]}}
    assert "arn:aws:kms:eu-west-1:111122223333:key/truth" in str(statements["DecryptInputs"])
    assert "key/truth" not in str(statements.get("EncryptReports"))
    namespaces = statements["PublishMetrics"]["Condition"]["StringEquals"]["cloudwatch:namespace"]
    assert namespaces == ["SageMakerMLOps/Monitoring", monitor.view.namespace]


def test_whoever_records_labels_may_do_that_only(stack: cdk.Stack, quality: Callable, synthesise: Callable) -> None:
    made = quality(prefix="/labels/churn/")
    role = iam.Role(stack, "Till", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
    assert made.grant_label(role).success
    assert made.ground_truth_uri == "s3://the-truth/labels/churn"
    ((_, policy),) = synthesise().of_type("IAM::Policy").items()
    put, key = policy["Properties"]["PolicyDocument"]["Statement"]
    assert put["Action"] == "s3:PutObject"
    assert plain(put["Resource"]).endswith(":s3:::the-truth/labels/churn/*")
    assert sorted(key["Action"]) == ["kms:Decrypt", "kms:GenerateDataKey"]


def test_baselines_are_parameters_of_their_own(
    stack: cdk.Stack, endpoint: mlops.Endpoint, quality: Callable, bias: Callable, synthesise: Callable
) -> None:
    from deploy.registry import BASELINES

    mlops.DataQualityMonitor(stack, "DataQuality", endpoint=endpoint)
    quality()
    bias()
    mlops.RolloutRegistration(stack, "Registration", controller_name="mlops-dev", model="churn", endpoint=endpoint)
    template = synthesise()
    registered = json.loads(plain(template.only("SSM::Parameter")["Value"]))["parameters"]["baselines"]
    assert registered == {
        "DataQuality": {"constraints": "DataQualityConstraintsUri", "statistics": "DataQualityStatisticsUri"},
        "ModelQuality": {"constraints": "ModelQualityConstraintsUri", "statistics": "ModelQualityStatisticsUri"},
        "ModelBias": {"constraints": "ModelBiasConstraintsUri"},
    }
    parameters = template.template["Parameters"]
    for kind, files in registered.items():
        assert set(files) <= set(BASELINES[kind])
        assert all(parameters[name]["Default"] == "" for name in files.values())


# -- alarms ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("problem", "metric", "comparison", "statistic"),
    [
        (BINARY, "auc", "LessThanThreshold", "Minimum"),
        (BINARY, "false_positive_rate", "GreaterThanThreshold", "Maximum"),
        (mlops.ProblemType.REGRESSION, "rmse", "GreaterThanThreshold", "Maximum"),
        (mlops.ProblemType.REGRESSION, "r2", "LessThanThreshold", "Minimum"),
        (mlops.ProblemType.MULTICLASS_CLASSIFICATION, "weighted_f1", "LessThanThreshold", "Minimum"),
    ],
)
def test_metrics_have_a_wrong_side(
    quality: Callable, alarm: Callable, problem: Any, metric: str, comparison: str, statistic: str
) -> None:
    made = quality(problem_type=problem, metric_alarms=[mlops.MetricAlarm(metric=metric, threshold=0.8)])
    found = alarm(f"Quality {metric}")
    assert (found["ComparisonOperator"], found["Statistic"]) == (comparison, statistic)
    assert (found["Namespace"], found["MetricName"]) == ("aws/sagemaker/Endpoints/model-metrics", metric)
    assert (found["Period"], found["TreatMissingData"]) == (86400, "ignore")
    assert made.metric_quality(metric).statistic == statistic


def test_a_metric_may_have_an_alarm_per_severity(quality: Callable, alarm: Callable) -> None:
    critical = mlops.MetricAlarm(metric="auc", threshold=0.6, severity=mlops.Severity.CRITICAL)
    quality(metric_alarms=[mlops.MetricAlarm(metric="auc", threshold=0.8), critical])
    assert (alarm("Quality auc")["Threshold"], alarm("Quality auc critical")["Threshold"]) == (0.8, 0.6)


def test_bias_is_a_distance_in_either_direction(bias: Callable, alarm: Callable) -> None:
    alarms = [mlops.MetricAlarm(metric="DPPL", threshold=0.2), mlops.MetricAlarm(metric="DI", threshold=0.25)]
    facets = [GENDER, mlops.Facet(name_or_index="age", threshold=45)]
    bias(facets=facets, metric_alarms=[*alarms, mlops.MetricAlarm(metric="CI", threshold=0.9)], label="left")
    found = queries(alarm("Bias DPPL gender"))
    assert found["distance"] == "ABS(bias - 0)"
    assert found["bias"]["MetricName"] == "bias_metric_DPPL"
    assert {item["Name"]: item["Value"] for item in found["bias"]["Dimensions"]} == {
        "Endpoint": "mlops-dev-churn",
        "MonitoringSchedule": "mlops-dev-churn-bias",
        "BiasStage": "Post-Training",
        "Label": "left",
        "LabelValue": "1",
        "Facet": "gender",
        "FacetValue": "female",
    }
    ratio = queries(alarm("Bias DI age"))
    assert ratio["distance"] == "ABS(bias - 1)"
    assert {"Name": "FacetValue", "Value": "(45, Infinity)"} in ratio["bias"]["Dimensions"]
    assert {"Name": "BiasStage", "Value": "Pre-training"} in queries(alarm("Bias CI age"))["bias"]["Dimensions"]


def test_labels_that_stay_away_are_an_alarm(quality: Callable, alarm: Callable) -> None:
    quality(max_unlabelled_share=0.4)
    found = alarm("Unlabelled")
    assert queries(found)["share"] == "unlabelled / (labelled + unlabelled)"
    assert (found["Threshold"], found["ComparisonOperator"]) == (0.4, "GreaterThanThreshold")


def test_that_alarm_can_be_left_out(quality: Callable) -> None:
    assert "Unlabelled" not in [alarm.rule.id for alarm in quality(max_unlabelled_share=None).alarms]


@pytest.mark.parametrize(
    ("offsets", "periods", "signs"),
    [
        ({}, 2 + 1, "runs, records"),
        ({"start_time_offset": "-P2D", "end_time_offset": "-P1D"}, 2 + 1 + 1, "runs, records"),
        # Four days of lag and three periods of a day are a week, as far as CloudWatch looks back; five are more.
        ({"start_time_offset": "-P5D", "end_time_offset": "-P4D"}, 2 + 1 + 4, "runs, records"),
        ({"start_time_offset": "-P6D", "end_time_offset": "-P5D"}, 2 + 1, "runs, records, idle"),
    ],
)
def test_the_heartbeat_waits_for_late_labels_as_long_as_it_can(
    quality: Callable, alarm: Callable, offsets: dict[str, str], periods: int, signs: str
) -> None:
    quality(**offsets)
    found = alarm("Heartbeat")
    assert found["EvaluationPeriods"] == periods
    assert queries(found)["unwatched"] == f"IF(requests > 0 AND MAX([{signs}, none]) < 1, 1, 0)"
    assert {"runs", "records"} <= set(queries(found))


def test_the_dashboard_shows_quality_bias_and_labels(
    stack: cdk.Stack, endpoint: mlops.Endpoint, quality: Callable, bias: Callable, synthesise: Callable
) -> None:
    quality(metric_alarms=[mlops.MetricAlarm(metric="auc", threshold=0.8)])
    bias(label="left")
    mlops.EndpointDashboard(stack, "Dashboard", endpoint=endpoint)
    body = json.loads(plain(synthesise().only("CloudWatch::Dashboard")["DashboardBody"]))
    charts = [w["properties"] for w in body["widgets"] if w["type"] == "metric"]
    headings = [w["properties"]["markdown"] for w in body["widgets"] if w["type"] == "text"]
    assert [h.split("\n")[0] for h in headings[1:]] == ["## ModelQuality", "## ModelBias"]
    (quality_chart,) = [chart for chart in charts if chart["title"] == "Model quality"]
    assert [row[1] for row in quality_chart["metrics"]] == ["auc"]
    assert quality_chart["annotations"]["horizontal"][0]["value"] == 0.8
    (bias_chart,) = [chart for chart in charts if chart["title"] == "Bias"]
    assert [row[1] for row in bias_chart["metrics"]] == ["bias_metric_DPPL", "bias_metric_AD", "bias_metric_RD"]
    assert bias_chart["yAxis"] == {"left": {}}
    assert sum(chart["title"] == "Labels" for chart in charts) == 2


# -- what the names mean is the analyzer's affair ----------------------------------------------------------------------


def test_the_metrics_of_quality_are_those_of_the_analyzer() -> None:
    from model_analyzer.model_quality import _constraints

    assert model_quality.LOWER_IS_BETTER == _constraints.LOWER_IS_BETTER


def test_the_metrics_of_bias_are_those_of_the_analyzer() -> None:
    from model_analyzer.bias import _metrics

    assert set(bias_analysis.PRE_TRAINING) == set(_metrics.PRE_TRAINING)
    assert set(bias_analysis.POST_TRAINING) == set(_metrics.POST_TRAINING)


@pytest.mark.parametrize("problem", list(mlops.ProblemType))
def test_every_metric_that_may_have_an_alarm_is_measured(problem: mlops.ProblemType) -> None:
    import polars as pl

    from model_analyzer.model_quality import Task, statistics, summarize_all

    binary = problem is BINARY
    task = Task(problem.value, inference=None if binary else "p", probability="p" if binary else None)
    frame = pl.DataFrame({"p": [0.1, 0.9, 0.8, 0.2], "ground_truth": [0, 1, 0, 1]})
    if problem is mlops.ProblemType.MULTICLASS_CLASSIFICATION:
        frame = pl.DataFrame({"p": ["a", "b", "c", "a"], "ground_truth": ["a", "b", "a", "c"]})
    (section,) = [v for k, v in statistics(summarize_all([frame], task)).items() if k.endswith("_metrics")]
    assert set(model_quality.METRICS[problem]) <= set(section)


# -- mistakes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("props", "message"),
    [
        ({"start_time_offset": "-P1D"}, "start_time_offset stands alone; give start_time_offset and end_time_offset"),
        ({"start_time_offset": "8 days", "end_time_offset": "-P1D"}, 'start_time_offset is "8 days", allowed are ISO'),
        ({"start_time_offset": "-PT2D", "end_time_offset": "-P1D"}, 'start_time_offset is "-PT2D", allowed are ISO'),
        ({"start_time_offset": "-P1D", "end_time_offset": "-P2D"}, "has -24 hours, allowed are 1 to 744"),
        ({"start_time_offset": "-P60D", "end_time_offset": "-P1D"}, "has 1416 hours, allowed are 1 to 744"),
        ({"max_unlabelled_share": 1}, "max_unlabelled_share is 1, allowed are 0 up to"),
        ({"predictions": mlops.Predictions(probability_threshold=2)}, "probability_threshold is 2, allowed are 0 to 1"),
        (
            {"predictions": mlops.Predictions(inference_attribute="0", probability_threshold=0.4)},
            "probability_threshold is about probabilities",
        ),
        ({"predictions": mlops.Predictions(output_columns=["a", "a"])}, "output_columns holds a name twice"),
        (
            {"metric_alarms": [mlops.MetricAlarm(metric="acuracy", threshold=0.9)]},
            r'metric_alarms holds "acuracy", allowed are accuracy, .*did you mean "accuracy"\?',
        ),
        (
            {
                "predictions": mlops.Predictions(inference_attribute="0"),
                "metric_alarms": [mlops.MetricAlarm(metric="auc", threshold=0.9)],
            },
            r'metric_alarms holds "auc", allowed are accuracy',
        ),
        (
            {"metric_alarms": [mlops.MetricAlarm(metric="auc", threshold=t) for t in (0.8, 0.9)]},
            "metric_alarms holds auc twice",
        ),
        (
            {"metric_alarms": [mlops.MetricAlarm(metric="auc", threshold=0.9)], "publish_metrics": False},
            "they would never see data",
        ),
        (
            {"problem_type": mlops.ProblemType.REGRESSION, "positive_label": "1"},
            'positive_label is "1", but only a binary classification has one',
        ),
    ],
)
def test_mistakes_of_model_quality_say_what_to_change(quality: Callable, props: dict[str, Any], message: str) -> None:
    with pytest.raises(mlops.ConstructError, match=message):
        quality(**props)


@pytest.mark.parametrize(
    ("props", "message"),
    [
        ({"facets": []}, "facets is empty"),
        ({"facets": [GENDER, GENDER]}, 'facets name "gender" twice'),
        (
            {"facets": [mlops.Facet(name_or_index="gender"), mlops.Facet(name_or_index=1, values=["f"])]},
            'facets name "gender" twice',
        ),
        (
            {"facets": [mlops.Facet(name_or_index="age", values=["a"], threshold=4)]},
            'facet "age" has values and a threshold',
        ),
        ({"facets": [mlops.Facet(name_or_index="age", threshold=1)]}, "those above 1 are also those above 1.5"),
        ({"label_threshold": 0}, "label_threshold is 0, which an analysis config takes for a value"),
        ({"facets": [mlops.Facet(name_or_index="sex")]}, r'"sex" is none of the headers \(age, gender\)'),
        ({"facets": [mlops.Facet(name_or_index=2)]}, "column 2 does not exist; headers name 2 columns"),
        ({"facets": [mlops.Facet(name_or_index=-1)]}, "column -1 does not exist"),
        ({"group_variable": "town"}, '"town" is none of the headers'),
        ({"tolerance": 2}, "tolerance is 2, allowed are 0 to 1"),
        ({"label_values": []}, "label_values is empty"),
        ({"headers": ["gender", *(f"column-{n:05}" for n in range(400))]}, "allowed are 2800 because Lambda's"),
        (
            {
                "facets": [mlops.Facet(name_or_index="gender")],
                "metric_alarms": [mlops.MetricAlarm(metric="AD", threshold=0.1)],
            },
            "metric_alarms need to know the groups of every facet",
        ),
        ({"metric_alarms": [mlops.MetricAlarm(metric="DPP", threshold=0.1)]}, 'did you mean "DPPL"'),
        ({"metric_alarms": [mlops.MetricAlarm(metric="CDDL", threshold=0.1)]}, "no value without a group_variable"),
        ({"metric_alarms": [mlops.MetricAlarm(metric="AD", threshold=-0.1)]}, "allowed are distances from 0 on"),
    ],
)
def test_mistakes_of_bias_say_what_to_change(bias: Callable, props: dict[str, Any], message: str) -> None:
    with pytest.raises(mlops.ConstructError, match=message):
        bias(**props)


def test_all_mistakes_come_together(bias: Callable) -> None:
    with pytest.raises(mlops.ConstructError) as raised:
        bias(tolerance=2, label_values=[], max_unlabelled_share=3, alarms=mlops.MonitorAlarms(datapoints=0))
    assert len(raised.value.problems) == 4
