"""`sagemaker-features training-set`."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import Any

from sagemaker_features.sql import FeatureView

from ._common import add_athena, athena, duration, write


def add_parser(commands: Any) -> None:
    """Add the command."""
    command = commands.add_parser("training-set", help="add features to rows as they were at each row's moment")
    command.add_argument("spine", help="Parquet, CSV or JSON Lines file: who, and as of when")
    command.add_argument("--time-column", required=True, help="column of the spine with the moment")
    command.add_argument(
        "--view", action="append", required=True, metavar="GROUP[@KEY][:FEATURE,...]",
        help="features of a group to add; KEY is the spine's column with the record identifier",
    )  # fmt: skip
    command.add_argument("--lookback", type=duration, help="leave out records that are this old (default: their ttl)")
    command.add_argument("--prefix-with-group", action="store_true", help="name columns <group>_<feature>")
    command.add_argument("--event-times", action="store_true", help="add the event time of each record used")
    command.add_argument("--ingested-by", type=datetime.fromisoformat, help="use only what had been written by then")
    command.add_argument(
        "--only-what-had-arrived", action="store_true", help="use no record that came later than the row"
    )
    command.add_argument("--show-sql", action="store_true", help="print the query")
    add_athena(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Make a training set."""
    from sagemaker_features import training_set

    by = options.ingested_by
    result = training_set(
        options.spine,
        [_view(text, options) for text in options.view],
        time_column=options.time_column,
        athena=athena(options),
        ingested_by=by.replace(tzinfo=UTC) if by is not None and by.tzinfo is None else by,
        only_what_had_arrived=options.only_what_had_arrived,
        event_times=options.event_times,
    )
    if options.show_sql:
        print(result.sql)  # noqa: T201 - this is the command line
    write(result.frame, options.out)
    return 0


def _view(text: str, options: argparse.Namespace) -> FeatureView:
    place, _, features = text.partition(":")
    group, _, key = place.partition("@")
    return FeatureView(
        group,
        features=features.split(",") if features else None,
        key=key or None,
        prefix=f"{group}_" if options.prefix_with_group else "",
        lookback=options.lookback,
    )
