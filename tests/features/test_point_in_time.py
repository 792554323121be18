"""Training sets, compared with a join that a person would write down: look at every record, keep the newest so far.

The SQL really runs: in the embedded Athena, over the Parquet files of the embedded feature store.
"""

from __future__ import annotations

import datetime as dt
import math
import time
from dataclasses import dataclass
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import sagemaker_features as features

# Every example makes groups, files and queries; shrinking one that fails would take minutes.
SLOW = settings(deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate], database=None)
START = dt.datetime(2026, 2, 27, 22, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Event:
    """A record or, without a value, a deletion; `minute` counts from START."""

    who: str
    minute: int
    value: int | None
    deleted: bool = False


def moment(minute: float) -> dt.datetime:
    return START + dt.timedelta(minutes=minute)


def text(minute: float, fractional: bool) -> str:
    return repr(moment(minute).timestamp()) if fractional else moment(minute).strftime("%Y-%m-%dT%H:%M:%SZ")


def brute_force(events: list[Event], who: str | None, minute: float, lookback: float = math.inf) -> int | None:
    """The value of the newest event that is not after `minute`; of equal event times the one written last."""
    best: Event | None = None
    for event in events:
        if event.who != who or event.minute > minute or event.minute <= minute - lookback:
            continue
        if best is None or event.minute >= best.minute:
            best = event
    return None if best is None or best.deleted else best.value


def write(shop: Any, group: str, events: list[Event], fractional: bool) -> None:
    for event in events:
        # Records of one event time are told apart by the time of their writing, to the millisecond.
        time.sleep(0.001)
        at = text(event.minute, fractional)
        if event.deleted:
            shop.delete(group, event.who, at)
        else:
            value = {} if event.value is None else {"value": str(event.value)}
            shop.put(group, id=event.who, at=at, **value)


who = st.sampled_from(["a", "b", "q\"'uote"])
# Few, so that they meet; over three days, so that hours, days and months change on the way.
minutes = st.sampled_from([0, 1, 59, 60, 61, 119, 120, 1439, 1440, 1500, 2880, 4000])
values = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(0, 9), st.none())
events_of = st.lists(
    st.one_of(
        st.builds(Event, who, minutes, values),
        st.builds(Event, who, minutes, values),
        st.builds(Event, who, minutes, st.none(), st.just(True)),
    ),
    min_size=3,
    max_size=14,
)


def edges(*events: list[Event]) -> list[tuple[str | None, float]]:
    """Rows for everybody (and nobody) around every moment at which the answer changes, an hour and a day later too."""
    people = sorted({event.who for several in events for event in several})
    times = sorted({event.minute for several in events for event in several})
    return [
        (person, minute + later + step)
        for person in [*people, "nobody", None]
        for minute in times
        for later in (0, 60, 24 * 60)
        for step in (-0.001, 0, 0.001)
    ]


@settings(SLOW, max_examples=8)
@given(
    events_of,
    events_of,
    st.sampled_from([None, 60, 24 * 60]),
    st.sampled_from(["Glue", "Iceberg"]),
    st.sampled_from(["inline", "table"]),
)
def test_training_set_equals_brute_force(
    shop: Any,
    first: list[Event],
    second: list[Event],
    lookback: int | None,
    table_format: str,
    staging: Any,
) -> None:
    kinds = {"id": "String", "at": "String", "value": "Integral"}
    text_group = shop.group(kinds, table_format=table_format)
    number_group = shop.group({**kinds, "at": "Fractional"})
    write(shop, text_group, first, fractional=False)
    write(shop, number_group, second, fractional=True)
    rows = edges(first, second)
    spine = pl.DataFrame(
        {
            "id": pl.Series([key for key, _ in rows], dtype=pl.String),
            "when": [moment(minute) for _, minute in rows],
            "label": range(len(rows)),
        }
    )
    back = None if lookback is None else dt.timedelta(minutes=lookback)
    views = [
        features.FeatureView(text_group, prefix="t_", lookback=back),
        features.FeatureView(number_group, prefix="n_"),
    ]
    found = features.training_set(spine, views, time_column="when", athena=shop.athena, staging=staging).frame
    assert found.select(spine.columns).equals(spine)
    limit = math.inf if lookback is None else lookback
    assert found["t_value"].to_list() == [brute_force(first, key, minute, limit) for key, minute in rows]
    assert found["n_value"].to_list() == [brute_force(second, key, minute) for key, minute in rows]


