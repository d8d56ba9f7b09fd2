"""What goes into and comes out of the pipeline, beside plain arrays."""

from __future__ import annotations

import dataclasses
import json
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch

from musc2.config import Config
from musc2.errors import InputError
from musc2.paths import replacing


@dataclass(frozen=True, kw_only=True, eq=False)
class Cloud:
    """The foreground points of one sample and the centers of their groups.

    points: (P, 3) float32; centers: (G,) indices into points; curvature: (G,) float32 at the centers;
    pixels: (P,) row * W + column of each point in the map of ``size`` (H, W), or both None for a cloud without
    a map. Numpy arrays do as well; what is kept are copies, indices as int64.

    >>> Cloud(points=torch.rand(9, 3), centers=torch.arange(4), curvature=torch.zeros(4))
    Cloud(9 points, 4 centers)
    """

    points: torch.Tensor
    centers: torch.Tensor
    curvature: torch.Tensor
    pixels: torch.Tensor | None = None
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        points = _array("points", self.points, 2, floating=True)
        centers = _array("centers", self.centers, 1, floating=False)
        curvature = _array("curvature", self.curvature, 1, floating=True)
        if points.shape[1] != 3 or len(points) == 0:
            _refuse("points", "(P, 3) with at least one point", tuple(points.shape))
        if len(centers) == 0 or len(centers) != len(curvature):
            _refuse("centers", "as many as curvature, at least one", f"{len(centers)} and {len(curvature)}")
        _within("centers", centers, len(points), "points")
        if (self.pixels is None) != (self.size is None):
            _refuse("pixels", "given together with size", "pixels" if self.size is None else "size")
        if self.pixels is not None and self.size is not None:
            height, width = check_size("Cloud", "size", self.size)
            pixels = _array("pixels", self.pixels, 1, floating=False)
            if len(pixels) != len(points):
                _refuse("pixels", f"one for each of the {len(points)} points", len(pixels))
            _within("pixels", pixels, height * width, f"pixels of size ({height}, {width})")
            object.__setattr__(self, "pixels", pixels)
            object.__setattr__(self, "size", (height, width))
        for name, value in (("points", points), ("centers", centers), ("curvature", curvature)):
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        where = "" if self.size is None else f" in a map of {self.size[0]} x {self.size[1]}"
        return f"Cloud({len(self.points)} points, {len(self.centers)} centers{where})"


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """The result: higher means more anomalous.

    image: (N,) the final scores; raw: (N,) those before re-scoring; maps: (N, H, W), or a list of (H, W) when sizes
    differ, the sum of maps_2d and maps_3d where both are there, None for clouds without pixels; points: per sample (P,)
    the 3D scores at its points; scores_2d: (N, h, w) and scores_3d: (N, G) before they became maps. Float32 throughout.
    encoders: "2d" and "3d" -> the name of the one that was used; failures: (index, name, message) of samples that were
    left out of all of these; timings: seconds of each stage, which add up to the whole call.
    """

    image: torch.Tensor
    raw: torch.Tensor
    maps: torch.Tensor | list[torch.Tensor] | None
    maps_2d: torch.Tensor | list[torch.Tensor] | None
    maps_3d: torch.Tensor | list[torch.Tensor] | None
    points: list[torch.Tensor] | None
    scores_2d: torch.Tensor | None
    scores_3d: torch.Tensor | None
    names: list[str]
    config: Config
    timings: dict[str, float] = field(default_factory=dict)
    encoders: dict[str, str] = field(default_factory=dict)
    failures: list[tuple[int, str, str]] = field(default_factory=list)
    version: str = ""

    def __repr__(self) -> str:
        low, high = self.image.aminmax()
        worst = self.names[int(self.image.argmax())]
        facts = [f"{len(self.image)} samples", f"image scores {low:.4g} to {high:.4g}", f"highest {worst!r}"]
        facts += [f"{len(self.failures)} failed"] * bool(self.failures)
        facts += [f"preset {self.config.name!r}"]
        facts += [f"encoders {' + '.join(self.encoders.values())}"] * bool(self.encoders)
        return f"Scores({', '.join(facts)}, {sum(self.timings.values()):.2f} s)"

    def save(self, folder: str | Path) -> None:
        """Write scores.npz (the arrays) and scores.json (all else) into ``folder``, both or none.

        A call that is killed between putting the two in their places leaves what ``load`` refuses.
        """
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = {}
        lists: dict[str, int] = {}
        for name in _ARRAYS:
            value = getattr(self, name)
            if isinstance(value, list):
                lists[name] = len(value)
                arrays |= {f"{name}_{index}": part.numpy() for index, part in enumerate(value)}
            elif value is not None:
                arrays[name] = value.numpy()
        token = uuid.uuid4().hex
        about = {name: getattr(self, name) for name in _FACTS}
        about |= {"config": self.config.to_dict(), "lists": lists, "token": token}
        npz, facts = path / "scores.npz", path / "scores.json"
        with replacing(npz) as npz_file, replacing(facts) as json_file:
            np.savez(npz_file, token=np.array(token), **arrays)
            json_file.write((json.dumps(about, indent=2) + "\n").encode())

    @classmethod
    def load(cls, folder: str | Path) -> Scores:
        """Read what ``save`` wrote."""
        path = Path(folder)
        about = json.loads((path / "scores.json").read_text(encoding="utf-8"))
        values: dict[str, Any] = {}
        with np.load(path / "scores.npz") as stored:
            # Results of earlier versions have no token.
            token = str(stored["token"]) if "token" in stored.files else None
            if token != about.get("token"):
                msg = (
                    f"Scores.load: saving to {path} was interrupted: "
                    "scores.npz and scores.json belong to different results"
                )
                raise InputError(msg)
            for name in _ARRAYS:
                if name in about["lists"]:
                    values[name] = [torch.from_numpy(stored[f"{name}_{i}"]) for i in range(about["lists"][name])]
                else:
                    values[name] = torch.from_numpy(stored[name]) if name in stored.files else None
        values |= {name: about[name] for name in _FACTS}
        values["failures"] = [(index, name, message) for index, name, message in about["failures"]]
        return cls(**values, config=Config.from_dict(about["config"]))


