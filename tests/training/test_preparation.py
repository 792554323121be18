"""Preparation: columns, division, encoding; and its mistakes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabular_training.configuration import Configuration, ConfigurationError, Query
from tabular_training.encoding import Encoder, canonical
from tabular_training.errors import DataError, EncodingError
from tabular_training.prepare import prepare
from tabular_training.reading import read_files, run_query

Make = Callable[..., pd.DataFrame]


@pytest.fixture
def run(tmp_path: Path, document: dict[str, Any]) -> Callable[..., Path]:
    def start(frame: pd.DataFrame, **changes: Any) -> Path:
        data, out = tmp_path / "data", tmp_path / f"out-{len(list(tmp_path.iterdir()))}"
        data.mkdir(exist_ok=True)
        frame.to_csv(data / "all.csv", index=False)
        prepare(Configuration.from_dict(document | changes), data, out)
        return out

    return start


def test_divides_with_equal_shares_of_each_label_and_repeats_itself(
    run: Callable[..., Path], make_customers: Make
) -> None:
    frame = make_customers()
    first, second = run(frame), run(frame)
    shares = []
    for name in ("train", "validation"):
        assert (first / name / f"{name}.csv").read_bytes() == (second / name / f"{name}.csv").read_bytes()
        shares.append(pd.read_csv(first / name / f"{name}.csv", header=None)[0].mean())
    assert (first / "test" / "test.csv").read_bytes() == (second / "test" / "test.csv").read_bytes()
    assert max(shares) - min(shares) < 0.02
    summary = json.loads((first / "preparation" / "summary.json").read_text())
    assert sum(summary["rows"].values()) == len(frame)
    assert summary["rows"]["train"] == pytest.approx(0.7 * len(frame), abs=2)
    other = run(frame, seed=8)
    assert (first / "train" / "train.csv").read_bytes() != (other / "train" / "train.csv").read_bytes()


def test_divides_by_time(run: Callable[..., Path], make_customers: Make) -> None:
    frame = make_customers().assign(day=lambda table: pd.date_range("2026-01-01", periods=len(table)).astype(str))
    out = run(frame.sample(frac=1, random_state=1), time_column="day")
    encoder = Encoder.from_json((out / "preparation" / "preparation.json").read_bytes())
    assert encoder.features == ("plan", "minutes", "calls")
    newest = frame.sort_values("day").tail(90)
    assert list(pd.read_csv(out / "test" / "test.csv")["minutes"].fillna(-1)) == list(newest["minutes"].fillna(-1))


def test_encodes_categories_missing_values_and_numbers(run: Callable[..., Path], make_customers: Make) -> None:
    out = run(make_customers(), categorical=["calls"])
    encoder = Encoder.from_json((out / "preparation" / "preparation.json").read_text())
    assert encoder.categories["plan"] == ("basic", "none", "world")
    assert "minutes" not in encoder.categories
    assert encoder.classes == ("no", "yes")
    (row,) = encoder.matrix([["world", "", "1.0"]])
    assert row[0] == 2
    assert np.isnan(row[1])
    assert row[2] == encoder.categories["calls"].index("1")
    (unseen,) = encoder.matrix([["galaxy", "12.5", "3"]])
    assert np.isnan(unseen[0])
    assert Encoder.from_json(encoder.to_json()) == encoder


@given(st.one_of(st.integers(-(10**9), 10**9), st.booleans(), st.text(max_size=12)))
def test_a_value_is_one_category_however_it_is_written(value: Any) -> None:
    once = canonical(value)
    assert canonical(once) == once
    if isinstance(value, int) and not isinstance(value, bool):
        assert canonical(float(value)) == canonical(str(value)) == str(value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"label": "gone"}, "the data have no column gone; they have id, left, plan"),
        ({"features": ["minutes", "price"]}, "no column price"),
        ({"positive_label": "maybe"}, "needs two, one of them maybe"),
        ({"label": "id", "problem": "binary-classification", "exclude": []}, "a binary classification needs two"),
        ({"exclude": ["plan", "minutes", "calls", "id"]}, "no column is left"),
        ({"format": "parquet"}, "holds no parquet file"),
    ],
)
def test_says_what_is_wrong_with_the_data(
    run: Callable[..., Path], make_customers: Make, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        run(make_customers(200), **changes)


def test_says_which_column_is_an_identifier_and_which_rows_are_too_few(
    run: Callable[..., Path], make_customers: Make
) -> None:
    many = make_customers(2000).assign(name=lambda table: "customer " + table["id"].astype(str))
    with pytest.raises(DataError, match=r"column name has 1[0-9]+ different texts"):
        run(many)
    with pytest.raises(DataError, match="8 rows have a label"):
        run(make_customers(8))


def test_a_row_of_another_shape_is_named() -> None:
    encoder = Encoder(("a", "b"), "y", "regression")
    with pytest.raises(EncodingError, match="row 2 has 1 fields, the model needs 2"):
        encoder.matrix([["1", "2"], ["1"]])
    with pytest.raises(EncodingError, match="row 1: column b is 'x', and was a number in training"):
        encoder.matrix([["1", "x"]])


def test_configuration_names_every_mistake() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Configuration.from_dict({"problem": "guess", "split": [1, 1, 1], "colour": "red"})
    for part in ("unknown keys: colour", "label is missing", "problem is 'guess'", "split is [1, 1, 1]"):
        assert part in str(caught.value)


class _Athena:
    """Answers as if the query took two looks; or failed."""

    def __init__(self, *states: str) -> None:
        self.states = list(states)
        self.stopped = False

    def start_query_execution(self, **arguments: Any) -> dict[str, str]:
        assert arguments["WorkGroup"] == "features"
        return {"QueryExecutionId": "q1"}

    def get_query_execution(self, QueryExecutionId: str) -> dict[str, Any]:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        status = {"State": state, "StateChangeReason": "SYNTAX_ERROR: line 1"}
        place = {"OutputLocation": "s3://results/a/q1.csv"}
        return {"QueryExecution": {"Status": status, "ResultConfiguration": place}}

    def stop_query_execution(self, QueryExecutionId: str) -> None:
        self.stopped = True


class _S3:
    def download_file(self, bucket: str, key: str, path: str) -> None:
        Path(path).write_text(f"{bucket},{key}\n")


def test_markers_and_checksums_of_writers_are_no_data(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1]}).to_csv(tmp_path / "part-0.csv", index=False)
    for name in ("_SUCCESS", ".part-0.csv.crc", "_temporary.csv"):
        (tmp_path / name).write_bytes(b"")
    assert read_files(tmp_path, "csv")["a"].tolist() == [1]
    (tmp_path / "part-0.csv").unlink()
    with pytest.raises(DataError, match=r"holds no csv file .* it holds .*_SUCCESS"):
        read_files(tmp_path, "csv")


def test_a_query_is_waited_for_and_its_failure_told(tmp_path: Path) -> None:
    query = Query("SELECT 1", "features")
    pauses: list[float] = []
    found = run_query(query, tmp_path, athena=_Athena("QUEUED", "RUNNING", "SUCCEEDED"), s3=_S3(), sleep=pauses.append)
    assert found.read_text() == "results,a/q1.csv\n"
    assert len(pauses) == 2
    with pytest.raises(DataError, match="query q1 failed: SYNTAX_ERROR"):
        run_query(query, tmp_path, athena=_Athena("FAILED"), s3=_S3(), sleep=pauses.append)
    slow = _Athena("RUNNING")
    with pytest.raises(DataError, match="took longer than 30 seconds"):
        run_query(query, tmp_path, athena=slow, s3=_S3(), seconds=30, sleep=pauses.append)
    assert slow.stopped
