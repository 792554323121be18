"""What an endpoint was when it was deployed, so that a change that SageMaker would refuse is refused at synthesis.

Synthesis sees the new code and nothing else. A record that is committed beside it is the other half of the comparison.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .variant import Variant

_FORMAT = 1


class EndpointRecordError(ValueError):
    """A file is no record of an endpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedVariant:
    """One production variant.

    :ivar instance_type: Its instance type; None for a serverless variant.
    :ivar scales: Whether Application Auto Scaling looks after its instances.
    """

    instance_type: str | None
    scales: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRecord:
    """The production variants of an endpoint as they were deployed. Get one from `Endpoint.record`.

    :param variants: The variants by name.
    :param accept: Command that records another state; refusals end with it. Default: - none is named.
    """

    variants: Mapping[str, RecordedVariant]
    accept: str = field(default="", compare=False)

    @staticmethod
    def of(variants: Iterable[Variant]) -> EndpointRecord:
        """The record of these variants."""
        return EndpointRecord(
            variants={
                variant.name: RecordedVariant(
                    instance_type=None if variant.serverless else variant.host_type,
                    scales=variant.scaling is not None,
                )
                for variant in variants
            }
        )

    @staticmethod
    def read(file: Path) -> EndpointRecord:
        """Read a record.

        :raises EndpointRecordError: The file is none.
        """
        try:
            document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            if document["format"] != _FORMAT:
                raise EndpointRecordError(f"{file}: format is {document['format']}, this version reads {_FORMAT}")
            return EndpointRecord(
                variants={
                    name: RecordedVariant(instance_type=each["instance_type"], scales=each["scales"])
                    for name, each in document["variants"].items()
                }
            )
        except (OSError, json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise EndpointRecordError(f"{file}: is no record of an endpoint ({error}); record it again") from error

    def to_json(self) -> str:
        """The record as it is committed."""
        variants = {
            name: {"instance_type": each.instance_type, "scales": each.scales} for name, each in self.variants.items()
        }
        return json.dumps({"format": _FORMAT, "variants": variants}, indent=2, sort_keys=True) + "\n"

    def write(self, file: Path) -> None:
        """Write the record."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self.to_json(), encoding="utf-8")

    def refusals(self, now: EndpointRecord) -> list[str]:
        """What SageMaker would refuse of a change, with the way out.

        https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-update.html
        https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-exclusions.html

        :param now: What the endpoint is to be.
        """
        found = list(self._changes(now))
        ending = f". Where it was deployed otherwise meanwhile, run: {self.accept}" if self.accept else ""
        return [f"{problem}{ending}" for problem in found]

    def _changes(self, now: EndpointRecord) -> Iterable[str]:
        before, after = set(self.variants), set(now.variants)
        if before != after:
            yield (
                f"the deployed variants are {', '.join(sorted(before))}, the new ones {', '.join(sorted(after))}; "
                "SageMaker shifts traffic between variants of one name only. Keep the names, or give the endpoint "
                "another endpoint_name, which makes it anew before the old one goes"
            )
        for name in sorted(before & after):
            old, new = self.variants[name], now.variants[name]
            if old.instance_type is not None and new.instance_type is None:
                yield (
                    f'variant "{name}" is deployed on instances and cannot become serverless; give the endpoint '
                    "another endpoint_name"
                )
            elif old.scales and old.instance_type != new.instance_type:
                yield (
                    f'variant "{name}" scales, and SageMaker refuses to change its instance type from '
                    f"{old.instance_type} to {new.instance_type} meanwhile; deploy once without scaling and with the "
                    "old type, then with the new type and scaling"
                )
