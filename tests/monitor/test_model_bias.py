"""Bias against numbers computed here by their definitions."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from monitor.analysis import BaselineError
from shared.environment import ConfigurationError

BIAS = "aws/sagemaker/Endpoints/bias-metrics"
CONFIG = {
    "headers": ["income", "age", "gender", "churned"],
    "label": "churned",
    "label_values_or_threshold": [1],
    "facet": [{"name_or_index": "gender", "value_or_threshold": ["female"]}],
}


def config(**changes):
    return json.dumps(CONFIG | changes)


def served(bench, customers):
    bench.serve(customers)
    bench.learn(customers)
    return customers


def published(bench):
    """Values by facet and metric; pre-training and post-training metrics have different names."""
    return {
        (more["Facet"], datum["MetricName"].removeprefix("bias_metric_")): (datum["Value"], more)
        for space, more, datum in bench.data
        if space == BIAS
    }


def share(rows, of=lambda item: True):
    rows = list(rows)
    return sum(map(of, rows)) / len(rows)


def test_metrics_of_labels_and_predictions(bench):
    bench.monitor("ModelBias")
    customers = served(bench, bench.customers(wrong=0.2))
    bench.run()
    found = published(bench)
    for facet, inside in (("gender", lambda i: i.gender == "female"), ("age", lambda i: i.age > 45)):
        d, a = [i for i in customers if inside(i)], [i for i in customers if not inside(i)]

        def label(item):
            return item.label

        def guess(item):
            return item.probability > 0.5

        def right(item):
            return guess(item) == item.label

        expected = {
            "CI": (len(a) - len(d)) / len(customers),
            "DPL": share(a, label) - share(d, label),
            "DPPL": share(a, guess) - share(d, guess),
            "DI": share(d, guess) / share(a, guess),
            "AD": share(a, right) - share(d, right),
            "RD": share(filter(label, a), guess) - share(filter(label, d), guess),
        }
        assert {name: found[facet, name][0] for name in expected} == pytest.approx(expected)


def test_metrics_have_clarifys_dimensions(bench):
    bench.monitor("ModelBias")
    served(bench, bench.customers())
    bench.run()
    found = published(bench)
    assert found["gender", "CI"][1] == {
        "BiasStage": "Pre-training",
        "Label": "churned",
        "LabelValue": "1",
        "Facet": "gender",
        "FacetValue": "female",
    }
    assert found["gender", "DPPL"][1]["BiasStage"] == "Post-Training"
    assert found["age", "DPPL"][1]["FacetValue"] == "(45, Infinity)", "the same in every run"
    written = json.loads(bench.read("analysis.json"))
    assert written["post_training_bias_metrics"]["label"] == "churned"
    groups = written["pre_training_bias_metrics"]["facets"]["age"]
    assert [item["value_or_threshold"] for item in groups] == ["(45, 90]"], "as Clarify writes it"


def test_only_metrics_with_a_value_are_published_and_infinity_as_the_largest_number(bench):
    bench.monitor("ModelBias")
    customers = bench.customers(60)
    served(bench, [replace(i, probability=0.9 if i.gender == "female" else 0.1, age=30) for i in customers])
    bench.run()
    written = json.loads(bench.read("analysis.json"))
    values = {
        (facet, metric["name"]): metric["value"]
        for section in ("pre_training_bias_metrics", "post_training_bias_metrics")
        for facet, groups in written[section]["facets"].items()
        for group in groups
        for metric in group["metrics"]
    }
    found = published(bench)
    assert set(found) == {key for key, value in values.items() if value is not None}
    assert None in values.values(), "nobody is older than 45"
    infinite = {key for key, value in values.items() if value in ("Infinity", "-Infinity")}
    assert infinite, "no man was predicted to leave"
    assert {abs(found[key][0]) for key in infinite} == {2.0**360}


def test_a_metric_farther_from_neutral_than_the_baselines_is_a_violation(bench):
    bench.monitor("ModelBias", ANALYSIS_CONFIG=config())
    baseline = bench.baseline_of(bench.customers())
    served(bench, bench.customers(wrong=0.8))
    detail = bench.run(baseline)
    written = json.loads(bench.read("constraint_violations.json"))
    assert written["version"] == "1.0"
    found = {item["metric_name"]: item for item in written["violations"]}
    assert {item["constraint_check_type"] for item in found.values()} == {"bias_drift_check"}
    assert (found["AD"]["facet"], found["AD"]["facet_value"]) == ("gender", "female")
    assert detail["violations"] == len(written["violations"])
    worst = {item["metric"]: item for item in detail["worstMetrics"]}
    assert set(worst) <= set(found)
    for item in worst.values():
        assert (item["check"], item["facet"], item["facetValue"]) == ("bias_drift_check", "gender", "female")
        neutral = 1 if item["metric"] == "DI" else 0
        assert abs(item["value"] - neutral) > abs(item["threshold"] - neutral)


def test_a_tolerance_lets_small_differences_pass(bench):
    bench.monitor("ModelBias", ANALYSIS_CONFIG=config())
    baseline = bench.baseline_of(bench.customers())
    served(bench, bench.customers(seed=3))
    strict = bench.run(baseline)["violations"]
    bench.environment(BIAS_TOLERANCE="1")
    assert strict > bench.run(baseline)["violations"]


def test_labels_with_a_threshold_and_facets_by_position_and_value(bench):
    """Column 2 of the input is the gender; without values each in turn is compared with the others."""
    settings = {"label": "amount", "label_values_or_threshold": [0.5], "facet": [{"name_or_index": 2}]}
    bench.monitor("ModelBias", ANALYSIS_CONFIG=json.dumps(settings), PROBABILITY_ATTRIBUTE="", INFERENCE_ATTRIBUTE="0")
    customers = served(bench, bench.customers())
    bench.run()
    found = [
        (more, datum) for space, more, datum in bench.data if space == BIAS and datum["MetricName"].endswith("_CI")
    ]
    women = sum(item.gender == "female" for item in customers)
    assert {more["FacetValue"]: datum["Value"] for more, datum in found} == pytest.approx(
        {"female": (300 - 2 * women) / 300, "male": (2 * women - 300) / 300}
    )
    assert {(more["Facet"], more["Label"], more["LabelValue"]) for more, _ in found} == {
        ("_c3", "amount", "(0.5, Infinity)")
    }


def test_without_prediction_there_are_metrics_of_the_labels_alone(bench):
    bench.monitor("ModelBias", PROBABILITY_ATTRIBUTE="")
    served(bench, bench.customers())
    bench.run()
    assert {more["BiasStage"] for space, more, _ in bench.data if space == BIAS} == {"Pre-training"}
    assert "post_training_bias_metrics" not in json.loads(bench.read("analysis.json"))


def test_a_value_that_cloudwatch_refuses_does_not_cost_the_others(bench):
    bench.monitor("ModelBias", ANALYSIS_CONFIG=config(facet=[{"name_or_index": "gender"}]))
    customers = bench.customers(90)
    served(bench, [replace(item, gender=["weiblich", "männlich"][number % 2]) for number, item in enumerate(customers)])
    assert bench.run()["status"] == "Completed"
    assert {more["FacetValue"] for space, more, _ in bench.data if space == BIAS} == {"weiblich"}


def test_the_config_may_lie_in_a_file(bench):
    bench.monitor("ModelBias")
    served(bench, bench.customers())
    bench.run()
    inline = bench.reports()
    uri = bench.put("config/analysis_config.json", json.dumps(json.loads(bench.variable("ANALYSIS_CONFIG"))))
    bench.environment(ANALYSIS_CONFIG="", ANALYSIS_CONFIG_URI=uri)
    bench.run()
    assert bench.reports() == inline


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"ANALYSIS_CONFIG": ""}, "set ANALYSIS_CONFIG or ANALYSIS_CONFIG_URI, and one of them only"),
        ({"ANALYSIS_CONFIG_URI": "s3://mlops-data/x"}, "set ANALYSIS_CONFIG or ANALYSIS_CONFIG_URI, and one of them"),
        ({"ANALYSIS_CONFIG": "", "ANALYSIS_CONFIG_URI": "s3://mlops-data/none.json"}, "none.json does not exist"),
        ({"ANALYSIS_CONFIG": "{facet"}, "ANALYSIS_CONFIG is not JSON"),
        ({"ANALYSIS_CONFIG": "[]"}, "ANALYSIS_CONFIG is not a JSON object"),
        ({"ANALYSIS_CONFIG": "{}"}, "ANALYSIS_CONFIG cannot be used: .*expected a list 'facet'"),
        ({"ANALYSIS_CONFIG": '{"facet": []}'}, "ANALYSIS_CONFIG cannot be used: .*name at least one column"),
        ({"INFERENCE_ATTRIBUTE": "label"}, "INFERENCE_ATTRIBUTE and PROBABILITY_ATTRIBUTE are both set"),
        ({"BIAS_TOLERANCE": "2"}, "BIAS_TOLERANCE='2' must be a number from 0 to 1"),
    ],
)
def test_wrong_settings_are_refused_with_traffic_or_without(bench, variables, words):
    bench.monitor("ModelBias", **variables)
    with pytest.raises(ConfigurationError, match=words):
        bench.run()


def test_a_baseline_of_other_facets_is_refused(bench):
    bench.monitor("ModelBias")
    baseline = bench.baseline_of(bench.customers())
    bench.monitor("ModelBias", ANALYSIS_CONFIG=config(facet=[{"name_or_index": "income", "value_or_threshold": [50]}]))
    with pytest.raises(BaselineError, match="know nothing of the facets income, only of age, gender"):
        bench.run(baseline)
