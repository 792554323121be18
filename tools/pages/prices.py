"""What resources cost: the one table of list prices behind the pages of constructs.

US dollars, on demand, region us-east-1, without free tiers. Written by hand from AWS's public pricing pages, which are
named beside each; they could not be checked against an account. Change them here and run `python -m tools.pages`.
"""

from __future__ import annotations

from dataclasses import dataclass

AS_OF = "November 2026"
REGION = "us-east-1"
_PRICING = "https://aws.amazon.com/{}/pricing/"


@dataclass(frozen=True)
class Price:
    """What one resource costs.

    :ivar words: The price in words.
    :ivar source: Which pricing page it is from; the part of the address that names the service.
    :ivar monthly: Dollars a month for one resource that does nothing, where there is such a thing.
    """

    words: str
    source: str = ""
    monthly: float = 0.0

    @property
    def url(self) -> str:
        """Address of the pricing page."""
        return _PRICING.format(self.source) if self.source else ""


_FREE = Price("nothing")

PRICES: dict[str, Price] = {
    "AWS::ApiGateway::RestApi": Price("3.50 for a million requests", "api-gateway"),
    "AWS::ApplicationAutoScaling::ScalableTarget": _FREE,
    "AWS::ApplicationAutoScaling::ScalingPolicy": Price("two alarms of its own, 0.20 a month", "cloudwatch", 0.20),
    "AWS::Athena::WorkGroup": Price("5.00 for a terabyte that queries scan", "athena"),
    "AWS::CloudWatch::Alarm": Price("0.10 a month for each metric that it looks at", "cloudwatch", 0.10),
    "AWS::CloudWatch::CompositeAlarm": Price("0.50 a month", "cloudwatch", 0.50),
    "AWS::CloudWatch::Dashboard": Price("3.00 a month, the first three of an account free", "cloudwatch", 3.00),
    "AWS::EC2::VPCEndpoint": Price(
        "7.30 a month for each interface endpoint and zone, 0.01 for a gigabyte; gateway endpoints nothing",
        "privatelink",
        7.30,
    ),
    "AWS::Events::Rule": Price("nothing for events of AWS; 1.00 for a million of one's own", "eventbridge"),
    "AWS::Glue::Database": Price("nothing below a million objects in the catalog", "glue"),
    "AWS::KMS::Key": Price(
        "1.00 a month, and as much for each of its first two rotations; 0.03 for 10,000 requests", "kms", 1.00
    ),
    "AWS::Lambda::Function": Price(
        "0.0000133334 for a gigabyte second (arm64) and 0.20 for a million requests", "lambda"
    ),
    "AWS::Lambda::LayerVersion": _FREE,
    "AWS::Logs::LogGroup": Price("0.50 for a gigabyte written, 0.03 a month for one kept", "cloudwatch"),
    "AWS::S3::Bucket": Price("0.023 a month for a gigabyte, 0.005 for 1,000 writes", "s3"),
    "AWS::SNS::Topic": Price("0.50 for a million messages, 2.00 for 100,000 e-mails", "sns"),
    "AWS::SQS::Queue": Price("0.40 for a million requests", "sqs"),
    "AWS::SSM::Parameter": _FREE,
    "AWS::SageMaker::Endpoint": Price(
        "its instances: 0.115 an hour for one ml.m5.large, 84 a month; serverless and components by use", "sagemaker/ai"
    ),
    "AWS::SageMaker::FeatureGroup": Price(
        "online 1.25 for a million writes, 0.25 for a million reads, 0.45 a month for a gigabyte; offline S3's price",
        "sagemaker/ai",
    ),
    "AWS::SageMaker::InferenceComponent": Price("its share of the endpoint's instances", "sagemaker/ai"),
    "AWS::SageMaker::ModelPackageGroup": _FREE,
    "AWS::SageMaker::MonitoringSchedule": Price(
        "the instance of each run: 0.23 an hour for an ml.m5.xlarge", "sagemaker/ai"
    ),
    "AWS::SageMaker::Pipeline": Price("nothing; the jobs of its steps cost their instances", "sagemaker/ai"),
    "AWS::Scheduler::Schedule": Price("1.00 for a million invocations", "eventbridge"),
}

#: Resources that AWS does not charge for.
FREE_PREFIXES = (
    "AWS::IAM::",
    "AWS::ApiGateway::",
    "AWS::CloudFormation::",
    "AWS::EC2::SecurityGroup",
    "AWS::Events::EventBusPolicy",
    "AWS::KMS::Alias",
    "AWS::Lambda::",
    "AWS::Logs::",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::",
    "AWS::SQS::QueuePolicy",
    "AWS::SageMaker::Model",
    "AWS::SageMaker::EndpointConfig",
    "AWS::SageMaker::DataQualityJobDefinition",
    "AWS::SageMaker::ModelExplainabilityJobDefinition",
    "AWS::SageMaker::ModelPackageGroup",
    "AWS::RAM::",
    "AWS::Scheduler::ScheduleGroup",
    "Custom::",
)


def price_of(resource_type: str) -> Price:
    """What a resource costs.

    :raises KeyError: Nobody has looked its price up yet.
    """
    found = PRICES.get(resource_type)
    if found is not None:
        return found
    if resource_type.startswith(FREE_PREFIXES):
        return _FREE
    raise KeyError(f"{resource_type} has no price; look it up and add it to tools/pages/prices.py")
