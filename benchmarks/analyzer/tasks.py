"""Time and peak memory of whole processes for model quality, bias and attribution, beside the usual libraries.

    python benchmarks/analyzer/tasks.py --rows 100000 1000000
    python benchmarks/analyzer/tasks.py --rows 100000 --tasks attribution --attribution-rows 5000

Labelled predictions are a CSV of eight columns. `sklearn` computes the same metrics of quality with scikit-learn, and
`library` the SHAP values with XGBoost itself. Captured traffic with its labels (`quality-joined`) is read as a monitor
reads it. Each measurement is a process of its own, imports included; the programs take turns and the best run counts.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import uuid
from pathlib import Path

import numpy as np
import polars as pl
from run import ROOT, Measurement, measure

PROGRAMS = {
    "quality": {
        "analyzer": """
import sys
from pathlib import Path
from model_analyzer import inputs, model_quality
task = model_quality.Task("BinaryClassification", ground_truth="label", probability="score")
summary = model_quality.summarize_all(inputs.read_table(Path(sys.argv[1]) / "labelled.csv"), task)
model_quality.suggest(model_quality.statistics(summary))
print(summary.rows)
""",
        "sklearn": """
import sys
import pandas as pd
from sklearn import metrics
frame = pd.read_csv(sys.argv[1] + "/labelled.csv")
guess = frame["score"] > 0.5
for name in ("accuracy_score", "precision_score", "recall_score", "confusion_matrix", "f1_score"):
    getattr(metrics, name)(frame["label"], guess)
for beta in (0.5, 2):
    metrics.fbeta_score(frame["label"], guess, beta=beta)
for name in ("roc_auc_score", "roc_curve", "precision_recall_curve"):
    getattr(metrics, name)(frame["label"], frame["score"])
print(len(frame))
""",
    },
    "quality-joined": {
        "analyzer": """
import sys
from pathlib import Path
from model_analyzer import inputs, model_quality
folder = Path(sys.argv[1])
task = model_quality.Task("BinaryClassification", ground_truth=inputs.GROUND_TRUTH, probability="0")
labels = inputs.read_ground_truth(folder / "labels")
frames = inputs.read_joined(folder / "captured", labels, with_input=False)
summary = model_quality.summarize_all(frames, task)
model_quality.suggest(model_quality.statistics(summary))
print(summary.rows)
""",
    },
    "bias": {
        "analyzer": """
import sys
from pathlib import Path
from model_analyzer import bias, inputs
facets = (bias.Facet("gender", values=("f",)), bias.Facet("age", threshold=40))
config = bias.BiasConfig(facets, label="label", probability="score", group_variable="site")
summary = bias.summarize_all(inputs.read_table(Path(sys.argv[1]) / "labelled.csv"), config)
bias.analysis(summary)
print(summary.rows)
""",
    },
    "attribution": {
        "analyzer": """
import sys
from pathlib import Path
from model_analyzer import attribution, inputs
folder = Path(sys.argv[1])
model = attribution.load_model(folder / "model.json")
summary = attribution.summarize_all(inputs.read_table(folder / "features.csv"), model)
attribution.analysis(summary)
print(summary.rows)
""",
        "library": """
