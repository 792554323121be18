"""The constructs in an app of your own, without the stacks of this repository."""
