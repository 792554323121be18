"""Lookups in the online store, and the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import sagemaker_features as features
from sagemaker_features.cli import main

KINDS = {"id": "Integral", "at": "String", "share": "Fractional", "note": "String"}


@pytest.fixture(scope="module")
def group(shop: Any) -> str:
    name: str = shop.group(KINDS, name="customers")
    for number in range(250):
        shop.put(name, id=str(number), at="2026-01-01T00:00:00Z", share="0.5")
    return name


def test_records_come_in_the_types_of_their_features(shop: Any, group: str) -> None:
    store = features.OnlineStore(group, session=shop.session)
    assert store.get(7) == {"id": 7, "at": "2026-01-01T00:00:00Z", "share": 0.5, "note": None}
    assert features.OnlineStore(group, features=["share"], session=shop.session).get("7") == {"share": 0.5}
    assert store.get(1000) is None
    with pytest.raises(features.UnknownRecord, match="customers has no record 1000"):
        store.get(1000, required=True)


def test_many_records_at_once(shop: Any, group: str) -> None:
    store = features.OnlineStore(group, features=["id"], session=shop.session)
    found = store.get_many([*range(240), 3, 999])
    assert list(found) == list(range(240))
    assert found[17] == {"id": 17}
    assert len([call for call in shop.aws.calls if call.operation == "BatchGetRecord"]) >= 3
    with pytest.raises(features.UnknownRecord, match="no record 998, 999"):
        store.get_many([1, 998, 999], required=True)


def test_a_store_that_cannot_answer_says_so(shop: Any, group: str) -> None:
    offline = features.OnlineStore("nobody", session=shop.session)
    with pytest.raises(features.FeaturesError, match="does not exist"):
        offline.get(1)
    with pytest.raises(features.FeaturesError, match="has no feature nope"):
        features.OnlineStore(group, features=["nope"], session=shop.session).get(1)


def test_lookups_need_neither_polars_nor_sagemaker() -> None:
    code = (
        "import sys; sys.modules['polars'] = None\n"
        "from sagemaker_features import OnlineStore\n"
        "assert 'boto3' not in sys.modules and 'sagemaker' not in sys.modules"
    )
    path = str(Path(features.__file__).parent.parent)
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": path})


def test_command_line(
    shop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in shop.aws.environ().items():
        monkeypatch.setenv(name, value)
    group = shop.group({"id": "String", "at": "String", "value": "Integral"}, name="orders")
    table = tmp_path / "orders.csv"
    table.write_text("id,when,value\na,2026-01-01T00:00:00Z,1\na,2026-01-03T00:00:00Z,2\nb,2026-01-01T00:00:00Z,x\n")
    assert main(["ingest", str(table), "--group", group, "--rename", "when=at"]) == 3
    said = capsys.readouterr()
    assert "2 written, 1 rejected" in said.out
    assert json.loads((tmp_path / "orders.csv.rejected.jsonl").read_text())["row"] == 2
    spine, out = tmp_path / "spine.csv", tmp_path / "out" / "train.parquet"
    spine.write_text("who,at,label\na,2026-01-02T00:00:00Z,yes\nb,2026-01-02T00:00:00Z,no\n")
    results = ["--results", f"s3://{shop.bucket}/results", "--out", str(out)]
    assert main(["training-set", str(spine), "--time-column", "at", "--view", f"{group}@who:value", *results]) == 0
    assert pl.read_parquet(out).rows() == [
        ("a", "2026-01-02T00:00:00Z", "yes", 1),
        ("b", "2026-01-02T00:00:00Z", "no", None),
    ]
    assert main(["latest", group, *results]) == 0
    assert pl.read_parquet(out).rows() == [("a", "2026-01-03T00:00:00Z", 2)]
    assert main(["as-of", group, "2026-01-01T12:00:00Z", *results]) == 0
    assert pl.read_parquet(out).rows() == [("a", "2026-01-01T00:00:00Z", 1)]
    capsys.readouterr()
    assert main(["get", group, "a", "--features", "value"]) == 0
    assert json.loads(capsys.readouterr().out) == {"value": 2}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["get", "nobody", "a"], "feature group 'nobody' does not exist"),
        (["ingest", "nothing.csv", "--group", "orders"], "there is no file nothing.csv"),
        (["ingest", "x.csv", "--group", "orders", "--rename", "x"], "--rename wants COLUMN=FEATURE, not x"),
        (["as-of", "orders", "soon", "--out", "x.csv"], "'soon' is not an ISO-8601 time"),
        (["latest", "orders", "--out", "x.csv"], "No output location provided"),
    ],
)
def test_mistakes_are_said_without_a_traceback(
    shop: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    for name, value in shop.aws.environ().items():
        monkeypatch.setenv(name, value)
    if not shop.client("sagemaker").list_feature_groups(NameContains="orders")["FeatureGroupSummaries"]:
        shop.group({"id": "String", "at": "String", "value": "Integral"}, name="orders")
    assert main(arguments) == 1
    assert message in capsys.readouterr().err