import sys
import pandas as pd
import xgboost
frame = pd.read_csv(sys.argv[1] + "/features.csv")
model = xgboost.Booster(model_file=sys.argv[1] + "/model.json")
xgboost_values = model.predict(xgboost.DMatrix(frame), pred_contribs=True)
abs(xgboost_values).mean(axis=0)
print(len(frame))
""",
    },
}


def prepare(folder: Path, rows: int, attribution_rows: int) -> None:
    """Seeded data: labelled predictions, captured traffic with labels, a model with rows to explain."""
    if (folder / "done").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(rows)
    label = (chance.random(rows) < 0.3).astype(np.int8)
    frame = pl.DataFrame(
        {
            "label": label,
            "score": np.clip(label * 0.25 + chance.normal(0.35, 0.18, rows), 0, 1).round(4),
            "gender": chance.choice(["f", "m"], rows),
            "age": chance.integers(18, 90, rows),
            "site": chance.choice([f"site-{n}" for n in range(12)], rows),
            **{f"x{n}": chance.normal(size=rows).round(4) for n in range(3)},
        }
    )
    frame.write_csv(folder / "labelled.csv")
    _write_captures(folder, frame)
    _write_model(folder, attribution_rows)
    (folder / "done").touch()


def _write_captures(folder: Path, frame: pl.DataFrame) -> None:
    (folder / "captured").mkdir(exist_ok=True)
    hour = folder / "labels" / "2025" / "03" / "01" / "12"
    hour.mkdir(parents=True, exist_ok=True)
    given = frame.drop("label", "score").write_csv(include_header=False).splitlines()
    rows = zip(frame["label"], frame["score"], given, strict=True)
    with (folder / "captured" / "c.jsonl").open("w") as captured, (hour / "l.jsonl").open("w") as labels:
        for number, (label, score, body) in enumerate(rows):
            meta = {"eventId": str(uuid.UUID(int=number)), "inferenceTime": "2025-03-01T10:30:00Z"}
            sides = {
                side: {"observedContentType": "text/csv", "mode": mode, "data": data, "encoding": "CSV"}
                for side, mode, data in (("endpointInput", "INPUT", body), ("endpointOutput", "OUTPUT", str(score)))
            }
            record = {"captureData": sides, "eventMetadata": meta, "eventVersion": "0"}
            captured.write(json.dumps(record, separators=(",", ":")) + "\n")
            truth = {"data": str(label), "encoding": "CSV"}
            labels.write(json.dumps({"groundTruthData": truth, "eventMetadata": meta, "eventVersion": "0"}) + "\n")


def _write_model(folder: Path, rows: int) -> None:
    import xgboost

    chance = np.random.default_rng(0)
    names = [f"x{n}" for n in range(20)]
    features = chance.normal(size=(max(rows, 2_000), len(names))).round(4)
    label = (features[:, 0] + features[:, 1] * features[:, 2] > 0).astype(int)
    data = xgboost.DMatrix(features[:2_000], label[:2_000], feature_names=names)
    model = xgboost.train({"objective": "binary:logistic", "max_depth": 6}, data, 100)
    (folder / "model.json").write_bytes(bytes(model.save_raw("json")))
    pl.DataFrame(features[:rows], schema=names).write_csv(folder / "features.csv")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--attribution-rows", type=int, default=10_000)
    parser.add_argument("--tasks", nargs="+", default=list(PROGRAMS), choices=list(PROGRAMS))
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--data", type=Path, default=ROOT / "build" / "benchmarks")
    parser.add_argument("--json", type=Path, help="also write the measurements to this file")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"{platform.machine()}, {os.cpu_count()} processors, load {load:.1f}, Python {platform.python_version()}")
    print(f"{'rows':>10} {'task':15} {'program':10} {'wall s':>8} {'cpu s':>8} {'peak MB':>8}")
    results = []
    for rows in options.rows:
        folder = options.data / f"tasks-{rows}"
        prepare(folder, rows, options.attribution_rows)
        for task in options.tasks:
            if task == "attribution" and rows != options.rows[0]:
                continue
            expected = options.attribution_rows if task == "attribution" else rows
            runs: dict[str, list[tuple[float, float, float]]] = {}
            for _ in range(options.repeat):
                for name, program in PROGRAMS[task].items():
                    *numbers, printed = measure(sys.executable, program, [str(folder)], None)
                    assert printed == str(expected), f"{name} read {printed} of {expected} rows"
                    runs.setdefault(name, []).append((numbers[0], numbers[1], numbers[2]))
            for name, taken in runs.items():
                best = Measurement(name, task, expected, *(min(run[n] for run in taken) for n in range(3)))
                results.append(best)
                figures = f"{best.wall:8.2f} {best.cpu:8.2f} {best.peak_mb:8.0f}"
                print(f"{best.rows:>10,} {task:15} {name:10} {figures}")
    if options.json:
        options.json.write_text(json.dumps([vars(result) for result in results], indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
