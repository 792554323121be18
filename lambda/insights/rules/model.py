"""Rules about the model: does it still fit, was it trained well, is it the right version?"""

from __future__ import annotations

from collections.abc import Iterator

from insights.facts import ModelFacts, MonitorFacts, more_is_better
from insights.recommendation import Confidence, Recommendation

from .table import Rule

_CONCENTRATED_SHARE, _CONCENTRATED_FEATURES = 0.8, 3
_BROAD_SHARE = 0.5
_UNIMPORTANT_SHARE = 0.02
_CHANGED_SHARE = 0.15
_STALE_DAYS = 90
_FALL = 0.05
#: Metrics that are looked at: what a model is judged by, none of its parts.
_JUDGED = ("auc", "f1", "accuracy", "weighted_f1", "r2", "rmse", "mae", "mse")


def drift_concentrated(facts: ModelFacts) -> Iterator[Recommendation]:
    """A few features hold most of the drift: more likely a broken source than a changed world."""
    monitor = facts.monitor("DataQuality")
    if monitor is None or not (drifted := monitor.drifted):
        return
    excess = [drift.latest - monitor.threshold for drift in drifted]
    top = drifted[:_CONCENTRATED_FEATURES]
    share = sum(excess[: len(top)]) / sum(excess)
    if len(drifted) > len(monitor.drifts) * _BROAD_SHARE or share < _CONCENTRATED_SHARE:
        return
    weights = facts.importance
    matters = sum(weights.get(drift.feature, 0.0) for drift in top)
    known = bool(weights)
    if known and matters < _UNIMPORTANT_SHARE:
        return
    names = ", ".join(drift.feature for drift in top)
    yield Recommendation(
        "drift-concentrated",
        f"Drift sits in {names}",
        "act" if not known or matters >= 0.1 else "watch",
        "high" if known else "medium",
        (
            *(f"{drift.feature}: distance {drift.latest:.3g}, threshold {monitor.threshold:g}" for drift in top),
            *((f"these features carry {matters:.0%} of the model's decisions",) if known else ()),
        ),
        "Look at where these columns come from first: a changed unit, default or join looks like this. If the change "
        "is real, train anew with data since it began.",
    )


def drift_broad(facts: ModelFacts) -> Iterator[Recommendation]:
    """More than half of the features drifted: the world changed, or the traffic is another one."""
    monitor = facts.monitor("DataQuality")
    if monitor is None or len(monitor.drifts) < 4 or len(monitor.drifted) <= len(monitor.drifts) * _BROAD_SHARE:
        return
    yield Recommendation(
        "drift-broad",
        f"{len(monitor.drifted)} of {len(monitor.drifts)} features drifted",
        "act",
        "high",
        tuple(f"{drift.feature}: distance {drift.latest:.3g}" for drift in monitor.drifted[:5]),
        "Check whether a new client or region began to call the endpoint; otherwise train anew on recent data.",
    )


def drift_unimportant(facts: ModelFacts) -> Iterator[Recommendation]:
    """Only features drifted that hardly take part in decisions."""
    monitor, weights = facts.monitor("DataQuality"), facts.importance
    if monitor is None or not weights or not (drifted := monitor.drifted):
        return
    matters = sum(weights.get(drift.feature, 0.0) for drift in drifted)
    if matters < _UNIMPORTANT_SHARE:
        names = ", ".join(drift.feature for drift in drifted[:5])
        yield Recommendation(
            "drift-unimportant",
            f"Drift in {names} hardly matters",
            "note",
            "medium",
            (f"the drifted features carry {matters:.1%} of the model's decisions",),
            "Leave them out of the monitor, or out of the model at the next training.",
        )


def quality_falls(facts: ModelFacts) -> Iterator[Recommendation]:
    """The model's quality on labelled traffic fell by more than a twentieth within the period."""
    monitor = facts.monitor("ModelQuality")
    for series in monitor.metrics if monitor else ():
        if series.name not in _JUDGED or len(series.points) < 2:
            continue
        sign = 1 if more_is_better(series.name) else -1
        half = len(series.values) // 2
        before = sum(series.values[:half]) / half
        after = sum(series.values[half:]) / (len(series.values) - half)
        fall = sign * (before - after) / abs(before) if before else 0.0
        if fall > _FALL:
            confidence: Confidence = "high" if len(series.points) >= 6 else "medium"
            yield Recommendation(
                "quality-falls",
                f"{series.name} went from {before:.3g} to {after:.3g}",
                "act",
                confidence,
                (f"first half of the period: {before:.4g}", f"second half: {after:.4g}", f"runs: {len(series.points)}"),
                "Compare with the drift of the same days; train anew with the latest labels and compare both versions "
                "on them.",
            )
            return


