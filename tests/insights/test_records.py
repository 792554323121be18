"""Repeated requests and redundant features: from rows over the engine's file to what the report says."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from insights import pages
from insights.facts import ModelFacts, Series
from insights.reports import Reports
from insights.rules import recommend
from model_analyzer import data_quality
from shared.s3 import S3Uri

Build = Callable[..., ModelFacts]
Document = dict[str, Any]


def requests(rows: int, seed: int = 1) -> pl.DataFrame:
    """Requests that never repeat by chance."""
    source = np.random.default_rng(seed)
    minutes = source.normal(200, 50, rows)
    return pl.DataFrame(
        {
            "prediction": source.random(rows),
            "minutes": minutes,
            "charge": minutes * 0.17,
            "calls": source.poisson(90, rows),
            "state": source.choice([f"S{number}" for number in range(30)], rows),
        }
    )


def codes(rows: int, seed: int = 1) -> pl.DataFrame:
    """Requests of three features with few values, which repeat all the time."""
    source = np.random.default_rng(seed)
    return pl.DataFrame({name: source.integers(0, 6, rows) for name in ("age", "plan", "state")})


def told(frame: pl.DataFrame, baseline: pl.DataFrame | None = None) -> Document:
    """The file of a run, by way of JSON."""
    known = None if baseline is None else data_quality.records(data_quality.profile(baseline))
    found: Document = json.loads(json.dumps(data_quality.records(data_quality.profile(frame), known)))
    return found


def rules(facts: ModelFacts) -> list[str]:
    return [item.rule for item in recommend(facts)]


@pytest.fixture
def with_records(with_monitor: Build) -> Build:
    """The model, with what a run told of whole records; pairs of columns are left to the tests about them."""
    return lambda document: with_monitor(records={**document, "redundant": []})


def test_a_client_that_retries_is_found(with_records: Build) -> None:
    once = requests(900)
    facts = with_records(told(pl.concat([once, once[:300]]), requests(2000, seed=2)))

    (found,) = recommend(facts)

    assert (found.rule, found.urgency, found.confidence) == ("repeated-requests", "note", "high")
    assert found.title == "25% of the requests repeat an earlier one"
    assert found.evidence == (
        "latest run: 300 of 1,200 records equal an earlier one in every column",
        "the most frequent record came 2 times",
        "more records came 2 times than independent requests would give",
        "records like the baseline's would repeat in 0.0% of so many requests",
    )
    assert "retries" in found.step


def test_a_client_that_retries_is_found_without_a_baseline(with_records: Build) -> None:
    once = requests(900)

    (found,) = recommend(with_records(told(pl.concat([once, *[once[:100]] * 2]))))

    assert (found.title, found.confidence) == ("18% of the requests repeat an earlier one", "medium")
    assert "more records came 3 times than independent requests would give" in found.evidence


@pytest.mark.parametrize("rows", [600, 3000, 12_000])
def test_customers_who_are_asked_about_again_raise_no_alarm(with_records: Build, rows: int) -> None:
    """Records that never repeat in training, but callers ask about some customers more than once."""
    customers, source = requests(3000), np.random.default_rng(3)
    document = told(customers[source.integers(0, 3000, rows)], customers)

    assert document["repeated"]["share"] > document["repeated"]["expected_share"] + 0.05
    assert rules(with_records(document)) == []


def test_failures_are_named_with_the_retries(with_records: Build) -> None:
    once = requests(900)
    facts = with_records(told(pl.concat([once, once[:300]]), requests(2000, seed=2)))
    failing = replace(facts.endpoint, server_errors=Series("5xx", ((facts.until, 825.0),)))

    (found,) = recommend(replace(facts, endpoint=failing))

    assert found.evidence[-1] == "0.5% of the requests failed, after which clients try again"


@pytest.mark.parametrize("baseline", [None, requests(2000, seed=2)])
def test_a_feed_that_stands_still_is_found_with_and_without_a_baseline(
    with_records: Build, baseline: pl.DataFrame | None
) -> None:
    one = requests(500)
    facts = with_records(told(pl.concat([one, *[one[:1]] * 200]), baseline))

    (found,) = recommend(facts)

    assert (found.rule, found.urgency) == ("repeated-requests", "watch")
    assert found.title == "One record makes up 29% of the requests"
    assert found.confidence == ("medium" if baseline is None else "high")
    assert "health check" in found.step


def test_one_record_alone_is_a_feed_that_stands_still(with_records: Build) -> None:
    facts = with_records(told(pl.concat([requests(1)] * 300), requests(2000, seed=2)))

    assert [item.title for item in recommend(facts)] == ["One record makes up 100% of the requests"]
    assert rules(with_records(told(pl.concat([requests(1)] * 300)))) == ["repeated-requests"]


@pytest.mark.parametrize("rows", [300, 4000, 30_000])
@pytest.mark.parametrize(
    "baseline",
    [
        codes(2000, seed=2),
        codes(2000, seed=2).unique(),  # nobody trains with the same row twice
        None,
    ],
    ids=["with repetitions", "without", "none"],
)
def test_requests_with_few_values_raise_no_alarm(with_records: Build, baseline: pl.DataFrame | None, rows: int) -> None:
    document = told(codes(rows), baseline)

    assert document["repeated"]["share"] > 0.4
    assert rules(with_records(document)) == []


def test_products_with_their_attributes_raise_no_alarm(with_records: Build) -> None:
    """Many columns, of which one decides all others: few different records in spite of that."""
    source = np.random.default_rng(5)
    products = pl.DataFrame({f"c{number}": source.normal(size=400) for number in range(6)})

    def asked(rows: int) -> pl.DataFrame:
        return products[source.zipf(1.5, rows) % 400]

    document = told(asked(3000), asked(2000))

    assert document["repeated"]["share"] > 0.8
    assert rules(with_records(document)) == []


def test_few_records_say_nothing(with_records: Build) -> None:
    assert rules(with_records(told(pl.concat([requests(40)] * 2), requests(2000, seed=2)))) == []


def test_redundant_features(with_monitor: Build, with_live: Build) -> None:
    document = told(requests(600))
    facts = with_monitor(records=document)

    (found,) = recommend(facts)

    assert (found.rule, found.urgency, found.title) == ("redundant-features", "note", "2 features repeat each other")
    assert found.evidence == ("minutes and charge: rank correlation 1.000, in 600 sampled records",)
    # One of the two takes no part in decisions by its name: it is no feature.
    others = replace(facts, live=with_live(importance={"minutes": 0.6, "calls": 0.4}).live)
    assert "redundant-features" not in rules(others)
    # Names of another world than the captured ones decide nothing.
    assert "redundant-features" in rules(replace(facts, live=with_live(importance={"f0": 0.6, "f1": 0.4}).live))


def test_an_answer_is_no_feature(with_monitor: Build) -> None:
    frame = requests(600).select("prediction", "calls").with_columns(calls=pl.col("prediction") * 100)

    assert told(frame)["redundant"][0]["columns"] == ["prediction", "calls"]
    assert rules(with_monitor(records=told(frame))) == []


def test_the_page_and_own_rules_know_of_it(with_monitor: Build) -> None:
    once = requests(900)
    facts = with_monitor(records=told(pl.concat([once, once[:300]]), requests(2000, seed=2)))

    page = pages.model_page(facts, [])

    for words in ("Equal to an earlier one", "300, 25.0%", "Expected by chance", "minutes = charge"):
        assert words in page
    numbers = facts.flat()
    assert numbers["monitors.DataQuality.repeated_share"] == 0.25
    assert numbers["monitors.DataQuality.expected_repeated_share"] < 0.01
    assert numbers["monitors.DataQuality.redundant_pairs"] == 1
    unknown = pages.model_page(with_monitor(records=told(once)), [])
    assert "the baseline does not say" in unknown


@pytest.mark.parametrize(
    ("content", "usable"),
    [
        (b"{}", False),
        (b"[]", False),
        (b'{"repeated": {"share": 1}, "redundant": []}', False),
        (json.dumps(told(requests(5))).encode(), True),
    ],
)
def test_files_of_another_form_are_passed_over(monkeypatch: pytest.MonkeyPatch, content: bytes, usable: bool) -> None:
    monkeypatch.setattr(Reports, "read", lambda *_: content)

    assert bool(Reports(None).records(S3Uri("b", "k"))) == usable
