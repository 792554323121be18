"""Feature attribution: rankings, metrics, archives, shadow endpoints."""

from __future__ import annotations

import io
import json
import pickle
import random
import tarfile
from datetime import UTC, datetime

import numpy as np
import pytest
import xgboost

from monitor import shadow_endpoint
from monitor.analysis import BaselineError
from monitor.model_archive import UnexplainableModel
from monitor.model_attribution import drawn
from monitor.shadow_endpoint import ShadowEndpoint, ShadowError, numbers, shadow_name
from shared.environment import ConfigurationError

SHAP = "aws/sagemaker/Endpoints/explainability-metrics"
FEATURES = ["income", "age", "tenure"]


def packed(files):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return stream.getvalue()


@pytest.fixture(scope="module")
def model():
    """Answers depend on income most, on age less and on tenure least."""
    rows = np.random.default_rng(1).normal(size=(600, 3))
    labels = 3 * rows[:, 0] + 1.5 * rows[:, 1] + 0.7 * rows[:, 2]
    trained = xgboost.train({"max_depth": 3, "eta": 0.3}, xgboost.DMatrix(rows, labels), 20)
    return packed({"xgboost-model": bytes(trained.save_raw("ubj"))})


@pytest.fixture
def attribution(bench, model):
    """A monitor of attribution whose model is in its bucket."""
    config = {"headers": FEATURES, "methods": {"shap": {"agg_method": "mean_abs"}}}
    bench.environment(
        MONITORING_TYPE="ModelExplainability",
        ANALYSIS_CONFIG=json.dumps(config),
        MODEL_DATA_URL=bench.put("models/1/model.tar.gz", model),
    )
    return bench


def requests(count=300, *, income=1.0, tenure=1.0, seed=1):
    """Requests whose columns vary as told; what does not vary explains nothing."""
    source = random.Random(seed)
    return [[0.5, source.gauss(0, income), source.gauss(0, 1), source.gauss(0, tenure)] for _ in range(count)]


@pytest.fixture
def baseline(attribution):
    attribution.capture(requests(seed=7))
    attribution.run()
    written = attribution.read("analysis.json")
    attribution.calls.clear()
    return {"constraints": attribution.put("baselines/1/analysis.json", written)}


def test_global_shap_values_are_reported_and_published_with_clarifys_dimensions(attribution):
    attribution.capture(requests())
    detail = attribution.run()
    written = json.loads(attribution.read("analysis.json"))
    (label,) = written["explanations"]["kernel_shap"].values()
    values = label["global_shap_values"]
    assert sorted(values, key=values.get, reverse=True) == FEATURES
    found = {datum["MetricName"]: (datum["Value"], more) for space, more, datum in attribution.data if space == SHAP}
    dimensions = {"ExplainabilityMethod": "KernelShap", "Label": "label0"}
    assert found == {
        **{f"feature_{n}": (values[n], dimensions | {"ValueType": "GlobalShapValues"}) for n in FEATURES},
        "ExpectedValue": (label["expected_value"], dimensions | {"ValueType": "ExpectedValue"}),
    }
    assert (detail["status"], detail["records"], detail["baselineMissing"]) == ("Completed", 300, True)
    assert detail["statisticsUri"].endswith("/analysis.json")
    assert "income" in attribution.read("report.html")


def test_the_same_ranking_is_no_violation(attribution, baseline):
    attribution.capture(requests(seed=3))
    detail = attribution.run(baseline)
    assert (detail["status"], detail["checked"], detail["violations"]) == ("Completed", True, 0)
    (agreement,) = [datum["Value"] for _, more, datum in attribution.data if more.get("ValueType") == "NDCG"]
    assert agreement == 1.0


