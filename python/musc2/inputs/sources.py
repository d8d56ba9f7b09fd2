"""One input of one sample, not read yet: it knows where it came from, so that every error can name it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NoReturn, TypeVar

import numpy as np
from PIL import Image

from musc2.errors import InputError

Picture = Image.Image | np.ndarray[Any, Any]
"""An image as it is read: PIL of mode RGB, or (H, W, 3) float32 in [0, 1] where it is deeper than 8 bits."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, eq=False)
class Source(Generic[T]):
    """``argument`` and ``index`` say where the user gave it; ``path`` is None for what was in memory already."""

    argument: str
    index: int
    path: Path | None
    load: Callable[[str], T]  # is given the label, for its errors

    @property
    def label(self) -> str:
        """rgb[3] (parts/3.png)"""
        return f"{self.argument}[{self.index}]" + ("" if self.path is None else f" ({self.path})")

    def read(self) -> T:
        """What is there, checked. Whatever a damaged file makes its reader raise becomes an error that names it."""
        try:
            return self.load(self.label)
        except (InputError, MemoryError):
            raise
        except Exception as error:
            msg = f"score: {self.label} must be readable, got {type(error).__name__}: {error}"
            raise InputError(msg) from error


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """One part: its image, its xyz map or cloud, or both, and what of it is foreground where the user said so."""

    index: int
    name: str
    image: Source[Picture] | None = None
    cloud: Source[np.ndarray[Any, Any]] | None = None
    mask: Source[np.ndarray[Any, Any]] | None = None

    @property
    def path(self) -> Path | None:
        """The file of the image, else of the cloud."""
        paths = [source.path for source in (self.image, self.cloud) if source is not None and source.path is not None]
        return paths[0] if paths else None


def refuse(label: str, wanted: str, got: object) -> NoReturn:
    """Raises the error that says what is wrong with the argument or input ``label``."""
    msg = f"score: {label} {wanted}, got {got}"
    raise InputError(msg)
