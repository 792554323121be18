"""`sagemaker-features get`."""

from __future__ import annotations

import argparse
import json
from typing import Any


def add_parser(commands: Any) -> None:
    """Add the command."""
    command = commands.add_parser("get", help="print records of the online store as JSON, one per line")
    command.add_argument("group", help="name of the feature group")
    command.add_argument("identifier", nargs="+", help="record identifiers")
    command.add_argument("--features", type=lambda text: text.split(","), help="which, separated by commas")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the records; fails if one is not there."""
    from sagemaker_features import OnlineStore

    store = OnlineStore(options.group, features=options.features)
    for values in store.get_many(options.identifier, required=True).values():
        print(json.dumps(values, ensure_ascii=False))  # noqa: T201 - this is the command line
    return 0
