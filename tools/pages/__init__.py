"""Writes what the documentation takes from the code: pages of constructs, errors, diagrams. See `__main__`."""
