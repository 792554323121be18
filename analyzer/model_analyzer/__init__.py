"""The analysis engine: numbers in, reports out."""
