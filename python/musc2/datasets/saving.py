"""Write files of the kinds that data sets use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def save_image(path: Path, values: NDArray[np.generic]) -> None:
    """Write (H, W, 3) or (H, W) in the format of the ending; masks become black and white."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = values.astype(np.uint8) * 255 if values.dtype == bool else values
    Image.fromarray(pixels).save(path, quality=95)


def save_map(path: Path, xyz: NDArray[np.float32]) -> None:
    """Write an xyz map (H, W, 3) as tiff."""
    import tifffile  # here, because it is slow to import

    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, xyz, photometric="rgb")


def save_cloud(path: Path, points: NDArray[np.float32]) -> None:
    """Write a cloud (P, 3) as binary pcd."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = (
        "# .PCD v0.7 - Point Cloud Data file format\n"
        "VERSION 0.7\n"
        "FIELDS x y z\n"
        "SIZE 4 4 4\n"
        "TYPE F F F\n"
        "COUNT 1 1 1\n"
        f"WIDTH {len(points)}\n"
        "HEIGHT 1\n"
        "VIEWPOINT 0 0 0 1 0 0 0\n"
        f"POINTS {len(points)}\n"
        "DATA binary\n"
    )
    path.write_bytes(header.encode() + points.astype("<f4").tobytes())


def save_text(path: Path, text: str) -> None:
    """Write a text file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def append_row(path: Path, header: str, row: str) -> None:
    """Add a row to a table, which begins with ``header``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        if file.tell() == 0:
            file.write(f"{header}\n")
        file.write(f"{row}\n")
