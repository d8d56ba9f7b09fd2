"""A bank of large images in tiles."""

import numpy as np
import parts
import pytest
import torch
from parts import SMALL, colors, score_small

from musc2 import Scorer, _tensor_files, score
from musc2.errors import InputError
from test_image_tiles import PATCH, VARIANTS, coarse_colors, large
from test_tile_alignment import shifted

TILED = SMALL.replace(tile=64)


def bank(rgb, config=TILED, **options):
    arguments = {"encoder_2d": colors, "config": config, **options}
    return Scorer.fit(rgb, **arguments)


def moved(rng, shifts):
    """Crops of one textured picture that are equally bright."""
    crops = shifted(rng, (150, 230), shifts)
    return [image / (0.6 + 0.1 * number) for number, image in enumerate(crops)]


def options_of(variant, rgb):
    """The options of a variant of the set, without those of references."""
    options = {"config": SMALL, "encoder_2d": colors} | VARIANTS[variant]
    if "masks" in options:
        options["masks"] = np.ones(rgb.shape[:3], bool)
        options["masks"][:, :, :10] = False
    return options


SETS = [name for name in VARIANTS if "references" not in name]
CHANGES = [{}, {"tile_neighbors": 1}, {"tile_overlap": 0}, {"memory": 1}]


@pytest.mark.parametrize(
    ("variant", "changes"), [*((name, {}) for name in SETS), *(("plain", own) for own in CHANGES)]
)
def test_the_scores_of_the_bank_are_those_of_its_set(rng, variant, changes):
    rgb = large(rng, 5, size=(100, 160), defect=(3, 60, 61))
    options = options_of(variant, rgb)
    options["config"] = options["config"].replace(tile=64, **changes)
    own, whole = Scorer.fit(rgb, **options).scores(), score(rgb, **options)
    assert own.config == options["config"]
    assert torch.equal(own.raw_scores, whole.raw_scores)
    torch.testing.assert_close(own.scores, whole.scores, rtol=1e-6, atol=0)
    assert torch.equal(own.maps[3], whole.maps[3])


@pytest.mark.parametrize("changes", CHANGES)
def test_a_new_part_scores_as_with_the_bank_as_its_references(rng, changes):
    rgb = large(rng, 6, defect=(5, 60, 61))
    config = TILED.replace(**changes)
    scorer = bank(rgb[:5], config, references_are_good=True)
    result = scorer.score(rgb[5:], names=["new"])
    references = {"references": {"rgb": rgb[:5]}, "references_are_good": True}
    expected = score_small(rgb[5:], config=config, **references)
    torch.testing.assert_close(result.scores, expected.scores, rtol=1e-6, atol=0)
    torch.testing.assert_close(result.maps[0], expected.maps[0], rtol=1e-5, atol=1e-6)
    assert result["new"].suspicious
    row, column = divmod(int(result.maps[0].argmax()), 230)
    assert max(abs(row - 60), abs(column - 61)) <= 12
    assert result.config == config


def test_parts_are_scored_one_by_one(rng):
    rgb = large(rng, 8, defect=(7, 60, 61))
    scorer = bank(rgb[:5])
    together = scorer.score(rgb[5:])
    for number in range(3):
        alone = scorer.score(rgb[5 + number : 6 + number])
        assert torch.equal(alone.scores[0], together.scores[number])
        assert torch.equal(alone.maps[0], together.maps[number])


@pytest.mark.parametrize(
    ("encoders", "storage"),
    [(colors, "float16"), ([colors, coarse_colors], "float32"), ("texture", "float32")],
)
def test_a_loaded_bank_goes_on_as_the_saved_one(rng, tmp_path, encoders, storage):
    rgb = moved(rng, [(0, 0), (8, 8), (4, 2), (1, 7), (6, 6), (3, 5)])
    config = TILED.replace(tile_overlap=16)
    scorer = bank(rgb[:4], config, encoder_2d=encoders, storage=storage)
    scorer.save(tmp_path / "line.musc2")
    own = None if encoders == "texture" else encoders
    loaded = Scorer.load(tmp_path / "line.musc2", encoder_2d=own)
    for scored in (Scorer.scores, lambda one: one.score(rgb[4:])):
        first, second = scored(scorer), scored(loaded)
        assert torch.equal(first.scores, second.scores)
        assert torch.equal(first.maps[0], second.maps[0])
    assert loaded.add(rgb[4:], names=["4", "5"]) == []
    loaded.remove(["0", "2"])
    loaded.calibrate()
    assert loaded.scores().names == ["1", "3", "4", "5"]


