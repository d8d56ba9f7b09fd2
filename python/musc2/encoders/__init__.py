"""Networks and built-in features that turn images and point groups into tokens: one file per family.

A family is a module of this package with ``NAMES`` (name -> one line about it) and ``load(name, *, weights, download,
device, precision)``. One that needs weights also has ``find(name, weights)`` and ``fetch(name)``; one that takes names
that no list can hold (folders, hub ids) has ``accepts(name)``.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil
from pathlib import Path
from types import ModuleType

import torch

from musc2.encoders.contract import (
    PRECISIONS,
    Encoder,
    ImageEncoder,
    ImageTokens,
    PointEncoder,
    TokenDefaults,
    usable_device,
)
from musc2.errors import InputError

__all__ = [
    "Encoder",
    "ImageEncoder",
    "ImageTokens",
    "TokenDefaults",
    "PointEncoder",
    "available",
    "fetch",
    "load",
    "names",
]


def names() -> tuple[str, ...]:
    """The names that ``load`` knows. Folders and hub ids of the same kinds of networks load as well."""
    return tuple(_families())


def load(
    name: str,
    *,
    weights: str | Path | None = None,
    download: bool = False,
    device: str | torch.device = "cpu",
    precision: str = "float32",
) -> ImageEncoder | PointEncoder:
    """The encoder called ``name``, ready to use.

    ``weights``: a file or folder; without it the local caches are searched, and with ``download`` the network as well.
    ``precision``: "float32", "bfloat16", "float16" (of the matrix products) or "auto", a half type where the hardware
    has one.
    """
    family = _family("load", name)
    if precision not in PRECISIONS:
        msg = f"load: precision must be one of {', '.join(PRECISIONS)}, got {precision!r}"
        raise InputError(msg)
    path = None if weights is None else Path(weights).expanduser()
    if path is not None and not path.exists():
        msg = f"load: weights must be a file or folder, got {str(path)!r}, which does not exist"
        raise InputError(msg)
    found: ImageEncoder | PointEncoder = family.load(
        name, weights=path, download=download, device=str(usable_device("load", device)), precision=precision
    )
    return found


def available(name: str) -> bool:
    """Whether ``load(name)`` works on this machine as it is: nothing to install, nothing to download."""
    family = _family("available", name)
    return not hasattr(family, "find") or family.find(name, None) is not None


def fetch(name: str) -> Path:
    """Downloads the weights of ``name`` into the local cache; where they then are."""
    family = _family("fetch", name)
    if not hasattr(family, "fetch"):
        msg = f"fetch: {name} needs no weights"
        raise InputError(msg)
    path: Path = family.fetch(name)
    return path


def _family(op: str, name: str) -> ModuleType:
    families = _families()
    if not isinstance(name, str):
        msg = f"{op}: name must be the name of an encoder, got {type(name).__name__}"
        raise InputError(msg)
    if name in families:
        return families[name]
    for family in dict.fromkeys(families.values()):
        if hasattr(family, "accepts") and family.accepts(name):
            return family
    near = difflib.get_close_matches(name, families, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    msg = f"{op}: name must be one of {', '.join(families)}, a folder or a hub id, got {name!r}{hint}"
    raise InputError(msg)


@functools.cache
def _families() -> dict[str, ModuleType]:
    modules = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    return {name: module for module in modules if hasattr(module, "NAMES") for name in module.NAMES}
