"""The table of serving modes in docs/serving.md says what the constructs take and what they refuse, cell by cell."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3

import cdk_sagemaker_mlops as mlops
from cdk_sagemaker_mlops import Model, Rollout, Scaling, ScheduledCapacity, Variant

IMAGE = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
FIXED = Model.from_image(IMAGE, model_data_url="s3://the-models/churn/model.tar.gz")
OTHER = Model.from_image(IMAGE, model_data_url="s3://the-models/prepare/model.tar.gz")
MANY = Model.multi_model(IMAGE, models_url="s3://the-models/tenants/")
CLOCK = [ScheduledCapacity(schedule="rate(1 day)", minimum=2)]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "serving.md"
COLUMNS = ("mode", "capture", "monitors", "scaling", "to zero", "guarded rollout", "followed by the controller")


def table() -> dict[str, dict[str, str]]:
    """Rows by the beginning of their first cell; "as real-time" and "as …" are resolved."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    start = lines.index(f"| {' | '.join(COLUMNS)} |")
    rows = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        cells = dict(zip(COLUMNS, (cell.strip() for cell in line.strip("|").split("|")), strict=True))
        rows[cells["mode"]] = cells
    first = next(iter(rows.values()))
    for cells in rows.values():
        for column, cell in cells.items():
            if cell == "as real-time":
                cells[column] = first[column]
    return rows


ROWS = table()


def row(word: str) -> dict[str, str]:
    (found,) = (cells for mode, cells in ROWS.items() if word in mode)
    return found


class Probe:
    """Endpoints of one mode, each with one property more; whether the construct takes it."""

    def __init__(self, make: Callable[[cdk.Stack, dict[str, Any]], mlops.EndpointBase]) -> None:
        self._make = make
        self.stack = cdk.Stack(cdk.App(), "Serving")
        self.bucket = s3.Bucket.from_bucket_name(self.stack, "Bucket", "the-bucket")
        self._number = 0

    def endpoint(self, **more: Any) -> mlops.EndpointBase:
        self._number += 1
        scope = cdk.Stack(self.stack, f"Number{self._number}")
        return self._make(scope, {"endpoint_name": "mlops-churn", **more})

    def takes(self, **more: Any) -> bool:
        try:
            self.endpoint(**more)
        except mlops.ConstructError:
            return False
        return True


def single(**fixed: Any) -> Callable[[cdk.Stack, dict[str, Any]], mlops.EndpointBase]:
    """An endpoint whose properties stand in the call."""

    def make(scope: cdk.Stack, more: dict[str, Any]) -> mlops.EndpointBase:
        given = {key: value(scope) if callable(value) else value for key, value in fixed.items()}
        return mlops.Endpoint(scope, "Endpoint", **{**given, **more})

    return make


def weighted(scope: cdk.Stack, more: dict[str, Any]) -> mlops.EndpointBase:
    """Two variants; what is of a single variant goes to each of them."""
    own = {key: more.pop(key) for key in ("scaling", "initial_instance_count") if key in more}
    model = more.pop("model", FIXED)
    variants = [Variant(name="a", model=model, **own), Variant(name="b", model=OTHER, **own)]
    return mlops.Endpoint(scope, "Endpoint", variants=variants, **more)


def shared(scope: cdk.Stack, more: dict[str, Any]) -> mlops.EndpointBase:
    """Components; figures of instances become those of copies."""
    scaling, count = more.pop("scaling", None), more.pop("initial_instance_count", 2)
    copies = None
    if scaling is not None:
        if scaling.backlog_per_instance:
            raise mlops.ConstructError("shared", ["copies have no queue"])
        copies = mlops.CopyScaling(
            min_copies=scaling.min_instances,
            max_copies=scaling.max_instances,
            invocations_per_copy=scaling.invocations_per_instance,
            concurrency_per_copy=scaling.concurrency_per_instance,
            schedule=scaling.schedule,
        )
    one = mlops.Component(
        name="a", model=more.pop("model", FIXED), min_memory_mb=512, scaling=copies, copies=None if copies else count
    )
    if "capture" in more:
        raise mlops.ConstructError("shared", ["there is no capture to be given"])
    return mlops.ComponentEndpoint(scope, "Endpoint", components=[one], **more)


def queue(scope: cdk.Stack) -> mlops.AsyncInference:
    return mlops.AsyncInference(bucket=s3.Bucket.from_bucket_name(scope, "Answers", "answers"))