@pytest.mark.parametrize("kept", [0, 1])
def test_a_file_without_all_windows_of_the_alignment_is_refused(rng, tmp_path, kept):
    path = tmp_path / "line.musc2"
    bank(moved(rng, [(0, 0), (3, 5), (8, 8)])).save(path)
    arrays, about = _tensor_files.read(path, verify=True)
    arrays = {name: np.array(values) for name, values in arrays.items()}
    spectra = arrays.pop("tiles.spectra")
    about["tiles"]["boxes"] *= 2
    if kept:
        arrays["tiles.spectra"] = spectra
    _tensor_files.write(path, arrays, about)
    with pytest.raises(InputError, match=r"must hold a whole bank, got (Key|Value)Error"):
        Scorer.load(path, encoder_2d=colors)


def test_the_tiles_of_a_new_part_lie_as_the_first_of_the_bank_does(rng):
    config = TILED.replace(tile_overlap=16)
    rgb = moved(rng, [(4, 4), (0, 8), (8, 0), (4, 4), (4, 4), (2, 7)])
    noise = 0.1 * rng.random((6, 150, 230, 3), dtype=np.float32)
    rgb = [0.9 * image + own for image, own in zip(rgb, noise, strict=True)]
    scorer = bank(rgb[:5], config)
    assert scorer.score(rgb[5:]).scores[0] < 1.5 * scorer.scores().scores.max()
    unmoved = [rgb[0], rgb[3], rgb[4]]
    scorer = bank(unmoved, config.replace(tile_overlap=0))  # which moves no tile
    assert scorer.score(rgb[5:]).scores[0] > 2 * scorer.scores().scores.max()


def test_a_part_that_shows_less_of_the_border_is_compared_where_it_can_be(rng):
    rgb = moved(rng, [(4, 4)] * 5 + [(8, 8), (0, 0)])
    rgb[5][60:72, 60:72] = (0.9, 0.1, 0.1)
    result = bank(rgb[:5], TILED.replace(tile_overlap=16)).score(rgb[5:])
    row, column = divmod(int(result.maps[0].argmax()), 230)
    assert max(abs(row - 66), abs(column - 66)) <= PATCH
    assert [values.shape for values in result.maps] == [(150, 230)] * 2


def test_one_tile_gives_what_whole_images_give(rng):
    rgb = large(rng, 6, size=(40, 60), defect=(5, 20, 30))
    whole, tiled = (bank(rgb[:5], SMALL.replace(tile=tile)) for tile in (None, 60))
    for scored in (Scorer.scores, lambda one: one.score(rgb[5:])):
        assert torch.equal(scored(tiled).scores, scored(whole).scores)
        assert torch.equal(scored(tiled).maps.at("input"), scored(whole).maps.at("input"))


def test_a_smaller_bank_finds_the_defect(rng):
    scorer = bank(large(rng, 5), bank_size=0.2)
    good, defective = scorer.score(large(rng, 2, defect=(1, 60, 61))).scores
    assert defective > 2 * good
    with pytest.raises(InputError, match=r"config.tile_neighbors must be 0 with bank_size, got 1"):
        bank(large(rng, 2), TILED.replace(tile_neighbors=1), bank_size=0.2)


def test_parts_that_are_most_alike_in_all_tiles_are_dropped(rng):
    rgb = large(rng, 4)
    rgb[3] = rgb[1]
    rgb[3][:8, :8] = 0  # of the first tile, in which 1 and 3 are least alike
    scorer = bank(rgb[:3], capacity=3, drop="alike")
    assert scorer.add(rgb[3:], names=["3"]) == ["1"]


def test_a_part_of_the_bank_is_noticed_if_all_its_tiles_are(rng):
    rgb = rng.integers(0, 256, (5, 150, 230, 3), np.uint8)
    scorer = bank(rgb)
    with pytest.warns(UserWarning, match="parts that are in the bank do not vouch.*new and 2"):
        result = scorer.score(rgb[2:3], names=["new"])
    assert float(result.raw_scores[0]) == pytest.approx(float(scorer.scores().raw_scores[2]), 0.3)
    with pytest.warns(UserWarning, match="parts are in the bank already"):
        scorer.add(rgb[2:3], names=["again"])
    other = rgb[2:3].copy()
    other[:, 100:, 150:] ^= 255
    scorer.score(other)


def test_what_has_other_tiles_than_the_bank_is_refused(rng):
    scorer = bank(large(rng, 3))
    message = "sample '0' must give 3 x 4 tiles as those before, whose size is 150 x 230, got 2 x 2"
    with pytest.raises(InputError, match=message):
        scorer.score([np.zeros((90, 100, 3), np.uint8)])
    with pytest.raises(InputError, match=r"Scorer.fit: pcd must be left out when config.tile is"):
        Scorer.fit(parts.images(rng, 2), parts.maps(rng, 2), config=TILED)
