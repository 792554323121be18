"""What is wrong with data, said so that whoever gave them can repair them.

Without any import, so that a job can bring its own numpy before anything needs one.
"""

from __future__ import annotations


class DataError(ValueError):
    """The data cannot be used; the message says why."""


class EncodingError(ValueError):
    """A row cannot be encoded; the message says which column and why."""
