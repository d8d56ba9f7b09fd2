"""Random calls of every op: its arrays, and its options, for tests that attack them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from musc2 import ops

KINDS = (
    "normal", "ties", "constant", "zero", "signed zero", "lattice", "denormal", "tiny", "large",
    "mixed", "copies",
)  # fmt: skip


@dataclass
class Draw:
    """Random sizes, and values of one kind."""

    rng: np.random.Generator
    kind: str = "normal"

    def size(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def pick(self, *choices: Any) -> Any:
        return choices[self.size(0, len(choices) - 1)]

    def indices(self, limit: int, *shape: int) -> np.ndarray:
        return self.rng.integers(0, limit, shape).astype(self.pick(np.int32, np.int64))

    def values(self, *shape: int) -> np.ndarray:
        """Return float32 values of the kind."""
        rng, kind = self.rng, self.kind
        normal = rng.standard_normal(shape)
        if kind == "copies" and shape and shape[0] > 1:
            normal = normal[rng.integers(0, max(1, shape[0] // 2), shape[0])]
        made = {
            "ties": lambda: np.round(normal),
            "constant": lambda: np.full(shape, float(self.size(-3, 3))),
            "zero": lambda: np.zeros(shape),
            "signed zero": lambda: np.where(normal < 0, -0.0, 0.0),
            "lattice": lambda: rng.integers(0, 3, shape) / 4,
            "denormal": lambda: normal * 1e-41,
            "tiny": lambda: normal * 1e-9,
            "large": lambda: normal * 1e8,
            "mixed": lambda: normal * 10.0 ** rng.integers(-6, 7, shape),
        }
        return made.get(kind, lambda: normal)().astype(np.float32)


Call = tuple[dict[str, np.ndarray], dict[str, Any]]


def cluster_grid(draw: Draw) -> Call:
    height, width = draw.size(1, 7), draw.size(1, 7)
    options = {"eps": draw.pick(0.1, 1.0, 3.0), "min_points": draw.size(1, 4)}
    foreground = draw.rng.random((height, width)) < 0.8
    return {"xyz": draw.values(height, width, 3), "foreground": foreground}, options


def dictionary_tokens(draw: Draw) -> Call:
    components, words = draw.size(1, 9), draw.size(1, 9)
    arrays = {
        "images": draw.values(draw.size(0, 2), 3, 8 * draw.size(1, 2), 8 * draw.size(1, 3)),
        "whitening": draw.values(108, components),
        "words": draw.values(words, components),
    }
    return arrays, {"softness": draw.pick(0.0, 0.04, 1.0)}


def farthest_points(draw: Draw) -> Call:
    count = draw.size(1, 200)
    options = {"start": draw.size(0, count - 1), "skip_radius": draw.pick(0.0, 0.5, 1e30)}
    return {"points": draw.values(count, 3)}, options | {"count": draw.size(1, 40)}


def gradient_tokens(draw: Draw) -> Call:
    shape = draw.size(0, 2), 3, 8 * draw.size(1, 3), 8 * draw.size(1, 3)
    return {"images": draw.values(*shape)}, {}


def group_histograms(draw: Draw) -> Call:
    count = draw.size(1, 60)
    points = draw.values(count, 3)
    normals, variation = ops.point_normals(points)
    arrays = {
        "points": points,
        "normals": normals.numpy(),
        "variation": variation.numpy(),
        "centers": draw.indices(count, draw.size(0, 9)),
    }
    return arrays, {"scales": draw.pick((4,), (4, 8), (1, 1, 64))}


def group_points(draw: Draw) -> Call:
    count = draw.size(1, 90)
    options = {"size": draw.size(1, 20), "start": draw.size(1, 20), "search": draw.size(1, 30)}
    options |= {"curvature_threshold": draw.pick(0.0, 0.01, 1.0), "unique": draw.pick(True, False)}
    centers = draw.indices(count, draw.size(0, 9))
    return {"points": draw.values(count, 3), "centers": centers}, options


def link_patches(draw: Draw) -> Call:
    height, width = draw.size(1, 20), draw.size(1, 20)
    grid = draw.size(1, 9), draw.size(1, 9)
    pixels = draw.indices(height * width, draw.size(0, 60))
    return {"pixels": pixels}, {"size": (height, width), "grid": grid}


def lowest_mean(draw: Draw) -> Call:
    interval = draw.pick((0.0, 0.3), (0, 1), (1, 3), (0.2, 0.9), (0.0, 5))
    return {"d": draw.values(draw.size(0, 20), draw.size(1, 90))}, {"interval": interval}


def nearest_patches(draw: Draw) -> Call:
    side, channels = draw.size(1, 7), draw.size(1, 40)
    patches = side * side
    options = {
        "precision": draw.pick("float32", "bfloat16", "int8", "float16", "auto"),
        "return_index": True,
        "memory": draw.pick(None, 1, 1000, 10**6),
        "search_window": draw.pick(None, None, 0, 2),
    }
    arrays = {"z": draw.values(draw.size(1, 5), patches, channels)}
    if draw.pick(True, False):
        arrays["references"] = draw.values(draw.size(0, 4), patches, channels)
    return arrays, options


def nearest_points(draw: Draw) -> Call:
    count = draw.size(1, 300)
    arrays = {"points": draw.values(count, 3), "queries": draw.values(draw.size(0, 30), 3)}
    return arrays, {"k": draw.size(1, min(40, count))}


def point_normals(draw: Draw) -> Call:
    options = {"neighbors": draw.size(1, 30), "sensor": draw.pick((0, 0, 0.5), (1.0, -2.0, 3.0))}
    return {"points": draw.values(draw.size(0, 90), 3)}, options


def pool_centers(draw: Draw) -> Call:
    groups = draw.size(0, 40)
    arrays = {
        "tokens": draw.values(groups, draw.size(1, 20)),
        "centers": draw.values(groups, 3),
        "curvature": draw.rng.random(groups).astype(np.float32),
    }
    options = {
        "degrees": draw.pick((1,), (1, 3, 5), (31,), (1, 1)),
        "curvature_threshold": draw.pick(-1, 0.01, 0.5, float("inf")),
    }
    return arrays, options


def pool_grid(draw: Draw) -> Call:
    shape = draw.size(0, 3), draw.size(1, 7), draw.size(1, 7), draw.size(1, 20)
    options = {
        "degrees": draw.pick((1,), (3,), (1, 3, 5), (9,), (3, 3)),
        "weighting": draw.pick("similarity", "uniform"),
    }
    return {"tokens": draw.values(*shape)}, options


def project_tokens(draw: Draw) -> Call:
    inner, outer = draw.size(1, 20), draw.size(1, 20)
    arrays = {
        "tokens": draw.values(draw.size(0, 20), inner),
        "matrix": draw.values(inner, outer),
        "offset": draw.values(outer),
    }
    return arrays, {}


def rank_match(draw: Draw) -> Call:
    shape = draw.pick((draw.size(1, 90),), (draw.size(0, 9), draw.size(1, 20)))
    return {"source": draw.values(*shape), "target": draw.values(*shape)}, {}


def region_overlap(draw: Draw) -> Call:
    shape = draw.size(0, 3), draw.size(1, 9), draw.size(1, 9)
    return {"maps": draw.values(*shape), "masks": draw.rng.random(shape) < 0.3}, {}


def rescore(draw: Draw) -> Call:
    count = draw.size(1, 40)
    arrays = {"features": draw.values(count, draw.size(1, 9)), "scores": draw.values(count)}
    options = {"neighbors": draw.pick((1, 7), (3,), (99,)), "min_max": draw.pick(True, False)}
    return arrays, options


def spread_points(draw: Draw) -> Call:
    centers = draw.size(1, 30)
    arrays = {
        "points": draw.values(draw.size(0, 90), 3),
        "centers": draw.values(centers, 3),
        "values": draw.values(centers),
    }
    return arrays, {"neighbors": draw.size(1, 8)}


CALLS: dict[str, Callable[[Draw], Call]] = {
    name: globals()[name] for name in ops.__all__ if name.islower()
}
