"""A run in a processing job: `python3 -m monitor.job`, started by the monitor's function.

The function hands over its own settings and the run's event as environment variables. Everything else is as in the
function: the same analysis, the same reports, metrics and event.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from monitor import wheels
from monitor.job_environment import joined
from shared.log import Logger, bound

if TYPE_CHECKING:
    from monitor.analysis import Spread

#: What DescribeProcessingJob shows as ExitMessage.
MESSAGE_FILE = Path("/opt/ml/output/message")
CONFIG_FILE = Path("/opt/ml/config/processingjobconfig.json")
MAX_MESSAGE = 1000

log = Logger("monitor.job")


def main() -> int:
    """Carry out the run; returns the exit code."""
    began = time.monotonic()
    variables = told()
    wheels.activate(variables)
    return run_job(variables, began)


def told() -> dict[str, str]:
    """What the function hands over."""
    variables = joined(os.environ)
    # SageMaker sets AWS_REGION, boto3 reads the other one.
    os.environ.setdefault("AWS_DEFAULT_REGION", variables.get("RUN_REGION") or variables.get("AWS_REGION", ""))
    return variables


def run_job(variables: Mapping[str, str], began: float, spread: Spread | None = None) -> int:
    """Carry out the run that the variables describe; third-party packages are importable already.

    ``spread`` summarises the window's files on other machines.
    """
    # Imported here, because wheels had to be unpacked first.
    from monitor.failures import announce_once
    from monitor.kinds import analysis_of, settings_of
    from monitor.monitor import Monitor, Origin
    from monitor.run import Run
    from monitor.storage import Storage
    from shared.clients import client

    name = job_name()
    settings = settings_of(variables)
    with bound(job=name, input=settings.name, schedule=settings.schedule_name):
        storage = Storage(client("s3"), settings.kms_key_arn)
        monitor = Monitor(
            settings,
            analysis_of(settings),
            storage=storage,
            cloudwatch=client("cloudwatch"),
            bus=client("events"),
            seconds=time.monotonic,
            origin=Origin(variables["RUN_ENGINE"], variables.get("RUN_ENGINE_REASON"), name),
            spread=spread,
        )
        run = Run.parse(json.loads(variables["RUN_EVENT"]), settings)
        try:
            detail = monitor.execute(run, _remaining(variables, began))
        except Exception as error:
            log.exception("run failed")
            reason = f"{type(error).__name__}: {error}"
            _leave(reason)
            announce_once(monitor, storage, run, name, datetime.now(tz=UTC), reason, time.monotonic() - began)
            return 1
    _leave(f"{detail['status']}: {detail['violations']} violations in {detail['records']} records")
    return 0


def job_name() -> str:
    """The job's own name, as SageMaker writes it into the container."""
    document = json.loads(CONFIG_FILE.read_text(encoding="utf-8"))
    return str(document.get("ProcessingJobName") or document["ProcessingJobArn"].rpartition("/")[2])


def _remaining(variables: Mapping[str, str], began: float) -> Callable[[], float]:
    limit = float(variables.get("RUN_SECONDS") or "inf")
    return lambda: limit - (time.monotonic() - began)


def _leave(message: str) -> None:
    try:
        MESSAGE_FILE.parent.mkdir(parents=True, exist_ok=True)
        MESSAGE_FILE.write_text(message[:MAX_MESSAGE], encoding="utf-8")
    except OSError:
        log.exception("the job's message could not be written")


if __name__ == "__main__":
    sys.exit(main())
