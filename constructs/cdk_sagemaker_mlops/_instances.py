"""What SageMaker's rules say about instance types.

Types are free text: lists of them go out of date every month. Only families that a rule names are known here.
"""

from __future__ import annotations

import re

INSTANCE_PATTERN = r"ml\.[a-z][a-z0-9-]*\.[a-z0-9-]+"
INSTANCE_RULE = 'allowed are SageMaker hosting types such as "ml.m5.large"'

# Families whose local disks are NVMe though their name has no "d" for disk:
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/InstanceStorage.html
_NVME_FAMILIES = re.compile(r"(g4dn|g5|g6e?|gr6|g7e?|p3dn|p4de?|p5(e|en)?|p6.*|trn1n?|trn2.*|i3|i3en|i4i|i4g|i7i.*)")
# c5d, m6gd, r7gd ...: a "d" among the letters after the generation.
_LOCAL_DISK_SUFFIX = re.compile(r"[a-z]+\d+[a-z]*d[a-z]*")
_BURSTABLE = re.compile(r"t\d[a-z]*")


def _family(instance_type: str) -> str:
    return instance_type.split(".")[1] if instance_type.count(".") == 2 else ""


def has_local_nvme(instance_type: str) -> bool:
    """Whether the type stores on local NVMe disks, which are encrypted by the host and refuse a KMS key."""
    family = _family(instance_type)
    return bool(_NVME_FAMILIES.fullmatch(family) or _LOCAL_DISK_SUFFIX.fullmatch(family))


def is_burstable(instance_type: str) -> bool:
    """Whether the type is a burstable one (T family), which automatic scaling does not support."""
    return bool(_BURSTABLE.fullmatch(_family(instance_type)))


def is_inferentia1(instance_type: str) -> bool:
    """Whether the type is of the Inf1 family, for which deployments are not guarded and which cannot be shadowed."""
    return _family(instance_type) == "inf1"
