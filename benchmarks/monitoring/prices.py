"""Published on-demand prices, US dollars, region us-east-1, without free tiers; as of November 2026.

They change, and differ by region: edit them here and run the benchmark again. Sources: the pricing pages of Lambda,
SageMaker AI, S3, CloudWatch and EventBridge. They could not be checked against an account.
"""

from __future__ import annotations

REGION = "us-east-1"
AS_OF = "November 2026"

LAMBDA_ARM_GB_SECOND = 0.0000133334
LAMBDA_REQUEST = 0.20 / 1e6
#: Processing on ml.m5.xlarge, by the hour.
PROCESSING_M5_XLARGE_HOUR = 0.23
S3_GET = 0.0004 / 1e3
S3_PUT_OR_LIST = 0.005 / 1e3
CLOUDWATCH_PUT_CALL = 0.01 / 1e3
SCHEDULER_INVOCATION = 1.0 / 1e6
EVENT = 1.0 / 1e6
