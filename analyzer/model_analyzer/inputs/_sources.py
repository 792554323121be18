"""Files, folders, bytes and open files, seen as one stream of byte blocks that end at line ends."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from ._report import InputReport

Source = Path | str | tuple[str, bytes] | tuple[str, IO[bytes]]
"""A path, or a name with the bytes (or an open binary file) behind it."""

BLOCK_BYTES = 16 * 1024 * 1024
LONGEST_RECORD_BYTES = 64 * 1024 * 1024
DAMAGES = (OSError, EOFError, zlib.error)
_LINE_END = ord("\n")
_GZIP = b"\x1f\x8b"
_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")


def expand(
    files: Iterable[Source] | Source, suffixes: tuple[str, ...] = (), report: InputReport | None = None
) -> Iterator[Source]:
    """The files themselves; a folder stands for every file below it, in the order of their paths.

    Hidden files and files with another suffix than those asked for are passed over inside folders only: a file that is
    named explicitly is always read. The report counts the files with another suffix.

    Raises:
        FileNotFoundError: A path does not exist.
    """
    if isinstance(files, str | Path) or _is_named(files):
        files = [cast("Source", files)]
    for source in cast("Iterable[Source]", files):
        if not isinstance(source, str | Path):
            yield source
            continue
        path = Path(source)
        if path.is_dir():
            for file in sorted(path.rglob("*")):
                if not _visible(file, path):
                    continue
                if not suffixes or file.name.removesuffix(".gz").endswith(suffixes):
                    yield file
                elif report is not None:
                    report.passed_over += 1
        elif path.exists():
            yield path
        else:
            raise FileNotFoundError(f"{path}: no such file or folder")


def _is_named(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str) and not isinstance(value[1], str)


def _visible(file: Path, folder: Path) -> bool:
    return file.is_file() and not any(part.startswith((".", "_")) for part in file.relative_to(folder).parts)


def name_of(source: Source) -> str:
    """How the report calls a source."""
    return source[0] if isinstance(source, tuple) else str(source)


@contextmanager
def opened(source: Source) -> Iterator[IO[bytes]]:
    """The source as a binary file; gzip is recognised by its first bytes, UTF-16 by its byte order mark."""
    with io.BytesIO(source[1]) if isinstance(source, tuple) and isinstance(source[1], bytes) else _raw(source) as raw:
        buffered = raw if isinstance(raw, io.BytesIO) else io.BufferedReader(cast("io.RawIOBase", raw))
        head = buffered.getvalue()[:3] if isinstance(buffered, io.BytesIO) else buffered.peek(3)[:3]
        if head.startswith(_GZIP):
            yield cast("IO[bytes]", gzip.GzipFile(fileobj=buffered))
        elif head.startswith(_UTF16_BOMS):
            yield io.BytesIO(buffered.read().decode("utf-16", errors="replace").encode())
        else:
            if head.startswith(_UTF8_BOM):
                buffered.read(3)
            yield cast("IO[bytes]", buffered)


def _raw(source: Source) -> IO[bytes]:
    if isinstance(source, tuple):
        return cast("IO[bytes]", source[1])
    return Path(source).open("rb", buffering=0)


def blocks(
    source: Source,
    report: InputReport,
    quoted: bool = False,
    block_bytes: int = BLOCK_BYTES,
    first_bytes: int | None = None,
) -> Iterator[bytes]:
    """Blocks of whole lines. With `quoted`, a line end inside a pair of quotation marks does not count.

    A source that breaks in the middle (a damaged gzip file, for one) gives what came before the damage and a problem
    in the report.

    Args:
        source: The file.
        report: Gets the counts.
        quoted: See above.
        block_bytes: About how large blocks are.
        first_bytes: About how large the first one is. Default: as the others.
    """
    report.files += 1
    empty = True
    try:
        with opened(source) as file:
            read = _sized if _seeks(file) else _Buffered(block_bytes)
            size = min(first_bytes or block_bytes, block_bytes)
            while block := read(file, size):
                empty = False
                size = block_bytes
                if quoted and b'"' in block:
                    block += _rest_of_record(block.count(b'"'), file)
                yield block if block.endswith(b"\n") else block + b"\n"
    except DAMAGES as error:
        report.add_problem(name_of(source), None, "unreadable file", str(error))
    if empty:
        report.empty_files += 1


def _seeks(file: IO[bytes]) -> bool:
    """Whether going back in a file costs nothing, as it does in a compressed one."""
    return isinstance(file, io.BytesIO | io.BufferedReader) and file.seekable()


def _sized(file: IO[bytes], size: int) -> bytes:
    """About `size` bytes up to the end of a line, in one piece: the end is looked up before anything is read."""
    start = file.tell()
    file.seek(start + size - 1)
    end = start + size - 1 + len(file.readline(LONGEST_RECORD_BYTES))
    file.seek(start)
    return file.read(end - start)


class _Buffered:
    """The same of a file that only goes forward. One buffer for all blocks: fresh memory costs more than reading.

    Of a file that breaks, whole lines before the damage are given before the error is.
    """

    def __init__(self, size: int) -> None:
        self._buffer = bytearray(size)
        self._damage: Exception | None = None

    def __call__(self, file: IO[bytes], size: int) -> bytes:
        if self._damage is not None:
            raise self._damage
        used, rest = 0, b""
        with memoryview(self._buffer)[:size] as view:
            try:
                while used < size and (count := file.readinto1(view[used:])):  # type: ignore[attr-defined]
                    used += count
                rest = file.readline(LONGEST_RECORD_BYTES) if used and view[used - 1] != _LINE_END else b""
            except DAMAGES as damage:
                self._damage = damage
                used = self._buffer.rfind(b"\n", 0, used) + 1
                if not used:
                    raise
            return b"".join((view[:used], rest))


def _rest_of_record(quotes: int, file: IO[bytes]) -> bytes:
    """The lines up to the one that closes an open quotation mark; none if none closes it within reason."""
    if quotes % 2 == 0:
        return b""
    lines: list[bytes] = []
    size = 0
    while size < LONGEST_RECORD_BYTES and (line := file.readline(LONGEST_RECORD_BYTES)):
        lines.append(line)
        size += len(line)
        if line.count(b'"') % 2:
            break
    return b"".join(lines)
