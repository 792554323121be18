"""This repository's CDK app under the real CLI, for environment files that a test writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sagemaker_local.server import LocalAws

ROOT = Path(__file__).resolve().parents[3]
CLI = ROOT / "node_modules" / ".bin" / "cdk"


class App:
    """Some environments in one assembly. Commands answer with what was printed; exit codes other than 0 raise."""

    def __init__(self, aws: LocalAws, folder: Path, environments: Mapping[str, Mapping[str, Any]]) -> None:
        self._folder = folder
        self._files: list[Path] = []
        self.assembly = folder / "cdk.out"
        first = next(iter(environments.values()))
        self._variables = {
            **aws.environ(first["account"], first["region"]),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "CDK_VALIDATION": "false",
            "CI": "true",
        }
        self.write(environments)

    def write(self, environments: Mapping[str, Mapping[str, Any]]) -> None:
        """Write environment files. YAML is a superset of JSON, so JSON will do."""
        self._files = [self._folder / f"{name}.yaml" for name in environments]
        for file, document in zip(self._files, environments.values(), strict=True):
            file.write_text(json.dumps(document, indent=2))

    def synth(self) -> str:
        """`cdk synth` of the files as they are now."""
        return self.checked(self.call("synth", "--quiet", *self._source()))

    def run(self, *arguments: str) -> str:
        """A command on the assembly of the last synth."""
        return self.checked(self.call(*arguments, "--app", str(self.assembly)))

    def deploy(self, *arguments: str, synthesise: bool = False) -> str:
        """`cdk deploy` of everything, of the files as they are now or of the assembly of the last synth."""
        source = self._source() if synthesise else ("--app", str(self.assembly))
        line = ("deploy", "**", "--require-approval", "never", "--concurrency", "4", *source, *arguments)
        return self.checked(self.call(*line))

    def _source(self) -> tuple[str, ...]:
        return ("--context", f"env={','.join(map(str, self._files))}", "--output", str(self.assembly))

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [CLI, *arguments, "--no-notices", "--no-version-reporting", "--no-color"],
            cwd=ROOT,
            env=self._variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )

    @staticmethod
    def checked(done: subprocess.CompletedProcess[str]) -> str:
        assert done.returncode == 0, f"{' '.join(map(str, done.args[1:3]))}: {done.returncode}\n{done.stdout[-4000:]}"
        return done.stdout
