"""Settings that every test needs before aws_cdk is imported."""

from __future__ import annotations

import gc
import os

# The built-in template validator costs seconds per synth; tests/compliance runs cfn-lint on every template instead.
os.environ.setdefault("CDK_VALIDATION", "false")
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")
# OpenMP's threads (xgboost, scikit-learn) wait for each other in a loop; with as many processes as processors, training
# a small model takes ten times as long then. Read when the libraries are loaded; processes that tests start inherit it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# No test may ever reach a real account.
os.environ["AWS_ACCESS_KEY_ID"] = "testing"
os.environ["AWS_SECRET_ACCESS_KEY"] = "testing"
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
os.environ.pop("AWS_PROFILE", None)

# Templates, service models and simulated accounts are millions of small objects that live as long as the process. With
# Python's own thresholds the collector walks through them so often that it takes a third of the suite's time.
gc.set_threshold(100_000, 20, 100)


def pytest_collection_finish() -> None:
    """What is imported by now stays; the collector need not look at it again."""
    gc.collect()
    gc.freeze()
