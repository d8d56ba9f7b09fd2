"""A Scorer as one file: settings, encoders, features, distances and calibration."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from musc2 import _tensor_files, checks
from musc2._arguments.bank import Specifications
from musc2._bank import calibration, tile_places
from musc2._bank import encoders as bank_encoders
from musc2._bank.calibration import Calibration
from musc2._bank.feature_table import FeatureTable
from musc2._bank.store import Bank, BankPart
from musc2._tensor_files import Array, Chunks
from musc2.by_modality import ByModality
from musc2.cloud import Cloud
from musc2.config import Config
from musc2.encoders.selection import Encoders
from musc2.errors import InputError
from musc2.maps import Frame

OP = "Scorer.load"
KIND = "musc2 bank"
FORMAT = 3  # of the file
FEATURES = 1  # raised when the same encoders give other features than before
_STORAGE = {torch.float32: "float32", torch.float16: "float16"}


@dataclass(frozen=True, kw_only=True, eq=False)
class ScorerState:
    """All that a Scorer consists of."""

    bank: Bank
    encoders: Encoders
    specifications: Specifications
    calibration: Calibration
    references_are_good: bool
    capacity: int | None
    drop: str
    added: int


def write(state: ScorerState, path: Path) -> None:
    """Write the file as a whole."""
    bank = state.bank
    slots = bank.slots
    arrays: dict[str, Array | Chunks] = {}
    for name, block in bank.blocks.items():
        arrays[f"z.{name}"] = _rows(block.z, slots)
        if bank.keeps_distances:
            arrays[f"d.{name}"] = _table(block.d, slots)
    for view, rows in bank.class_tokens.items():
        arrays[f"class.{view}"] = rows[slots].cpu().numpy()
    arrays |= _pack_clouds(bank.parts)
    arrays |= _pack_masks(bank.parts)
    if bank.alignment is not None:
        arrays |= tile_places.arrays_of(bank.alignment)
    arrays |= bank_encoders.states(state.encoders)
    about = {
        "kind": KIND,
        "format": FORMAT,
        "features": FEATURES,
        "version": version("musc2"),
        "python": platform.python_version(),
        "config": bank.config.to_dict(),
        "storage": _STORAGE[bank.storage],
        "keep_distances": bank.keeps_distances,
        "bank_size": bank.share,
        "patches": {name: block.patches for name, block in bank.blocks.items()},
        "blocks": {name: block.grid for name, block in bank.blocks.items()},
        "layers": [
            [[number, dict(names.items())] for number, names in layers] for layers in bank.layers
        ],
        "grids": bank.grids,
        "parts": list(map(_about_part, bank.parts)),
        "tiles": None if bank.alignment is None else tile_places.to_json(bank.alignment),
        "encoders": state.encoders.names(),
        "specifications": asdict(state.specifications),
        "calibration": calibration.to_json(state.calibration),
        "references_are_good": state.references_are_good,
        "capacity": state.capacity,
        "drop": state.drop,
        "added": state.added,
    }
    _tensor_files.write(path, arrays, about)


def read(
    path: Path, *, encoder_2d: object, encoder_3d: object, device: str, verify: bool
) -> ScorerState:
    """Return the state in the file; an InputError says what is wrong with it."""
    arrays, about = _tensor_files.read(path, verify=verify)
    _check_version(path, about)
    config = Config.from_dict(about["config"])
    specifications = Specifications(**about["specifications"])
    encoders = bank_encoders.load(
        specifications, about["encoders"], arrays, config, device, encoder_2d, encoder_3d
    )
    try:
        bank = _read_bank(arrays, about, config, encoders.device)
        own = calibration.from_json(about["calibration"], encoders.device)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        if isinstance(error, InputError):
            raise
        reason = f"{type(error).__name__}: {error}"
        checks.refuse(OP, str(path), "must hold a whole bank", reason)
    return ScorerState(
        bank=bank,
        encoders=encoders,
        specifications=specifications,
        calibration=own,
        references_are_good=bool(about["references_are_good"]),
        capacity=about["capacity"],
        drop=about["drop"],
        added=about["added"],
    )


def _check_version(path: Path, about: dict[str, Any]) -> None:
    """Raise unless this version of musc2 gives the features that the bank holds."""
    if about.get("kind") != KIND:
        checks.refuse(OP, str(path), "must be a bank that Scorer.save wrote", about.get("kind"))
    for name, own in (("format", FORMAT), ("features", FEATURES)):
        if about.get(name) != own:
            requirement = f"must have {name} of version {own}; learn the bank anew"
            got = f"{about.get(name)}, written by musc2 {about.get('version')}"
            checks.refuse(OP, str(path), requirement, got)


def _read_bank(
    arrays: dict[str, Array], about: dict[str, Any], config: Config, device: str
) -> Bank:
    bank = Bank(
        config=config,
        storage=getattr(torch, about["storage"]),
        keeps_distances=about["keep_distances"],
        share=about["bank_size"],
    )
    if about["tiles"] is not None:
        bank.alignment = tile_places.alignment_of(about["tiles"], arrays)
    for name, grid in about["blocks"].items():
        d = arrays.get(f"d.{name}")
        bank.blocks[name] = FeatureTable(
            _tensor(arrays[f"z.{name}"]).to(device),
            None if d is None else _tensor(d).to(device),
            grid=None if grid is None else (grid[0], grid[1]),
            keeps_distances=bank.keeps_distances,
            share=bank.share,
            patches=about["patches"][name],
        )
    for layers in about["layers"]:
        bank.layers.append([(number, ByModality(**names)) for number, names in layers])
    bank.grids = [None if grid is None else (grid[0], grid[1]) for grid in about["grids"]]
    for view in range(len(bank.grids)):
        if f"class.{view}" in arrays:
            bank.class_tokens[view] = _tensor(arrays[f"class.{view}"]).to(device)
    bank.parts = _read_parts(about["parts"], arrays)
    count = len(bank.parts)
    for name, block in bank.blocks.items():
        if len(block.z) != count or (bank.keeps_distances and len(block.d) != count):
            checks.refuse(OP, name, f"must hold the {count} parts", len(block.z))
    return bank


def _about_part(part: BankPart) -> dict[str, Any]:
    frame, cloud = part.frame, part.cloud
    return {
        "name": part.name,
        "path": None if part.path is None else str(part.path),
        "working": None if frame is None else frame.working,
        "input": None if frame is None else frame.input,
        "mask": None if frame is None or frame.mask is None else list(frame.mask.shape),
        "points": None if cloud is None else len(cloud.points),
        "centers": None if cloud is None else len(cloud.centers),
        "size": None if cloud is None else cloud.size,
        "tiles": None if part.layout is None else asdict(part.layout),
    }


def _read_parts(rows: list[dict[str, Any]], arrays: dict[str, Array]) -> list[BankPart]:
    parts: list[BankPart] = []
    bits = points = centers = 0
    for slot, row in enumerate(rows):
        frame, cloud = None, None
        if row["working"] is not None:
            mask = None
            if row["mask"] is not None:
                height, width = row["mask"]
                packed = -(-height * width // 8)
                own = np.unpackbits(arrays["masks"][bits : bits + packed], count=height * width)
                mask = torch.from_numpy(own.astype(bool).reshape(height, width))
                bits += packed
            frame = Frame(working=tuple(row["working"]), input=tuple(row["input"]), mask=mask)
        if row["points"] is not None:
            own_points = slice(points, points + row["points"])
            own_centers = slice(centers, centers + row["centers"])
            size = row["size"]
            cloud = Cloud(
                points=torch.from_numpy(np.array(arrays["clouds.points"][own_points])),
                centers=torch.from_numpy(arrays["clouds.centers"][own_centers].astype(np.int64)),
                curvature=torch.from_numpy(np.array(arrays["clouds.curvature"][own_centers])),
                pixels=None
                if size is None
                else torch.from_numpy(arrays["clouds.pixels"][own_points].astype(np.int64)),
                size=None if size is None else (size[0], size[1]),
            )
            points, centers = own_points.stop, own_centers.stop
        path = None if row["path"] is None else Path(row["path"])
        layout = None if row["tiles"] is None else tile_places.layout_of(row["tiles"])
        parts.append(
            BankPart(
                name=row["name"], path=path, frame=frame, cloud=cloud, slot=slot, layout=layout
            )
        )
    return parts


def _pack_clouds(parts: list[BankPart]) -> dict[str, Array]:
    clouds = [part.cloud for part in parts if part.cloud is not None]
    if not clouds:
        return {}
    pixels = [cloud.pixels for cloud in clouds if cloud.pixels is not None]
    arrays: dict[str, Array] = {
        "clouds.points": torch.cat([cloud.points for cloud in clouds]).numpy(),
        "clouds.centers": torch.cat([cloud.centers for cloud in clouds]).int().numpy(),
        "clouds.curvature": torch.cat([cloud.curvature for cloud in clouds]).numpy(),
    }
    if pixels:
        arrays["clouds.pixels"] = torch.cat(pixels).int().numpy()
    return arrays


def _pack_masks(parts: list[BankPart]) -> dict[str, Array]:
    packed: list[Array] = []
    for part in parts:
        if part.frame is not None and part.frame.mask is not None:
            packed.append(np.packbits(part.frame.mask.cpu().numpy().reshape(-1)))
    return {"masks": np.concatenate(packed)} if packed else {}


def _rows(values: torch.Tensor, slots: torch.Tensor) -> Chunks:
    """Return the rows of the parts, in their order."""

    def pieces() -> Iterator[Array]:
        for slot in slots.tolist():
            yield values[slot].cpu().numpy()

    shape = (len(slots), *values.shape[1:])
    return Chunks(dtype=_dtype(values), shape=shape, pieces=pieces())


def _table(values: torch.Tensor, slots: torch.Tensor) -> Chunks:
    """Return the rows and columns of the parts, in their order."""

    def pieces() -> Iterator[Array]:
        for slot in slots.tolist():
            yield values[slot, slots].cpu().numpy()

    count = len(slots)
    shape = (count, count, *values.shape[2:])
    return Chunks(dtype=_dtype(values), shape=shape, pieces=pieces())


def _dtype(values: torch.Tensor) -> np.dtype[Any]:
    return np.dtype(np.float16 if values.dtype == torch.float16 else np.float32)


def _tensor(array: Array) -> torch.Tensor:
    return torch.from_numpy(array)
