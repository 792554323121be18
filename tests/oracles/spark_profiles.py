"""Summaries of a table by a real local Spark. In: a CSV file and what to measure. Out: the files that follow."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from model_analyzer import bias, data_quality, model_quality, spark

question = json.load(sys.stdin)
if question["without_java"]:
    # Everything of the machine but Java.
    tools = Path(question["path"]).parent / "tools"
    tools.mkdir()
    for tool in {file for folder in os.environ["PATH"].split(":") for file in Path(folder).glob("*")}:
        if not tool.name.startswith("java") and not (tools / tool.name).exists():
            (tools / tool.name).symlink_to(tool)
    os.environ.pop("JAVA_HOME", None)
    os.environ["PATH"] = str(tools)
os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
settings = {"spark__ui__enabled": "false", "spark__sql__shuffle__partitions": "2", "spark__driver__host": "127.0.0.1"}
session = spark.session("oracle", "local[2]", spark__log__level="ERROR", **settings)
frame = session.read.csv(question["path"], header=True).repartition(question["partitions"])
profile = spark.profile(frame)
if question["without_java"]:
    home = session._jvm.java.lang.System.getProperty("java.home")
    print(json.dumps({"java": home, "rows": profile.rows}))
    session.stop()
    sys.exit()
task = model_quality.Task("BinaryClassification", ground_truth="label", probability="score")
config = bias.BiasConfig((bias.Facet("gender", values=("f",)),), label="label", probability="score")
captured, report = spark.profile_captures(session, question["captures"], columns=["score"])
try:
    spark.profile_captures(session, [f"{question['captures']}/missing.jsonl"])
    missing = None
except FileNotFoundError as error:
    missing = str(error)
answer = {
    "captured": data_quality.statistics(captured),
    "captured_report": report.to_dict(),
    "captured_records": data_quality.records(captured)["repeated"],
    "captured_nothing": spark.profile_captures(session, [])[0].rows,
    "missing": missing,
    "partitions": frame.rdd.getNumPartitions(),
    "statistics": data_quality.statistics(profile),
    "records": data_quality.records(profile)["repeated"],
    "constraints": data_quality.suggest(profile).to_dict(),
    "quality": model_quality.statistics(spark.quality(frame, task)),
    "bias": bias.analysis(spark.bias_of(frame, config)),
    "empty": spark.profile(frame.filter("1 = 0")).rows,
}
session.stop()
print(json.dumps(answer))