PROBES: dict[str, Callable[[cdk.Stack, dict[str, Any]], mlops.EndpointBase]] = {
    "one variant": single(model=FIXED),
    "weighted variants": weighted,
    "`shadow`": single(model=FIXED, shadow=mlops.Shadow(model=OTHER)),
    "`serverless`": single(model=FIXED, serverless=mlops.Serverless()),
    "`asynchronous`": single(model=FIXED, asynchronous=queue),
    "multi-model": single(model=MANY),
    "`pipeline`": single(model=Model.pipeline(OTHER, FIXED)),
    "`components`": shared,
}
FOLLOWING: dict[str, Callable[[Model], Model]] = {"`pipeline`": lambda latest: Model.pipeline(OTHER, latest)}
STRATEGIES = {
    "all at once": Rollout.all_at_once(),
    "canary": Rollout.canary(percent=50),
    "linear": Rollout.linear(percent=50),
    "rolling": Rollout.rolling(percent=50),
}
TARGETS: dict[str, dict[str, Any]] = {
    "invocations": {"invocations_per_instance": 10},
    "concurrency": {"concurrency_per_instance": 10},
    "backlog": {"backlog_per_instance": 10},
    "clock": {"schedule": CLOCK},
}


@pytest.fixture(scope="module", params=PROBES)
def mode(request: pytest.FixtureRequest) -> tuple[str, Probe]:
    return request.param, Probe(PROBES[request.param])


def said(cell: str) -> bool:
    assert cell.startswith(("yes", "no")), cell
    return cell.startswith("yes")


def test_the_table_is_complete() -> None:
    assert len(ROWS) == len(PROBES) + 1, "every mode, and batch transform"
    assert all(row(word) for word in (*PROBES, "batch transform"))
    assert all(cell for cells in ROWS.values() for cell in cells.values())


def test_capture_and_monitors(mode: tuple[str, Probe]) -> None:
    name, probe = mode
    captured = probe.takes(capture=mlops.DataCapture(bucket=probe.bucket))
    assert captured == said(row(name)["capture"])

    endpoint = probe.endpoint(**({"capture": mlops.DataCapture(bucket=probe.bucket)} if captured else {}))
    monitor = mlops.DataQualityMonitor(
        endpoint.stack,
        "Monitor",
        reports=probe.bucket,
        baseline=mlops.Baseline.from_files(constraints="s3://base/c.json", statistics="s3://base/s.json"),
    )
    try:
        endpoint.add_monitor(monitor)
        watched = True
    except mlops.ConstructError:
        watched = False
    assert watched == said(row(name)["monitors"])


def test_scaling(mode: tuple[str, Probe]) -> None:
    name, probe = mode
    cell = row(name)["scaling"]
    if name == "`serverless`":
        assert not any(probe.takes(scaling=Scaling(max_instances=4, **target)) for target in TARGETS.values())
        for target in ({}, {"schedule": CLOCK[:1]}):
            warm = mlops.Serverless(scaling=mlops.ProvisionedScaling(max_concurrency=5, **target))
            assert Probe(single(model=FIXED, serverless=warm)).takes()
        assert cell == "by itself; warm containers by use or clock"
    else:
        taken = {word for word, target in TARGETS.items() if probe.takes(scaling=Scaling(max_instances=4, **target))}
        wanted = {word for word in TARGETS if re.search(rf"\b{word}\b", cell)}
        if cell in ("each variant its own", "production variant"):
            wanted = {word for word in TARGETS if word in row("one variant")["scaling"]}
        assert taken == wanted


def test_to_zero(mode: tuple[str, Probe]) -> None:
    name, probe = mode
    figure = "backlog" if name == "`asynchronous`" else "invocations"
    zero = probe.takes(scaling=Scaling(min_instances=0, max_instances=4, **TARGETS[figure]))
    # A serverless endpoint without provisioned concurrency is at zero whenever nobody asks.
    assert (zero or name == "`serverless`") == said(row(name)["to zero"])


def test_guarded_rollouts(mode: tuple[str, Probe]) -> None:
    name, probe = mode
    count = {} if name == "`serverless`" else {"initial_instance_count": 2}
    taken = {word for word, rollout in STRATEGIES.items() if probe.takes(rollout=rollout, **count)}
    cell = row(name)["guarded rollout"]

    assert taken == ({word for word in STRATEGIES if word in cell} if not cell.startswith("none") else set())


def test_what_the_controller_follows(mode: tuple[str, Probe]) -> None:
    name, probe = mode
    scope = cdk.Stack(probe.stack, "Followed")
    group = mlops.ModelPackageGroup.from_model_package_group_name(scope, "Group", "churn")
    latest = Model.latest_approved(group)
    if name == "multi-model":
        assert not said(row(name)["followed by the controller"])
        return
    endpoint = probe.endpoint(model=FOLLOWING.get(name, lambda model: model)(latest))
    mlops.RolloutRegistration(scope, "Registration", controller_name="mlops", model="churn", endpoint=endpoint)
    assert said(row(name)["followed by the controller"])
    assert "version" in endpoint.rollout_parameters
