"""The monitor's function against S3, CloudWatch and EventBridge in memory."""

from __future__ import annotations

import base64
import json
import os
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from monitor_support.jobs import PREFIX, TEMPLATE, Sagemaker
from moto import mock_aws

from monitor.handler import lambda_handler
from sagemaker_labels import GroundTruthClient
from shared import clients

SERVICES = ("s3", "cloudwatch", "events")
BUCKET = "mlops-data"
ENDPOINT = "mlops-prod-churn"
SCHEDULE = "mlops-prod-churn-data-quality"
SCHEDULED = "2026-11-21T08:05:00Z"
WINDOW_START = datetime(2026, 11, 21, 7, tzinfo=UTC)


#: What the monitors of the labelled types are told about the customers below.
CUSTOMER_COLUMNS = ["income", "age", "gender"]
LABELLED = {
    "GROUND_TRUTH_URI": f"s3://{BUCKET}/truth",
    "PROBABILITY_ATTRIBUTE": "probability",
    "OUTPUT_COLUMNS": '["probability"]',
}
BIAS_CONFIG = {
    "headers": [*CUSTOMER_COLUMNS, "churned"],
    "label": "churned",
    "label_values_or_threshold": [1],
    "facet": [
        {"name_or_index": "gender", "value_or_threshold": ["female"]},
        {"name_or_index": 1, "value_or_threshold": [45]},
    ],
}
TYPES = {
    "DataQuality": {},
    "ModelQuality": {**LABELLED, "PROBLEM_TYPE": "BinaryClassification"},
    "ModelBias": {**LABELLED, "ANALYSIS_CONFIG": json.dumps(BIAS_CONFIG)},
}


@dataclass(frozen=True)
class Customer:
    """One prediction, and what turned out to be true."""

    identity: str
    probability: float
    income: float
    age: int
    gender: str
    label: int

    @property
    def row(self) -> list[Any]:
        """As it is captured: the model's output, then its input."""
        return [self.probability, self.income, self.age, self.gender]


class Context:
    aws_request_id = "request-1"

    def __init__(self, seconds: float = 900) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


