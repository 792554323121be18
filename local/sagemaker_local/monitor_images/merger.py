"""The image that merges ground truth: captured records with `groundTruthData` added to those that have a label.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-merge.html
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .job import ContainerJob, JobError, main
from .traffic import captured_files, captured_root, files_below


def merge(job: ContainerJob) -> None:
    """Write one merged file for each captured one that has a labelled record, below the same folders."""
    labels: dict[str, Any] = {}
    begin, end = job.moment("start_time"), job.moment("ground_truth_end_time")
    for path in files_below(job.folder("ground_truth_source"), begin, end):
        for record in _records(path):
            # Of several labels of one id the last one counts.
            labels[str(record["eventMetadata"]["eventId"])] = record["groundTruthData"]
    source, target = captured_root(job), job.folder("output_path")
    taken: set[str] = set()
    for number, path in enumerate(captured_files(job)):
        merged = [json.dumps(record) for record in _merged(path, labels, taken)]
        if not merged:
            continue
        name = uuid.uuid5(uuid.NAMESPACE_URL, path.relative_to(source).as_posix())
        place = target / path.relative_to(source).parent / f"part-{number:05}-{name}.c000.jsonl"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("\n".join(merged) + "\n")
    if not taken:
        raise JobError("No ground truth records matched the captured inferences; job inputs had no data to merge")
    job.end(0)


def _merged(path: Path, labels: dict[str, Any], taken: set[str]) -> Iterator[dict[str, Any]]:
    for record in _records(path):
        event = record["eventMetadata"]
        key = str(event.get("inferenceId") or event["eventId"])
        if key in labels and key not in taken:
            taken.add(key)
            yield record | {"groundTruthData": labels[key]}


def _records(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and "eventMetadata" in record:
            yield record


if __name__ == "__main__":
    main(merge)
