"""`sagemaker-features latest` and `as-of`."""

from __future__ import annotations

import argparse
from typing import Any

from ._common import add_athena, athena, write


def add_parser(commands: Any) -> None:
    """Add both commands."""
    for name, text in (("latest", "write every record as it is now"), ("as-of", "write every record as it was")):
        command = commands.add_parser(name, help=text)
        command.add_argument("group", help="name of the feature group")
        if name == "as-of":
            command.add_argument("moment", help="ISO-8601 time such as 2026-01-31T00:00:00Z")
        command.add_argument("--features", type=lambda text: text.split(","), help="which, separated by commas")
        add_athena(command)
        command.set_defaults(run=run, moment=None)


def run(options: argparse.Namespace) -> int:
    """Write the records."""
    from sagemaker_features import as_of

    write(as_of(options.group, options.moment, athena=athena(options), features=options.features), options.out)
    return 0