class Bench:
    """Buckets with traffic, and everything that a run left behind."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.s3 = boto3.client("s3")
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.faults: list[tuple[str, Exception]] = []
        self.environment(
            ENDPOINT_NAME=ENDPOINT,
            MONITORING_SCHEDULE_NAME=SCHEDULE,
            MONITORING_TYPE="DataQuality",
            CAPTURE_URI=f"s3://{BUCKET}/captures",
            REPORTS_URI=f"s3://{BUCKET}/reports",
            PERIOD_HOURS="1",
        )
        for service in SERVICES:
            events = clients.client(service).meta.events
            events.register(f"before-parameter-build.{service}", self._record)

    def leave(self) -> None:
        """Take its hooks off the clients, which the next test uses again."""
        for service in SERVICES:
            events = clients.client(service).meta.events
            events.unregister(f"before-parameter-build.{service}", self._record)

    def _record(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        for position, (operation, error) in enumerate(self.faults):
            if operation == model.name:
                del self.faults[position]
                raise error
        self.calls.append((model.name, dict(params)))

    def environment(self, **variables: str) -> None:
        for name, value in variables.items():
            self._monkeypatch.setenv(name, value)

    def variable(self, name: str) -> str:
        return os.environ[name]

    def put(self, key: str, content: str | bytes) -> str:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=content.encode() if isinstance(content, str) else content)
        return f"s3://{BUCKET}/{key}"

    def capture(
        self,
        rows: list[list[Any]],
        *,
        at: datetime = WINDOW_START,
        variant: str = "main",
        encoding: str = "CSV",
        name: str = "00-00-000-a.jsonl",
        ids: Sequence[str] = (),
        names: Sequence[str] = ("probability", *CUSTOMER_COLUMNS),
    ) -> str:
        """One captured file; the first column of each row is the model's output, the rest its input.

        ``ids`` are the inference ids; without them records only have the event ids that SageMaker gives. ``names`` are
        those of the columns in JSON.
        """

        def text_of(row: list[Any], first: int, last: int | None) -> str:
            if encoding == "JSON":
                return json.dumps(dict(zip(names[first:last], row[first:last], strict=True)))
            return ",".join(str(value) for value in row[first:last])

        def side(mode: str, text: str) -> dict[str, str]:
            data = base64.b64encode(text.encode()).decode() if encoding == "BASE64" else text
            return {"observedContentType": "text/csv", "mode": mode, "data": data, "encoding": encoding}

        lines = [
            json.dumps(
                {
                    "captureData": {
                        "endpointInput": side("INPUT", text_of(row, 1, None)),
                        "endpointOutput": side("OUTPUT", text_of(row, 0, 1)),
                    },
                    "eventMetadata": {
                        "eventId": f"event-{number}",
                        "inferenceTime": (at + timedelta(seconds=number % 3600)).strftime("%Y-%m-%dT%H:%M:%SZ"),
                        **({"inferenceId": ids[number]} if ids else {}),
                    },
                    "eventVersion": "0",
                }
            )
            for number, row in enumerate(rows)
        ]
        return self.put(f"captures/{ENDPOINT}/{variant}/{at:%Y/%m/%d/%H}/{name}", "\n".join(lines) + "\n")

    def traffic(self, count: int = 400, *, shift: float = 0.0, seed: int = 1) -> list[list[Any]]:
        """Requests of one distribution, drifted by ``shift``: prediction, income, age, plan."""
        source = random.Random(seed)
        return [
            [
                round(source.random(), 6),
                round(source.gauss(50 + shift, 10), 4),
                source.randint(18, 90),
                source.choice(["basic", "plus", "pro"]),
            ]
            for _ in range(count)
        ]

    def monitor(self, kind: str, **variables: str) -> None:
        """Make the function a monitor of another type."""
        self.environment(MONITORING_TYPE=kind, **TYPES[kind] | variables)

    def customers(self, count: int = 300, *, seed: int = 1, wrong: float = 0.0) -> list[Customer]:
        """Predictions with labels; of the women, a share of ``wrong`` turns out the other way."""
        source = random.Random(seed)
        found = []
        for number in range(count):
            gender, age = source.choice(["female", "male"]), source.randint(18, 90)
            probability = round(min(max(source.gauss(0.4 if age > 45 else 0.55, 0.2), 0.0), 1.0), 6)
            label = int(source.random() < probability)
            if gender == "female" and source.random() < wrong:
                label = int(probability <= 0.5)
            found.append(Customer(f"id-{number}", probability, round(source.gauss(50, 10), 4), age, gender, label))
        return found

    def serve(self, customers: Sequence[Customer], at: datetime = WINDOW_START, **capture: Any) -> None:
        """Capture the customers' predictions."""
        self.capture([item.row for item in customers], at=at, ids=[item.identity for item in customers], **capture)

    def learn(self, customers: Iterable[Customer], at: datetime = WINDOW_START) -> None:
        """Upload the customers' labels."""
        labels = GroundTruthClient(f"s3://{BUCKET}/truth", s3=boto3.client("s3"))
        labels.write_labels([(item.identity, item.label) for item in customers], at=at)

    def baseline_of(self, customers: Sequence[Customer]) -> dict[str, str]:
        """A baseline as a first run gives it: its report of customers of long ago, taken as what is right."""
        at = WINDOW_START - timedelta(days=7)
        self.serve(customers, at=at)
        self.learn(customers, at=at)
        self.run(window={"start": at.isoformat(), "end": (at + timedelta(hours=1)).isoformat()})
        hour = f"{at + timedelta(hours=1):%Y/%m/%d/%H}"
        reports = {key.rpartition("/")[2]: content for key, content in self.reports().items() if hour in key}
        for key in self.reports():
            self.s3.delete_object(Bucket=BUCKET, Key=key)
        self.calls.clear()
        constraints = reports.get("constraints.json") or reports["analysis.json"]
        files = {"constraints": self.put("baselines/1/constraints.json", constraints)}
        if "statistics.json" in reports:
            files["statistics"] = self.put("baselines/1/statistics.json", reports["statistics.json"])
        return files

    def baseline(self) -> dict[str, str]:
        """A baseline computed from clean traffic by the analyzer."""
        from model_analyzer import data_quality, inputs

        rows = "\n".join(",".join(str(value) for value in row) for row in self.traffic(2000, seed=7))
        table = ("train.csv", f"prediction,income,age,plan\n{rows}\n".encode())
        profile = data_quality.profile_all(inputs.read_table([table], format="csv", header=True))
        statistics, constraints = data_quality.statistics(profile), data_quality.suggest(profile).to_json()
        self.put("baselines/1/records.json", json.dumps(data_quality.records(profile)))
        return {
            "constraints": self.put("baselines/1/constraints.json", constraints),
            "statistics": self.put("baselines/1/statistics.json", json.dumps(statistics)),
        }

    def run(self, baseline: dict[str, str] | None = None, seconds: float = 900, **event: Any) -> dict[str, Any]:
        event = event or {"scheduled_time": SCHEDULED}
        package = "arn:aws:sagemaker:eu-west-1:111111111111:model-package/churn/1"
        files = baseline if baseline is not None else {"constraints": "", "statistics": ""}
        return lambda_handler(event | {"model_package_arn": package, "baseline": files}, Context(seconds))

    def read(self, name: str, hour: str = "2026/11/21/08") -> str:
        key = f"reports/{ENDPOINT}/{SCHEDULE}/{hour}/{name}"
        return self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()

    def s3_text(self, uri: str) -> str:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()

    def reports(self) -> dict[str, bytes]:
        listed = self.s3.list_objects_v2(Bucket=BUCKET, Prefix="reports/").get("Contents", [])
        return {item["Key"]: self.s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read() for item in listed}

    @property
    def metrics(self) -> dict[str, dict[str, Any]]:
        """The last data point of every metric without further dimensions, by namespace and name."""
        return {f"{space}:{datum['MetricName']}": datum for space, dimensions, datum in self.data if not dimensions}

    @property
    def data(self) -> list[tuple[str, dict[str, str], dict[str, Any]]]:
        """All data points: namespace, dimensions besides endpoint and schedule, datum."""
        found = []
        for name, call in self.calls:
            for datum in call["MetricData"] if name == "PutMetricData" else ():
                dimensions = {item["Name"]: item["Value"] for item in datum["Dimensions"]}
                assert dimensions.pop("Endpoint") == ENDPOINT
                assert dimensions.pop("MonitoringSchedule") == SCHEDULE
                found.append((call["Namespace"], dimensions, datum))
        return found

    def run_metrics(self) -> dict[str, float]:
        prefix = "SageMakerMLOps/Monitoring:"
        return {
            name.removeprefix(prefix): datum["Value"]
            for name, datum in self.metrics.items()
            if name.startswith(prefix) and not name.endswith("RunSeconds")
        }

    @property
    def announced(self) -> list[dict[str, Any]]:
        entries = [entry for name, call in self.calls if name == "PutEvents" for entry in call["Entries"]]
        assert {entry["Source"] for entry in entries} <= {"sagemaker-mlops.monitoring"}
        assert {entry["DetailType"] for entry in entries} <= {"Monitoring Execution"}
        return [json.loads(entry["Detail"]) for entry in entries]


