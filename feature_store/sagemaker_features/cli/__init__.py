"""The command line: `sagemaker-features ingest | training-set | latest | as-of | get`.

Every command is a module of this folder with `add_parser(commands)`; it sets `run`, a function of the parsed options
that gives the exit code.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from sagemaker_features.errors import FeaturesError, IngestionInterrupted

EXIT_FAILED, EXIT_INTERRUPTED = 1, 4
_COMMANDS = ("ingest", "training_set", "snapshots", "get")
_EPILOG = """\
examples:
  sagemaker-features ingest customers.parquet --group customers --position customers.position.json
  sagemaker-features training-set labels.csv --time-column at --view customers --view orders:total --out train.parquet
  sagemaker-features latest customers --out customers.csv
  sagemaker-features get customers c-17

exit codes:
  0  done
  1  failed: the message on stderr says why
  2  wrong usage
  3  done, but rows were rejected
  4  interrupted; run it again with the same --position to go on
"""


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    main_parser = argparse.ArgumentParser(
        prog="sagemaker-features",
        description="Use SageMaker feature groups: ingest tables, make training sets, look records up.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = main_parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in _COMMANDS:
        importlib.import_module(f"{__name__}.{name}").add_parser(commands)
    return main_parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; gives the exit code."""
    options = parser().parse_args(arguments)
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return int(options.run(options))
    except IngestionInterrupted as error:
        return _say(str(error), EXIT_INTERRUPTED)
    except (FeaturesError, ClientError, BotoCoreError, OSError) as error:
        return _say(str(error), EXIT_FAILED)
    except KeyboardInterrupt:
        return _say("interrupted", 130)


def _say(text: str, code: int) -> int:
    print(f"sagemaker-features: {text}", file=sys.stderr)  # noqa: T201 - this is the command line
    return code
