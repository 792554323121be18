"""Environments deployed through CloudFormation's API, for tests that are not about the CDK's command line.

The templates and assets are those that `cdk deploy` would send; synthesis happens in this process and the CLI's part
(uploading assets, one stack after the other) takes a second in place of ten.
"""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import aws_cdk as cdk

from sagemaker_local.bootstrap import LazyBootstrap
from sagemaker_local.server import LocalAws
from stacks.settings import load_all
from stacks.stage import EnvironmentStage

_ROOT = Path(__file__).resolve().parents[3]
_REGION = "eu-west-1"


class Deployment:
    """Some environments, synthesised together; `folder` holds the assembly."""

    def __init__(self, aws: LocalAws, folder: Path, environments: Mapping[str, Mapping[str, Any]]) -> None:
        self._take(aws, _synthesise(folder, environments))

    @classmethod
    def of(cls, aws: LocalAws, app: cdk.App, account: str = "") -> Deployment:
        """Any other app; `account` is where stacks go that name none."""
        made = cls.__new__(cls)
        made._take(aws, app.synth(), account)
        return made

    def _take(self, aws: LocalAws, assembly: Any, account: str = "") -> None:
        self._aws = aws
        self._account = account
        self._assembly = assembly
        self.folder = Path(assembly.directory)

    def deploy(self) -> dict[str, str]:
        """Create the stacks, or update those that are there, in the order in which they need each other.

        Returns:
            What was done with each: created, updated, or unchanged.
        """
        done: dict[str, str] = {}
        for stack in self._stacks():
            account, region = self._place(stack)
            qualifier = stack.template["Parameters"]["BootstrapVersion"]["Default"].split("/")[2]
            LazyBootstrap(self._aws).prepare(qualifier, account, region)
            url = self._upload(stack, account, region)
            client = self._aws.client("cloudformation", account, region)
            tags = [{"Key": key, "Value": value} for key, value in stack.tags.items()]
            request = {"TemplateURL": url, "Capabilities": ["CAPABILITY_NAMED_IAM"], "Tags": tags}
            if self._exists(client, stack.stack_name):
                done[stack.stack_name] = "updated"
                try:
                    client.update_stack(StackName=stack.stack_name, Parameters=self._kept(client, stack), **request)
                except client.exceptions.ClientError as error:
                    if "No updates" not in str(error):
                        raise
                    done[stack.stack_name] = "unchanged"
            else:
                done[stack.stack_name] = "created"
                client.create_stack(StackName=stack.stack_name, OnFailure="DO_NOTHING", **request)
            self._settle(client, stack.stack_name)
        return done

    def _stacks(self) -> Iterator[Any]:
        yield from self._assembly.stacks
        for nested in self._assembly.nested_assemblies:
            yield from nested.nested_assembly.stacks

    @staticmethod
    def _exists(client: Any, name: str) -> bool:
        try:
            client.describe_stacks(StackName=name)
        except client.exceptions.ClientError:
            return False
        return True

    @staticmethod
    def _kept(client: Any, stack: Any) -> list[dict[str, Any]]:
        """Values of parameters stay as they are, as the CLI does it: the live version is one of them."""
        present = client.describe_stacks(StackName=stack.stack_name)["Stacks"][0].get("Parameters", [])
        wanted = stack.template.get("Parameters", {})
        return [
            {"ParameterKey": item["ParameterKey"], "UsePreviousValue": True}
            for item in present
            if item["ParameterKey"] in wanted
        ]

    @staticmethod
    def _settle(client: Any, name: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while (status := client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]).endswith("_IN_PROGRESS"):
            assert time.monotonic() < deadline, f"{name} is still {status}"
            time.sleep(0.02)
        if not status.endswith("_COMPLETE") or "ROLLBACK" in status:
            events = client.describe_stack_events(StackName=name)["StackEvents"]
            reasons = [
                f"{e['LogicalResourceId']}: {e.get('ResourceStatusReason')}"
                for e in events
                if "FAILED" in e["ResourceStatus"]
            ]
            raise AssertionError(f"{name} is {status}: {reasons}")

    def _place(self, stack: Any) -> tuple[str, str]:
        account, region = stack.environment.account, stack.environment.region
        return self._account if account == "unknown-account" else account, _REGION if "unknown" in region else region

    def _upload(self, stack: Any, account: str, region: str) -> str:
        """Upload what is not there yet of what the stack needs; return the template's address."""
        s3 = self._aws.client("s3", account, region)
        folder = Path(stack.assembly.directory)
        manifest = json.loads((folder / f"{stack.id}.assets.json").read_text(encoding="utf-8"))
        url = ""
        for asset in manifest["files"].values():
            (place,) = asset["destinations"].values()
            source = folder / asset["source"]["path"]
            bucket = place["bucketName"].replace("${AWS::AccountId}", account).replace("${AWS::Region}", region)
            # Keys are hashes of what lies there.
            if not s3.list_objects_v2(Bucket=bucket, Prefix=place["objectKey"])["KeyCount"]:
                s3.put_object(
                    Bucket=bucket, Key=place["objectKey"], Body=_content(source, asset["source"]["packaging"])
                )
            if source.name == Path(stack.template_full_path).name:
                url = f"https://s3.{region}.amazonaws.com/{bucket}/{place['objectKey']}"
        return url


def _synthesise(folder: Path, environments: Mapping[str, Mapping[str, Any]]) -> Any:
    files = [folder / f"{name}.yaml" for name in environments]
    for file, document in zip(files, environments.values(), strict=True):
        file.write_text(json.dumps(document, indent=2))
    # Feature flags, which the CDK CLI passes to app.py.
    context = json.loads((_ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    app = cdk.App(outdir=str(folder / "cdk.out"), context=context)
    for name, settings in load_all(files).items():
        EnvironmentStage(app, name, settings)
    return app.synth()


@cache
def _content(source: Path, packaging: str) -> bytes:
    if packaging == "file":
        return source.read_bytes()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(source.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(source))
    return stream.getvalue()