@pytest.fixture(scope="module")
def memory() -> Iterator[Any]:
    """The services in memory. Clients are kept for the module, because making them takes longer than a run."""
    clients.client.cache_clear()
    with mock_aws() as mock:
        yield mock
    clients.client.cache_clear()


@pytest.fixture
def bench(memory: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    memory.reset()
    bench = Bench(monkeypatch)
    yield bench
    bench.leave()


@pytest.fixture
def sagemaker(monkeypatch) -> Sagemaker:
    fake, real = Sagemaker(), clients.client
    monkeypatch.setattr("monitor.handler.client", lambda name: fake if name == "sagemaker" else real(name))
    return fake


@pytest.fixture
def engine(bench, sagemaker):
    """Makes the function one of another engine."""

    def use(name: str, **variables: str) -> None:
        bench.environment(ENGINE=name, JOB_PREFIX=PREFIX, JOB=json.dumps(TEMPLATE), **variables)

    return use


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between attempts to publish metrics, in seconds; they end at once."""
    made: list[float] = []
    monkeypatch.setattr("shared.metrics.publish.__kwdefaults__", {"sleep": made.append})
    return made


@pytest.fixture
def at_hour() -> Callable[[int], datetime]:
    return lambda hour: WINDOW_START.replace(hour=hour)
