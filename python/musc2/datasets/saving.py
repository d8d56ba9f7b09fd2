"""Parts of the generators as files of all the kinds that data sets use."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from musc2.datasets.synthetic import Parts


class Part(NamedTuple):
    """One part; ``number`` counts those of its kind."""

    kind: str
    number: int
    rgb: NDArray[np.uint8]
    xyz: NDArray[np.float32]
    mask: NDArray[np.bool_]


def each(parts: Parts) -> Iterator[Part]:
    """The parts, one by one."""
    numbers: defaultdict[str, Iterator[int]] = defaultdict(itertools.count)
    for index, kind in enumerate(parts.kinds):
        yield Part(kind, next(numbers[kind]), parts.rgb[index], parts.xyz[index], parts.masks[index])


def picture(path: Path, values: NDArray[np.generic]) -> None:
    """(H, W, 3) or (H, W) as a file of the format that its ending says; a mask as black and white."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.astype(np.uint8) * 255 if values.dtype == bool else values).save(path, quality=95)


def scan(path: Path, xyz: NDArray[np.float32]) -> None:
    """(H, W, 3) as tiff."""
    import tifffile  # here, because it is slow to import

    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, xyz, photometric="rgb")


def cloud(path: Path, points: NDArray[np.float32]) -> None:
    """(P, 3) as binary pcd."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = (
        "# .PCD v0.7 - Point Cloud Data file format\nVERSION 0.7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\n"
        f"WIDTH {len(points)}\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS {len(points)}\nDATA binary\n"
    )
    path.write_bytes(head.encode() + points.astype("<f4").tobytes())


def text(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def line(path: Path, head: str, content: str) -> None:
    """Adds a line to a table, which begins with ``head``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(("" if file.tell() else f"{head}\n") + f"{content}\n")
