"""The smallest useful app."""
