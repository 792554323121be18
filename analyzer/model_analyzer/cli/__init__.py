"""The command line: `model-analyzer baseline | check | quality | bias | attribution | report`.

Every command is a module of this folder with `add_parser(commands)`; it sets `run`, a function of the parsed options
that gives the exit code. Adding a command is adding its name to `_COMMANDS`.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from . import _common as common
from ._errors import CommandError

_COMMANDS = ("baseline", "check", "quality", "bias", "attribution", "report")

_EPILOG = """\
examples:
  model-analyzer baseline train.csv --out baseline/
  model-analyzer check captured/ --baseline baseline/ --out report/data/
  model-analyzer quality captured/ --ground-truth labels/ --problem binary --probability 0 --out quality/
  model-analyzer bias validation.csv --facet gender=female --label approved --prediction guess --out bias/
  model-analyzer attribution validation.csv --model model.tar.gz --out attribution/
  model-analyzer report report/data/ --baseline baseline/

exit codes:
  0  done, no violations
  1  failed: the message on stderr says why
  2  wrong usage
  3  done, with violations
  4  done, but there was no data to check
  130  interrupted
"""


class _Version(argparse.Action):
    """Looked up when asked for only: that takes as long as everything else of `--help`."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            text = version("cdk-sagemaker-mlops")
        except PackageNotFoundError:
            text = "unknown (not installed)"
        print(f"model-analyzer {text}")  # noqa: T201
        parser.exit()


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    main_parser = argparse.ArgumentParser(
        prog="model-analyzer",
        description="Watch machine learning models: baselines, checks and reports in Model Monitor's formats.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    main_parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = main_parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in _COMMANDS:
        importlib.import_module(f"{__name__}.{name}").add_parser(commands)
    return main_parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; gives the exit code."""
    options = parser().parse_args(arguments)
    try:
        if "data" in options:
            common.prepare(options.out)
        return int(options.run(options))
    except CommandError as error:
        print(f"model-analyzer: {error}", file=sys.stderr)  # noqa: T201 - this is the command line
        return common.EXIT_FAILED
    except KeyboardInterrupt:
        print("model-analyzer: interrupted", file=sys.stderr)  # noqa: T201
        return 130
