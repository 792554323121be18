"""Ingestion: what is written, what is rejected and why, and what happens when the service or the process fails."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

import sagemaker_features as features
from sagemaker_features.writing import Settings
from sagemaker_local.errors import AwsError

KINDS = {"id": "String", "at": "String", "count": "Integral", "share": "Fractional", "note": "String"}
# moto has no shape for this code, which every service may send.
pytestmark = pytest.mark.filterwarnings("ignore:.*does not match an error shape")

QUICK = Settings(workers=4, first_wait=0.001)
RUNTIME = "sagemaker-featurestore-runtime"


def rows(number: int) -> pl.DataFrame:
    start = dt.datetime(2026, 1, 1)
    return pl.DataFrame(
        {
            "id": [f"c-{index}" for index in range(number)],
            "at": [start + dt.timedelta(seconds=index) for index in range(number)],
            "count": list(range(number)),
            "share": [index / 8 for index in range(number)],
            "note": [f"n\n{index}" for index in range(number)],
        }
    )


def everything(shop: Any, group: str) -> pl.DataFrame:
    """All rows of the offline store, whatever they are."""
    table = shop.client("sagemaker").describe_feature_group(FeatureGroupName=group)["OfflineStoreConfig"]
    names = table["DataCatalogConfig"]
    return shop.athena.run(f'SELECT * FROM "{names["Database"]}"."{names["TableName"]}"').frame


class Faults:
    """Lets an operation fail for a while, in front of the service."""

    def __init__(self, shop: Any, monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
        self.calls = 0
        self.plan: Any = lambda call, params: None
        handlers = shop.aws.front._ops
        real = handlers[RUNTIME, operation]

        def handle(context: Any, params: Any) -> Any:
            self.calls += 1
            self.plan(self.calls, params)
            return real(context, params)

        monkeypatch.setitem(handlers, (RUNTIME, operation), handle)


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("kind", ["polars", "pandas", "parquet", "csv", "jsonl"])
def test_every_row_arrives_in_both_stores(shop: Any, tmp_path: Path, kind: str, batch: bool) -> None:
    group, frame = shop.group(KINDS), rows(230)
    source: Any = frame
    if kind == "pandas":
        source = pd.DataFrame(frame.to_dict(as_series=False))
    elif kind != "polars":
        source = tmp_path / f"rows.{kind}"
        text = frame.with_columns(pl.col("at").dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
        {"parquet": frame.write_parquet, "csv": text.write_csv, "jsonl": text.write_ndjson}[kind](source)
    report = features.ingest(source, group, settings=Settings(workers=4, batch=batch), session=shop.session)
    assert (report.rows, report.written, report.rejected, report.duplicates) == (230, 230, 0, 0)
    offline = everything(shop, group).sort("count")
    assert offline["id"].to_list() == frame["id"].to_list()
    assert offline["share"].to_list() == frame["share"].to_list()
    assert offline["note"].to_list() == frame["note"].to_list()
    assert offline["at"].to_list()[:2] == ["2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"]
    found = features.OnlineStore(group, session=shop.session).get_many(frame["id"])
    assert list(found) == frame["id"].to_list()
    assert found["c-7"] == {"id": "c-7", "at": "2026-01-01T00:00:07Z", "count": 7, "share": 0.875, "note": "n\n7"}


def test_wrong_rows_are_kept_with_their_reasons_and_stop_nothing(shop: Any, tmp_path: Path) -> None:
    group = shop.group(KINDS)
    at = "2026-01-01T00:00:00Z"
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"id": None, "at": at}, "the record identifier id is missing"),
        ({"id": "", "at": at}, "the record identifier id is missing"),
        ({"id": "a", "at": None}, "the event time at is missing"),
        ({"id": "b", "at": at, "count": "many"}, "count (Integral): 'many' is not a whole number"),
        ({"id": "c", "at": at, "count": "1.5"}, "count (Integral): '1.5' is not a whole number"),
        ({"id": "d", "at": at, "count": str(2**63)}, f"count (Integral): {2**63} does not fit into 64 bits"),
        ({"id": "e", "at": at, "share": "inf"}, "share (Fractional): 'inf' is not a finite number"),
        (
            {"id": "f", "at": "yesterday"},
            "at (String): 'yesterday' is not an ISO-8601 time such as 2026-01-31T23:59:59Z",
        ),
        ({"id": "g", "at": "2026-01-01T00:00:00"}, "at (String): '2026-01-01T00:00:00' does not say its time zone"),
        ({"id": "h", "at": "2026-02-30T00:00:00Z"}, "at (String): '2026-02-30T00:00:00Z' is not a moment in time"),
        ({"id": "i", "at": "2999-01-01T00:00:00Z"}, "the event time at is in the future: 2999-01-01T00:00:00Z"),
        ({"id": "j", "at": at, "note": "x" * 360_000}, "the record has 360"),
        ({"id": "k" * 2049, "at": at}, "the record identifier id has more than 2048 bytes (2 KB)"),
        ({"id": None, "at": "soon", "count": "x"}, "the record identifier id is missing; at (String): 'soon'"),
    ]
    good = {"id": "ok", "at": at, "count": "3", "share": "0.5", "note": "fine"}
    frame = pl.DataFrame(
        [good, *(row for row, _ in wrong), {**good, "id": "ok2"}], schema=dict.fromkeys(KINDS, pl.String)
    )
    letters = tmp_path / "rejected.jsonl"
    report = features.ingest(frame, group, dead_letters=letters, session=shop.session)
    assert (report.written, report.rejected) == (2, len(wrong))
    kept = [json.loads(line) for line in letters.read_text().splitlines()]
    assert [letter["row"] for letter in kept] == list(range(1, len(wrong) + 1))
    for letter, (row, reason) in zip(kept, wrong, strict=True):
        assert letter["reason"].startswith(reason)
        assert {key: value for key, value in letter["record"].items() if value is not None} == {
            key: value for key, value in row.items() if value is not None
        }
    # What was rejected can be mended and ingested as it is.
    mended = pl.DataFrame([letter["record"] for letter in kept[3:4]]).with_columns(count=pl.lit(1))
    assert features.ingest(mended, group, session=shop.session).written == 1


def test_without_a_file_rejected_rows_are_in_the_report(shop: Any) -> None:
    frame = rows(3).with_columns(count=pl.Series([1.0, float("nan"), 2.5]))
    report = features.ingest(frame, shop.group(KINDS), session=shop.session)
    assert report.written == 2
    assert [(letter["row"], letter["reason"]) for letter in report.rejects] == [
        (2, "count (Integral): 2.5 is not a whole number")
    ]


def test_repeated_rows_are_sent_once_and_contradictions_rejected(shop: Any) -> None:
    group, frame = shop.group(KINDS), rows(2)
    other = frame.head(1).with_columns(count=pl.lit(99, dtype=pl.Int64))
    report = features.ingest(pl.concat([frame, frame, other]), group, session=shop.session)
    assert (report.written, report.duplicates, report.rejected) == (2, 2, 1)
    assert report.rejects[0]["reason"] == "row 0 has the same identifier and event time with other values"
    assert everything(shop, group).height == 2


def test_a_table_that_does_not_fit_is_refused_before_anything_is_sent(shop: Any, tmp_path: Path) -> None:
    group = shop.group(KINDS)
    frame = rows(1).rename({"id": "customer"}).with_columns(extra=1)
    with pytest.raises(features.FeaturesError, match=r"has no feature customer, extra .*id is needed for every record"):
        features.ingest(frame, group, session=shop.session)
    report = features.ingest(frame, group, rename={"customer": "id"}, ignore=["extra"], session=shop.session)
    assert report.written == 1
    for source, message in (
        (tmp_path / "nothing.csv", "there is no file"),
        (Path(__file__), "the formats are"),
        (7, "a int is no table"),
    ):
        with pytest.raises(features.FeaturesError, match=message):
            features.ingest(source, group, session=shop.session)
    with pytest.raises(features.FeaturesError, match="does not exist"):
        features.ingest(rows(1), "nobody", session=shop.session)


def test_milliseconds_are_not_taken_for_seconds(shop: Any) -> None:
    group = shop.group({"id": "String", "at": "Fractional"})
    frame = pl.DataFrame({"id": ["a", "b"], "at": [1_767_225_600_000.0, 1_767_225_600.25]})
    report = features.ingest(frame, group, session=shop.session)
    assert report.written == 1
    assert "it looks like milliseconds, divide by 1000" in report.rejects[0]["reason"]


@pytest.mark.parametrize("batch", [False, True])
def test_throttling_is_waited_for(shop: Any, monkeypatch: pytest.MonkeyPatch, batch: bool) -> None:
    group = shop.group(KINDS)
    faults = Faults(shop, monkeypatch, "BatchWriteRecord" if batch else "PutRecord")

    def plan(call: int, params: Any) -> None:
        if call % 3 == 1:
            raise AwsError("ThrottlingException", "Rate exceeded", 400)
        if call % 7 == 2:
            raise AwsError("ServiceUnavailable", "try later", 503)

    faults.plan = plan
    settings = Settings(workers=4, first_wait=0.001, batch=batch)
    report = features.ingest(rows(120), group, settings=settings, session=shop.session)
    assert (report.written, report.rejected) == (120, 0)
    assert report.retries > 0
    assert everything(shop, group)["id"].n_unique() == 120


def test_what_the_service_alone_refuses_is_kept_too(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    group = shop.group(KINDS)

    def plan(call: int, params: Any) -> None:
        if params["Record"][0]["ValueAsString"] == "c-5":
            raise AwsError("ValidationError", "not this one")

    Faults(shop, monkeypatch, "PutRecord").plan = plan
    report = features.ingest(rows(10), group, settings=QUICK, session=shop.session)
    assert (report.written, report.rejected) == (9, 1)
    assert (report.rejects[0]["code"], report.rejects[0]["reason"]) == ("ValidationError", "not this one")


def test_unprocessed_entries_of_a_batch_are_sent_again(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    group = shop.group(KINDS)
    handlers = shop.aws.front._ops
    real = handlers[RUNTIME, "BatchWriteRecord"]
    calls = []

    def half(context: Any, params: Any) -> Any:
        entries = params["Entries"]
        calls.append(len(entries))
        taken = entries[: (len(entries) + 1) // 2]
        return {**real(context, {"Entries": taken}), "UnprocessedEntries": entries[len(taken) :]}

    monkeypatch.setitem(handlers, (RUNTIME, "BatchWriteRecord"), half)
    settings = Settings(workers=1, first_wait=0.001, batch=True)
    report = features.ingest(rows(20), group, settings=settings, session=shop.session)
    assert report.written == 20
    assert calls == [20, 10, 5, 2, 1]
    assert everything(shop, group).height == 20


@pytest.mark.parametrize(
    ("code", "status", "message"),
    [
        ("AccessForbidden", 403, "AccessForbidden: no"),
        ("ServiceUnavailable", 503, "did not take a record in 3 attempts"),
    ],
)
def test_it_stops_when_nothing_is_taken_and_goes_on_later(
    shop: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str, status: int, message: str
) -> None:
    group = shop.group(KINDS)
    frame = rows(1000).with_columns(
        pl.when(pl.int_range(pl.len()) % 100 == 3).then(pl.lit("x")).otherwise(pl.lit("1")).alias("count")
    )
    position, letters = tmp_path / "position.json", tmp_path / "rejected.jsonl"
    faults = Faults(shop, monkeypatch, "PutRecord")

    def plan(call: int, params: Any) -> None:
        if call > 450:
            raise AwsError(code, "no", status)

    faults.plan = plan
    files = {"position": position, "dead_letters": letters, "session": shop.session}
    quick = Settings(workers=2, attempts=3, first_wait=0.001)
    with pytest.raises(features.IngestionInterrupted, match=message):
        features.ingest(frame, group, settings=quick, **files)
    state = json.loads(position.read_text())
    assert 0 < state["rows"] < 1000
    assert not state["complete"]
    faults.plan = lambda call, params: None
    report = features.ingest(frame, group, settings=quick, **files)
    assert report.resumed_at == state["rows"]
    assert (report.rows, report.written, report.rejected) == (1000, 990, 10)
    assert [json.loads(line)["row"] for line in letters.read_text().splitlines()] == list(range(3, 1000, 100))
    assert everything(shop, group)["id"].n_unique() == 990
    # A finished one has nothing left to do.
    before = faults.calls
    assert features.ingest(frame, group, **files).rows == 1000
    assert faults.calls == before
    with pytest.raises(features.FeaturesError, match="belongs to another source"):
        features.ingest(rows(5), group, **files)
    position.write_text("{}")
    with pytest.raises(features.FeaturesError, match="no position of an ingestion"):
        features.ingest(frame, group, **files)


def test_killed_and_resumed_nothing_is_lost(shop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group, source = shop.group(KINDS), tmp_path / "rows.parquet"
    frame = rows(1500).with_columns(
        pl.when(pl.int_range(pl.len()) % 50 == 7).then(None).otherwise(pl.col("id")).alias("id")
    )
    frame.write_parquet(source)
    position, letters = tmp_path / "position.json", tmp_path / "rejected.jsonl"
    code = f"""
        import os, sys
        import sagemaker_features as features, sagemaker_features.ingestion as ingestion
        from sagemaker_features.writing import Settings
        ingestion._SAVE_SECONDS = 0.0
        def die(progress):
            if progress.rows >= int(sys.argv[1]):
                os._exit(9)
        features.ingest({str(source)!r}, {group!r}, position={str(position)!r}, dead_letters={str(letters)!r},
                        progress=die, settings=Settings(workers=4))
    """
    environ = {**shop.aws.environ(), "PYTHONPATH": str(Path(features.__file__).parent.parent)}
    codes = [
        subprocess.run([sys.executable, "-c", textwrap.dedent(code), str(stop)], env=environ, check=False).returncode
        for stop in (300, 900, 10_000)
    ]
    assert codes == [9, 9, 0]
    state = json.loads(position.read_text())
    assert (state["rows"], state["written"], state["rejected"], state["complete"]) == (1500, 1470, 30, True)
    assert [json.loads(line)["row"] for line in letters.read_text().splitlines()] == list(range(7, 1500, 50))
    stored = everything(shop, group)
    assert stored["id"].n_unique() == 1470
    # At least once: what was under way is sent again, which the queries do not see.
    assert stored.height >= 1470
    assert features.latest(group, athena=shop.athena).height == 1470
    assert len(features.OnlineStore(group, session=shop.session).get_many(frame["id"].drop_nulls())) == 1470


def test_stores_and_time_to_live_can_be_chosen(shop: Any) -> None:
    group, frame = shop.group(KINDS), rows(2)
    features.ingest(frame, group, target_stores=["OfflineStore"], session=shop.session)
    store = features.OnlineStore(group, session=shop.session)
    assert store.get("c-0") is None
    now = shop.aws.clock.now().replace(tzinfo=None)
    fresh = frame.with_columns(at=pl.lit(now))
    features.ingest(fresh, group, ttl=dt.timedelta(hours=1), session=shop.session)
    assert store.get("c-0", required=True)
    shop.aws.clock.advance(3700)
    assert store.get("c-0") is None
    for choices, message in (
        ({"target_stores": ["Moon"]}, "not Moon"),
        ({"ttl": dt.timedelta(0)}, "a second at least"),
        ({"settings": Settings(workers=0)}, "1 at least"),
    ):
        with pytest.raises(features.FeaturesError, match=message):
            features.ingest(frame, group, session=shop.session, **choices)
