"""The insights report about what has just happened: asked for as a person would, kept beside the story's page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from examples.walkthrough.deployed import Deployed
from examples.walkthrough.embedded import EmbeddedAws
from examples.walkthrough.story import Difference


@dataclass(frozen=True)
class Advice:
    """One recommendation, and what it is drawn from."""

    rule: str
    urgency: str
    title: str
    evidence: Sequence[str]
    step: str


@dataclass(frozen=True)
class Report:
    """The page about the model, and what it recommends, most urgent first."""

    page: Path
    state: str
    advice: Sequence[Advice]


def write(aws: EmbeddedAws, live: Deployed, until: datetime, folder: Path) -> Report:
    """Have the report written about the day before `until`, and bring its pages into a folder."""
    answer = aws.client("lambda").invoke(
        FunctionName=live.output("Insights", "InsightsFunctionName"),
        # The function's own clock is the real one.
        Payload=json.dumps({"scheduled_time": until.isoformat()}),
    )
    told = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        raise Difference(f"the insights function failed: {told}")
    bucket, _, first = str(told["page"]).removeprefix("s3://").partition("/")
    s3, source = aws.client("s3"), first.rpartition("/")[0]
    folder.mkdir(exist_ok=True)
    for item in s3.list_objects_v2(Bucket=bucket, Prefix=f"{source}/")["Contents"]:
        body = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
        (folder / item["Key"].rpartition("/")[2]).write_bytes(body)
    document: dict[str, Any] = json.loads((folder / "insights.json").read_text())
    advice = [
        Advice(item["rule"], item["urgency"], item["title"], item["evidence"], item["step"])
        for item in document["models"][live.model]["recommendations"]
    ]
    return Report(folder / f"{live.model}.html", told["models"][live.model], advice)
