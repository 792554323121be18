"""Images of Model Monitor and Clarify: whose account holds them in which region.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-pre-built-container.html
https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-processing-job-configure-container.html
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk

from cdk_sagemaker_mlops import _refs

from .job import repository_arn

if TYPE_CHECKING:
    from aws_cdk import Stack

_TABLE = Path(__file__).with_name("native_images.json")
ANALYZER, CLARIFY = "analyzer", "clarify"
#: The image that merges captures with labels; it lies beside the analyzer's and is started by SageMaker itself.
MERGER = "sagemaker-model-monitor-groundtruth-merger"


@dataclass(frozen=True)
class NativeImage:
    """What a job definition runs.

    :param uri: What it names.
    :param repository_arn: What the role has to pull from; None if that is no registry of ECR.
    """

    uri: str
    repository_arn: str | None


@functools.cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(_TABLE.read_text(encoding="utf-8"))
    return table


def region_problem(stack: Stack, kind: str) -> str | None:
    """Says when AWS has no such image in the stack's region."""
    region = _region(stack)
    registries = _table()[kind]["registries"]
    if _refs.is_token(region) or region in registries:
        return None
    name = "Model Monitor's analyzer" if kind == ANALYZER else "Clarify"
    return (
        f"{name} has no image in {region}, so the engine model-monitor cannot run there; use Engine.AUTO, which needs "
        f"none (regions that have one: {', '.join(registries)})"
    )


def native_image(stack: Stack, kind: str) -> NativeImage:
    """An image in the stack's region; in a stack for any region a mapping decides at deployment."""
    account, repository, tag = _account(stack, kind), _table()[kind]["repository"], _table()[kind]["tag"]
    region = _refs.region()
    return NativeImage(
        uri=f"{account}.dkr.ecr.{region}.{_refs.url_suffix()}/{repository}{tag}",
        repository_arn=_refs.arn("ecr", f"repository/{repository}", in_account=account),
    )


def own_image(uri: str) -> NativeImage:
    """An image of the user's own."""
    return NativeImage(uri=uri, repository_arn=repository_arn(uri))


def merger_arn(stack: Stack) -> str:
    """ARN of the merger's repository."""
    return _refs.arn("ecr", f"repository/{MERGER}", in_account=_account(stack, ANALYZER))


def _account(stack: Stack, kind: str) -> str:
    region = _region(stack)
    if not _refs.is_token(region):
        return str(_table()[kind]["registries"][region])
    return _refs.remembered(stack, f"native image account {kind}", lambda: _mapped(stack, kind))


def _mapped(stack: Stack, kind: str) -> str:
    accounts = {region: {"account": number} for region, number in _table()[kind]["registries"].items()}
    mapping = cdk.CfnMapping(stack, f"ModelMonitorAccounts{kind.title()}", mapping=accounts)
    return mapping.find_in_map(_refs.region(), "account")


def _region(stack: Stack) -> str:
    return _refs.remembered(stack, "region", lambda: stack.region)
