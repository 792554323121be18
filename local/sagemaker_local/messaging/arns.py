"""Amazon Resource Names in parts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Arn:
    """`arn:partition:service:region:account:resource`."""

    text: str
    partition: str
    service: str
    region: str
    account: str
    resource: str

    @property
    def name(self) -> str:
        """The part of the resource after the last slash or colon."""
        return self.resource.replace("/", ":").rsplit(":", 1)[-1]


def parse(text: str) -> Arn:
    """Split an ARN.

    Raises:
        ValueError: if the text is not an ARN.
    """
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn":
        raise ValueError(f"{text!r} is not an ARN (arn:partition:service:region:account:resource)")
    return Arn(text, *parts[1:])
