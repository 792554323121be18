"""A monitor's own scripts, in the function and in a job alike: both run the same monitor."""

from __future__ import annotations

import json

import pytest

from model_analyzer.inputs import ScriptError
from monitor.scripts import MissingScript

PREPROCESSOR = """
def preprocess_handler(inference_record, logger):
    income, age, plan = inference_record.endpoint_input.data.split(",")
    if plan == "basic":
        return []
    return {"000_income": float(income) * 2, "001_age": int(age)}
"""
POSTPROCESSOR = """
import json, os, pathlib
def postprocess_handler():
    folder = pathlib.Path(os.environ["output_path"])
    names = sorted(path.name for path in folder.iterdir())
    rows = json.loads((folder / "statistics.json").read_text())["dataset"]["item_count"]
    pathlib.Path({place!r}).write_text(json.dumps([names, rows]))
"""


def test_a_preprocessor_makes_the_rows(bench):
    rows = bench.traffic()
    bench.capture(rows)
    bench.environment(PREPROCESSOR_URI=bench.put("scripts/pre.py", PREPROCESSOR))
    assert bench.run()["records"] == 400
    statistics = json.loads(bench.read("statistics.json"))
    kept = [row for row in rows if row[3] != "basic"]
    assert statistics["dataset"]["item_count"] == len(kept)
    income = next(item for item in statistics["features"] if item["name"] == "000_income")
    assert income["numerical_statistics"]["mean"] == pytest.approx(2 * sum(row[1] for row in kept) / len(kept))


def test_a_postprocessor_finds_the_report(bench, tmp_path):
    bench.capture(bench.traffic())
    place = tmp_path / "seen.json"
    script = POSTPROCESSOR.replace("{place!r}", repr(str(place)))
    bench.environment(POSTPROCESSOR_URI=bench.put("scripts/post.py", script))
    bench.run()
    names, rows = json.loads(place.read_text())
    assert rows == 400
    assert names == ["constraint_violations.json", "constraints.json", "records.json", "report.html", "statistics.json"]


@pytest.mark.parametrize("name", ["PREPROCESSOR_URI", "POSTPROCESSOR_URI"])
def test_a_script_that_is_missing_or_fails_is_a_failed_run(bench, name):
    bench.capture(bench.traffic())
    bench.environment(**{name: "s3://mlops-data/scripts/none.py"})
    with pytest.raises(MissingScript, match=r"the script s3://mlops-data/scripts/none\.py does not exist"):
        bench.run()
    broken = "def preprocess_handler(record):\n    return 1 / 0\ndef postprocess_handler():\n    return 1 / 0\n"
    bench.environment(**{name: bench.put("scripts/broken.py", broken)})
    with pytest.raises(ScriptError, match="ZeroDivisionError"):
        bench.run()
    assert [event["status"] for event in bench.announced] == ["Failed", "Failed"]
    assert bench.reports() == {}