def test_another_ranking_is_a_violation(attribution, baseline):
    attribution.capture(requests(income=0.01, tenure=3))
    detail = attribution.run(baseline)
    (violation,) = json.loads(attribution.read("constraint_violations.json"))["violations"]
    assert violation["constraint_check_type"] == "feature_attribution_drift_check"
    (worst,) = detail["worstMetrics"]
    assert (worst["metric"], worst["label"], worst["threshold"]) == ("shap", "label0", 0.9)
    then = json.loads(attribution.s3.get_object(Bucket="mlops-data", Key="baselines/1/analysis.json")["Body"].read())
    gain, now = (
        document["explanations"]["kernel_shap"]["label0"]["global_shap_values"]
        for document in (then, json.loads(attribution.read("analysis.json")))
    )
    discount = 1 / np.log2([2, 3, 4])
    ranked = sorted(FEATURES, key=now.get, reverse=True)
    assert ranked != FEATURES
    expected = np.dot([gain[n] for n in ranked], discount) / np.dot([gain[n] for n in FEATURES], discount)
    assert worst["value"] == pytest.approx(expected)
    attribution.environment(ATTRIBUTION_THRESHOLD="0.1")
    assert attribution.run(baseline)["violations"] == 0


def test_a_rerun_writes_the_same_however_many_rows_are_drawn(attribution):
    attribution.environment(MAX_ROWS="50")
    attribution.capture(requests())
    attribution.run()
    first = attribution.read("analysis.json")
    attribution.run()
    assert attribution.read("analysis.json") == first
    assert json.loads(first)["explanations"]["item_count"] == 50


def test_rows_are_drawn_from_everywhere():
    import polars as pl

    frames = [pl.DataFrame({"x": range(start, start + 100)}) for start in range(0, 1000, 100)]
    (frame,) = drawn(frames, 200)
    assert frame.height == frame["x"].n_unique() == 200
    assert 400 < frame["x"].mean() < 600
    assert list(drawn([], 10)) == []


def test_a_window_without_traffic_has_no_data_and_loads_no_model(attribution):
    attribution.environment(MODEL_DATA_URL="s3://mlops-data/nowhere.tar.gz")
    assert attribution.run()["noDataReason"] == "NoCaptures"


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (None, "archive s3://mlops-data/models/x.tar.gz does not exist"),
        ({"xgboost-model": b"nonsense"}, "no model found among xgboost-model"),
        ({"model.pkl": pickle.dumps({"a": 1})}, "is pickled"),
    ],
)
def test_an_archive_without_a_readable_model_fails_and_says_what_to_do(attribution, files, says):
    if files is not None:
        attribution.put("models/x.tar.gz", packed(files))
    attribution.environment(MODEL_DATA_URL="s3://mlops-data/models/x.tar.gz")
    attribution.capture(requests())
    with pytest.raises(UnexplainableModel, match=says) as caught:
        attribution.run()
    assert "shadow_endpoint=ShadowEndpoint(...)" in str(caught.value)
    assert "/tmp" not in str(caught.value)
    assert attribution.announced[-1]["status"] == "Failed"


def test_a_pickled_model_is_loaded_where_that_is_allowed(attribution):
    from sklearn.tree import DecisionTreeRegressor

    rows = np.random.default_rng(1).normal(size=(100, 3))
    tree = DecisionTreeRegressor(max_depth=3).fit(rows, rows[:, 1])
    uri = attribution.put("models/2/model.tar.gz", packed({"model.pkl": pickle.dumps(tree)}))
    attribution.environment(MODEL_DATA_URL=uri, ALLOW_PICKLE="true")
    attribution.capture(requests())
    attribution.run()
    values = json.loads(attribution.read("analysis.json"))["explanations"]["kernel_shap"]["label0"][
        "global_shap_values"
    ]
    assert max(values, key=values.get) == "age"


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"explanations": {}}, "explanations.kernel_shap"),
        ({"explanations": {"kernel_shap": {"yes": {"global_shap_values": {"income": 1}}}}}, "labels yes"),
        ({"explanations": {"kernel_shap": {"label0": {"global_shap_values": {"a": 1}}}}}, "none of the features"),
    ],
)
def test_a_baseline_of_something_else_fails_the_run(attribution, document, says):
    attribution.capture(requests())
    with pytest.raises(BaselineError, match=says):
        attribution.run({"constraints": attribution.put("baselines/1/analysis.json", json.dumps(document))})


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("[]", "no JSON object|is not a JSON object"),
        ('{"methods": {"shap": {"agg_method": "max"}}}', "agg_method is 'max'"),
        ('{"methods": {"shap": {"num_samples": 0}}}', "num_samples is 0"),
        ('{"methods": {"shap": {"baseline": [["a"]]}}}', "could not convert"),
    ],
)
def test_a_wrong_analysis_config_is_named(attribution, config, says):
    attribution.environment(ANALYSIS_CONFIG=config)
    with pytest.raises(ConfigurationError, match=says):
        attribution.run()


