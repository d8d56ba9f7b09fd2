"""Networks and built-in features that turn images and point groups into tokens.

A family of encoders is a module of this package with ``NAMES`` (name -> a line of description) and
``load(name, *, weights, download, device, precision)``. A family with weights also has
``find(name, weights)``, ``fetch(name)`` and ``file_name(name)``, that of the published file; one
that takes names that cannot be listed (folders, hub ids) also has ``accepts(name)``. Size and
license of the weights are in ``_checkpoints.catalog``.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil
from pathlib import Path
from types import ModuleType

import torch

from musc2 import checks
from musc2.encoders import _runtimes
from musc2.encoders._checkpoints import fetching
from musc2.encoders._checkpoints.kept import Kept, version
from musc2.encoders.contract import (
    PRECISIONS,
    BlockEncoder,
    Encoder,
    ImageEncoder,
    ImageTokens,
    PointEncoder,
    RuntimeEncoder,
    TokenDefaults,
    usable_device,
)
from musc2.errors import InputError

__all__ = [
    "BlockEncoder",
    "Encoder",
    "ImageEncoder",
    "ImageTokens",
    "PointEncoder",
    "TokenDefaults",
    "add",
    "available",
    "fetch",
    "load",
    "names",
]


def names() -> tuple[str, ...]:
    """Return the names that ``load`` takes besides folders and hub ids."""
    return tuple(_families())


def load(
    name: str,
    *,
    weights: str | Path | None = None,
    download: bool = False,
    device: str | torch.device = "cpu",
    precision: str = "float32",
    runtime: str = "torch",
) -> ImageEncoder | PointEncoder:
    """Return the encoder ``name``.

    Args:
        name: One of ``names()``, a folder or file with the weights of a vision transformer, or the
            id of one on the Hugging Face hub.
        weights: A file or folder. Default: the local caches.
        download: Fetch weights that are not in the caches.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: The type of matrix products: "float32", "bfloat16", "float16" or "auto", a half
            type if the hardware has one.

    >>> load("texture").size
    224
    """
    family = _family("load", name)
    checks.choice("load", "precision", precision, PRECISIONS)
    path = None if weights is None else Path(weights).expanduser()
    if path is not None and not path.exists():
        msg = f"load: weights must be a file or folder, got {str(path)!r}, which does not exist"
        raise InputError(msg)
    usable = str(usable_device("load", device))
    encoder: ImageEncoder | PointEncoder = family.load(
        name, weights=path, download=download, device=usable, precision=precision
    )
    return _in_runtime(encoder, runtime, usable, precision)


_kept: Kept[ImageEncoder | PointEncoder] = Kept()


def shared(name: str, *, device: str, precision: str, runtime: str) -> ImageEncoder | PointEncoder:
    """Return ``load(name)``; a network whose weights are the same as before is not loaded again.

    What is returned is shared with earlier and later calls, and must not be changed.
    """
    family = _family("load", name)
    path = family.find(name, None) if hasattr(family, "find") else None
    if path is None:  # without weights, or without those that it needs: load tells
        return load(name, device=device, precision=precision, runtime=runtime)
    key = (name, device, precision, version(path))
    encoder = _kept.get(key, lambda: load(name, device=device, precision=precision))
    return _in_runtime(encoder, runtime, device, precision)


def _in_runtime(
    encoder: ImageEncoder | PointEncoder, runtime: str, device: str, precision: str
) -> ImageEncoder | PointEncoder:
    """Return the encoder, a network in the runtime that ``runtime`` stands for."""
    checks.choice("load", "runtime", runtime, _runtimes.RUNTIMES)
    if not isinstance(encoder, RuntimeEncoder):
        return encoder
    own = _runtimes.choose("load", runtime, torch.device(device), precision)
    variant: ImageEncoder | PointEncoder = encoder.with_runtime(own)
    return variant


def available(name: str) -> bool:
    """Return whether ``load(name)`` works without installing or downloading anything."""
    family = _family("available", name)
    return not hasattr(family, "find") or family.find(name, None) is not None


def fetch(name: str) -> Path:
    """Download the weights of ``name`` into the local cache and return their path."""
    family = _family("fetch", name)
    if not hasattr(family, "fetch"):
        msg = f"fetch: {name} needs no weights"
        raise InputError(msg)
    path: Path = family.fetch(name)
    return path


def add(path: str | Path, name: str | None = None) -> Path:
    """Copy weights into the local cache, where ``load(name)`` finds them; return their place.

    Args:
        path: A file, or a folder with config.json and weights.
        name: One of ``names()``. Default: the one whose published file or folder has this name.
    """
    source = Path(path).expanduser()
    if not source.exists():
        checks.refuse("add", "path", "must be a file or folder", f"{str(path)!r}, which is none")
    own = name or _name_of(source)
    if own is None:
        msg = f"add: {source.name} is no file that we know; say what it is: --as NAME, or name=NAME"
        raise InputError(msg)
    checks.choice("add", "name", own, names())
    family = _family("add", own)
    if not hasattr(family, "find"):
        msg = f"add: {own} needs no weights"
        raise InputError(msg)
    # Raise unless they are its weights.
    family.load(own, weights=source, download=False, device="cpu", precision="float32")
    return fetching.store(source, own, family.file_name(own))


def _name_of(source: Path) -> str | None:
    for name, family in _families().items():
        if source.name == name:
            return name
        if source.name == getattr(family, "file_name", lambda _: None)(name):
            return name
    return None


def _family(op: str, name: str) -> ModuleType:
    """Return the module that loads ``name``."""
    families = _families()
    if not isinstance(name, str):
        checks.refuse(op, "name", "must be the name of an encoder", type(name).__name__)
    if name in families:
        return families[name]
    for family in families.values():
        if hasattr(family, "accepts") and family.accepts(name):
            return family
    close = difflib.get_close_matches(name, families, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    requirement = f"must be one of {', '.join(families)}, a folder or a hub id"
    checks.refuse(op, "name", requirement, f"{name!r}{hint}")


@functools.cache
def _families() -> dict[str, ModuleType]:
    """Return the module of each name."""
    families: dict[str, ModuleType] = {}
    for file in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{file.name}")
        families |= dict.fromkeys(getattr(module, "NAMES", ()), module)
    return families
