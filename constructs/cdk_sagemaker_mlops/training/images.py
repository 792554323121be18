"""Images that AWS provides, by framework, version and region, without asking anybody.

The account that owns them differs by region. Where the region is known at synthesis its account is written out; in a
stack for any region a mapping decides at deployment.

https://docs.aws.amazon.com/sagemaker/latest/dg-ecr-paths/sagemaker-algo-docker-registry-paths.html
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk

from cdk_sagemaker_mlops import _paths, _refs
from cdk_sagemaker_mlops._errors import ConstructError, did_you_mean
from cdk_sagemaker_mlops.monitoring import native_images

if TYPE_CHECKING:
    from constructs import Construct

_ACCOUNTS = Path(__file__).with_name("image_accounts.json")
_MAPPING = "SageMakerImageAccounts"


class Images:
    """URIs of SageMaker's prebuilt images."""

    @staticmethod
    def xgboost(scope: Construct, version: str = "3.0-5") -> str:
        """XGBoost, for training by its algorithm or by scripts, for serving, and for processing with scikit-learn's
        and pandas' help.

        :param scope: Any construct of the stack that uses it.
        :param version: 1.5-1, 1.7-1 or 3.0-5. Default: 3.0-5
        """
        return _uri(scope, "xgboost", version)

    @staticmethod
    def sklearn(scope: Construct, version: str = "1.4-2") -> str:
        """scikit-learn, for processing, training and serving by scripts.

        :param scope: Any construct of the stack that uses it.
        :param version: 1.0-1, 1.2-1, 1.4-2, or 1.4-2-py312 with Python 3.12. Default: 1.4-2
        """
        return _uri(scope, "sklearn", version)

    @staticmethod
    def spark(scope: Construct, version: str = "3.5-cpu-py312") -> str:
        """Spark on several instances, for processing.

        :param scope: Any construct of the stack that uses it.
        :param version: 3.5-cpu-py312, Spark 3.5 with Python 3.12. Default: that
        """
        return _uri(scope, "spark", version)

    @staticmethod
    def model_monitor(scope: Construct) -> str:
        """Model Monitor's analyzer, for `QualityCheckStep`.

        :param scope: Any construct of the stack that uses it.
        """
        return _native(scope, native_images.ANALYZER)

    @staticmethod
    def clarify(scope: Construct) -> str:
        """Clarify, for `ClarifyCheckStep`.

        :param scope: Any construct of the stack that uses it.
        """
        return _native(scope, native_images.CLARIFY)


def _native(scope: Construct, kind: str) -> str:
    stack = _paths.stack_of(scope)
    problem = native_images.region_problem(stack, kind)
    if problem:
        raise ConstructError(stack.node.path, [problem])
    return native_images.native_image(stack, kind).uri


@functools.cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(_ACCOUNTS.read_text(encoding="utf-8"))
    return table


def _uri(scope: Construct, framework: str, version: str) -> str:
    entry = _table()[framework]
    stack = _paths.stack_of(scope)
    region = _refs.remembered(stack, "region", lambda: stack.region)
    problems = []
    if version not in entry["versions"]:
        known = entry["versions"]
        problems.append(
            f'version of {framework} is "{version}", allowed are {", ".join(known)}{did_you_mean(version, known)}; for '
            "another one give the image's URI"
        )
    if _refs.is_token(region):
        account = _refs.remembered(stack, f"image account {framework}", lambda: _mapped(stack, framework))
        region = _refs.region()
    elif region in entry["registries"]:
        account = entry["registries"][region]
    else:
        problems.append(
            f"no account is known for SageMaker's {framework} image in {region}; give the image's URI "
            "(https://docs.aws.amazon.com/sagemaker/latest/dg-ecr-paths/sagemaker-algo-docker-registry-paths.html)"
        )
    if problems:
        raise ConstructError(stack.node.path, problems)
    return f"{account}.dkr.ecr.{region}.{_refs.url_suffix()}/{entry['repository']}:{version}{entry['tag_suffix']}"


def _mapped(stack: cdk.Stack, framework: str) -> str:
    accounts = {region: {"account": number} for region, number in _table()[framework]["registries"].items()}
    mapping = cdk.CfnMapping(stack, f"{_MAPPING}{framework.title()}", mapping=accounts)
    return mapping.find_in_map(_refs.region(), "account")
