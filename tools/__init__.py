"""Commands of this repository: set-up, checks, generated files."""