_FACTS = ("names", "timings", "encoders", "failures", "version")
_ARRAYS = tuple(f.name for f in dataclasses.fields(Scores) if f.name not in (*_FACTS, "config"))


def check_size(owner: str, name: str, size: object) -> tuple[int, int]:
    """``size`` as (height, width)."""
    if (
        not isinstance(size, tuple | list)
        or len(size) != 2
        or not all(isinstance(side, int | np.integer) and not isinstance(side, bool) and side > 0 for side in size)
    ):
        msg = f"{owner}: {name} must be (height, width), whole numbers of at least 1, got {size!r}"
        raise InputError(msg)
    return int(size[0]), int(size[1])


def _array(name: str, value: object, rank: int, *, floating: bool) -> torch.Tensor:
    """``value`` as a float32 or int64 tensor. Through numpy: torch may not start threads in a forked child."""
    found = value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value
    wanted = f"a rank {rank} tensor or numpy array of {'float32' if floating else 'whole numbers'}"
    if not isinstance(found, np.ndarray) or found.ndim != rank:
        _refuse(name, wanted, tuple(found.shape) if isinstance(found, np.ndarray) else repr(value))
    if found.dtype != np.float32 if floating else found.dtype.kind not in "iu":
        _refuse(name, wanted, found.dtype)
    if floating and not np.isfinite(found).all():
        _refuse(name, "finite", "NaN or infinity")
    return torch.from_numpy(np.array(found, dtype=np.float32 if floating else np.int64))


def _within(name: str, index: torch.Tensor, limit: int, what: str) -> None:
    low, high = int(index.min()), int(index.max())
    if low < 0 or high >= limit:
        _refuse(name, f"indices into the {limit} {what}", low if low < 0 else high)


def _refuse(name: str, wanted: str, value: object) -> NoReturn:
    msg = f"Cloud: {name} must be {wanted}, got {value}"
    raise InputError(msg)
