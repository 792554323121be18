"""Opens reports with the readers of the SageMaker SDK. In: paths by kind. Out: what the readers saw."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sagemaker.model_card.evaluation_metric_parsers import (  # noqa: TID251
    ClarifyBiasParser,
    ClarifyExplainabilityParser,
    ClassificationParser,
    RegressionParser,
)
from sagemaker.model_monitor import Constraints, ConstraintViolations, Statistics  # noqa: TID251
from sagemaker.session import Session  # noqa: TID251


class MemorySession(Session):
    """The readers put a file into S3 and read it back from there; here S3 is a string."""

    default_bucket_prefix = None

    def __init__(self):
        self.body = ""

    def default_bucket(self):
        return "nowhere"

    def upload_string_as_file_body(self, body, bucket, key, kms_key=None):
        self.body = body
        return f"s3://{bucket}/{key}"

    def read_s3_file(self, bucket, key_prefix):
        return self.body


MONITOR = {"statistics": Statistics, "constraints": Constraints, "violations": ConstraintViolations}
CARD = {
    "binary": ClassificationParser,
    "multiclass": ClassificationParser,
    "regression": RegressionParser,
    "bias": ClarifyBiasParser,
    "attribution": ClarifyExplainabilityParser,
}

answer = {}
for name, (kind, path) in json.load(sys.stdin).items():
    if kind in MONITOR:
        answer[name] = MONITOR[kind].from_file_path(path, sagemaker_session=MemorySession()).body_dict
    else:
        answer[name] = CARD[kind]().run(json.loads(Path(path).read_text()))
print(json.dumps(answer))
