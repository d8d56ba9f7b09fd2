"""Same input, same output: every op and stage, run again and with other threads."""

import dataclasses

import pytest
import torch

from musc2 import ops
from musc2.maps import Frame, Maps, PatchLayer
from musc2.ops._support.dispatch import set_num_threads
from musc2.stages import aggregate, group, maps, mutual, rescore, subsets
from musc2.stages.enhance import enhance

GENERATOR = torch.Generator().manual_seed(0)
POINTS = torch.rand(3000, 3, generator=GENERATOR).mul(20).round() / 20  # on a lattice: full of ties
TOKENS = torch.rand(300, 24, generator=GENERATOR).mul(3).round()
GRID = torch.rand(5, 12, 10, 24, generator=GENERATOR)
Z = torch.rand(6, 50, 24, generator=GENERATOR).mul(2).round()
VALUES = torch.rand(3000, generator=GENERATOR).mul(50).round()
PIXELS = torch.randint(0, 400, (300,), generator=GENERATOR)
CENTERS = ops.farthest_points(POINTS, 300)
CURVATURE = torch.rand(300, generator=GENERATOR) / 50
IMAGES = torch.rand(3, 3, 32, 40, generator=GENERATOR)
DICTIONARY = torch.rand(108, 20, generator=GENERATOR) - 0.5, torch.rand(30, 20, generator=GENERATOR)
D = torch.rand(100, 7, generator=GENERATOR), torch.rand(300, 7, generator=GENERATOR)

OPS = {
    "cluster_grid": lambda: ops.cluster_grid(POINTS.reshape(50, 60, 3), eps=0.06, min_points=4),
    "dictionary_tokens": lambda: ops.dictionary_tokens(IMAGES, *DICTIONARY),
    "farthest_points": lambda: ops.farthest_points(POINTS, 200),
    "gradient_tokens": lambda: ops.gradient_tokens(IMAGES),
    "group_histograms": lambda: ops.group_histograms(POINTS, *ops.point_normals(POINTS), CENTERS),
    "group_points": lambda: ops.group_points(POINTS, CENTERS, unique=True),
    "link_patches": lambda: ops.link_patches(PIXELS, size=(20, 20), grid=(5, 5)),
    "lowest_mean": lambda: ops.lowest_mean(VALUES.reshape(100, 30)),
    "nearest_patches": lambda: ops.nearest_patches(Z),
    "nearest_points": lambda: ops.nearest_points(POINTS, POINTS[:200], 64),
    "point_normals": lambda: ops.point_normals(POINTS),
    "pool_centers": lambda: ops.pool_centers(TOKENS, POINTS[:300], CURVATURE),
    "pool_grid": lambda: ops.pool_grid(GRID),
    "project_tokens": lambda: ops.project_tokens(TOKENS, DICTIONARY[0][:24], DICTIONARY[1][0]),
    "rank_match": lambda: ops.rank_match(VALUES, VALUES.flip(0)),
    "region_overlap": lambda: ops.region_overlap(
        VALUES.reshape(5, 20, 30), VALUES.reshape(5, 20, 30).roll(7) > 40
    ),
    "rescore": lambda: ops.rescore(TOKENS, VALUES[:300]),
    "spread_points": lambda: ops.spread_points(POINTS, POINTS[:300], VALUES[:300]),
}
CLOUD = group.group_clouds([POINTS[:400]], [torch.arange(400)], [(20, 20)], count=300)[0][0]
STAGES = {
    "aggregate images": lambda: aggregate.image_features(GRID),
    "aggregate points": lambda: aggregate.point_features(TOKENS[None], [CLOUD]),
    "enhance": lambda: enhance(*D, ops.link_patches(PIXELS, size=(20, 20), grid=(10, 10))),
    "group": lambda: group.group_clouds([POINTS], count=100)[0][1],
    "image maps": lambda: Maps(
        [PatchLayer(scores=GRID[..., 0])], [Frame(working=(100, 90), input=(120, 95))] * 5
    ).at("input"),
    "mutual": lambda: mutual.distances(mutual.Features(z=Z), torch.arange(6)),
    "point maps": lambda: maps.point_layer(
        maps.point_scores(VALUES[None, :300], [CLOUD]), [CLOUD]
    ).render(0, (20, 20)),
    "rescore": lambda: rescore.salient_features(Z, VALUES[:300].reshape(6, 50)),
    "subsets": lambda: subsets.split(100, 4, 1),
}


def tensors(result):
    if isinstance(result, torch.Tensor):
        return [result]
    if isinstance(result, int):
        return [torch.tensor(result)]
    if dataclasses.is_dataclass(result):
        result = [getattr(result, field.name) for field in dataclasses.fields(result)]
    return [tensor for part in result for tensor in tensors(part)]


def test_every_op_is_among_the_cases():
    assert set(OPS) == {name for name in ops.__all__ if name.islower()}


@pytest.mark.parametrize(
    "run", [*OPS.values(), *STAGES.values()], ids=[*OPS, *(f"stage {name}" for name in STAGES)]
)
def test_running_again_gives_equal_bits(run):
    first, again = tensors(run()), tensors(run())
    set_num_threads(3)
    try:
        threaded = tensors(run())
    finally:
        set_num_threads(None)
    assert len(first) == len(again) == len(threaded)
    assert all(
        torch.equal(a, b) and torch.equal(a, c)
        for a, b, c in zip(first, again, threaded, strict=True)
    )
