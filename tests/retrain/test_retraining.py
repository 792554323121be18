"""Retraining: when it starts, waits, stops, goes on, and what survives an end in the middle."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from retrain.decide import WEEK
from retrain.requests import Request
from retrain.settings import Settings
from retrain.state import Evidence, State, metadata_text
from shared.environment import ConfigurationError

MakeWorld = Callable[..., Any]


def test_drift_starts_one_execution_that_says_why(world: Any) -> None:
    event = world.drift()
    assert world.wake(event)["action"] == "start"
    (execution,) = world.executions
    parameters = {item["Name"]: item["Value"] for item in execution["PipelineParameters"]}
    assert parameters == {
        "RetrainingReason": "drift: 2 violations of mlops-prod-churn-data-quality",
        "RetrainingMonitor": "mlops-prod-churn-data-quality",
        "RetrainingFeatures": "total_day_minutes calls to hotline",
        "RetrainingWindow": "2026-11-21T11:00:00Z/2026-11-21T12:00:00Z",
    }
    assert world.statuses == ["Started"]
    assert world.told[0]["features"] == ["total_day_minutes", "calls, to (hotline)"]
    assert "s3://reports/report.html" in world.messages[0]["Message"]
    # The event comes again, as EventBridge may deliver it.
    world.wake(event)
    assert len(world.executions) == 1


def test_runs_that_say_nothing_start_nothing(world: Any) -> None:
    for event in (
        world.drift(status="Failed"),
        world.drift(status="NoData"),
        world.drift(status="Completed"),
        world.drift(endpointName="another"),
        {"detail-type": "CloudWatch Alarm State Change", "detail": {}},
        {"source": "aws.events"},
    ):
        assert world.wake(event)["action"] == "nothing"
    assert not world.executions
    assert not world.told


def test_an_alarm_is_evidence_until_it_ends(world: Any) -> None:
    def alarm(state: str, time: str) -> dict[str, Any]:
        detail = {"alarmName": "Latency", "state": {"value": state}}
        return {"detail-type": "CloudWatch Alarm State Change", "time": time, "detail": detail}

    world.executions.append(
        {"PipelineExecutionArn": "by-hand", "PipelineExecutionStatus": "Executing", "StartTime": world.clock}
    )
    assert world.wake(alarm("ALARM", "2026-11-21T11:50:00Z"))["action"] == "wait"
    world.wake(alarm("OK", "2026-11-21T11:55:00Z"))
    world.executions[0]["PipelineExecutionStatus"] = "Succeeded"
    assert world.wake()["action"] == "nothing"
    assert world.wake(alarm("ALARM", "2026-11-21T11:59:00Z"))["action"] == "start"
    assert "alarm of Latency" in world.executions[1]["PipelineExecutionDescription"]


def test_a_healthy_run_takes_evidence_back(make_world: MakeWorld) -> None:
    world = make_world(confirmations=2)
    assert world.wake(world.drift(hours_ago=1))["action"] == "wait"
    assert world.wake(world.drift(status="Completed"))["action"] == "nothing"
    world.later(hours=1)
    assert world.wake(world.drift())["action"] == "wait"


def test_confirmations_count_distinct_windows(make_world: MakeWorld) -> None:
    world = make_world(confirmations=3)
    first = world.drift()
    assert [world.wake(first)["action"] for _ in range(4)] == ["wait"] * 4
    world.later(hours=1)
    assert world.wake(world.drift())["action"] == "wait"
    world.later(hours=1)
    assert world.wake(world.drift())["action"] == "start"
    assert world.statuses == ["Waiting", "Started"]
    assert world.executions[0]["PipelineParameters"][3]["Value"].startswith("2026-11-21T11:00:00Z/")


def test_waits_for_the_execution_that_runs_and_says_so_once(world: Any) -> None:
    world.wake(world.drift())
    world.later(hours=30)
    for _ in range(3):
        assert world.wake(world.drift())["action"] == "wait"
    assert world.statuses == ["Started", "Waiting"]
    assert world.metrics["RunningHours"] == 30
    world.end("Failed")
    assert world.wake()["action"] == "start"
    assert world.statuses == ["Started", "Waiting", "Fruitless", "Started"]
    assert world.told[2]["reason"] == "step NotBetter: it is not better"


def test_cools_down_then_starts_without_a_further_event(world: Any) -> None:
    world.wake(world.drift())
    world.later(hours=1)
    world.end("Failed")
    assert world.wake(world.drift())["action"] == "wait"
    world.later(hours=22, minutes=59)
    assert world.wake()["action"] == "wait"
    world.later(minutes=1)
    assert world.wake()["action"] == "start"


def test_the_budget_of_a_week_is_kept(make_world: MakeWorld) -> None:
    world = make_world(cooldown=timedelta(), weekly=2, fruitless=20)
    for _ in range(2):
        world.later(hours=1)
        assert world.wake(world.drift())["action"] == "start"
        world.end("Failed")
    world.later(hours=1)
    assert "budget of 2" in world.wake(world.drift())["why"]
    assert world.metrics["BudgetLeft"] == 0
    world.later(days=6, hours=21)
    assert world.wake()["action"] == "wait"
    world.later(hours=1)
    assert world.wake()["action"] == "start"


def test_a_version_that_waits_for_approval_holds_the_next_one_back(make_world: MakeWorld) -> None:
    world = make_world(cooldown=timedelta())
    world.wake(world.drift(modelPackageArn="old"))
    world.later(hours=1)
    world.end()
    assert "waits for approval" in world.wake(world.drift(modelPackageArn="old"))["why"]
    assert world.statuses == ["Started", "PendingApproval", "Waiting"]
    world.judge("Approved")
    # The live version is another one now: what was seen of the old one does not count any more.
    assert world.wake(world.drift(modelPackageArn="old"))["action"] == "nothing"
    assert world.statuses[-1] == "Promoted"


def test_stops_when_it_does_not_help_until_a_person_resets_it(make_world: MakeWorld) -> None:
    world = make_world(cooldown=timedelta(), weekly=50, fruitless=3)
    for number, (status, verdict) in enumerate([("Failed", None), ("Succeeded", "Rejected"), ("Stopped", None)]):
        world.later(hours=1)
        assert world.wake(world.drift())["action"] == "start", number
        world.end(status)
        if verdict:
            world.judge(verdict)
    world.later(hours=1)
    for _ in range(3):
        assert world.wake(world.drift())["action"] == "stop"
    assert world.statuses.count("Stopped") == 1
    assert world.metrics["Stopped"] == 1
    assert "3 retrainings in succession" in world.messages[-1]["Message"]
    assert world.wake({"action": "reset"})["action"] == "start"
    assert world.metrics["Stopped"] == 0
    assert world.statuses[-2:] == ["Reset", "Started"]


def test_an_approved_version_starts_the_count_anew(make_world: MakeWorld) -> None:
    world = make_world(cooldown=timedelta(), weekly=50, fruitless=2)
    for verdict in (None, "Approved", None):
        world.later(hours=1)
        assert world.wake(world.drift())["action"] == "start"
        world.end("Succeeded" if verdict else "Failed")
        if verdict:
            world.judge(verdict)
    world.wake()
    assert world.metrics["FruitlessRetrainings"] == 1


def test_success_without_a_version_does_not_help_and_foreign_pipelines_name_no_execution(make_world: MakeWorld) -> None:
    world = make_world(cooldown=timedelta())
    world.wake(world.drift())
    world.later(hours=1)
    world.end(registers=False)
    world.wake()
    assert world.told[-1]["reason"] == "the execution succeeded and registered no version"
    world.later(hours=1)
    world.wake(world.drift())
    world.later(hours=1)
    world.end(named=False)
    world.wake()
    assert world.statuses[-1] == "PendingApproval"


def test_nothing_seen_before_the_retraining_started_counts(make_world: MakeWorld) -> None:
    world = make_world(cooldown=timedelta())
    world.wake(world.drift())
    world.end("Failed")
    world.later(hours=1)
    assert world.wake(world.drift(hours_ago=2))["action"] == "nothing"


@pytest.mark.parametrize("kind", ["before", "after", "refused"])
def test_an_end_at_any_call_neither_loses_nor_doubles_a_retraining(
    make_world: MakeWorld, crash: type[BaseException], kind: str
) -> None:
    """Each call in turn ends the function; Lambda delivers the event again, the clock ticks, and all is as without."""

    def story(fault: tuple[int, str] | None) -> Any:
        world = make_world(cooldown=timedelta())
        world.fault = fault
        event = world.drift()
        for wake in (event, event, None):
            with suppress(crash, ClientError):
                world.wake(wake)
        world.later(hours=1)
        world.end()
        world.judge("Approved")
        for _ in range(3):
            with suppress(crash, ClientError):
                world.wake()
        return world

    calls = story(None).calls
    assert calls > 20
    for number in range(1, calls + 1):
        world = story((number, kind))
        assert len(world.executions) == 1, number
        attempts = [json.loads(text) for name, text in world.ssm.items() if "/attempts/" in name]
        assert [attempt.get("outcome") for attempt in attempts] == ["promoted"], number
        assert world.statuses.count("Started") <= 1
        assert world.statuses.count("Promoted") <= 1


def test_two_invocations_at_once_start_one(world: Any, make_world: MakeWorld) -> None:
    """Both decide; the second reads before the first has written."""
    event = world.drift()
    before = dict(world.ssm)
    world.wake(event)
    late = world.ssm
    stale = make_world()
    stale.__dict__ |= {"executions": world.executions, "tokens": world.tokens, "ssm": _Stale(before, late)}
    stale.list_pipeline_executions = lambda **_: {"PipelineExecutionSummaries": []}
    assert stale.wake(event)["action"] == "start"
    assert len(world.executions) == 1


class _Stale(dict[str, str]):
    """Parameters whose listing is older than what can be written."""

    def __init__(self, listed: dict[str, str], real: dict[str, str]) -> None:
        super().__init__(real)
        self._listed = listed

    def items(self) -> Any:
        return self._listed.items()


@given(
    moves=st.lists(
        st.sampled_from(["drift", "healthy", "tick", "fail", "succeed", "approve", "reject", "reset", "day"]),
        max_size=40,
    )
)
@settings(max_examples=60, deadline=None)
def test_limits_hold_whatever_happens(make_world: MakeWorld, moves: list[str]) -> None:
    world = make_world(cooldown=timedelta(hours=6), weekly=3, fruitless=2)
    starts = []
    for move in moves:
        world.later(hours=24 if move == "day" else 1)
        before = len(world.executions)
        running = any(item["PipelineExecutionStatus"] == "Executing" for item in world.executions)
        if move in ("fail", "succeed") and running:
            world.end("Failed" if move == "fail" else "Succeeded")
        if move in ("approve", "reject") and world.packages:
            world.judge("Approved" if move == "approve" else "Rejected")
        event = {"drift": world.drift(), "healthy": world.drift(status="Completed"), "reset": {"action": "reset"}}
        was_running = any(item["PipelineExecutionStatus"] == "Executing" for item in world.executions)
        world.wake(event.get(move))
        if len(world.executions) > before:
            assert len(world.executions) == before + 1
            assert not was_running
            assert not any(item["ModelApprovalStatus"] == "PendingManualApproval" for item in world.packages)
            starts.append(world.clock)
    assert all(later - earlier >= timedelta(hours=6) for earlier, later in itertools.pairwise(starts))
    assert all(sum(moment - WEEK < start <= moment for start in starts) <= 3 for moment in starts)
    assert world.metrics.get("FruitlessRetrainings", 0) <= 2


@given(st.text(max_size=400))
def test_reasons_are_legal_metadata(text: str) -> None:
    found = metadata_text(text)
    assert 1 <= len(found) <= 256
    assert all(character.isalnum() or character in "_ .:/=+-@" for character in found)


def test_memory_fits_however_many_monitors_there_are(world: Any) -> None:
    world.executions.append(
        {"PipelineExecutionArn": "by-hand", "PipelineExecutionStatus": "Executing", "StartTime": world.clock}
    )
    for number in range(60):
        world.later(minutes=1)
        features = [{"feature": f"feature-{place}" * 5} for place in range(20)]
        world.wake(world.drift(monitoringScheduleName=f"monitor-{number}", worstFeatures=features))
    state = json.loads(world.ssm["/mlops-prod/retraining/churn/state"])
    assert "monitor-59" in state["evidence"]


def test_unreadable_memory_is_started_afresh(world: Any) -> None:
    world.ssm |= {"/mlops-prod/retraining/churn/state": "{}x", "/mlops-prod/retraining/churn/attempts/4": "no"}
    world.__class__.put_parameter(world, "/other/x", "{}", "String", True)
    assert world.wake(world.drift())["action"] == "start"
    assert "/mlops-prod/retraining/churn/attempts/5" in world.ssm


def test_old_attempts_are_forgotten(make_world: MakeWorld) -> None:
    world = make_world(cooldown=timedelta(), weekly=100, fruitless=20)
    for number in range(40):
        world.later(hours=1)
        assert world.wake(world.drift())["action"] == "start"
        world.end()
        world.judge("Approved" if number % 2 else "Rejected")
    assert len([name for name in world.ssm if "/attempts/" in name]) <= 31


def test_evidence_of_a_new_version_begins_anew() -> None:
    old = Evidence("m", "monitor", "2026-11-21T10:00:00Z", "2026-11-21T09:00:00Z", version="v1", runs=5)
    new = Evidence("m", "monitor", "2026-11-21T11:00:00Z", "2026-11-21T10:00:00Z", version="v2")
    state = Request(found=new).apply(State(evidence={"m": old}))
    assert state.evidence["m"] == new
    assert State.from_json(state.to_json()) == state


def test_settings_name_every_mistake() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.read({"COOLDOWN_HOURS": "soon", "WEEKLY_BUDGET": "0", "MONITORS": "x"})
    for name in ("COOLDOWN_HOURS", "WEEKLY_BUDGET", "MONITORS", "PIPELINE_NAME", "MODEL_PACKAGE_GROUP"):
        assert name in str(caught.value)