def importance_changed(facts: ModelFacts) -> Iterator[Recommendation]:
    """A feature's share of the decisions changed by more than 15 points."""
    now, before = facts.importance, facts.importance_before
    changes = {name: now.get(name, 0.0) - before.get(name, 0.0) for name in {*now, *before}} if before else {}
    largest = sorted(changes.items(), key=lambda item: (-abs(item[1]), item[0]))[:5]
    if not largest or abs(largest[0][1]) <= _CHANGED_SHARE:
        return
    name, change = largest[0]
    measured = facts.monitor("ModelExplainability")
    on_traffic = bool(measured and measured.attribution)
    yield Recommendation(
        "importance-changed",
        f"{name} decides {'more' if change > 0 else 'less'} than before",
        "watch" if on_traffic else "note",
        "high" if on_traffic else "medium",
        tuple(f"{feature}: {before.get(feature, 0.0):.0%} to {now.get(feature, 0.0):.0%}" for feature, _ in largest),
        "Traffic changed what the model looks at: compare with the drift of these features and the quality since."
        if on_traffic
        else "Ask whoever trained the version whether the change was meant; compare both versions on the same rows.",
    )


def stale(facts: ModelFacts) -> Iterator[Recommendation]:
    """The live version is old and its data have drifted since."""
    live, monitor = facts.live, facts.monitor("DataQuality")
    if live is None:
        return
    days = (facts.until - live.created).days
    if days > _STALE_DAYS and monitor and monitor.drifted:
        yield Recommendation(
            "stale-model",
            f"Version {live.number} is {days} days old and its data have drifted",
            "watch",
            "high",
            (f"registered on {live.created:%Y-%m-%d}", f"{len(monitor.drifted)} features beyond the threshold"),
            "Train anew; `on_drift: retrain` does it by itself.",
        )


def not_live(facts: ModelFacts) -> Iterator[Recommendation]:
    """A newer approved version is not live; if it was rolled back, the reason is known."""
    held = {str(entry.get("model_package_arn")): entry for entry in facts.quarantine}
    newest = next((version for version in facts.versions if version.approval == "Approved"), None)
    if newest is None or facts.live is None or newest.number <= facts.live.number:
        return
    entry = held.get(newest.arn)
    reason = str(entry.get("reason")) if entry else "it is not known why"
    yield Recommendation(
        "newer-version-not-live",
        f"Version {newest.number} is approved, version {facts.live.number} is live",
        "act" if entry else "watch",
        "high",
        (f"version {newest.number}: {reason}",),
        "Mend what the reason names and approve a newer version, or release this one from quarantine."
        if entry
        else "Look at the rollout events and at the serving stack: pinned and frozen models stay where they are.",
    )


def bias_or_attribution(facts: ModelFacts) -> Iterator[Recommendation]:
    """The latest bias or attribution run found violations."""
    for kind, words in (("ModelBias", "Bias has grown"), ("ModelExplainability", "Decisions rest on other features")):
        monitor: MonitorFacts | None = facts.monitor(kind)
        if monitor and monitor.violations:
            yield Recommendation(
                "bias" if kind == "ModelBias" else "attribution",
                words,
                "act" if kind == "ModelBias" else "watch",
                "high",
                tuple(violation.description or violation.feature for violation in monitor.violations[:5]),
                "Read the report; decide with those who answer for the decisions before training anew."
                if kind == "ModelBias"
                else "Compare with drift and quality of the same days: while quality holds, it is a change to watch.",
            )


RULES = (
    Rule("drift-concentrated", drift_concentrated),
    Rule("drift-broad", drift_broad),
    Rule("drift-unimportant", drift_unimportant),
    Rule("quality-falls", quality_falls),
    Rule("importance-changed", importance_changed),
    Rule("stale-model", stale),
    Rule("newer-version-not-live", not_live),
    Rule("bias, attribution", bias_or_attribution),
)
