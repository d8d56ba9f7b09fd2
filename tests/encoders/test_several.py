"""Several encoders in one call."""

import numpy as np
import parts
import pytest
import torch
from parts import SMALL, score_small
from PIL import Image

from musc2 import Config, Result, score
from musc2.encoders import selection
from musc2.errors import InputError
from musc2.inputs.sample import Source

DEFECT = (2, 20, 30)


def edges(pixels):
    """The spread of each 8 x 8 pixels."""
    cells = pixels.unfold(2, 8, 8).unfold(3, 8, 8).flatten(4)
    return cells.std(-1).permute(0, 2, 3, 1)


def fine(pixels):
    """The mean color of each 4 x 4 pixels, of larger images."""
    return torch.nn.functional.avg_pool2d(pixels, 4).permute(0, 2, 3, 1)


fine.size = 96


def reach(cloud, groups):
    return groups.neighborhood.abs().mean(1)


def test_maps_of_several_encoders_are_fused_each_at_its_level(rng):
    rgb = parts.images(rng, 8, defect=DEFECT)
    both = score_small(rgb, encoder_2d=[parts.colors, edges])
    own = [score_small(rgb, encoder_2d=encoder) for encoder in (parts.colors, edges)]
    mean = (own[0].patch_scores_2d + own[1].patch_scores_2d) / 2
    ratio = both.patch_scores_2d / mean
    torch.testing.assert_close(ratio, torch.full_like(ratio, float(ratio.mean())))
    assert torch.equal(both.raw_scores, both.maps.at("working").flatten(1).amax(1))
    assert both.encoders == {"2d": "colors,edges"}
    assert [set(unit) for unit in both.units] == [{"2d"}, {"2d"}]


def test_one_encoder_twice_is_that_encoder(rng):
    rgb, pcd = parts.images(rng, 6, defect=DEFECT), parts.maps(rng, 6)
    once = score_small(rgb, pcd)
    twice = score_small(rgb, pcd, encoder_2d=[parts.colors, parts.colors])
    torch.testing.assert_close(twice.scores, once.scores)
    torch.testing.assert_close(twice.maps_3d.at("input"), once.maps_3d.at("input"))


def test_each_encoder_gets_images_at_its_own_size_and_the_finest_grid_is_kept(rng):
    sizes = []

    def noting(pixels):
        sizes.append(tuple(pixels.shape[2:]))
        return fine(pixels)

    noting.size = 96
    rgb = parts.images(rng, 5)
    config = SMALL.replace(input_size=None, input_resize="square")
    small = selection.custom.image_encoder(parts.colors, 48)
    result = score_small(rgb, encoder_2d=[small, noting], config=config)
    assert sizes == [(96, 96)]
    (layer,) = result.maps_2d.layers
    assert (layer.scores.shape[1:], layer.further[0].shape[1:]) == ((6, 6), (24, 24))
    assert result.patch_scores_2d.shape == (5, 24, 24)
    assert result.maps.at("working").shape == (5, 48, 48)
    assert result.maps.at("input").shape == (5, 36, 60)


def test_every_image_is_read_once(rng, tmp_path, monkeypatch):
    for index, image in enumerate(parts.images(rng, 4)):
        Image.fromarray(image).save(tmp_path / f"{index}.png")
    reads = []
    read = Source.read

    def counting(source):
        reads.append(source)
        return read(source)

    monkeypatch.setattr(Source, "read", counting)
    score_small(tmp_path, encoder_2d=[parts.colors, edges])
    assert len(reads) == 4


@pytest.mark.parametrize("unit", ["normal", "distance"])
def test_scans_and_images_of_several_encoders(rng, unit, tmp_path):
    rgb, pcd = parts.images(rng, 7, defect=DEFECT), parts.maps(rng, 7, defect=DEFECT)
    result = score_small(
        rgb,
        pcd,
        encoder_2d=[parts.colors, edges],
        encoder_3d=[parts.spread, reach],
        config=SMALL.replace(score_unit=unit),
    )
    assert result.encoders == {"2d": "colors,edges", "3d": "spread,reach"}
    assert int(result.raw_scores.argmax()) == 2
    assert len(result.units) == 2
    torch.testing.assert_close(
        result.maps.at("working"), result.maps_2d.at("working") + result.maps_3d.at("working")
    )
    result.save(tmp_path)
    parts.same(Result.load(tmp_path), result)
    assert Result.load(tmp_path).units == result.units


def test_two_encoders_of_clouds(rng):
    clouds = [xyz.reshape(-1, 3) for xyz in parts.maps(rng, 5, defect=DEFECT)]
    result = score_small(pcd=clouds, encoder_3d=[parts.spread, reach])
    assert result.encoders == {"3d": "spread,reach"}
    assert len(result.point_scores[0]) == len(clouds[0])
    assert result.patch_scores_3d.shape == (5, 32)


def test_references_meet_every_encoder(rng):
    rgb, good = parts.images(rng, 3, defect=DEFECT), parts.images(rng, 9)
    encoders = [parts.colors, parts.Coarse()]
    result = score_small(
        rgb, references={"rgb": good}, references_are_good=True, encoder_2d=encoders
    )
    assert int(result.raw_scores.argmax()) == 2
    assert float(result.raw_scores[2]) > float(result.reference_scores.max())
    assert encoders[1].mean == 0  # score fitted a copy


def test_names_with_a_size():
    chosen = selection.select(
        "texture@48,texture", "auto", Config(input_size=64), "cpu", images=True, points=False
    )
    assert chosen.names() == {"2d": "texture@48,texture"}
    assert chosen.input_sizes(64) == [48, 64]
    first, second = chosen.images
    assert first.encoder is second.encoder  # loaded once
    assert selection.split_size("texture@0") == ("texture@0", None)
    assert selection.split_size(parts.colors) == (parts.colors, None)


def test_a_size_alone(rng):
    rgb = parts.images(rng, 4)
    config = SMALL.replace(input_size=None)
    result = score(rgb, encoder_2d="texture@48", config=config)
    assert result.encoders == {"2d": "texture@48"}
    assert result.patch_scores_2d.shape == (4, 6, 6)
    with pytest.raises(
        InputError,
        match="encoder_2d must have a size that is a multiple of 8 with texture, got 'texture@50'",
    ):
        score(rgb, encoder_2d="texture@50")


def test_an_empty_list_is_refused(rng):
    with pytest.raises(InputError, match="encoder_2d must name at least one encoder, got none"):
        score(parts.images(rng, 3), encoder_2d=[])


def test_image_level_features_of_all_encoders_tell_which_parts_are_alike(rng):
    rgb = np.concatenate([parts.images(rng, 4), 255 - parts.images(rng, 4)])
    result = score_small(rgb, encoder_2d=[parts.colors, edges], config=SMALL.replace(rescore=True))
    assert bool(result.scores.isfinite().all())
    assert not torch.equal(result.scores, result.raw_scores)
