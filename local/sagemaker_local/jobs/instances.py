"""The instances of a job: a folder that becomes /opt/ml, a process and a log stream for each."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .logs import JobLog
from .opt_ml import ROOT
from .process import Ending
from .service import Jobs
from .state import Job

_KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "LANG", "LC_ALL", "HOME", "JAVA_HOME", "SYSTEMROOT")
_SHELLS = ("bash", "sh")


@dataclass
class Instance:
    """One instance of a job."""

    host: str
    folder: Path
    """What the job sees as /opt/ml."""
    command: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    ending: Ending | None = None

    def local(self, path: str) -> Path:
        """Return where a path below /opt/ml really is."""
        return self.folder / Path(path).relative_to(ROOT)

    def put(self, path: str, text: str) -> None:
        """Write a file below /opt/ml."""
        target = self.local(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def put_json(self, path: str, document: Any) -> None:
        """Write a JSON document below /opt/ml."""
        self.put(path, json.dumps(document, indent=2, default=str))

    def text(self, path: str) -> str | None:
        """Return the text that a process left in a file, at most 1,024 characters of it; None without one."""
        target = self.local(path)
        text = target.read_text(errors="replace").strip() if target.is_file() else ""
        return text[:1024] or None


def make(scratch: Path, count: int) -> list[Instance]:
    """Return instances with the names that SageMaker gives them: algo-1, algo-2, ..."""
    instances = [Instance(f"algo-{number}", scratch / f"algo-{number}" / "ml") for number in range(1, count + 1)]
    for instance in instances:
        for name in ("input/config", "config", "output", "model", "processing", "code", "input/data", "checkpoints"):
            (instance.folder / name).mkdir(parents=True, exist_ok=True)
    return instances


def command_of(arguments: list[str]) -> list[str]:
    """Return a container's command line with this interpreter in the place of the container's own.

    Raises:
        FileNotFoundError: if the command is neither Python nor a shell nor a path below /opt/ml.
    """
    name = Path(arguments[0]).name
    if name.startswith("python"):
        return [sys.executable, *arguments[1:]]
    if name in _SHELLS:
        return [name, *arguments[1:]]
    if arguments[0].startswith(f"{ROOT}/"):
        return arguments
    raise FileNotFoundError(
        f'there is no container here to run "{arguments[0]}" in: an entrypoint must be python3, bash, sh or a file '
        f"below {ROOT}, or the image one whose own entrypoint is known"
    )


def environment(jobs: Jobs, job: Job, more: dict[str, str]) -> dict[str, str]:
    """Return the environment of a job's processes: the role's credentials, which reach only the embedded AWS.

    `python` and `python3` in scripts are this interpreter.
    """
    aws = jobs.aws
    principal = aws.accounts.acting_as(job.role)
    settings = {name: value for name, value in aws.environ(job.account, job.region).items() if name.startswith("AWS_")}
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    kept["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
    # Jobs share the processors; numerical libraries that each take all of them would wait for each other.
    threads = str(threads_of(jobs))
    offset = round((aws.clock.now() - aws.real_now()).total_seconds())
    return {
        **kept,
        **settings,
        "AWS_ACCESS_KEY_ID": principal.access_key,
        "AWS_SECRET_ACCESS_KEY": principal.secret_key,
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": threads,
        "OMP_WAIT_POLICY": "PASSIVE",
        "OPENBLAS_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "SAGEMAKER_LOCAL_CLOCK_OFFSET_SECONDS": str(offset),
        **more,
    }


def threads_of(jobs: Jobs) -> int:
    """Return how many processors one job may keep busy."""
    return max(1, (os.cpu_count() or 1) // jobs.options.slots)


def run(
    jobs: Jobs,
    job: Job,
    instances: list[Instance],
    limit_seconds: float,
    *,
    on_line: Callable[[str], None] | None = None,
    interrupted: Callable[[], bool] = lambda: False,
    before: tuple[str, ...] = (),
) -> None:
    """Run the processes of all instances to their end. When one fails, the others are ended.

    Args:
        jobs: the jobs of the embedded AWS.
        job: whose instances they are.
        instances: with commands and environments; each gets its `ending`.
        limit_seconds: real seconds that they may take.
        on_line: gets every line that is printed.
        interrupted: asked again and again whether the instances are taken away.
        before: lines that the log begins with.
    """
    failed = threading.Event()

    def one(instance: Instance) -> None:
        stamp = int(jobs.aws.clock.now().timestamp())
        log = JobLog(
            jobs.client(job, "logs"), job.kind.log_group, f"{job.name}/{instance.host}-{stamp}", jobs.aws.clock.now
        )

        def write(line: str) -> None:
            log.write(line)
            if on_line is not None:
                on_line(line)

        try:
            for line in before:
                log.write(line)
            with jobs.mapping.of(instance.folder, instance.command, instance.environment) as command:
                if command.note:
                    log.write(command.note)
                instance.ending = jobs.processes.run(
                    command.arguments,
                    command.environment,
                    instance.folder,
                    write,
                    stop=lambda: job.stopping.is_set() or failed.is_set() or interrupted(),
                    limit_seconds=limit_seconds,
                    grace_seconds=jobs.options.stop_grace_seconds,
                )
        except OSError as error:
            log.write(f"cannot start {instance.command[0]}: {error}")
            instance.ending = Ending(127)
        finally:
            log.close()
        if instance.ending.code != 0:
            failed.set()

    if len(instances) == 1:
        one(instances[0])
        return
    with ThreadPoolExecutor(len(instances)) as pool:
        for future in [pool.submit(one, instance) for instance in instances]:
            future.result()
