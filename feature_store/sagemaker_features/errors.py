"""What can go wrong, in words for whoever reads them."""

from __future__ import annotations


class FeaturesError(Exception):
    """The request cannot be served as it is; the message says what to change."""


class IngestionInterrupted(FeaturesError):
    """Ingestion stopped before its end: the service refuses everything, or cannot be reached. What had been written is
    written; run it again with the same position file to go on."""


class QueryFailed(FeaturesError):
    """Athena did not finish a query."""


class UnknownRecord(FeaturesError):
    """The online store has no record for an identifier that must have one."""
