"""Types that are no AWS resources: metadata and handles that are only written down."""

from __future__ import annotations

from .base import Created, Properties, ResourceType, Work


class Record(ResourceType):
    """A type that is only written down; there is nothing to create."""

    def create(self, work: Work, properties: Properties) -> Created:
        return Created(work.generated_name(255))

    def update(self, work: Work, existing: Created, old: Properties, new: Properties) -> Created:
        return existing

    def delete(self, work: Work, existing: Created, properties: Properties) -> None:
        return


TYPES: dict[str, ResourceType] = {
    "AWS::CDK::Metadata": Record(),
    "AWS::CloudFormation::WaitConditionHandle": Record(),
}
