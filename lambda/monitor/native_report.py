"""What runs of other programs leave to be done: a page for people, the number of records, the agreement of rankings.

The analyzer is imported inside the functions, because it costs most of a cold start.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from monitor.analysis import PAGE, VIOLATIONS, Point
from monitor.run import Run
from monitor.window import timestamp

Files = Mapping[str, bytes]
_CLARIFYS = ("ModelBias", "ModelExplainability")
_TITLES = {
    "DataQuality": "Data quality",
    "ModelQuality": "Model quality",
    "ModelBias": "Bias",
    "ModelExplainability": "Feature attribution",
}


def records_of(files: Files) -> int:
    """How many rows a run has seen, as far as its files tell; Clarify's tell nothing."""
    for name in ("statistics.json", "analysis.json"):
        if name in files:
            document = json.loads(files[name])
            counts = (document.get("dataset") or {}, document.get("explanations") or {})
            return int(next((part["item_count"] for part in counts if part.get("item_count")), 0))
    return 0


def page_of(kind: str, files: Files, baseline: Files, run: Run, name: str, by: str) -> str | None:
    """A page for people, unless the program has left one, or nothing to make one of."""
    what = "analysis.json" if kind in _CLARIFYS else "statistics.json"
    if PAGE in files or what not in files:
        return None
    from model_analyzer import report

    found = json.loads(files[what])
    violations, constraints, known = (
        None if content is None else json.loads(content)
        for content in (files.get(VIOLATIONS), baseline.get("constraints"), baseline.get("statistics"))
    )
    title = f"{_TITLES[kind]} of {name}"
    subtitle = f"{timestamp(run.window.start)} to {timestamp(run.window.end)}, by {by}"
    match kind:
        case "DataQuality":
            return report.data_quality_html(found, constraints, violations, known, title=title, subtitle=subtitle)
        case "ModelQuality":
            return report.model_quality_html(found, constraints, violations, known, title=title, subtitle=subtitle)
        case "ModelBias":
            return report.bias_html(found, violations, constraints, title=title, subtitle=subtitle)
    return report.attribution_html(found, violations, constraints, title=title, subtitle=subtitle)


def native_points(kind: str, files: Files, baseline: Files) -> Iterator[Point]:
    """Metrics that this library's engines publish and SageMaker does not: the agreement of attributions."""
    constraints = baseline.get("constraints")
    if kind != "ModelExplainability" or constraints is None or "analysis.json" not in files:
        return
    from model_analyzer import attribution
    from monitor.model_attribution import agreements

    current = attribution.AttributionAnalysis.from_json(files["analysis.json"])
    yield from agreements(attribution.check(current, attribution.AttributionAnalysis.from_json(constraints)).scores)
