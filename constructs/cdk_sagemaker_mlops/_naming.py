"""Names as SageMaker wants them: lower-case, at most 63 characters, letters, digits and hyphens."""

from __future__ import annotations

import hashlib
import re

NAME_LIMIT = 63
NAME_PATTERN = r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
NAME_RULE = "allowed are 1 to 63 letters, digits and hyphens, the first and the last one no hyphen"

# SageMaker lower-cases names inside ARNs but compares them as given when an endpoint is invoked. A name that is
# lower-case from the start is the same everywhere: in the ARN, in a policy, in a metric's dimension.
LOWER_NAME_PATTERN = r"[a-z0-9](-*[a-z0-9]){0,62}"
LOWER_NAME_RULE = (
    "allowed are 1 to 63 lower-case letters, digits and hyphens, the first and the last one no hyphen "
    "(SageMaker lower-cases names inside ARNs; a lower-case name is the same in policies, metrics and calls)"
)


def fit(name: str, limit: int = NAME_LIMIT) -> str:
    """Make a legal name out of any text: lower-case, illegal characters as hyphens, cut with a hash when too long.

    The same text always gives the same name; two different long texts with one beginning give different names.
    """
    legal = re.sub(r"-{2,}", "-", re.sub(r"[^a-z0-9-]", "-", name.lower())).strip("-")
    if len(legal) <= limit:
        return legal
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{legal[: limit - 9].rstrip('-')}-{digest}"


def pascal(name: str) -> str:
    """`my-variant` as `MyVariant`: construct ids and logical ids read as one word."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", name) if part)
