"""The encoders of a bank in its file: their names, what they learned, and how to know them again.

A fingerprint is a piece of the tokens of a made-up image or cloud. Encoders of one name with other
weights give other tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from musc2 import checks
from musc2._arguments.bank import Specifications
from musc2._tensor_files import Array
from musc2.config import Config
from musc2.encoders import Encoder, ImageEncoder, PointEncoder, selection
from musc2.encoders.selection import Encoders
from musc2.stages.group import group_clouds
from musc2.torch_state import eval_mode

OP = "Scorer.load"
_LENGTH = 512  # values of a fingerprint
_DIFFERENCE = 0.1  # of its norm; half types of other hardware change a hundredth


def states(encoders: Encoders) -> dict[str, Array]:
    """Return what learned and the fingerprints, as arrays."""
    arrays: dict[str, Array] = {}
    for number, image in enumerate(encoders.images):
        arrays |= _state(f"encoder.image.{number}", image.encoder)
        side = image.input_size(None)
        arrays[f"fingerprint.image.{number}"] = _of_image(image.encoder, side)
    for number, points in enumerate(encoders.points):
        arrays |= _state(f"encoder.points.{number}", points)
        arrays[f"fingerprint.points.{number}"] = _of_cloud(points, encoders.device)
    return arrays


def load(
    specifications: Specifications,
    names: Mapping[str, str],
    arrays: Mapping[str, Array],
    config: Config,
    device: str,
    encoder_2d: object,
    encoder_3d: object,
) -> Encoders:
    """Return the encoders of the bank, with what they learned."""
    chosen_2d = _chosen("encoder_2d", encoder_2d, specifications.image, names.get("2d"))
    chosen_3d = _chosen("encoder_3d", encoder_3d, specifications.points, names.get("3d"))
    encoders = selection.select(
        chosen_2d,
        chosen_3d,
        config,
        device,
        images=bool(specifications.image),
        points=bool(specifications.points),
    )
    for key, argument in (("2d", "encoder_2d"), ("3d", "encoder_3d")):
        own = encoders.names().get(key)
        if own != names.get(key):
            requirement = f"must be {names.get(key)}, which the bank was made with"
            checks.refuse(OP, argument, requirement, own)
    for number, image in enumerate(encoders.images):
        _restore(f"encoder.image.{number}", image.encoder, arrays)
        got = _of_image(image.encoder, image.input_size(None))
        _compare(image.name, arrays[f"fingerprint.image.{number}"], got)
    for number, points in enumerate(encoders.points):
        _restore(f"encoder.points.{number}", points, arrays)
        got = _of_cloud(points, encoders.device)
        _compare(points.name, arrays[f"fingerprint.points.{number}"], got)
    return encoders


def _chosen(
    argument: str, encoders_given: object, specifications: list[str | None], name: str | None
) -> object:
    """Return the argument, by default the names in the file."""
    if encoders_given is not None or not specifications:
        return encoders_given
    if None in specifications:
        requirement = f"must be the encoder {name}, which cannot be loaded by a name"
        checks.refuse(OP, argument, requirement, "none")
    return list(specifications)


def _state(prefix: str, encoder: Encoder) -> dict[str, Array]:
    state = encoder.state()
    return {f"{prefix}.{name}": value.float().cpu().numpy() for name, value in state.items()}


def _restore(prefix: str, encoder: Encoder, arrays: Mapping[str, Array]) -> None:
    state: dict[str, torch.Tensor] = {}
    for name, array in arrays.items():
        if name.startswith(f"{prefix}."):
            state[name.removeprefix(f"{prefix}.")] = torch.from_numpy(np.array(array))
    if state:
        encoder.restore(state)


def _compare(name: str, expected: Array, got: Array) -> None:
    """Raise unless the tokens are about those of the bank's encoder."""
    is_same = expected.shape == got.shape
    if is_same:
        difference = float(np.linalg.norm(expected - got))
        is_same = difference <= _DIFFERENCE * float(np.linalg.norm(expected))
    if not is_same:
        requirement = "must give the tokens that it gave when the bank was made"
        checks.refuse(OP, f"the encoder {name}", requirement, "others: its weights have changed")


def _of_image(encoder: ImageEncoder, side: int) -> Array:
    """Return a piece of the tokens of an image of smooth noise."""
    noise = torch.rand(1, 3, side // 8 + 2, side // 8 + 2, generator=_generator())
    image = torch.nn.functional.interpolate(noise, size=(side, side), mode="bilinear")
    with eval_mode(encoder):
        return _piece(encoder.encode(image.contiguous()).tokens)


def _of_cloud(encoder: PointEncoder, device: str) -> Array:
    """Return a piece of the tokens of a bumpy cap."""
    flat = torch.rand(2000, 2, generator=_generator()) * 2 - 1
    height = 0.2 * torch.sin(7 * flat[:, 0]) * torch.cos(5 * flat[:, 1])
    points = torch.cat([flat, height[:, None]], 1) / 1.5
    settings: Any = {"count": 64, "group_size": 32, "start": 20, "search": 64}
    [(cloud, groups)] = group_clouds([points], device=device, **settings)
    with eval_mode(encoder):
        return _piece(encoder.encode(cloud, groups))


def _piece(tokens: torch.Tensor) -> Array:
    flat = tokens.detach().float().flatten().cpu()
    return flat[torch.linspace(0, len(flat) - 1, min(len(flat), _LENGTH)).long()].numpy()


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)
