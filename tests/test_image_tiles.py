"""Images are cut into tiles, each position is scored on its own, and the maps are joined."""

import errno
import os

import numpy as np
import parts
import pytest
import torch
from parts import SMALL, colors, score_small
from PIL import Image
from torch.nn.functional import avg_pool2d

from bench.boards import Boards
from musc2 import Config, Result, score
from musc2._tiles import scores as tile_scores
from musc2._tiles.layout import layout, neighbors
from musc2._tiles.store import TokenStore
from musc2.errors import InputError
from musc2.patch_scores import features_of

TILED = SMALL.replace(tile=64)
PATCH = 64 * 8 / 48  # pixels of the image
SIZES = [(200, 320), (64, 64), (65, 63), (40, 500), (500, 40), (129, 130)]


def large(rng, samples=5, size=(150, 230), defect=None):
    return parts.images(rng, samples, size=size, defect=defect)


def coarse_colors(pixels):
    """The mean color of each 16 x 16 pixels."""
    return avg_pool2d(pixels, 16).permute(0, 2, 3, 1)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("overlap", [None, 0, 1, 63])
def test_tiles_of_one_size_cover_the_image(size, overlap):
    own = layout(size, 64, overlap)
    covered = np.zeros(size, bool)
    for top, left, bottom, right in own.boxes():
        assert (bottom - top, right - left) == (min(64, size[0]), min(64, size[1]))
        covered[top:bottom, left:right] = True
    assert covered.all()
    assert len(own.boxes()) == own.shape[0] * own.shape[1]


def test_tiles_are_spaced_by_their_side_without_the_overlap_but_the_last():
    own = layout((100, 250), 100, 20)
    assert own.rows.firsts == (0,)
    assert own.columns.firsts == (0, 80, 150)
    assert own.boxes()[1] == (0, 80, 100, 180)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("overlap", [None, 0, 31])
