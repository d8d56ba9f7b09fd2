"""Images that are out of place are cut into tiles at the same places of the part."""

import numpy as np
import pytest
import torch
from parts import SMALL, score_small

from bench.boards import Boards
from musc2 import Config
from musc2._tiles.alignment import Alignment
from musc2._tiles.loading import TiledLoader
from musc2.inputs import pair
from musc2.progress import StageTimer

SHIFTS = [(3, 5), (0, 8), (6, 1), (8, 7)]


def shifted(rng, size, shifts=SHIFTS):
    """Crops of one textured picture, each lit differently."""
    whole = rng.random((size[0] + 8, size[1] + 8, 3), dtype=np.float32)
    crops = []
    for number, (top, left) in enumerate(shifts):
        crops.append((0.6 + 0.1 * number) * whole[top : top + size[0], left : left + size[1]])
    return crops


def tiles_of(rgb, tile, overlap, references=()):
    config = Config(tile=tile, tile_overlap=overlap)
    loaders = [TiledLoader(pair(own), config, StageTimer()) for own in (references, rgb) if own]
    alignment = Alignment(tile=tile, overlap=overlap)
    for loader in loaders:
        loader.align(alignment)
    cut = []
    for loader in loaders:
        for image in loader:
            picture = np.asarray(image.picture.pixels, np.float32)
            boxes = image.layout.boxes()
            cut.append([picture[top:bottom, left:right] for top, left, bottom, right in boxes])
    return cut


@pytest.mark.parametrize("size", [(150, 230), (64, 300), (300, 64), (40, 230)])
@pytest.mark.parametrize("is_referred", [False, True])
def test_tiles_show_the_same_place_of_all_parts(rng, size, is_referred):
    rgb = shifted(rng, size)
    references, samples = (rgb[:2], rgb[2:]) if is_referred else ((), rgb)
    cut = tiles_of(samples, 64, 16, references)
    for number, own in enumerate(cut):
        assert len(own) == len(cut[0])
        for tile, first in zip(own, cut[0], strict=True):
            assert tile.shape == first.shape
            light = (0.6 + 0.1 * number) / 0.6
            np.testing.assert_allclose(tile / light, first, atol=0.01)


@pytest.mark.parametrize("overlap", [0, 6])
def test_shifts_beyond_half_the_overlap_are_not_looked_at(rng, overlap):
    [first, second] = tiles_of(shifted(rng, (150, 230), [(0, 0), (8, 8)]), 64, overlap)
    assert not np.allclose(first[0] * 0.7 / 0.6, second[0], atol=0.1)


def test_images_that_have_nothing_in_common_stay_where_they_are(rng):
    rgb = [rng.random((150, 230, 3), dtype=np.float32) for _ in range(4)]
    for own, picture in zip(tiles_of(rgb, 64, 16), rgb, strict=True):
        np.testing.assert_array_equal(own[0], picture[:64, :64])


def test_an_image_of_one_tile_is_whole(rng):
    rgb = shifted(rng, (60, 60))
    for own, picture in zip(tiles_of(rgb, 64, 16), rgb, strict=True):
        np.testing.assert_array_equal(own[0], picture)


@pytest.mark.parametrize("corner", [(100, 140), (60, 61), (130, 210)])
def test_maps_lie_where_the_images_do(rng, corner):
    shifts = [(0, 0), (8, 8), (4, 2), (1, 7), (6, 6)]
    rgb = [0.4 + 0.1 * image for image in shifted(rng, (150, 230), shifts)]
    row, column = corner
    rgb[1][row : row + 12, column : column + 12] = (0.9, 0.1, 0.1)
    result = score_small(rgb, config=SMALL.replace(tile=64, tile_overlap=16))
    assert int(result.scores.argmax()) == 1
    assert result.maps[1].shape == (150, 230)
    highest_row, highest_column = divmod(int(result.maps[1].argmax()), 230)
    assert abs(highest_row - row - 6) <= 6
    assert abs(highest_column - column - 6) <= 6


def test_a_strip_that_lies_unlike_the_others_is_not_suspicious():
    make = Boards((96, 700), jitter=4, defects={1: (50, 317)}, side=8)
    rgb = [make(number) for number in range(5)]  # the fourth is 4 pixels lower than the others
    config = SMALL.replace(tile=96, tile_overlap=24, map_top_share=0.0)
    scores = score_small(rgb, config=config).scores
    assert int(scores.argmax()) == 1
    others = torch.cat([scores[:1], scores[2:]])
    assert scores[1] > 2 * others.max()  # as they lie, another board is higher
