"""SageMaker's errors, in its words.

Most of the API's errors are an untyped ValidationException, so callers (and the SDKs) match on the text.
"""

from __future__ import annotations

from sagemaker_local.errors import AwsError


def invalid(message: str) -> AwsError:
    """Return the untyped error that most of SageMaker's refusals are."""
    return AwsError("ValidationException", message)


def not_found(kind: str, arn: str) -> AwsError:
    """Return what models, endpoint configurations and endpoints answer when they do not exist."""
    return invalid(f'Could not find {kind} "{arn}".')


def already_exists(kind: str, arn: str) -> AwsError:
    """Return what models, endpoint configurations and endpoints answer when the name is taken."""
    return invalid(f'Cannot create already existing {kind} "{arn}".')


def missing_resource(kind: str, name: str) -> AwsError:
    """Return the modelled ResourceNotFound that job definitions and monitoring schedules use."""
    return AwsError("ResourceNotFound", f"{kind} {name} not found")


def name_in_use(kind: str, arn: str) -> AwsError:
    """Return the modelled ResourceInUse that job definitions and monitoring schedules use."""
    return AwsError("ResourceInUse", f"{kind} {arn} already exists")


def conflict(message: str) -> AwsError:
    """Return a ConflictException."""
    return AwsError("ConflictException", message)