@settings(SLOW, max_examples=6)
@given(events_of, minutes, st.booleans())
def test_as_of_and_latest_equal_brute_force(shop: Any, events: list[Event], minute: int, fractional: bool) -> None:
    kind = "Fractional" if fractional else "String"
    group = shop.group({"id": "String", "at": kind, "value": "Integral"})
    write(shop, group, events, fractional)
    for at, frame in (
        (minute, features.as_of(group, moment(minute), athena=shop.athena)),
        (math.inf, features.latest(group, athena=shop.athena)),
    ):
        alive = {
            key: brute_force(events, key, at)
            for key in {event.who for event in events}
            if any(not event.deleted for event in newest(events, key, at))
        }
        assert dict(frame.select("id", "value").rows()) == alive


def newest(events: list[Event], key: str, minute: float) -> list[Event]:
    """The newest event so far as a list, which is empty if there is none."""
    so_far = [event for event in events if event.who == key and event.minute <= minute]
    last = max((event.minute for event in so_far), default=0)
    return [event for event in so_far if event.minute == last][-1:]


def test_what_had_not_been_written_yet_can_be_left_out(shop: Any) -> None:
    group = shop.group({"id": "String", "at": "String", "value": "Integral"})
    shop.put(group, id="a", at="2026-01-01T00:00:00Z", value="1")
    shop.store.flush()
    shop.aws.clock.advance(60)
    before = shop.aws.clock.now()
    shop.aws.clock.advance(60)
    shop.put(group, id="a", at="2026-01-02T00:00:00Z", value="2")
    spine = pl.DataFrame({"id": ["a", "a"], "at": [dt.datetime(2026, 1, 3), before.replace(tzinfo=None)]})
    view = [features.FeatureView(group)]

    def found(**choices: Any) -> list[int | None]:
        return (
            features.training_set(spine, view, time_column="at", athena=shop.athena, **choices).frame["value"].to_list()
        )

    assert found() == [2, 2]
    assert found(ingested_by=before) == [1, 1]
    # The first row's moment is long before anything was written.
    assert found(only_what_had_arrived=True) == [None, 1]


@pytest.mark.parametrize(("ties", "value"), [("last", 2), ("first", 1)])
def test_a_correction_of_the_same_event_time(shop: Any, ties: features.sql.Ties, value: int) -> None:
    group = shop.group({"id": "String", "at": "String", "value": "Integral"})
    for number in ("1", "2"):
        shop.put(group, id="a", at="2026-01-01T00:00:00Z", value=number)
        shop.aws.clock.advance(1)
    assert features.latest(group, athena=shop.athena, ties=ties)["value"].to_list() == [value]


def test_nanoseconds_decide(shop: Any) -> None:
    group = shop.group({"id": "String", "at": "String", "value": "Integral"})
    shop.put(group, id="a", at="2026-01-01T00:00:00.000000002Z", value="1")
    spine = pl.DataFrame({"id": ["a"] * 3, "at": [f"2026-01-01T00:00:00.00000000{digit}Z" for digit in (1, 2, 3)]})
    found = features.training_set(spine, [features.FeatureView(group)], time_column="at", athena=shop.athena)
    assert found.frame["value"].to_list() == [None, 1, 1]


def test_the_time_to_live_of_the_online_store_holds_for_training_too(shop: Any) -> None:
    ttl = {"TtlDuration": {"Unit": "Hours", "Value": 1}}
    group = shop.group({"id": "String", "at": "String", "value": "Integral"}, online=ttl)
    shop.put(group, id="a", at="2026-01-01T00:00:00Z", value="1")
    spine = pl.DataFrame({"id": ["a", "a"], "at": ["2026-01-01T00:59:59Z", "2026-01-01T01:00:00Z"]})
    view = features.FeatureView(group)
    found = features.training_set(spine, [view], time_column="at", athena=shop.athena)
    assert found.frame["value"].to_list() == [1, None]


