"""Which encoders a call uses: those it names, those it brings, or what "auto" finds on this machine."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any

from musc2 import encoders
from musc2.encoders import ImageEncoder, PointEncoder, custom
from musc2.errors import InputError

DEFAULT_SIZE = 224
# What "auto" takes: the first, when its weights are on this machine, else the second, which needs none.
IMAGE, POINT = ("dino-vitb8", "texture"), ("point-mae", "shape")


def automatic(of_images: object, of_points: object, *, stacklevel: int = 3) -> tuple[object, object]:
    """The two with "auto" replaced by a name (None stays), and one warning for all networks that are not here."""
    given = [(of_images, IMAGE), (of_points, POINT)]
    chosen = [names[not encoders.available(names[0])] if _is_auto(encoder) else encoder for encoder, names in given]
    fallbacks = [names for (encoder, names), name in zip(given, chosen, strict=True) if _fell(encoder, names, name)]
    if fallbacks:
        warnings.warn(_fallback(fallbacks), stacklevel=stacklevel + 1)
    return chosen[0], chosen[1]


def image_encoder(given: object, device: str, precision: str, layers: Sequence[int] | None) -> ImageEncoder:
    """The encoder of images that ``given``, a name, an encoder or a callable, stands for."""
    encoder: Any = _encoder("encoder_2d", given, device, precision)
    if encoder is None:
        encoder = custom.image_encoder(given, DEFAULT_SIZE)  # type: ignore[arg-type]
    if not hasattr(encoder, "resample"):
        msg = f"score: encoder_2d must be an encoder of images, got {_name(encoder)}, one of points"
        raise InputError(msg)
    if layers is not None:
        if not hasattr(encoder, "blocks") or not dataclasses.is_dataclass(encoder):
            msg = f"score: config.layers must be None with {_name(encoder)}, which has no blocks to choose"
            raise InputError(msg)
        encoder = dataclasses.replace(encoder, blocks=tuple(layers))  # type: ignore[type-var]
    found: ImageEncoder = encoder
    return found


def point_encoder(given: object, device: str, precision: str) -> PointEncoder:
    """The encoder of point groups that ``given``, a name, an encoder or a callable, stands for."""
    encoder: Any = _encoder("encoder_3d", given, device, precision)
    if encoder is None:
        encoder = custom.point_encoder(given)  # type: ignore[arg-type]
    if hasattr(encoder, "resample"):
        msg = f"score: encoder_3d must be an encoder of points, got {_name(encoder)}, one of images"
        raise InputError(msg)
    found: PointEncoder = encoder
    return found


def side(encoder: ImageEncoder | None, size: int | None) -> int:
    """The side that images and xyz maps are brought to: ``size``, else as the encoder says."""
    patch = getattr(encoder, "patch", 1)
    if size is not None and size % patch:
        msg = f"score: config.size must be a multiple of {patch} with {_name(encoder)}, got {size}"
        raise InputError(msg)
    return size or (DEFAULT_SIZE if encoder is None else encoder.size)


def _encoder(argument: str, given: object, device: str, precision: str) -> object:
    """A named encoder or one that is given as it is; None for a callable, which still has to become one."""
    if isinstance(given, str):
        return encoders.load(given, device=device, precision=precision)
    missing = [name for name in ("encode", "fit", "matching", "name") if not hasattr(given, name)]
    if not missing:
        return given
    if callable(given):
        return None
    has = "" if "encode" in missing else f" without {', '.join(missing)}"
    msg = f"score: {argument} must be the name of an encoder, an encoder or a callable, got {type(given).__name__}{has}"
    raise InputError(msg)


def _is_auto(encoder: object) -> bool:
    return isinstance(encoder, str) and encoder == "auto"


def _fell(encoder: object, names: tuple[str, str], name: object) -> bool:
    return _is_auto(encoder) and name == names[1]


def _fallback(names: Sequence[tuple[str, str]]) -> str:
    missing, used = (" and ".join(each) for each in zip(*names, strict=True))
    commands = " and ".join(f"`musc2 weights fetch {network}`" for network, _ in names)
    subject = f"the built-in encoder {used} stands" if len(names) == 1 else f"the built-in encoders {used} stand"
    return (
        f"score: {subject} in for {missing}, whose weights are not on this machine; get them with {commands}, "
        "or name the encoder to use instead of leaving it on auto"
    )


def _name(encoder: object) -> str:
    return str(getattr(encoder, "name", type(encoder).__name__))
