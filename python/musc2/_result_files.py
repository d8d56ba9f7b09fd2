"""A Result as files: result.npz holds all of it, result.json repeats what people can read.

Maps are stored as the scores that they are rendered from, so a file's size does not depend on the
size of the images. result.npz alone is loaded, so a run that ends between the two loses nothing.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from musc2 import _archives, atomic_files, checks, verdict
from musc2.config import Config
from musc2.errors import InputError
from musc2.maps import Frame, Layer, Maps, PatchLayer, PointLayer
from musc2.matches import Matches

if TYPE_CHECKING:
    from musc2.result import Result

_TENSORS = ("scores", "raw_scores", "patch_scores_2d", "patch_scores_3d", "reference_scores")
_MATCHES = ("patches", "parts", "nearest", "distances", "positions", "nearest_positions")
_RANKS = {
    "scores": 1,
    "raw_scores": 1,
    "patch_scores_2d": 3,
    "patch_scores_3d": 2,
    "reference_scores": 1,
}
_KINDS = {"timings": float, "encoders": str, "runtimes": str}
_PLAIN = (
    "names",
    "timings",
    "encoders",
    "runtimes",
    "version",
    "units",
    "references_are_good",
)


def write(result: Result, folder: Path) -> None:
    """Write both files, each as a whole: readers see the earlier result or this one."""
    folder.mkdir(parents=True, exist_ok=True)
    atomic_files.remove_abandoned(folder)
    arrays: dict[str, Any] = {}
    for name in _TENSORS:
        value = getattr(result, name)
        if value is not None:
            arrays[name] = value.numpy()
    if result.point_scores is not None:
        arrays |= _pack("point_scores", result.point_scores)
    arrays |= _pack_maps(result)
    if result.matches is not None:
        arrays |= _pack_matches(result.matches)
    about = {name: getattr(result, name) for name in _PLAIN}
    about["scores"] = result.scores.tolist()
    about["paths"] = list(map(_as_text, result.paths))
    about["failures"] = [
        {**dataclasses.asdict(failure), "path": _as_text(failure.path)}
        for failure in result.failures
    ]
    about["config"] = result.config.to_dict()
    own = result.bank_thresholds
    about["bank_thresholds"] = None if own is None else dataclasses.asdict(own)
    text = json.dumps(about, indent=2) + "\n"
    with atomic_files.replacing(folder / "result.npz") as file:
        np.savez(file, about=np.array(text), **arrays)
    with atomic_files.replacing(folder / "result.json") as file:
        file.write(text.encode())


def read(folder: Path) -> Result:
    """Return the result in ``folder``; an InputError says what is wrong with damaged files."""
    from musc2.result import Failure, Result

    try:
        _archives.check_ratio("Result.load", str(folder), folder / "result.npz")
        with np.load(folder / "result.npz") as stored:
            arrays = dict(stored)
        about = json.loads(str(arrays["about"]))
        config = Config.from_dict(about["config"])
        values: dict[str, Any] = {name: about[name] for name in _PLAIN if name in about}
        for name in _TENSORS:
            values[name] = torch.from_numpy(arrays[name]) if name in arrays else None
        values["point_scores"] = _unpack("point_scores", arrays)
        values |= _unpack_maps(values, arrays, config)
        values["matches"] = _unpack_matches(arrays)
        values["paths"] = list(map(_as_path, about["paths"]))
        values["failures"] = [
            Failure(**{**row, "path": _as_path(row["path"])}) for row in about["failures"]
        ]
        values["bank_thresholds"] = verdict.bank_thresholds(about.get("bank_thresholds"))
        result = Result(**values, config=config)
        _check(result)
    except InputError:
        raise
    except Exception as error:  # numpy, zipfile and json raise what a damaged file leads them to
        reason = f"{type(error).__name__}: {error}"
        checks.refuse("Result.load", str(folder), "must hold a saved result", reason)
    return result


def _as_text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _as_path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _pack(name: str, tensors: list[torch.Tensor]) -> dict[str, Any]:
    """Return a list of vectors as one array and the lengths."""
    joined = torch.cat(tensors) if tensors else torch.empty(0)
    lengths = np.array(list(map(len, tensors)), np.int64)
    return {name: joined.numpy(), f"{name}_lengths": lengths}


def _unpack(name: str, arrays: dict[str, Any]) -> list[torch.Tensor] | None:
    if name not in arrays:
        return None
    return list(torch.split(torch.from_numpy(arrays[name]), arrays[f"{name}_lengths"].tolist()))


def _pack_matches(matches: Matches) -> dict[str, Any]:
    arrays: dict[str, Any] = {"matches_modalities": np.array(matches.modalities)}
    for name in _MATCHES:
        arrays[f"matches_{name}"] = getattr(matches, name).numpy()
    return arrays


def _unpack_matches(arrays: dict[str, Any]) -> Matches | None:
    if "matches_modalities" not in arrays:
        return None
    tensors = {name: torch.from_numpy(arrays[f"matches_{name}"]) for name in _MATCHES}
    modalities = arrays["matches_modalities"].tolist()
    return Matches(modalities=modalities, **tensors)


def _pack_maps(result: Result) -> dict[str, Any]:
    """Return the frames, the points of 3D maps, and the patches of several encoders.

    Those of one encoder are stored as patch_scores_2d.
    """
    if result.maps is None:
        return {}
    frames = result.maps.frames
    arrays: dict[str, Any] = {
        "map_working": np.array([frame.working for frame in frames], np.int64),
        "map_input": np.array([frame.input for frame in frames], np.int64),
    }
    for layer in result.maps.layers:
        if isinstance(layer, PatchLayer) and layer.further:
            for number, patches in enumerate((layer.scores, *layer.further)):
                arrays[f"map_patches_{number}"] = patches.numpy()
        if isinstance(layer, PointLayer):
            arrays |= _pack("map_points", layer.scores)
            arrays["map_pixels"] = torch.cat(layer.pixels).numpy().astype(np.int32)
            arrays["map_point_sizes"] = np.array(layer.sizes, np.int64)
    masks = [frame.mask for frame in frames if frame.mask is not None]
    if masks:
        arrays["map_mask_sizes"] = np.array([mask.shape for mask in masks], np.int64)
        pixels = torch.cat(list(map(torch.flatten, masks)))
        arrays["map_masks"] = np.packbits(pixels.numpy())
    return arrays


def _unpack_maps(values: dict[str, Any], arrays: dict[str, Any], config: Config) -> dict[str, Any]:
    if "map_working" not in arrays:
        return {"maps": None, "maps_2d": None, "maps_3d": None}
    masks = _unpack_masks(arrays)
    frames = [
        Frame(
            working=(int(working[0]), int(working[1])),
            input=(int(size[0]), int(size[1])),
            mask=masks[index] if masks else None,
        )
        for index, (working, size) in enumerate(
            zip(arrays["map_working"], arrays["map_input"], strict=True)
        )
    ]
    image: list[Layer] = []
    points: list[Layer] = []
    if values["patch_scores_2d"] is not None:
        first, *further = _unpack_patches(arrays) or [values["patch_scores_2d"]]
        image.append(PatchLayer(scores=first, further=tuple(further)))
    scores = _unpack("map_points", arrays)
    if scores is not None:
        pixels = torch.from_numpy(arrays["map_pixels"].astype(np.int64))
        lengths = list(map(len, scores))
        layer = PointLayer(
            scores=scores,
            pixels=list(torch.split(pixels, lengths)),
            sizes=list(map(tuple, arrays["map_point_sizes"].tolist())),
            sigma=config.map_blur,
            quantized=config.map_blur_quantized,
        )
        points.append(layer)
    return {
        "maps": Maps([*image, *points], frames),
        "maps_2d": Maps(image, frames) if image else None,
        "maps_3d": Maps(points, frames) if points else None,
    }


def _unpack_patches(arrays: dict[str, Any]) -> list[torch.Tensor]:
    patches: list[torch.Tensor] = []
    while f"map_patches_{len(patches)}" in arrays:
        patches.append(torch.from_numpy(arrays[f"map_patches_{len(patches)}"]))
    return patches


def _unpack_masks(arrays: dict[str, Any]) -> list[torch.Tensor]:
    if "map_masks" not in arrays:
        return []
    sizes: list[tuple[int, int]] = arrays["map_mask_sizes"].tolist()
    areas = np.prod(arrays["map_mask_sizes"], axis=1).tolist()
    total = sum(areas)
    bits = torch.from_numpy(np.unpackbits(arrays["map_masks"], count=total).astype(bool))
    flat = torch.split(bits, areas)
    return [part.reshape(size) for part, size in zip(flat, sizes, strict=True)]


def _check(result: Result) -> None:
    """Raise unless all parts of a loaded result are of the same samples."""
    count = len(result.names)
    for name, rank in _RANKS.items():
        tensor = getattr(result, name)
        if tensor is not None:
            _check_tensor(name, tensor, rank)
    for scores in result.point_scores or []:
        _check_tensor("point_scores", scores, 1)
    if not all(isinstance(name, str) for name in result.names):
        checks.refuse("Result.load", "names", "must be strings", result.names)
    for name, kind in _KINDS.items():
        values = getattr(result, name)
        if not isinstance(values, dict) or not all(isinstance(v, kind) for v in values.values()):
            checks.refuse("Result.load", name, f"must map stages to {kind.__name__}", values)
    fields: dict[str, Any] = {
        "scores": result.scores,
        "raw_scores": result.raw_scores,
        "patch_scores_2d": result.patch_scores_2d,
        "patch_scores_3d": result.patch_scores_3d,
        "maps": result.maps,
        "matches": result.matches,
        "point_scores": result.point_scores,
        "paths": result.paths,
    }
    for name, value in fields.items():
        if value is not None and len(value) != count:
            requirement = f"must be one for each of the {count} names"
            checks.refuse("Result.load", name, requirement, len(value))


def _check_tensor(name: str, tensor: torch.Tensor, rank: int) -> None:
    requirement = f"must be finite float32 of rank {rank}"
    if tensor.dtype != torch.float32 or tensor.ndim != rank:
        got = f"{tensor.dtype} of shape {tuple(tensor.shape)}"
        checks.refuse("Result.load", name, requirement, got)
    if not bool(tensor.isfinite().all()):
        checks.refuse("Result.load", name, requirement, "NaN or infinity")