# -- the version in the registry -----------------------------------------------------------------------------------


def test_the_archive_is_the_one_that_the_registry_names(attribution, monkeypatch):
    class Registry:
        container = {"ModelDataUrl": attribution.variable("MODEL_DATA_URL")}

        def describe_model_package(self, ModelPackageName):
            assert ModelPackageName.endswith("model-package/churn/1")
            return {"InferenceSpecification": {"Containers": [self.container]}}

    services = {"sagemaker": Registry(), "s3": attribution.s3}
    monkeypatch.setattr("monitor.explained_model.client", services.get)
    attribution.environment(MODEL_DATA_URL="")
    attribution.capture(requests())
    assert attribution.run()["status"] == "Completed"
    Registry.container = {"ModelDataSource": {"S3DataSource": {"S3Uri": "s3://mlops-data/models/folder/"}}}
    with pytest.raises(UnexplainableModel, match="has no model archive but s3://mlops-data/models/folder/"):
        attribution.run()


# -- shadow endpoints ----------------------------------------------------------------------------------------------


class SageMaker:
    """Endpoints that come up after two looks; the model answers twice the first column."""

    def __init__(self, *, status="InService", answer=None):
        self.status, self.answer = status, answer
        self.endpoints, self.configs, self.asked, self.looks = {}, {}, [], 0

    def describe_endpoint(self, EndpointName):
        if EndpointName == "churn":
            return {"EndpointConfigName": "live", "EndpointStatus": "InService"}
        self.looks += 1
        status = self.status if self.looks > 2 else "Creating"
        return {"EndpointStatus": status, "FailureReason": "no capacity"}

    def describe_endpoint_config(self, EndpointConfigName):
        assert EndpointConfigName == "live"
        return {
            "ProductionVariants": [
                {"ModelName": "small", "InitialInstanceCount": 1, "InitialVariantWeight": 0.2},
                {"ModelName": "large", "InitialInstanceCount": 1, "InitialVariantWeight": 0.8},
            ]
        }

    def create_endpoint_config(self, EndpointConfigName, ProductionVariants):
        self.configs[EndpointConfigName] = ProductionVariants

    def create_endpoint(self, EndpointName, EndpointConfigName):
        self.endpoints[EndpointName] = EndpointConfigName

    def delete_endpoint(self, EndpointName):
        self._delete(self.endpoints, EndpointName)

    def delete_endpoint_config(self, EndpointConfigName):
        self._delete(self.configs, EndpointConfigName)

    def _delete(self, among, name):
        from botocore.exceptions import ClientError

        if among.pop(name, None) is None:
            text = f'Could not find endpoint "{name}".'
            raise ClientError({"Error": {"Code": "ValidationException", "Message": text}}, "Delete")

    def invoke_endpoint(self, EndpointName, ContentType, Accept, Body):
        assert EndpointName in self.endpoints
        rows = [[float(cell or "nan") for cell in line.split(",")] for line in Body.splitlines()]
        self.asked.append(len(rows))
        text = self.answer if self.answer is not None else "\n".join(str(2 * row[0]) for row in rows)
        return {"Body": io.BytesIO(text.encode())}


AT = datetime(2026, 11, 21, 8, tzinfo=UTC)


def test_a_shadow_endpoint_serves_the_heaviest_variants_model_and_is_gone_afterwards(monkeypatch):
    monkeypatch.setattr(shadow_endpoint, "MAX_ROWS", 2)
    service, pauses = SageMaker(), []
    with ShadowEndpoint(service, service, sleep=pauses.append).running("churn", "ml.m5.large", AT) as predict:
        (name,) = service.endpoints
        assert name == shadow_name("churn", AT)
        assert service.configs[name][0] | {"VariantName": ""} == {
            "VariantName": "",
            "ModelName": "large",
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
        }
        answers = predict(np.array([[1.0, np.nan], [2.0, 1.0], [3.0, 1.0]]))
    assert answers.tolist() == [[2.0], [4.0], [6.0]]
    assert service.asked == [2, 1]
    assert len(pauses) == 2
    assert service.endpoints == service.configs == {}


