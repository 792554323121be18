"""Pages, digest and document: what stands in them, that they are whole, and that a browser draws them."""

from __future__ import annotations

import html.parser
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from insights import digest, page_training, pages
from insights.document import document
from insights.facts import Drift, EndpointFacts, ModelFacts, Series
from insights.page_advice import state
from insights.page_overview import overview
from insights.rules import recommend
from shared.s3 import S3Uri

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None)
VOID = {"meta", "br", "line", "rect", "circle", "polyline", "polygon", "img", "link", "i"}


def line(name: str, *values: float) -> Series:
    """A value an hour."""
    begin = datetime(2026, 11, 12, tzinfo=UTC)
    return Series(name, tuple((begin + timedelta(hours=hour), value) for hour, value in enumerate(values)))


class Outline(html.parser.HTMLParser):
    """Text and tags of a page; fails on a tag that is closed but was not open."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_a_model_page_answers_the_four_questions(troubled: ModelFacts) -> None:
    outline = Outline(pages.model_page(troubled, recommend(troubled)))

    text = " ".join(outline.text)
    for heading in ("What to do", "Drift", "Which features matter", "Training", "Endpoint", "Monitors", "Versions"):
        assert heading in text
    assert "needs you" in text
    assert "alarm ServerErrors" in text
    assert "unknown <b>category</b>" in text, "text from data is text, not HTML"
    assert outline.open == []
    # Nothing is fetched from anywhere and nothing runs.
    assert not [tag for tag, _ in outline.tags if tag in ("script", "link", "img", "iframe")]
    assert sum(tag == "svg" for tag, _ in outline.tags) >= 9


def test_training_is_shown_as_far_as_it_is_known(healthy: ModelFacts) -> None:
    live = healthy.versions[0]
    assert live.job is not None
    bare = replace(live, curve={}, data=None, job=None, training={}, metric="")

    whole = page_training.training(healthy)
    by_job = page_training.training(replace(healthy, versions=(live,), live=replace(live, curve={}, data=None)))

    for said in ("auc by round, version 2", "auc by version", "2.2% worse", "70% saved by spot", "balance 4%", "live"):
        assert said in whole, said
    assert "<svg" not in by_job
    assert "churn-train-7, 1 x ml.m5.large, 5 min" in by_job
    assert page_training.training(replace(healthy, versions=(bare,), live=bare)) == ""
    assert page_training.training(replace(healthy, versions=(), live=None)) == ""


def test_drift_that_is_over_is_still_shown(with_monitor: Callable[..., ModelFacts]) -> None:
    drifts = (
        Drift("minutes", 0.02, line("minutes", 0.02, 0.7, 0.02)),
        Drift("charge", 0.02, line("charge", 0.02, 0.3, 0.02)),
        Drift("plan", 0.05, line("plan", 0.05, 0.06)),
    )

    page = pages.model_page(with_monitor(drifts=drifts), [])

    assert re.findall(r"<h3>(minutes|charge|plan)</h3>", page) == ["minutes", "charge"]


def test_features_that_stay_where_they_were_do_not_fill_the_page(with_monitor: Callable[..., ModelFacts]) -> None:
    quiet = [Drift(f"f{number:02}", 0.01, line(f"f{number:02}", 0.01)) for number in range(30)]
    far = Drift("far", 0.5, line("far", 0.5))

    page = pages.model_page(with_monitor(drifts=(far, *quiet)), [])

    assert re.findall(r">(far|f\d\d)</text>", page) == ["far", "f00", "f01", "f02", "f03", "f04"]
    assert "25 more are no farther" in page


def test_states(healthy: ModelFacts, troubled: ModelFacts) -> None:
    fresh = ModelFacts("new", healthy.since, healthy.until, EndpointFacts("mlops-new"))

    assert state(healthy, recommend(healthy)) == ("healthy", "good")
    assert state(troubled, recommend(troubled)) == ("needs you", "bad")
    assert state(replace(healthy, alarms=("x",)), ()) == ("watch", "warn")
    assert state(fresh, recommend(fresh)) == ("not deployed", "plain")
    failed = replace(healthy, endpoint=replace(healthy.endpoint, status="Failed"))
    assert state(failed, ()) == ("needs you", "bad")


def test_a_model_without_anything_has_a_page(healthy: ModelFacts) -> None:
    fresh = ModelFacts("new", healthy.since, healthy.until, EndpointFacts("mlops-new"))

    text = " ".join(Outline(pages.model_page(fresh, recommend(fresh))).text)

    assert "Nothing: no rule found anything." in text
    assert "None has run yet." in text


def test_the_overview_links_every_model(healthy: ModelFacts, troubled: ModelFacts) -> None:
    models = [(replace(facts, name=name), recommend(facts)) for name, facts in (("a", healthy), ("b", troubled))]

    outline = Outline(overview("prod", models, healthy.since, healthy.until))

    links = [attributes["href"] for tag, attributes in outline.tags if tag == "a"]
    assert links[:2] == ["a.html", "b.html"]
    urgent = sum(item.urgency == "act" for item in models[1][1])
    assert links[2:] == ["b.html"] * urgent, "what is to be done today leads to the model"
    assert "To do today" in outline.text
    assert outline.open == []


def test_nothing_to_do_is_not_written_out(healthy: ModelFacts) -> None:
    page = overview("prod", [(healthy, recommend(healthy))], healthy.since, healthy.until)

    assert "<h2>To do today</h2>" not in page


def test_what_became_of_versions_has_room(troubled: ModelFacts) -> None:
    trained = replace(troubled.versions[0], metadata={"RetrainingReason": "drift: 5 violations"})

    page = pages.model_page(replace(troubled, versions=(trained, *troubled.versions[1:])), [])

    told = page.partition("What is known")[2]
    assert told.index("drift: 5 violations") < told.index("alarm ServerErrors")
    assert "What is known" not in pages.model_page(replace(troubled, quarantine=()), [])


def test_the_digest_is_short_and_plain(healthy: ModelFacts, troubled: ModelFacts) -> None:
    models = [(healthy, []), (replace(troubled, name="fräud"), recommend(troubled))]

    subject, message = digest.subject("prod", models), digest.message(models, S3Uri("b", "k/index.html"), "eu-west-1")

    assert subject == "prod: fr?ud needs you"
    assert digest.subject("prod", models[:1]) == "prod: churn is well"
    assert len(digest.subject("prod", [(replace(troubled, name="x" * 90), recommend(troubled))] * 3)) == 100
    assert "churn: healthy (version 2, 165,000 requests)" in message
    assert "[act] Drift sits in minutes, charge" in message
    assert "s3://b/k/index.html" in message


def test_the_document_holds_what_own_rules_refer_to(troubled: ModelFacts) -> None:
    found = json.loads(document("prod", [(troubled, recommend(troubled))], troubled.since, troubled.until))

    model = found["models"]["churn"]
    assert model["state"] == "needs you"
    assert model["facts"]["monitors.DataQuality.drift.minutes"] == 0.6
    assert model["facts"]["endpoint.latency_ms.highest"] == 18
    assert {item["rule"] for item in model["recommendations"]} >= {"drift-concentrated", "unread"}


#: Written into a copy of the page: the browser itself says what it laid out.
MEASURE = """
<script>addEventListener("load", () => {
  const shown = [...document.querySelectorAll("svg, table, .card")].map(e => e.getBoundingClientRect());
  const measured = {
    empty: shown.filter(r => r.width < 20 || r.height < 10).length,
    shown: shown.length,
    overflow: document.documentElement.scrollWidth - innerWidth,
  };
  document.body.insertAdjacentHTML("beforeend", `<pre id="measured">${JSON.stringify(measured)}</pre>`);
})</script>
"""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_browser_draws_the_page(troubled: ModelFacts, tmp_path: Path) -> None:
    page = tmp_path / "churn.html"
    page.write_text(pages.model_page(troubled, recommend(troubled)) + MEASURE, encoding="utf-8")
    command = [
        str(CHROMIUM),
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *(f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1000,900", "--virtual-time-budget=2000"),
        *("--dump-dom", page.as_uri()),
    ]
    drawn = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    assert "Drift sits in minutes, charge" in drawn.stdout
    assert not re.search(r"(?i)parsererror|Uncaught", drawn.stdout + drawn.stderr)
    measured = json.loads(drawn.stdout.rpartition('<pre id="measured">')[2].partition("</pre>")[0])
    assert measured["shown"] > 20
    assert measured["empty"] == 0
    assert measured["overflow"] <= 0, "nothing is wider than the window"
