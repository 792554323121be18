"""The column names and types in the footer of a Parquet file, and nothing else of it.

The footer is a Thrift structure in the compact protocol. A reader of the few fields that are needed is smaller than any
library that could be imported at synthesis.

https://parquet.apache.org/docs/file-format/metadata/
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MAGIC = b"PAR1"
_TRAILER = 8
_LARGEST_FOOTER = 256 * 1024 * 1024

PHYSICAL = ("BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY")
# Names of the fields of the union LogicalType and values of the older enum ConvertedType, as far as they matter.
_LOGICAL = {1: "STRING", 2: "MAP", 3: "LIST", 4: "ENUM", 5: "DECIMAL", 6: "DATE", 7: "TIME", 8: "TIMESTAMP"} | {
    10: "INTEGER",
    11: "UNKNOWN",
    12: "JSON",
    13: "BSON",
    14: "UUID",
    15: "FLOAT16",
}
_CONVERTED = {0: "STRING", 1: "MAP", 2: "MAP", 3: "LIST", 4: "ENUM", 5: "DECIMAL", 6: "DATE", 7: "TIME", 8: "TIME"} | {
    9: "TIMESTAMP",
    10: "TIMESTAMP",
    19: "JSON",
    20: "BSON",
    21: "INTERVAL",
}
_REPEATED = 2


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the top level.

    :param name: Its name.
    :param physical: How values are stored; empty for a column with columns below it.
    :param logical: What they mean; empty where the storage says it all.
    :param nested: Whether it is a list, a map or a structure.
    """

    name: str
    physical: str
    logical: str
    nested: bool


def columns(file: str | os.PathLike[str]) -> list[Column]:
    """The columns of a file's top level.

    :raises ValueError: The file is no Parquet file, is cut short, or its footer is encrypted.
    """
    path = Path(file)
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        if size < _TRAILER + len(_MAGIC):
            raise ValueError(f"{path} has {size} bytes, too few for a Parquet file")
        stream.seek(size - _TRAILER)
        trailer = stream.read(_TRAILER)
        if trailer[4:] == b"PARE":
            raise ValueError(f"{path} has an encrypted footer; write its features down instead")
        if trailer[4:] != _MAGIC:
            raise ValueError(f"{path} does not end as a Parquet file does; is it one, and is it complete?")
        length = int.from_bytes(trailer[:4], "little")
        if length > min(size - _TRAILER, _LARGEST_FOOTER):
            raise ValueError(f"{path} says that its footer has {length} bytes, which it cannot have; is it complete?")
        stream.seek(size - _TRAILER - length)
        footer = stream.read(length)
    try:
        elements = _Compact(footer).struct()[2]
        return _top_level(elements)
    except (IndexError, KeyError, TypeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path} has a footer that cannot be read ({error!r})") from error


def _top_level(elements: list[dict[int, Any]]) -> list[Column]:
    """The schema is a tree in depth-first order; the first element is its root."""
    found = []
    position = 1
    for _ in range(elements[0].get(5, 0)):
        element = elements[position]
        children = element.get(5, 0)
        logical = element.get(10)
        name = _LOGICAL.get(next(iter(logical)), "") if logical else _CONVERTED.get(element.get(6, -1), "")
        found.append(
            Column(
                name=element[4].decode(),
                physical="" if children else PHYSICAL[element[1]],
                logical=name,
                nested=bool(children) or element.get(3) == _REPEATED,
            )
        )
        position = _after(elements, position)
    return found


def _after(elements: list[dict[int, Any]], position: int) -> int:
    """Position behind an element and everything below it."""
    pending = 1
    while pending:
        pending += elements[position].get(5, 0) - 1
        position += 1
    return position


class _Compact:
    """Thrift's compact protocol: structures as mappings of field numbers."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def struct(self) -> dict[int, Any]:
        fields: dict[int, Any] = {}
        number = 0
        while (header := self._byte()) != 0:
            step = header >> 4
            number = number + step if step else self._zigzag()
            fields[number] = self._value(header & 0x0F, in_list=False)
        return fields

    def _byte(self) -> int:
        value = self._data[self._at]
        self._at += 1
        return value

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _take(self, length: int) -> bytes:
        if self._at + length > len(self._data):
            raise IndexError("it ends too early")
        piece = self._data[self._at : self._at + length]
        self._at += length
        return piece

    def _value(self, kind: int, *, in_list: bool) -> Any:
        match kind:
            case 1 | 2:
                # A truth value is its type inside a structure, and a byte inside a list.
                return self._byte() == 1 if in_list else kind == 1
            case 3:
                return self._byte()
            case 4 | 5 | 6:
                return self._zigzag()
            case 7:
                return self._take(8)
            case 8:
                return self._take(self._varint())
            case 9 | 10:
                return self._list()
            case 11:
                return self._map()
            case 12:
                return self.struct()
        raise KeyError(f"type {kind}")

    def _list(self) -> list[Any]:
        header = self._byte()
        count = header >> 4
        if count == 15:
            count = self._varint()
        return [self._value(header & 0x0F, in_list=True) for _ in range(count)]

    def _map(self) -> dict[Any, Any]:
        count = self._varint()
        if not count:
            return {}
        kinds = self._byte()
        pairs = {}
        for _ in range(count):
            key = self._value(kinds >> 4, in_list=True)
            pairs[key] = self._value(kinds & 0x0F, in_list=True)
        return pairs
