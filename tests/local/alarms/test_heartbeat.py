"""The heartbeat alarm that the library defines, evaluated minute by minute: silent while all is well, loud when not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3

import cdk_sagemaker_mlops as mlops
from sagemaker_local import metrics

ACCOUNT, REGION = "123456789012", "eu-west-1"
STEP = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def heartbeat(folder: Path, name: str, schedule: mlops.MonitoringSchedule) -> dict[str, Any]:
    """Parameters of PutMetricAlarm as in the library's template, for two variants."""
    app = cdk.App(outdir=str(folder))
    stack = cdk.Stack(app, "Stack")
    model = mlops.Model.from_image(f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/model:1")
    endpoint = mlops.Endpoint(
        stack,
        "Endpoint",
        endpoint_name=name,
        variants=[mlops.Variant(model=model, name=variant) for variant in ("blue", "green")],
        capture=mlops.DataCapture(bucket=s3.Bucket.from_bucket_name(stack, "Bucket", "captured")),
        alarms=mlops.EndpointAlarms.none(),
    )
    mlops.DataQualityMonitor(
        stack,
        "Monitor",
        endpoint=endpoint,
        baseline=mlops.Baseline.from_files(constraints="s3://baselines/constraints.json"),
        schedule=schedule,
        engine=mlops.LambdaEngine(layer_arn=f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:wheels:1"),
    )
    resources = app.synth().get_stack_by_name("Stack").template["Resources"]
    (alarm,) = (r["Properties"] for key, r in resources.items() if key.startswith("MonitorHeartbeat"))
    return {key: value for key, value in alarm.items() if key != "AlarmDescription"}


class Production:
    """An endpoint with traffic and a monitor that runs, as far as CloudWatch hears of them."""

    def __init__(self, bench: Any, folder: Path, name: str, schedule: mlops.MonitoringSchedule) -> None:
        self._bench = bench
        self._name = name
        self._period = timedelta(hours=schedule.period_hours)
        self._alarm = f"{name}-data-quality-Heartbeat"
        self._requests: list[datetime] = []
        self._captured = True
        settings = heartbeat(folder, name, schedule)
        assert settings["AlarmName"] == self._alarm
        # From a full period on: schedules are aligned to them.
        now = bench.aws.clock.now()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        begin = midnight + self._period * (int((now - midnight) / self._period) + 1)
        bench.advance((begin - now).total_seconds())
        self.start = begin
        bench.client("cloudwatch").put_metric_alarm(**settings)

    def end(self) -> None:
        """Take the alarm away, so that it costs the tests after this one nothing."""
        self._bench.client("cloudwatch").delete_alarms(AlarmNames=[self._alarm])

    def stop_capture(self) -> None:
        """Let runs find no request any more."""
        self._captured = False

    def go(
        self,
        length: timedelta,
        *,
        traffic: Callable[[timedelta], bool] = lambda since: True,
        monitor: bool = True,
        every: timedelta = STEP,
    ) -> None:
        """Let time pass. Runs are scheduled for five minutes past, take a minute, and complete if they find traffic.

        :param traffic: Whether there is a request, by the time since the beginning.
        :param monitor: Whether runs happen at all.
        :param every: How far apart requests and runs are looked at.
        """
        until = self._now() + length
        while self._now() < until:
            self._bench.advance(every.total_seconds())
            now = self._now()
            if traffic(now - self.start):
                self._requests += [now] if self._captured else []
                self._publish("AWS/SageMaker", "Invocations", 1.0, now, EndpointName=self._name, VariantName="green")
            due = (now - self.start) // self._period * self._period + self.start + 5 * STEP
            if monitor and now - every < due + STEP <= now:
                window = due - 5 * STEP - self._period, due - 5 * STEP
                found = any(window[0] <= request < window[1] for request in self._requests)
                monitoring = {"Endpoint": self._name, "MonitoringSchedule": f"{self._name}-data-quality"}
                self._publish("SageMakerMLOps/Monitoring", "RunsCompleted", float(found), due, **monitoring)

    @property
    def state(self) -> str:
        (alarm,) = self._bench.client("cloudwatch").describe_alarms(AlarmNames=[self._alarm])["MetricAlarms"]
        return str(alarm["StateValue"])

    @property
    def times_in_alarm(self) -> int:
        history = self._bench.client("cloudwatch").describe_alarm_history(
            AlarmName=self._alarm, HistoryItemType="StateUpdate"
        )
        return sum("to ALARM" in item["HistorySummary"] for item in history["AlarmHistoryItems"])

    def _now(self) -> datetime:
        # Real seconds flow as well; the minute is what counts here.
        now: datetime = self._bench.aws.clock.now().replace(second=0, microsecond=0)
        return now

    def _publish(self, namespace: str, name: str, value: float, at: datetime, **dimensions: str) -> None:
        metrics.publish(self._bench.aws, ACCOUNT, REGION, namespace, name, value, dimensions=dimensions, at=at)


@pytest.fixture
def production(bench: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Production]]:
    made = []

    def make(schedule: mlops.MonitoringSchedule | None = None) -> Production:
        name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_"))[:45].strip("-")
        made.append(Production(bench, tmp_path / "out", name, schedule or mlops.MonitoringSchedule.hourly()))
        return made[-1]

    yield make
    for one in made:
        one.end()


def test_nothing_happens_before_the_first_request(production: Callable[..., Production]) -> None:
    endpoint = production()
    endpoint.go(5 * HOUR, traffic=lambda since: False, every=5 * STEP)
    assert (endpoint.state, endpoint.times_in_alarm) == ("OK", 0)


@pytest.mark.parametrize("first", [0, 2, 4, 6, 59])
def test_the_first_hours_are_quiet(production: Callable[..., Production], first: int) -> None:
    """Whatever minute of the hour traffic begins in: the first run finds nothing in the hour before it."""
    endpoint = production()
    endpoint.go(5 * HOUR, traffic=lambda since: since >= first * STEP)
    assert (endpoint.state, endpoint.times_in_alarm) == ("OK", 0)


@pytest.mark.parametrize("minutes", [55, 95, 170])
def test_idle_hours_are_quiet(production: Callable[..., Production], minutes: int) -> None:
    """Three minutes of traffic now and then; runs without traffic complete nothing."""
    endpoint = production()
    endpoint.go(12 * HOUR, traffic=lambda since: since // STEP % minutes < 3)
    assert (endpoint.state, endpoint.times_in_alarm) == ("OK", 0)


def test_runs_that_stop_are_an_alarm_until_they_come_back(production: Callable[..., Production]) -> None:
    endpoint = production()
    endpoint.go(3 * HOUR)
    endpoint.go(2 * HOUR, monitor=False)
    assert endpoint.state == "OK"  # one period is looked at more than are missed
    endpoint.go(1 * HOUR + 10 * STEP, monitor=False)
    assert endpoint.state == "ALARM"
    endpoint.go(1 * HOUR)
    assert (endpoint.state, endpoint.times_in_alarm) == ("OK", 1)


def test_runs_that_never_began_are_an_alarm(production: Callable[..., Production]) -> None:
    """There is no data point of a completed run at all."""
    endpoint = production()
    endpoint.go(3 * HOUR + STEP, monitor=False)
    assert endpoint.state == "ALARM"


def test_runs_that_find_nothing_captured_are_an_alarm(production: Callable[..., Production]) -> None:
    endpoint = production()
    endpoint.go(2 * HOUR)
    endpoint.stop_capture()
    endpoint.go(4 * HOUR + 10 * STEP)
    assert endpoint.state == "ALARM"


def test_daily(production: Callable[..., Production]) -> None:
    endpoint = production(mlops.MonitoringSchedule.daily())
    endpoint.go(timedelta(days=3), every=30 * STEP)
    assert (endpoint.state, endpoint.times_in_alarm) == ("OK", 0)
    endpoint.go(timedelta(days=3, minutes=10), monitor=False, every=30 * STEP)
    assert endpoint.state == "ALARM"
