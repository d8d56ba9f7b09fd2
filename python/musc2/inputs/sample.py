"""The inputs of samples before they are read, with the labels that name them in errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, NoReturn, TypeVar

import numpy as np
from PIL import Image

from musc2 import checks
from musc2.errors import InputError
from musc2.inputs.limits import DEFAULT, Limits, kind_of_special_file

Picture = Image.Image | np.ndarray[Any, Any]
"""An image that was read: PIL of mode RGB, or (H, W, 3) float32 in [0, 1] beyond 8 bits."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Label:
    """The name of an input in errors, the function, the argument and the file, and its limits."""

    op: str
    text: str
    limits: Limits = DEFAULT

    def refuse(self, requirement: str, got: object) -> NoReturn:
        """Raise an InputError about this input; a requirement begins with "must"."""
        checks.refuse(self.op, self.text, requirement, got)

    def item(self, index: int, file: str = "") -> Label:
        """Return the label of one value of this argument: "rgb[3] (parts/3.png)"."""
        return replace(self, text=f"{self.text}[{index}]{file}")

    def about(self, part: str) -> Label:
        """Return the label of something that belongs to this input: "mask of rgb[3]"."""
        return replace(self, text=f"{part} of {self.text}")

    def check_file(self, path: Path) -> None:
        """Raise unless ``path`` is a regular file within the limits."""
        kind = kind_of_special_file(path)
        if kind is not None:
            self.refuse("must be a regular file", kind)
        self.check_bytes(path.stat().st_size)

    def check_bytes(self, count: int) -> None:
        """Raise if an input is, or declares to be, larger than is allowed."""
        most = self.limits.bytes
        if most is not None and count > most:
            requirement = f"must be of at most {most} bytes (max_bytes of the config)"
            self.refuse(requirement, count)

    def check_pixels(self, height: int, width: int) -> None:
        """Raise if an image or map has, or declares, more pixels than are allowed."""
        most = self.limits.pixels
        if most is not None and height * width > most:
            requirement = f"must have at most {most} pixels (max_pixels of the config)"
            self.refuse(requirement, f"{height} x {width}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Source(Generic[T]):
    """One value of an argument, not read yet.

    index: its position, None if the argument is a single file; path: None for a value in memory,
    which is ``value``; load: reads the value and gets the label for its errors.
    """

    argument: Label
    index: int | None
    path: Path | None
    load: Callable[[Label], T]
    value: object = None

    @property
    def label(self) -> Label:
        """Return the name in errors: "rgb[3] (parts/3.png)"."""
        file = "" if self.path is None else f" ({self.path})"
        if self.index is None:
            return replace(self.argument, text=self.argument.text + file)
        return self.argument.item(self.index, file)

    def read(self) -> T:
        """Read and check the value; a reader's exception becomes an InputError with the label."""
        label = self.label
        try:
            if self.path is not None:
                label.check_file(self.path)
            return self.load(label)
        except (InputError, MemoryError):
            raise
        except Exception as error:
            msg = f"{label.op}: {label.text} must be readable, got {type(error).__name__}: {error}"
            raise InputError(msg) from error


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """One part: its image, its xyz map or cloud, or both, and its foreground mask, not read yet."""

    index: int
    name: str
    image: Source[Picture] | None = None
    cloud: Source[np.ndarray[Any, Any]] | None = None
    mask: Source[np.ndarray[Any, Any]] | None = None

    @property
    def path(self) -> Path | None:
        """Return the file of the image, else of the cloud; None for arrays."""
        for source in (self.image, self.cloud):
            if source is not None and source.path is not None:
                return source.path
        return None