def test_what_a_run_that_died_left_behind_is_replaced():
    service = SageMaker()
    name = shadow_name("churn", AT)
    service.endpoints[name] = service.configs[name] = "old"
    with ShadowEndpoint(service, service, sleep=lambda _: None).running("churn", "ml.m5.large", AT):
        assert service.configs[name] != "old"


def test_a_shadow_endpoint_that_fails_is_deleted_and_named():
    service = SageMaker(status="Failed")
    with (
        pytest.raises(ShadowError, match=r"churn-shap-.* is Failed: no capacity"),
        ShadowEndpoint(service, service, sleep=lambda _: None).running("churn", "ml.m5.large", AT),
    ):
        pass
    assert service.endpoints == service.configs == {}


def test_names_of_shadow_endpoints_fit_and_differ_by_run():
    long = "a" * 63
    assert len(shadow_name(long, AT)) <= 63
    assert shadow_name(long, AT) != shadow_name(long, AT.replace(hour=9))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0.5\n0.25\n", [[0.5], [0.25]]),
        ("0.5,0.5\n0.2,0.8", [[0.5, 0.5], [0.2, 0.8]]),
        ("[0.5, 1]", [[0.5], [1.0]]),
        ('{"predictions": [{"score": 0.5}, {"score": 0.25}]}', [[0.5], [0.25]]),
        ('{"predictions": [[0.1, 0.9]]}', [[0.1, 0.9]]),
    ],
)
def test_answers_of_models_are_understood(text, found):
    assert numbers(text) == found


@pytest.mark.parametrize(
    "text", ["yes\nno", '{"a": [1], "b": [2]}', '["yes"]', "[1,", '{"predictions": [{"label": "a"}]}']
)
def test_other_answers_are_refused(text):
    with pytest.raises(ShadowError, match="the model's answer"):
        numbers(text)


def test_one_line_with_all_answers_is_one_answer_for_each_row():
    service = SageMaker(answer="1,2,3")
    with ShadowEndpoint(service, service, sleep=lambda _: None).running("churn", "ml.m5.large", AT) as predict:
        assert predict(np.zeros((3, 2))).tolist() == [[1.0], [2.0], [3.0]]
        with pytest.raises(ShadowError, match="gave 1 answers for 2 rows"):
            predict(np.zeros((2, 2)))


def test_a_model_that_cannot_be_read_is_asked_through_a_shadow_endpoint(attribution, monkeypatch):
    service = SageMaker()
    services = {"sagemaker": service, "sagemaker-runtime": service, "s3": attribution.s3}
    monkeypatch.setattr("monitor.explained_model.client", services.get)
    monkeypatch.setattr("monitor.shadow_endpoint.POLL_SECONDS", 0)
    monkeypatch.setattr("monitor.shadow_endpoint.ShadowEndpoint.__init__.__kwdefaults__", {"sleep": lambda _: None})
    service.describe_endpoint = lambda EndpointName: {"EndpointConfigName": "live", "EndpointStatus": "InService"}
    config = {"headers": FEATURES, "methods": {"shap": {"baseline": [[0, 0, 0]]}}}
    attribution.environment(
        MODEL_DATA_URL=attribution.put("models/x.tar.gz", packed({"weights": b"???"})),
        SHADOW_INSTANCE_TYPE="ml.m5.large",
        ANALYSIS_CONFIG=json.dumps(config),
        MAX_ROWS="20",
    )
    rows = requests()
    attribution.capture(rows)
    attribution.run()
    written = json.loads(attribution.read("analysis.json"))["explanations"]
    values = written["kernel_shap"]["label0"]["global_shap_values"]
    assert written["method"] == "kernel_shap"
    assert values["income"] > 0
    assert values["age"] == pytest.approx(0, abs=1e-9)
    attribution.environment(ANALYSIS_CONFIG="{}")
    with pytest.raises(ConfigurationError, match="must hold one row or more"):
        attribution.run()
