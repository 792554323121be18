"""Rules about how the live version was trained, and with which data."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from insights.facts import ModelFacts, Version
from insights.recommendation import Recommendation

from .table import Rule

_GAP, _GROWING_VERSIONS = 0.1, 3
_WEAK_AUC, _WEAK_R2, _WEAK_F1 = 0.65, 0.2, 0.5
_SUSPICIOUS_AUC, _SUSPICIOUS_R2, _SUSPICIOUS_SHARE = 0.98, 0.99, 0.6
_DUPLICATE_SHARE = 0.01
_MISSING_SHARE = 0.5
_SPOT_SECONDS = 3600


def overfitting(facts: ModelFacts) -> Iterator[Recommendation]:
    """The live version is clearly better on its training data than on data that it had not seen."""
    live = facts.live
    if live is None:
        return
    told = [finding for finding in live.findings if finding in ("overfit", "overtraining")]
    trend = _gaps(facts)
    grows = len(trend) >= _GROWING_VERSIONS and all(earlier < later for (_, earlier), (_, later) in pairwise(trend))
    gap = live.gap or 0.0
    if gap <= _GAP and not told and not (grows and gap > _GAP / 2):
        return
    yield Recommendation(
        "overfitting",
        f"Version {live.number} learnt its training data by heart"
        if gap > _GAP or told
        else "The gap between training and validation grows from version to version",
        "watch",
        "high" if told or (grows and gap > _GAP) else "medium",
        (
            *_measured(live),
            *(f"its training's diagnostics: {name}" for name in told),
            *((f"gap by version: {', '.join(f'{number}: {value:.1%}' for number, value in trend)}",) if grows else ()),
        ),
        "Train with more data, shallower trees, more regularisation or earlier stopping.",
    )


def underfitting(facts: ModelFacts) -> Iterator[Recommendation]:
    """The live version is weak on test data and on its training data alike."""
    live = facts.live
    if live is None:
        return
    weak = [
        f"{name} on test data {live.metrics[name]:.4g}"
        for name, limit in (("auc", _WEAK_AUC), ("r2", _WEAK_R2), ("weighted_f1", _WEAK_F1))
        if name in live.metrics and live.metrics[name] < limit
    ]
    # Better on what it was trained with is the other trouble.
    if not weak or (live.gap or 0.0) > _GAP:
        return
    yield Recommendation(
        "underfitting",
        f"Version {live.number} has learnt little: {weak[0]}",
        "watch",
        "high" if live.training else "medium",
        (*weak, *_measured(live)),
        "Add features that carry information, or allow a larger model; more rows alone will not help.",
    )


def leakage(facts: ModelFacts) -> Iterator[Recommendation]:
    """Almost perfect on test data, and one feature decides nearly alone: it may know the answer."""
    live = facts.live
    if live is None or not live.importance:
        return
    perfect = [
        f"{name} on test data {live.metrics[name]:.4g}"
        for name, limit in (("auc", _SUSPICIOUS_AUC), ("r2", _SUSPICIOUS_R2))
        if live.metrics.get(name, 0.0) >= limit
    ]
    name, share = max(live.importance.items(), key=lambda item: item[1])
    if perfect and share >= _SUSPICIOUS_SHARE:
        yield Recommendation(
            "leakage",
            f"{name} may give the answer away",
            "watch",
            "medium",
            (perfect[0], f"{name} carries {share:.0%} of the decisions"),
            f"Find out when {name} becomes known: a value that is written after the outcome must not be a feature.",
        )


def class_imbalance(facts: ModelFacts) -> Iterator[Recommendation]:
    """The rarest label had less than a twentieth of the training data."""
    live = facts.live
    if live and "class_imbalance" in live.findings:
        yield Recommendation(
            "class-imbalance",
            "One label is rare in the training data",
            "note",
            "high",
            ("its training's diagnostics: class_imbalance",),
            "Weight the rare label, or choose the threshold by precision and recall instead of accuracy.",
        )


def duplicates(facts: ModelFacts) -> Iterator[Recommendation]:
    """More than one in a hundred rows occurs twice, in training data or among recorded labels."""
    data = facts.live.data if facts.live else None
    lines = []
    if data and data.rows:
        if data.duplicates / data.rows > _DUPLICATE_SHARE:
            lines.append(f"training data: {data.duplicates:,} of {data.rows:,} rows equal an earlier one")
        if data.in_both / data.rows > _DUPLICATE_SHARE:
            lines.append(f"{data.in_both:,} rows to validate and test with are training data as well")
    for monitor in facts.monitors:
        twice, labelled = monitor.duplicate_labels.total, monitor.labelled.total
        if labelled and twice / labelled > _DUPLICATE_SHARE:
            lines.append(f"{monitor.schedule}: {int(twice):,} labels were recorded again, of {int(labelled):,}")
    if lines:
        in_both = data is not None and data.rows > 0 and data.in_both / data.rows > _DUPLICATE_SHARE
        yield Recommendation(
            "duplicates",
            "The evaluation knows some of its rows from training" if in_both else "Rows occur more than once",
            "watch" if in_both else "note",
            "high",
            tuple(lines),
            "Remove repeated rows before they are divided, or divide by customer or time; see that labels are recorded "
            "once.",
        )


def training_gaps(facts: ModelFacts) -> Iterator[Recommendation]:
    """Features were constant, or mostly missing, in the data that the live version was trained with."""
    data = facts.live.data if facts.live else None
    if data is None:
        return
    lines = [f"{name}: the same in every row" for name in data.constant]
    lines += [
        f"{name}: missing in {share:.0%} of the rows" for name, share in data.missing.items() if share > _MISSING_SHARE
    ]
    if lines:
        yield Recommendation(
            "training-data-gaps",
            f"{len(lines)} {'feature' if len(lines) == 1 else 'features'} had nothing to teach",
            "note",
            "high",
            tuple(lines[:8]),
            "Repair their source and train anew, or exclude them: each is a way for the model to break later.",
        )


def training_cost(facts: ModelFacts) -> Iterator[Recommendation]:
    """The live version's training took more than an instance hour on demand."""
    job = facts.live.job if facts.live else None
    if job is None or job.spot or job.billed < _SPOT_SECONDS:
        return
    runs = max(job.tried, 1)
    yield Recommendation(
        "training-on-demand",
        "Training is paid for on demand",
        "note",
        "medium" if runs > 1 else "high",
        (
            f"{job.name}: {job.billed / 3600:.1f} instance hours of {job.instance_type}",
            *((f"{runs} such jobs in tuning job {job.tuning}",) if job.tuning else ()),
        ),
        "Managed spot instances with checkpoints do the same for less (`spot: true`); an interruption costs minutes.",
    )


def _gaps(facts: ModelFacts) -> list[tuple[int, float]]:
    """Gap between training and validation by version, from the oldest up to the live one, same metric only."""
    live = facts.live
    return [
        (version.number, version.gap)
        for version in sorted(facts.versions, key=lambda version: version.number)
        if live and version.gap is not None and version.metric == live.metric and version.number <= live.number
    ]


def _measured(live: Version) -> tuple[str, ...]:
    """The training metric on training, validation and test data."""
    parts = [f"{name} {live.training[name]:.4g}" for name in ("train", "validation") if name in live.training]
    if parts and live.metric in live.metrics:
        parts.append(f"test {live.metrics[live.metric]:.4g}")
    if not parts:
        return ()
    gap = "" if live.gap is None else f", validation {live.gap:.1%} worse" if live.gap > 0 else ", validation no worse"
    return (f"{live.metric}: {', '.join(parts)}{gap}",)


RULES = (
    Rule("overfitting", overfitting),
    Rule("underfitting", underfitting),
    Rule("leakage", leakage),
    Rule("class-imbalance", class_imbalance),
    Rule("duplicates", duplicates),
    Rule("training-data-gaps", training_gaps),
    Rule("training-on-demand", training_cost),
)
