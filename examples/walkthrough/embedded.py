"""The embedded AWS as a process of its own, driven over HTTP as any other program would."""

from __future__ import annotations

import json
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from examples.walkthrough.processes import Guardian
from examples.walkthrough.story import Difference
from sagemaker_local.accounts import Accounts
from sagemaker_local.clients import environment


class EmbeddedAws:
    """Starts the server, moves its clock, reads what it recorded."""

    def __init__(self, guardian: Guardian, *, account: str, region: str, folder: Path) -> None:
        self.region = region
        self.url = f"http://127.0.0.1:{_free_port()}"
        self._principal = Accounts().developer(account)
        self._log = folder / "embedded-aws.log"
        self._output = self._log.open("w")
        self.process = guardian.start(
            [sys.executable, "-m", "sagemaker_local", "--port", self.url.rsplit(":", 1)[1]],
            environment=self.variables,
            directory=Path.cwd(),
            output=self._output,
        )
        self._wait_until_ready()

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment of programs that shall talk to this server and to nothing else."""
        return environment(self.url, self._principal, self.region)

    def client(self, service: str, config: Config | None = None) -> Any:
        """A boto3 client of the account's developer; this makes the object a session to whoever wants one."""
        own = Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}, proxies={}, read_timeout=120)
        return boto3.client(
            service,
            region_name=self.region,
            endpoint_url=self.url,
            aws_access_key_id=self._principal.access_key,
            aws_secret_access_key=self._principal.secret_key,
            config=own if config is None else own.merge(config),
        )

    def now(self) -> datetime:
        """The server's virtual time."""
        return datetime.fromisoformat(self._call("clock")["now"])

    def advance(self, seconds: float) -> datetime:
        """Move the server's clock ahead; everything that falls due on the way runs."""
        return datetime.fromisoformat(self._call("clock", {"advance_seconds": seconds})["now"])

    def inbox(self) -> list[dict[str, Any]]:
        """The e-mails that the notification topics sent."""
        messages: list[dict[str, Any]] = self._call("inbox")
        return messages

    def _call(self, what: str, body: object | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}/_local/{what}", data=data, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=300) as response:
            return json.load(response)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise Difference(f"the embedded AWS ended at once: {self._log.read_text()[-2000:]}")
            try:
                self._call("health")
            except (urllib.error.URLError, ConnectionError, OSError):
                time.sleep(0.1)
            else:
                return
        raise Difference(f"the embedded AWS did not answer within 60 s; see {self._log}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
