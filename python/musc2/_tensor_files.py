"""One file of named arrays and JSON, laid out as safetensors are, with checksums.

8 bytes of the header's length, the header in JSON, the arrays one after the other. Nothing in it is
executed, and arrays are mapped into memory when it is read. The header's ``__metadata__`` holds the
caller's JSON and the CRC-32 of it and of every array, so that damage anywhere is noticed.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from musc2 import atomic_files
from musc2.errors import InputError

Array = NDArray[Any]
_TYPES: dict[str, np.dtype[Any]] = {
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "U8": np.dtype("u1"),
}
_NAMES = {dtype: name for name, dtype in _TYPES.items()}
_ABOUT, _CHECKSUMS, _ABOUT_CHECKSUM = "about", "checksums", "about_checksum"
_LARGEST_HEADER = 100 << 20
_BLOCK = 1 << 24  # bytes to check at once


@dataclass(frozen=True, kw_only=True, eq=False)
class Chunks:
    """An array that is written piece by piece, along its first axis."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    pieces: Iterable[Array]


def write(path: Path, arrays: Mapping[str, Array | Chunks], about: Mapping[str, Any]) -> None:
    """Write the file as a whole: readers see the earlier one or this one."""
    ordered = sorted(arrays.items(), key=lambda item: (-item[1].dtype.itemsize, item[0]))
    checksums = {name: 0 for name, _ in ordered}
    text = json.dumps(about)
    with atomic_files.replacing(path) as file:
        file.write(_header(ordered, checksums, text))
        for name, values in ordered:
            pieces = values.pieces if isinstance(values, Chunks) else [values]
            checksums[name] = _write_pieces(file, pieces)
        file.seek(0)
        file.write(_header(ordered, checksums, text))


def read(path: Path, *, verify: bool = True) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return the arrays, mapped into memory and copied where they are changed, and the JSON.

    Without ``verify`` the arrays are not read to compare their checksums.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, _LARGEST_HEADER):
            raise _damaged(path, "it ends within its header")
        raw = file.read(length)
    header, metadata, checksums = _parsed(path, raw)
    start = 8 + length
    ends = [start, *(start + entry["data_offsets"][1] for entry in header.values())]
    if max(ends) != size:
        raise _damaged(path, f"it has {size} bytes instead of {max(ends)}")
    arrays: dict[str, Array] = {}
    for name, entry in header.items():
        shape, offset = tuple(entry["shape"]), start + entry["data_offsets"][0]
        dtype = _TYPES[entry["dtype"]]
        if 0 in shape:
            arrays[name] = np.empty(shape, dtype)
            continue
        arrays[name] = np.memmap(path, dtype, "c", offset, shape)
        if verify and _checksum(arrays[name]) != checksums[name]:
            raise _damaged(path, f"the checksum of {name} differs")
    return arrays, metadata


def _header(
    arrays: Sequence[tuple[str, Array | Chunks]], checksums: Mapping[str, int], text: str
) -> bytes:
    """Return the length and the header; its length does not depend on the checksums."""
    own = {name: f"{value:08x}" for name, value in checksums.items()}
    header: dict[str, Any] = {
        "__metadata__": {
            _ABOUT: text,
            _ABOUT_CHECKSUM: f"{zlib.crc32(text.encode()):08x}",
            _CHECKSUMS: json.dumps(own),
        }
    }
    offset = 0
    for name, values in arrays:
        end = offset + values.dtype.itemsize * math.prod(values.shape)
        header[name] = {
            "dtype": _NAMES[values.dtype],
            "shape": list(values.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    content = json.dumps(header, separators=(",", ":")).encode()
    content += b" " * (-len(content) % 8)
    return len(content).to_bytes(8, "little") + content


def _parsed(
    path: Path, raw: bytes
) -> tuple[dict[str, dict[str, Any]], dict[str, Any], dict[str, int]]:
    """Return the entries of the arrays, the caller's JSON and the checksums."""
    try:
        header = json.loads(raw)
        metadata = header.pop("__metadata__")
        text: str = metadata[_ABOUT]
        if zlib.crc32(text.encode()) != int(metadata[_ABOUT_CHECKSUM], 16):
            raise _damaged(path, "the checksum of its settings differs")
        checksums = {name: int(v, 16) for name, v in json.loads(metadata[_CHECKSUMS]).items()}
        offset = 0
        for name, entry in header.items():
            first, end = entry["data_offsets"]
            itemsize = _TYPES[entry["dtype"]].itemsize
            if first != offset or end - first != itemsize * math.prod(entry["shape"]):
                raise _damaged(path, f"the place of {name} is not right")
            offset = end
        if header.keys() != checksums.keys():
            raise _damaged(path, "arrays are missing")
        return header, json.loads(text), checksums
    except InputError:
        raise
    except Exception as error:  # json and its users raise what a damaged header leads them to
        raise _damaged(path, f"its header cannot be read ({error})") from error


def _write_pieces(file: BinaryIO, pieces: Iterable[Array]) -> int:
    """Write the pieces and return the checksum of all."""
    checksum = 0
    for piece in pieces:
        content = np.ascontiguousarray(piece).reshape(-1).view(np.uint8).data
        file.write(content)
        checksum = zlib.crc32(content, checksum)
    return checksum


def _checksum(array: Array) -> int:
    content = array.reshape(-1).view(np.uint8).data
    checksum = 0
    for start in range(0, len(content), _BLOCK):
        checksum = zlib.crc32(content[start : start + _BLOCK], checksum)
    return checksum


def _damaged(path: Path, reason: str) -> InputError:
    return InputError(f"{path} is damaged, or no bank: {reason}")
