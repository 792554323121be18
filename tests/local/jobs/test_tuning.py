"""Tuning jobs over real training jobs, and the strategies by themselves."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sagemaker_local.jobs import early_stopping, search_space, strategies

# A valley with its lowest point at depth 6, rate 0.01; every epoch comes closer to the value of the job.
SCRIPT = """
    import argparse, math, pathlib
    parser = argparse.ArgumentParser()
    parser.add_argument("--depth", type=int)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--kind")
    arguments = parser.parse_args()
    if arguments.kind == "broken":
        raise SystemExit("cannot")
    loss = (arguments.depth - 6) ** 2 / 10 + abs(math.log10(arguments.rate) + 2)
    for epoch in range(3):
        print(f"loss={loss + (2 - epoch):.4f};")
    pathlib.Path("/opt/ml/model/loss").write_text(f"{loss:.4f}")
"""
RANGES = {
    "IntegerParameterRanges": [{"Name": "depth", "MinValue": "1", "MaxValue": "10"}],
    "ContinuousParameterRanges": [
        {"Name": "rate", "MinValue": "0.0001", "MaxValue": "1", "ScalingType": "Logarithmic"}
    ],
}


def request(lab: Any, strategy: str, jobs: int = 4, parallel: int = 2, **changes: Any) -> dict[str, Any]:
    training = lab.script_job(SCRIPT, metrics=[{"Name": "loss", "Regex": "loss=([0-9.]+);"}])
    training.pop("TrainingJobName")
    static = {"kind": '"plain"', **training.pop("HyperParameters")}
    if "kind" in [item["Name"] for item in changes.get("ranges", {}).get("CategoricalParameterRanges", [])]:
        static.pop("kind")
    return {
        "HyperParameterTuningJobName": lab.name("tune"),
        "HyperParameterTuningJobConfig": {
            "Strategy": strategy,
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": jobs, "MaxParallelTrainingJobs": parallel},
            "ParameterRanges": changes.pop("ranges", RANGES),
            "RandomSeed": 11,
            **changes.pop("config", {}),
        },
        "TrainingJobDefinition": {**training, "StaticHyperParameters": static, **changes},
    }


def tune(lab: Any, wanted: dict[str, Any]) -> dict[str, Any]:
    lab.sm.create_hyper_parameter_tuning_job(**wanted)
    name = wanted["HyperParameterTuningJobName"]
    return lab.ended(
        lambda: lab.sm.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name),
        "HyperParameterTuningJobStatus",
    )


def summaries(lab: Any, described: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    return lab.sm.list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=described["HyperParameterTuningJobName"], MaxResults=100, **more
    )["TrainingJobSummaries"]


def test_random_search_is_reproducible_and_survives_an_interruption(lab: Any) -> None:
    lab.events()
    spot = {
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 900},
        "CheckpointConfig": {"S3Uri": lab.uri("checkpoints/tuning")},
    }
    first = tune(lab, request(lab, "Random"))
    wanted = request(lab, "Random", **spot)
    lab.jobs.spot.interrupt_when("loss", f"{wanted['HyperParameterTuningJobName']}-002")
    second = tune(lab, wanted)
    for described in (first, second):
        assert described["HyperParameterTuningJobStatus"] == "Completed", described
        counters = described["TrainingJobStatusCounters"]
        assert (counters["Completed"], counters["InProgress"], counters["NonRetryableError"]) == (4, 0, 0)
        assert described["ObjectiveStatusCounters"] == {"Succeeded": 4, "Pending": 0, "Failed": 0}
    best = [item["BestTrainingJob"] for item in (first, second)]
    assert best[0]["TunedHyperParameters"] == best[1]["TunedHyperParameters"]
    ranked = summaries(lab, first, SortBy="FinalObjectiveMetricValue", SortOrder="Ascending")
    values = [item["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for item in ranked]
    assert values == sorted(values) and ranked[0]["TrainingJobName"] == best[0]["TrainingJobName"]
    job = lab.sm.describe_training_job(TrainingJobName=best[0]["TrainingJobName"])
    assert job["TuningJobArn"] == first["HyperParameterTuningJobArn"]
    assert job["HyperParameters"]["_tuning_objective_metric"] == "loss"
    states = [
        event["detail"]["HyperParameterTuningJobStatus"]
        for event in lab.events()
        if event["detail-type"] == "SageMaker HyperParameter Tuning Job State Change"
    ]
    assert states.count("Completed") == 2


def test_grid_search_tries_every_combination_and_bears_failures(lab: Any) -> None:
    ranges = {
        "CategoricalParameterRanges": [
            {"Name": "kind", "Values": ["plain", "broken"]},
            {"Name": "depth", "Values": ["6"]},
            {"Name": "rate", "Values": ["0.01", "0.1"]},
        ]
    }
    described = tune(lab, request(lab, "Grid", ranges=ranges))
    assert described["HyperParameterTuningJobStatus"] == "Completed"
    assert described["TrainingJobStatusCounters"]["NonRetryableError"] == 2
    assert described["BestTrainingJob"]["TunedHyperParameters"]["rate"] == "0.01"
    broken = {"CategoricalParameterRanges": [{"Name": "kind", "Values": ["broken"]}]}
    described = tune(lab, request(lab, "Grid", jobs=1, ranges=broken))
    assert described["HyperParameterTuningJobStatus"] == "Failed"
    assert described["FailureReason"].startswith("All training jobs failed.")


def test_a_tuning_job_ends_early_at_its_target_and_when_it_is_stopped(lab: Any) -> None:
    target = {"TuningJobCompletionCriteria": {"TargetObjectiveMetricValue": 100.0}}
    described = tune(lab, request(lab, "Bayesian", jobs=20, config=target))
    assert described["HyperParameterTuningJobStatus"] == "Completed"
    assert len(summaries(lab, described)) <= 3
    wanted = request(lab, "Random", jobs=20)
    name = wanted["HyperParameterTuningJobName"]
    lab.sm.create_hyper_parameter_tuning_job(**wanted)
    lab.sm.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    described = lab.ended(
        lambda: lab.sm.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name),
        "HyperParameterTuningJobStatus",
    )
    assert described["HyperParameterTuningJobStatus"] == "Stopped"


def test_wrong_requests_are_refused_with_every_reason(lab: Any) -> None:
    ranges = {
        "IntegerParameterRanges": [{"Name": "depth", "MinValue": "5", "MaxValue": "1"}],
        "ContinuousParameterRanges": [
            {"Name": "rate", "MinValue": "0", "MaxValue": "1", "ScalingType": "Logarithmic"},
            {"Name": "depth", "MinValue": "a", "MaxValue": "1"},
        ],
    }
    wanted = request(lab, "Random", ranges=ranges)
    wanted["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["MetricName"] = "auc"
    with pytest.raises(ClientError) as caught:
        lab.sm.create_hyper_parameter_tuning_job(**wanted)
    for text in ("MinValue 5 above", "above 0, not 0", "depth is given twice", "no numbers", "auc is not one"):
        assert text in str(caught.value)


def _minimum(strategy: strategies.Strategy, total: int, batch: int) -> float:
    trials: list[strategies.Trial] = []
    while len(trials) < total:
        asked = strategy.ask(min(batch, total - len(trials)), trials)
        for trial in asked:
            depth, rate = int(trial.values["depth"]), float(trial.values["rate"])
            trial.loss = ((depth - 6) / 9) ** 2 + (rate - 0.3) ** 2
        trials += asked
    assert len({json.dumps(trial.values) for trial in trials}) == total
    return min(trial.loss for trial in trials if trial.loss is not None)


def test_the_bayesian_strategy_finds_the_minimum_with_fewer_trials_than_chance() -> None:
    ranges = {
        "IntegerParameterRanges": [{"Name": "depth", "MinValue": "1", "MaxValue": "10"}],
        "ContinuousParameterRanges": [{"Name": "rate", "MinValue": "0", "MaxValue": "1"}],
    }
    space = search_space.Space(ranges)
    begun = time.monotonic()
    bayesian = [_minimum(strategies.Bayesian(space, seed, 16), 16, 2) for seed in range(6)]
    chance = [_minimum(strategies.RandomSearch(space, seed), 16, 2) for seed in range(6)]
    assert sum(bayesian) < 0.5 * sum(chance)
    assert _minimum(strategies.Bayesian(space, 3, 16), 16, 2) == bayesian[3]
    assert time.monotonic() - begun < 20


def test_scales_reach_both_ends() -> None:
    ranges = {
        "ContinuousParameterRanges": [
            {"Name": "auto", "MinValue": "0.001", "MaxValue": "1"},
            {"Name": "reverse", "MinValue": "0.5", "MaxValue": "0.999", "ScalingType": "ReverseLogarithmic"},
        ]
    }
    space = search_space.Space(ranges)
    low, middle, high = (space.values([x, x]) for x in (0.0, 0.5, 1.0))
    assert [float(low["auto"]), float(high["auto"])] == pytest.approx([0.001, 1.0])
    assert float(middle["auto"]) == pytest.approx(0.0316, abs=0.001)
    assert [float(low["reverse"]), float(high["reverse"])] == pytest.approx([0.5, 0.999])
    assert float(middle["reverse"]) > 0.9


def test_jobs_that_lag_behind_are_stopped() -> None:
    median = early_stopping.rule({"Strategy": "Random", "TrainingJobEarlyStoppingType": "Auto"})
    for name, level in (("a", 1.0), ("b", 2.0), ("c", 3.0)):
        assert not any(median.lags(name, level, count) for count in (1, 2, 3))
    assert not median.lags("d", 5.0, 1)
    assert median.lags("d", 5.0, 2)
    assert not median.lags("e", 0.5, 2)
    settings = {"HyperbandStrategyConfig": {"MinResource": 2, "MaxResource": 9}}
    halving = early_stopping.rule({"Strategy": "Hyperband", "StrategyConfig": settings})
    assert [halving.lags(name, loss, 2) for name, loss in (("a", 3.0), ("b", 2.0), ("c", 1.0), ("d", 4.0))] == [
        False,
        False,
        False,
        True,
    ]
    assert not halving.lags("d", 9.0, 3)


def test_hyperband_stops_real_jobs_that_lag_behind(lab: Any) -> None:
    slow = SCRIPT.replace('print(f"loss', 'import time; time.sleep(0.4 * epoch); print(f"loss').replace(
        '};")\n', '};", flush=True)\n'
    )
    wanted = request(
        lab,
        "Hyperband",
        jobs=5,
        parallel=1,
        config={"StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 3}}},
    )
    training = lab.script_job(slow)
    wanted["TrainingJobDefinition"]["StaticHyperParameters"]["sagemaker_submit_directory"] = training[
        "HyperParameters"
    ]["sagemaker_submit_directory"]
    described = tune(lab, wanted)
    assert described["HyperParameterTuningJobStatus"] == "Completed", described
    states = [item["TrainingJobStatus"] for item in summaries(lab, described)]
    assert "Stopped" in states[2:] and states[:2] == ["Completed", "Completed"]
    assert described["BestTrainingJob"]["TrainingJobStatus"] == "Completed"
