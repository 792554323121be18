"""A monitoring run in a real local Spark, as a job's driver carries it out. In: the job's environment and name."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

question = json.load(sys.stdin)
os.environ |= question["environment"]
os.environ |= {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
os.environ["PYSPARK_SUBMIT_ARGS"] = "--master local[2] --conf spark.ui.enabled=false pyspark-shell"

from model_analyzer import spark  # noqa: E402
from monitor import job, spark_job  # noqa: E402

spark.ensure_java()
job.CONFIG_FILE = Path(question["folder"]) / "config.json"
job.MESSAGE_FILE = Path(question["folder"]) / "message"
job.CONFIG_FILE.write_text(json.dumps({"ProcessingJobName": question["job"]}))
code = spark_job.main()
print(json.dumps({"code": code, "message": job.MESSAGE_FILE.read_text()}))
