"""What SageMaker's own runs leave to be done: a page for people, the number of records, and the agreement of rankings.

The analyzer is imported inside the functions, because it costs most of a cold start.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from monitor.analysis import VIOLATIONS, Point
from monitor.run import Run
from monitor.window import timestamp

Files = Mapping[str, bytes]


def records_of(files: Files) -> int:
    """How many rows a run has seen, as far as its files tell; Clarify's tell nothing."""
    for name in ("statistics.json", "analysis.json"):
        if name in files:
            document = json.loads(files[name])
            counts = (document.get("dataset") or {}, document.get("explanations") or {})
            return int(next((part["item_count"] for part in counts if part.get("item_count")), 0))
    return 0


def page_of(kind: str, files: Files, baseline: Mapping[str, bytes | None], run: Run, name: str, by: str) -> str | None:
    """The page of a run of data or model quality; Clarify writes its own."""
    if "statistics.json" not in files:
        return None
    from model_analyzer import report

    def document(content: bytes | None) -> Any:
        return None if content is None else json.loads(content)

    statistics, violations = document(files["statistics.json"]), document(files.get(VIOLATIONS))
    constraints, known = document(baseline.get("constraints")), document(baseline.get("statistics"))
    subtitle = f"{timestamp(run.window.start)} to {timestamp(run.window.end)}, by {by}"
    if kind == "DataQuality":
        return report.data_quality_html(
            statistics, constraints, violations, known, title=f"Data quality of {name}", subtitle=subtitle
        )
    return report.model_quality_html(
        statistics, constraints, violations, known, title=f"Model quality of {name}", subtitle=subtitle
    )


def native_points(kind: str, files: Files, baseline: Mapping[str, bytes | None]) -> Iterator[Point]:
    """Metrics that this library's engines publish and SageMaker does not: the agreement of attributions."""
    constraints = baseline.get("constraints")
    if kind != "ModelExplainability" or constraints is None or "analysis.json" not in files:
        return
    from model_analyzer import attribution
    from monitor.model_attribution import agreements

    current = attribution.AttributionAnalysis.from_json(files["analysis.json"])
    yield from agreements(attribution.check(current, attribution.AttributionAnalysis.from_json(constraints)).scores)
