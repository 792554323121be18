"""The real CDK CLI, unmodified: one app over two accounts and two regions, version by version."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sagemaker_local.server import LocalAws

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[3]
CLI = shutil.which("cdk", path=str(ROOT / "node_modules" / ".bin")) or shutil.which("cdk")
PLACES = (("111111111111", "eu-west-1"), ("222222222222", "us-east-1"))


class Cli:
    """The CLI with one version of the app at a time."""

    def __init__(self, aws: LocalAws, folder: Path) -> None:
        self.aws, self.folder = aws, folder

    def __call__(self, command: str, version: int, *arguments: str, fails: bool = False) -> str:
        assert CLI is not None, "the CDK CLI is not installed: npm ci"
        environment = {**self.aws.environ(*PLACES[0]), "CDK_VALIDATION": "false"}
        app = self.folder / f"v{version}"
        source: tuple[str, ...] = ("--app", str(app))
        if not app.exists():
            program = shlex.join([sys.executable, str(Path(__file__).with_name("matrix_app.py"))])
            source = ("--app", program, "--output", str(app), "--context", f"version={version}")
        line = [CLI, command, *source, *arguments, "--no-notices", "--no-version-reporting"]
        result = subprocess.run(
            line, capture_output=True, text=True, env=environment, timeout=120, check=False, cwd=ROOT
        )
        output = result.stdout + result.stderr
        assert (result.returncode != 0) is fails, output
        return output

    def deploy(self, version: int, **options: Any) -> str:
        return self("deploy", version, "**", "--require-approval", "never", "--concurrency", "2", **options)

    def stack(self, name: str, account: str, region: str) -> dict[str, Any]:
        client = self.aws.client("cloudformation", account, region)
        found: dict[str, Any] = client.describe_stacks(StackName=f"Matrix-{region}-{name}")["Stacks"][0]
        return found

    def outputs(self, account: str, region: str) -> dict[str, str]:
        return {item["OutputKey"]: item["OutputValue"] for item in self.stack("Use", account, region)["Outputs"]}


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    with LocalAws() as aws:
        yield Cli(aws, tmp_path_factory.mktemp("matrix"))


def test_the_life_of_an_app(cli: Cli) -> None:
    # Version 1 goes out to both places; a diff afterwards is empty.
    cli.deploy(1)
    for place in PLACES:
        assert cli.stack("Use", *place)["StackStatus"] == "CREATE_COMPLETE"
        assert cli.outputs(*place)["Doubled"] == "v1v1"
    assert "Number of stacks with differences: 0" in cli("diff", 1, "**")
    assert cli.deploy(1).count("(no changes)") == 4

    # Version 2 updates in place.
    before = cli.outputs(*PLACES[0])
    cli.deploy(2)
    assert cli.stack("Use", *PLACES[1])["StackStatus"] == "UPDATE_COMPLETE"
    assert cli.outputs(*PLACES[0])["ConfigName"] == before["ConfigName"]
    assert cli.outputs(*PLACES[0])["Doubled"] == "v2v2"

    # Version 3 adds, and replaces the model and what depends on it; the diff says so before.
    difference = cli("diff", 3, "**")
    assert "AWS::SQS::Queue" in difference and "requires replacement" in difference
    cli.deploy(3)
    third = cli.outputs(*PLACES[0])
    assert third["ConfigName"] != before["ConfigName"]

    # Version 4 fails and leaves everything as it was.
    output = cli.deploy(4, fails=True)
    assert "Clash" in output
    assert "already exists" in output
    assert cli.stack("Use", *PLACES[0])["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert cli.outputs(*PLACES[0]) == third

    # The exporting stack cannot go while the other one imports; together they go, buckets emptied.
    client = cli.aws.client("cloudformation", *PLACES[0])
    client.delete_stack(StackName="Matrix-eu-west-1-Data")
    assert "as it is in use by Matrix-eu-west-1-Use" in cli.stack("Data", *PLACES[0])["StackStatusReason"]
    s3 = cli.aws.client("s3", *PLACES[0])
    bucket = next(item["Name"] for item in s3.list_buckets()["Buckets"] if item["Name"].startswith("matrix-"))
    s3.put_object(Bucket=bucket, Key="left/behind", Body=b"x")
    cli("destroy", 3, "**", "--force")
    for place in PLACES:
        names = [stack["StackName"] for stack in cli.aws.client("cloudformation", *place).describe_stacks()["Stacks"]]
        assert names == []
    assert bucket not in [item["Name"] for item in s3.list_buckets()["Buckets"]]


def test_the_bootstrap_command_works_as_well(cli: Cli) -> None:
    place = ("333333333333", "eu-north-1")
    line = [
        str(CLI),
        "bootstrap",
        f"aws://{place[0]}/{place[1]}",
        "--no-notices",
        "--toolkit-bucket-name",
        "own-assets",
    ]
    environment = cli.aws.environ(*place)
    result = subprocess.run(
        line, capture_output=True, text=True, env=environment, timeout=120, check=False, cwd=cli.folder
    )
    assert result.returncode == 0, result.stdout + result.stderr
    stack = cli.aws.client("cloudformation", *place).describe_stacks(StackName="CDKToolkit")["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert cli.aws.client("s3", *place).list_buckets()["Buckets"][0]["Name"] == "own-assets"
