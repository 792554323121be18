"""What the files are: their format, and what separates the fields of CSV."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from ._errors import CommandError

FORMATS = ("auto", "csv", "jsonl", "parquet", "capture", "transform")
_SUFFIXES = {
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    **dict.fromkeys((".csv", ".txt", ".out", ".tsv"), "csv"),
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), "json"),
}
_SNIFFED_BYTES = 4096
_SEPARATORS = (";", "\t", "|")


def format_of(options: argparse.Namespace) -> str:
    """The format asked for, or what the first file looks like.

    Raises:
        CommandError: A file's suffix says nothing, or the files that are named have several formats.
    """
    if options.format != "auto":
        return str(options.format)
    named = [path for path in options.data if path.is_file()]
    if unknown := [str(path) for path in named if _kind(path) is None]:
        raise CommandError(f"{', '.join(unknown)}: the suffix says nothing about the format: add --format")
    kinds = {_kind(path) for path in named}
    if len(kinds) > 1:
        listed = ", ".join(map(str, named))
        raise CommandError(f"{listed}: files of several formats: run the command once for each, or add --format")
    first = next((file for file in _files(options) if _kind(file) is not None), None)
    kind = "csv" if first is None else str(_kind(first))
    return _json_format_of(first) if first is not None and kind == "json" else kind


def separator_of(options: argparse.Namespace) -> str:
    """The separator asked for; else the comma, or what separates the first line of the first file if it has none.

    Raises:
        CommandError: It is not one ASCII character.
    """
    if options.separator is not None:
        separator = "\t" if options.separator in ("\\t", "tab") else str(options.separator)
        if len(separator) != 1 or not separator.isascii():
            raise CommandError(f"--separator is {separator!r}: give one ASCII character, or tab")
        return separator
    first = next((file for file in _files(options) if options.format == "csv" or _kind(file) == "csv"), None)
    if first is None:
        return ","
    line = _head(first).lstrip(b"\r\n").partition(b"\n")[0].decode("utf-8", errors="replace")
    return "," if "," in line else next((character for character in _SEPARATORS if character in line), ",")


def _files(options: argparse.Namespace) -> Iterator[Path]:
    for path in options.data:
        yield from [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())


def _kind(file: Path) -> str | None:
    return _SUFFIXES.get(Path(file.name.removesuffix(".gz")).suffix.lower())


def _json_format_of(file: Path) -> str:
    head = _head(file)
    if b'"captureData"' in head:
        return "capture"
    return "transform" if re.match(rb'\s*\[\s*\{\s*"prefix"', head) else "jsonl"


def _head(file: Path) -> bytes:
    from model_analyzer.inputs._sources import DAMAGES, opened

    try:
        with opened(file) as stream:
            return stream.read(_SNIFFED_BYTES)
    except DAMAGES:
        return b""  # whoever reads the whole file says what is wrong with it
