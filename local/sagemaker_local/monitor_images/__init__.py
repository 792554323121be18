"""What stands in for Model Monitor's and Clarify's images: their contract with a job, carried out by the analyzer.

The images are closed and are not pulled. These modules read the same settings and folders and leave the same files,
exit messages and metrics behind, so that whatever is built around the native monitors can be tried. They run as a job's
own process, with its role.
"""

from __future__ import annotations

import sys

from sagemaker_local.jobs.images import CONTRACTS, Contract, Launch

ANALYZER = "sagemaker-model-monitor-analyzer"
MERGER = "sagemaker-model-monitor-groundtruth-merger"
CLARIFY = "sagemaker-clarify-processing"

_MODULES = {ANALYZER: "analyzer", MERGER: "merger", CLARIFY: "clarify"}


def install() -> None:
    """Let processing jobs run the three images."""
    for repository, module in _MODULES.items():
        CONTRACTS.setdefault(repository, _contract(module))


def _contract(module: str) -> Contract:
    def launch(entrypoint: list[str], arguments: list[str]) -> Launch:
        return Launch([sys.executable, "-m", f"{__name__}.{module}", "/opt/ml"], {}, leader_only=True)

    return launch
