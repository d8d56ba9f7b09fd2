"""Tiff files of which only the strips or tiles that are looked at are decoded."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from musc2.errors import InputError
from musc2.inputs.sample import Label

Pixels = NDArray[np.uint8]

_COMPRESSIONS = (1, 5, 8, 32773, 32946)  # none, LZW, deflate, PackBits: each segment by itself
_LARGEST = 64 << 20  # bytes of one segment: with more, the file is decoded as a whole
_PHOTOMETRIC = {1: 1, 3: 2}  # gray and RGB, by the number of samples


@dataclass(frozen=True, kw_only=True)
class Segments:
    """Where the strips or tiles of an image of 8 bits lie in its file, row by row.

    grid: of how many rows and columns of segments, each of ``height`` x ``width`` pixels; the
    lowest strip may be shorter.
    """

    size: tuple[int, int]
    grid: tuple[int, int]
    height: int
    width: int
    samples: int
    compression: int
    predictor: int
    is_tiled: bool
    offsets: tuple[int, ...]
    byte_counts: tuple[int, ...]

    def rows_of(self, row: int) -> int:
        """Return the height of the segments of a row."""
        return self.height if self.is_tiled else min(self.height, self.size[0] - row * self.height)


@dataclass(kw_only=True, eq=False)
class TiffSegments:
    """An image in a tiff file: segments of the rows that were looked at last are in memory."""

    path: Path
    label: Label
    segments: Segments
    decoded: dict[tuple[int, int], Pixels] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int]:
        """The (H, W) of the image."""
        return self.segments.size

    def crop(self, box: tuple[int, int, int, int]) -> Image.Image:
        """Return the top, left, bottom and right of a box as an image."""
        top, left, bottom, right = box
        own = self.segments
        rows = range(top // own.height, -(-bottom // own.height))
        columns = range(left // own.width, -(-right // own.width))
        for key in list(self.decoded):
            if key[0] not in rows:
                del self.decoded[key]
        pixels = np.empty((bottom - top, right - left, own.samples), np.uint8)
        for row in rows:
            for column in columns:
                segment = self._segment(row, column)
                height, width = segment.shape[:2]
                to_rows, of_rows = _overlap((top, bottom), row * own.height, height)
                to_columns, of_columns = _overlap((left, right), column * own.width, width)
                pixels[to_rows, to_columns] = segment[of_rows, of_columns]
        if own.samples == 1:
            return Image.fromarray(pixels[:, :, 0]).convert("RGB")
        return Image.fromarray(pixels)

    def check(self) -> None:
        """Raise unless all of it can be decoded."""
        for row in range(self.segments.grid[0]):
            self.decoded.clear()
            for column in range(self.segments.grid[1]):
                self._segment(row, column)

    def _segment(self, row: int, column: int) -> Pixels:
        if (row, column) not in self.decoded:
            try:
                self.decoded[row, column] = self._read(row, column)
            except (OSError, ValueError, UnidentifiedImageError) as error:
                op, text = self.label.op, self.label.text
                msg = f"{op}: {text} must be readable, got {type(error).__name__}: {error}"
                raise InputError(msg) from error
        return self.decoded[row, column]

    def _read(self, row: int, column: int) -> Pixels:
        own = self.segments
        number = row * own.grid[1] + column
        with self.path.open("rb") as file:
            file.seek(own.offsets[number])
            data = file.read(own.byte_counts[number])
        if len(data) < own.byte_counts[number]:
            msg = f"the file ends within segment {number}"
            raise OSError(msg)
        with Image.open(io.BytesIO(_tiff_of(own, own.rows_of(row), data))) as image:
            pixels = np.asarray(image)
        return pixels.reshape(own.rows_of(row), own.width, own.samples)


def _overlap(window: tuple[int, int], first: int, count: int) -> tuple[slice, slice]:
    """Return where ``count`` pixels from ``first`` on lie in a window, and which of them do."""
    start, end = max(window[0], first), min(window[1], first + count)
    return slice(start - window[0], end - window[0]), slice(start - first, end - first)


def open_segments(path: Path, label: Label) -> TiffSegments | None:
    """Return an image of which parts can be decoded; None if it must be read as a whole.

    That is gray or RGB of 8 bits, upright, in segments of at most 64 MiB that are not compressed
    or compressed by LZW, deflate or PackBits.
    """
    import tifffile  # here, because it is slow to import

    try:
        with tifffile.TiffFile(path) as file:
            segments = _segments(file.pages[0])
    except Exception:  # of a damaged file: reading all of it tells what is wrong
        return None
    if segments is None:
        return None
    height, width = segments.size
    label.check_pixels(height, width)
    label.check_bytes(height * width * segments.samples)
    return TiffSegments(path=path, label=label, segments=segments)


def _segments(page: Any) -> Segments | None:
    """Return the segments of a page of tifffile."""
    samples, compression = int(page.samplesperpixel), int(page.compression)
    orientation = page.tags.get("Orientation")
    is_plain = (
        page.bitspersample == 8
        and int(page.sampleformat) == 1
        and _PHOTOMETRIC.get(samples) == int(page.photometric)
        and (samples == 1 or int(page.planarconfig) == 1)
        and compression in _COMPRESSIONS
        and int(page.predictor) in (1, 2)
        and int(page.fillorder) == 1
        and (orientation is None or orientation.value == 1)
        and page.imagedepth == 1
    )
    size = (int(page.imagelength), int(page.imagewidth))
    if not is_plain or min(size) < 2:
        return None
    height = page.tilelength if page.is_tiled else min(page.rowsperstrip, size[0])
    width = page.tilewidth if page.is_tiled else size[1]
    if min(height, width) < 1:
        return None
    offsets, byte_counts = list(page.dataoffsets), list(page.databytecounts)
    grid = (-(-size[0] // height), -(-size[1] // width))
    if compression == 1 and not page.is_tiled and len(offsets) == 1:
        # One strip that is not compressed can be cut anywhere.
        row_bytes = width * samples
        height = max(1, min(height, (1 << 20) // row_bytes))
        grid = (-(-size[0] // height), 1)
        starts = range(0, size[0], height)
        byte_counts = [min(height, size[0] - start) * row_bytes for start in starts]
        offsets = [offsets[0] + start * row_bytes for start in starts]
    if len(offsets) != grid[0] * grid[1] or height * width * samples > _LARGEST:
        return None
    return Segments(
        size=size,
        grid=grid,
        height=height,
        width=width,
        samples=samples,
        compression=compression,
        predictor=int(page.predictor),
        is_tiled=bool(page.is_tiled),
        offsets=tuple(offsets),
        byte_counts=tuple(byte_counts),
    )


def _tiff_of(segments: Segments, rows: int, data: bytes) -> bytes:
    """Return a tiff file of one segment alone, which PIL decodes as it does all of the file."""
    samples = segments.samples
    longs = {
        256: segments.width,
        257: rows,
        259: segments.compression,
        262: _PHOTOMETRIC[samples],
        273: 0,  # the offset, set below
        277: samples,
        278: rows,
        279: len(data),
        284: 1,
        317: segments.predictor,
    }
    start = 8 + 2 + 12 * (len(longs) + 1) + 4
    longs[273] = start
    entries = {tag: struct.pack("<HHII", tag, 4, 1, value) for tag, value in longs.items()}
    bits = struct.pack("<4H", *[8] * samples, *[0] * (4 - samples))
    if samples == 3:  # three values of 2 bytes do not fit into an entry: behind the data
        bits = struct.pack("<I", start + len(data) + len(data) % 2)
    entries[258] = struct.pack("<HHI", 258, 3, samples) + bits[:4]
    header = struct.pack("<2sHIH", b"II", 42, 8, len(entries))
    tail = bytes(len(data) % 2) + struct.pack("<3H", 8, 8, 8)
    ordered = b"".join(entries[tag] for tag in sorted(entries))
    return header + ordered + struct.pack("<I", 0) + data + tail
