"""What stops a command."""


class CommandError(Exception):
    """Something that the user can put right; the message says how."""
