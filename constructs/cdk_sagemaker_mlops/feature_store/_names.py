"""What AWS allows as names."""

from __future__ import annotations

# Groups and features alike.
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_FeatureDefinition.html
NAME_PATTERN = r"[a-zA-Z0-9]([-_]*[a-zA-Z0-9]){0,63}"
NAME_RULE = "allowed are 1 to 64 letters, digits, hyphens and underscores, the first and the last one a letter or digit"
# Glue allows more; Athena reads these without quoting.
# https://docs.aws.amazon.com/athena/latest/ug/tables-databases-columns-names.html
TABLE_PATTERN = r"[a-z0-9_]{1,255}"
TABLE_RULE = "allowed are 1 to 255 lower-case letters, digits and underscores"
