"""The error that handlers raise and clients see as an AWS error response."""

from __future__ import annotations


class AwsError(Exception):
    """An AWS error response: `code` as in the service's model, `message` in AWS's words."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