def test_each_cell_comes_from_the_most_central_tile(size, overlap):
    own, patches = layout(size, 64, overlap), (8, 4)
    cells = own.cells(patches)
    sources = own.sources(cells, patches).reshape(cells)
    boxes = own.boxes()
    rows = np.linspace(0, size[0] - 1, cells[0])
    columns = np.linspace(0, size[1] - 1, cells[1])
    for row, y in list(enumerate(rows))[:: max(1, cells[0] // 7)]:
        for column, x in list(enumerate(columns))[:: max(1, cells[1] // 7)]:
            number, patch = divmod(int(sources[row, column]), 32)
            top, left, bottom, right = boxes[number]
            assert top - 1 <= y <= bottom
            assert left - 1 <= x <= right
            away = [max(abs(y - (a + c - 1) / 2), abs(x - (b + d - 1) / 2)) for a, b, c, d in boxes]
            own_away = max(abs(y - (top + bottom - 1) / 2), abs(x - (left + right - 1) / 2))
            assert own_away <= min(away) + 1e-6
            if own.shape != (1, 1):
                center = top + (patch // 4 + 0.5) * (bottom - top) / 8
                assert abs(center - y) <= (bottom - top) / 8


def test_no_patch_within_a_tile_is_skipped():
    own = layout((1, 1000), 100, 0)
    sources = own.sources(own.cells((1, 10)), (1, 10))
    assert sources.unique().tolist() == list(range(100))


def test_neighbors_are_those_around_a_tile():
    assert neighbors((3, 4), 5, 1) == [0, 1, 2, 4, 6, 8, 9, 10]
    assert neighbors((3, 4), 0, 1) == [1, 4, 5]
    assert neighbors((2, 2), 3, None) == [0, 1, 2]
    assert neighbors((2, 2), 3, 0) == []


@pytest.mark.parametrize("memory", [0, 1 << 20])
def test_a_store_returns_what_was_written(rng, memory):
    tokens = torch.from_numpy(rng.random((5, 4, 2, 3), dtype=np.float32))  # tiles, parts, ...
    store = TokenStore(5, 4, (2, 3), memory)
    assert store.is_file == (memory == 0)
    for part in (2, 0, 3, 1):
        store.write(part, 3, tokens[3:, part])
        store.write(part, 0, tokens[:3, part])
    for rows in ([0, 1, 2, 3], [0, 2, 3], [3]):
        assert torch.equal(store.read(4, rows), tokens[4, rows])


VARIANTS = {
    "plain": {},
    "several encoders": {"encoder_2d": [colors, coarse_colors]},
    "learning encoder": {"encoder_2d": "texture"},
    "references": {"references": slice(0, 3)},
    "good references": {"references": slice(0, 3), "references_are_good": True},
    "masks": {"masks": True},
    "window": {"config": SMALL.replace(search_window=1)},
    "subsets": {"config": SMALL.replace(subset_count=2)},
    "separate degrees": {"config": SMALL.replace(aggregate_separately=True)},
    "v1": {"config": SMALL.replace(rescore_class_tokens=True), "encoder_2d": parts.Coarse()},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_one_tile_gives_what_whole_images_give(rng, variant):
    options = dict(VARIANTS[variant])
    config = options.pop("config", SMALL)
    rgb = large(rng, 8, size=(40, 60), defect=(6, 20, 30))
    if "references" in options:
        options["references"] = {"rgb": rgb[options["references"]]}
        rgb = rgb[3:]
    if "masks" in options:
        options["masks"] = np.ones((8, 40, 60), bool)
        options["masks"][:, :, :10] = False
    whole = score_small(rgb, config=config, **options)
    tiled = score_small(rgb, config=config.replace(tile=60), **options)
    assert torch.equal(tiled.scores, whole.scores)
    assert torch.equal(tiled.raw_scores, whole.raw_scores)
    assert torch.equal(tiled.maps.at("input"), whole.maps.at("input"))
    assert tiled.units == whole.units
    if whole.reference_scores is not None:
        assert torch.equal(tiled.reference_scores, whole.reference_scores)


@pytest.mark.parametrize("overlap", [None, 0, 500])
def test_a_tile_larger_than_the_image_is_the_whole_image(rng, overlap):
    rgb = large(rng, size=(40, 60), defect=(3, 20, 30))
    whole = score_small(rgb)
    tiled = score_small(rgb, config=SMALL.replace(tile=1000, tile_overlap=overlap))
    assert torch.equal(tiled.scores, whole.scores)
    assert torch.equal(tiled.maps.at("input"), whole.maps.at("input"))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tile_overlap": 0},
        {"tile_overlap": 40},
        {"tile_neighbors": 1},
        {"tile_neighbors": None},
        {"search_window": 1},
    ],
)
@pytest.mark.parametrize("corner", [(20, 30), (60, 61), (141, 221), (75, 160)])
def test_a_defect_is_where_the_map_is_highest(rng, corner, changes):
    rgb = large(rng, defect=(3, *corner))
    result = score_small(rgb, config=TILED.replace(**changes))
    assert result.maps[3].shape == (150, 230)
    assert int(result.scores.argmax()) == 3
    assert result.scores[3] > 2 * result.scores[[0, 1, 2, 4]].max()
    row, column = divmod(int(result.maps[3].argmax()), 230)
    assert abs(row - corner[0]) <= 1 + PATCH
    assert abs(column - corner[1]) <= 1 + PATCH


@pytest.mark.parametrize("size", [(36, 500), (500, 36), (129, 130)])
def test_strips_and_remainders(rng, size):
    corner = (size[0] - 18, size[1] - 20)
    rgb = large(rng, size=size, defect=(1, *corner))
    result = score_small(rgb, config=TILED)
    assert int(result.scores.argmax()) == 1
    row, column = divmod(int(result.maps[1].argmax()), size[1])
    assert abs(row - corner[0]) <= 1 + PATCH
    assert abs(column - corner[1]) <= 1 + PATCH


def test_the_share_of_highest_values_is_that_of_one_tile(rng):
    rgb = large(rng, defect=(3, 60, 61))
    unit = {"score_unit": "distance", "rescore": False}
    result = score_small(rgb, config=TILED.replace(map_top_share=0.05, **unit))
    values = result.maps.at("working")[3].flatten().sort(descending=True).values
    count = 0.05 * 48 * 48
    assert float(result.raw_scores[3]) == pytest.approx(
        float(values[: round(count)].mean()), rel=0.02
    )
    assert result.config.map_top_share == 0.05


def test_a_scratch_file_changes_nothing(rng):
    rgb = large(rng, defect=(3, 60, 61))
    within, beyond = (score_small(rgb, config=TILED.replace(memory=own)) for own in (1 << 30, 1))
    assert torch.equal(within.scores, beyond.scores)
    assert torch.equal(within.maps[3], beyond.maps[3])


def test_sizes_that_differ_by_a_few_pixels_have_maps_of_their_own(rng):
    rgb = [*large(rng, 4), *large(rng, 1, size=(153, 226), defect=(0, 60, 100))]
    result = score_small(rgb, config=TILED)
    assert [tuple(values.shape) for values in result.maps] == [(150, 230)] * 4 + [(153, 226)]
    assert int(result.scores.argmax()) == 4


def test_masks_leave_out_what_lies_outside(rng):
    rgb = large(rng, defect=(3, 60, 30))
    masks = np.ones((5, 150, 230), bool)
    masks[:, :, :80] = False
    result = score_small(rgb, masks=masks, config=TILED)
    assert not bool(result.maps[3][:, :75].any())
    assert result.scores[3] < 2 * result.scores[[0, 1, 2, 4]].max()


def test_a_result_of_tiles_is_saved_and_reported(rng, tmp_path):
    result = score_small(large(rng, defect=(3, 60, 61)), config=TILED)
    result.save(tmp_path / "saved")
    loaded = Result.load(tmp_path / "saved")
    assert torch.equal(loaded.maps[3], result.maps[3])
    assert result.regions(3)
    assert result.matches is None
    assert result.report(tmp_path / "report").exists()


def test_copies_are_named_and_files_that_cannot_be_read_are_left_out(rng, tmp_path):
    rgb = rng.integers(0, 256, (6, 150, 230, 3), np.uint8)
    for number, image in enumerate(rgb):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    (tmp_path / "2.png").write_bytes(b"nothing")
    result = score_small(tmp_path, config=TILED.replace(on_error="skip"))
    assert [failure.name for failure in result.failures] == ["2"]
    assert len(result.scores) == 5
    nearly = rgb[0].copy()
    nearly[:9, :9] ^= 1
    with pytest.warns(UserWarning, match="copies do not vouch for each other: 0 and 6"):
        score_small([*rgb, nearly], config=TILED)


def test_the_features_of_each_tile_are_computed_once(rng, monkeypatch):
    calls = []

    def counted(tokens, *arguments):
        calls.append(tokens.count)
        return features_of(tokens, *arguments)

    monkeypatch.setattr(tile_scores, "features_of", counted)
    score_small(large(rng), config=TILED)
    tiles = len(layout((150, 230), 64, None).boxes())
    assert calls.count(5) == tiles  # one layer; those of single parts are for re-scoring


@pytest.mark.parametrize(
    ("inputs", "changes", "message"),
    [
        ("pcd", {}, "score: pcd must be left out when config.tile is given, got scans"),
        (
            "sizes",
            {},
            "score: sample '1' must give 3 x 4 tiles as those before, whose size is 150 x 230, "
            "got 2 x 2 of 90 x 100 pixels",
        ),
        (
            "rgb",
            {"tile_overlap": 64},
            "score: config.tile_overlap must be below config.tile, 64, got 64",
        ),
        (
            "rgb",
            {"search_window": "auto"},
            "score: config.search_window must be None or a number when config.tile is given, "
            "got auto",
        ),
        (
            "rgb",
            {"references_per_part": 1},
            "score: config.references_per_part must be None when config.tile is given, got 1",
        ),
        (
            "rgb",
            {"tile_neighbors": 1, "search_window": 2},
            "score: config.tile_neighbors must be 0 when config.search_window is given, got 1",
        ),
    ],
)
def test_what_has_no_tiles_is_refused(rng, inputs, changes, message):
    rgb, pcd = large(rng, 2), None
    if inputs == "pcd":
        rgb, pcd = parts.images(rng, 2), parts.maps(rng, 2)
    if inputs == "sizes":
        rgb = [rgb[0], rgb[1][:90, :100]]
    with pytest.raises(InputError, match=message):
        score_small(rgb, pcd, config=TILED.replace(**changes))


def test_a_disk_that_is_too_small_is_named(monkeypatch):
    def full(descriptor, offset, size):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match=r"no room for the tokens of the tiles in .* are needed"):
        TokenStore(5, 4, (2, 3), 0)


def test_boards_out_of_place(rng):
    make = Boards((400, 600), jitter=3, defects={2: (222, 317)})
    rgb = [make(number) for number in range(5)]
    result = score_small(rgb, config=SMALL.replace(tile=96, input_size=96, map_top_share=0.0))
    assert int(result.scores.argmax()) == 2
    row, column = divmod(int(result.maps[2].argmax()), 600)
    assert abs(row - 222) <= 12
    assert abs(column - 317) <= 12


@pytest.mark.long
def test_a_defect_of_20_pixels_in_48_megapixels(tmp_path):
    corner = (3757, 3011)
    make = Boards((6000, 8000), jitter=4, defects={1: corner})
    for number in range(5):
        Image.fromarray(make(number)).save(tmp_path / f"{number}.png", compress_level=1)
    result = score(
        tmp_path, encoder_2d="efficientnet-lite0", config=Config(tile=512, memory=1 << 20)
    )
    assert int(result.scores.argmax()) == 1
    values = result.maps[1]
    assert values.shape == (6000, 8000)
    row, column = divmod(int(values.argmax()), 8000)
    assert abs(row - corner[0]) <= 10 + 512 / 28
    assert abs(column - corner[1]) <= 10 + 512 / 28
