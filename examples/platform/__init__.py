"""A platform of several accounts."""
