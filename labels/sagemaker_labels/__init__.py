"""Recording what turned out to be true, so that monitors can tell whether predictions still are.

client = GroundTruthClient("s3://bucket/ground-truth")
client.record_label(inference_id, "churned")
client.write_labels(rows)

It stands apart from the other packages on purpose. Whoever knows the labels (a till, a nightly job, a web service)
calls it, and that caller has neither the AWS CDK nor polars: boto3 and the standard library are enough. The format
comes from `model_analyzer.ground_truth`, which is pure and knows nothing of AWS. `lambda/shared` belongs to functions
that run as part of a stack and is no place for code that users import.
"""

from model_analyzer.ground_truth import Label, LabelError

from ._client import GroundTruthClient, Written

__all__ = ["GroundTruthClient", "Label", "LabelError", "Written"]
