"""What a pull request has to pass: the platform comes up in the embedded AWS, each account empty before."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sagemaker_local.server import LocalAws

FOLDER = Path(__file__).resolve().parent
ACCOUNTS = {"shared": "111111111111", "staging": "222222222222", "production": "333333333333"}


def test_the_platform_comes_up(local_aws: LocalAws) -> None:
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    for account in ACCOUNTS.values():
        # What the administrators have prepared.
        local_aws.client("iam", account).create_policy(PolicyName="ml-workloads", PolicyDocument=json.dumps(everything))
    environ = local_aws.environ(account=ACCOUNTS["shared"], region="eu-west-1")
    command = os.environ.get("CDK", "npx --yes aws-cdk@2").split()
    subprocess.run([*command, "deploy", "**", "--require-approval", "never"], env=environ, cwd=FOLDER, check=True)

    for account in ACCOUNTS.values():
        stacks = local_aws.client("cloudformation", account).describe_stacks()["Stacks"]
        assert {stack["StackStatus"] for stack in stacks} == {"CREATE_COMPLETE"}