@pytest.mark.parametrize("time_type", ["timestamp", "string"])
def test_a_table_as_spine(shop: Any, time_type: str, tmp_path: Any) -> None:
    group = shop.group({"id": "Integral", "at": "String", "value": "Fractional"})
    for day, value in ((1, "1.5"), (2, "2.5")):
        shop.put(group, id="7", at=f"2026-01-0{day}T12:00:00Z", value=value)
    at = [dt.datetime(2026, 1, 1, 11), dt.datetime(2026, 1, 1, 12), dt.datetime(2026, 1, 3)]
    spine = pl.DataFrame({"who": [7, 7, 7], "label": ["x", "y", "z"], "at": pl.Series(at, dtype=pl.Datetime("ms"))})
    if time_type == "string":
        spine = spine.with_columns(pl.col("at").dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
    path = tmp_path / "spine.parquet"
    spine.write_parquet(path)
    table = f"labels_{time_type}"
    shop.client("s3").put_object(Bucket=shop.bucket, Key=f"{table}/1.parquet", Body=path.read_bytes())
    parquet = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
    columns = [
        {"Name": "who", "Type": "bigint"},
        {"Name": "label", "Type": "string"},
        {"Name": "at", "Type": time_type},
    ]
    storage = {
        "Columns": columns,
        "Location": f"s3://{shop.bucket}/{table}",
        "SerdeInfo": {"SerializationLibrary": parquet},
    }
    shop.client("glue").create_table(
        DatabaseName="sagemaker_featurestore", TableInput={"Name": table, "StorageDescriptor": storage}
    )
    found = features.training_set(
        features.SpineTable("sagemaker_featurestore", table, ["label"], time_type=time_type),  # type: ignore[arg-type]
        [features.FeatureView(group, key="who", lookback=dt.timedelta(days=1), prefix="f_")],
        time_column="at",
        athena=shop.athena,
        event_times=True,
    ).frame.sort("label")
    assert found.columns == ["label", "f_value", f"f_{group}_event_time"]
    assert found["f_value"].to_list() == [None, 1.5, 2.5]
    assert found[f"f_{group}_event_time"].to_list() == [None, "2026-01-01T12:00:00Z", "2026-01-02T12:00:00Z"]


def test_nothing_of_a_staged_spine_stays_behind(shop: Any) -> None:
    group = shop.group({"id": "String", "at": "String", "value": "Integral"})
    spine = pl.DataFrame({"id": ["a"], "at": ["2026-01-01T00:00:00Z"]})
    common: dict[str, Any] = {"time_column": "at", "staging": "table"}
    features.training_set(spine, [features.FeatureView(group)], athena=shop.athena, **common)
    with pytest.raises(features.QueryFailed):
        bad = features.Athena(output=f"s3://{shop.bucket}/results", session=shop.session, timeout=-1)
        features.training_set(spine, [features.FeatureView(group)], athena=bad, **common)
    tables = shop.client("glue").get_tables(DatabaseName="sagemaker_featurestore")["TableList"]
    assert not [table["Name"] for table in tables if table["Name"].startswith("spine_")]
    objects = shop.client("s3").list_objects_v2(Bucket=shop.bucket, Prefix="results/spines/")
    assert "Contents" not in objects


def test_a_small_spine_needs_no_table_and_a_large_one_gets_it(shop: Any) -> None:
    group = shop.group({"id": "String", "at": "String", "value": "Integral"})
    view = [features.FeatureView(group)]

    def tables_made() -> int:
        return len([call for call in shop.aws.calls if call.operation == "CreateTable"])

    for height, made in ((100, 0), (5000, 1)):
        spine = pl.DataFrame({"id": ["a"] * height, "at": ["2026-01-01T00:00:00Z"] * height})
        before = tables_made()
        found = features.training_set(spine, view, time_column="at", athena=shop.athena)
        assert found.frame.height == height
        assert tables_made() - before == made
    with pytest.raises(features.FeaturesError, match="does not fit into a query"):
        features.training_set(spine, view, time_column="at", athena=shop.athena, staging="inline")


def test_mistakes_in_a_training_set_are_said(shop: Any) -> None:
    group = shop.group({"id": "String", "at": "String", "value": "Integral"})
    online = shop.group({"id": "String", "at": "String"}, offline=False)
    spine = pl.DataFrame({"id": ["a"], "at": ["2026-01-01T00:00:00Z"]})

    def mistake(message: str, spine: pl.DataFrame, *views: features.FeatureView, column: str = "at") -> None:
        with pytest.raises(features.FeaturesError, match=message):
            features.training_set(spine, views, time_column=column, athena=shop.athena)

    view = features.FeatureView(group)
    mistake("one feature view at least", spine)
    mistake("no time column 'when'", spine, view, column="when")
    mistake("row 0: .* does not say its time zone", spine.with_columns(at=pl.lit("2026-01-01 00:00:00")), view)
    mistake("no key column id", spine.rename({"id": "who"}), view)
    mistake("value would be there more than once", spine.with_columns(value=1), view)
    mistake("no rows", spine.clear(), view)
    mistake("has no feature nope; it has id, at, value", spine, features.FeatureView(group, features=["nope"]))
    mistake("has no offline store", spine, features.FeatureView(online))
    mistake("does not exist", spine, features.FeatureView("nothing"))
    mistake("whole seconds", spine, features.FeatureView(group, lookback=dt.timedelta(0)))
