"""Photos from a phone, small scans, networks as they come: what users pass without a thought."""

import numpy as np
import parts
import pytest
import torch
from PIL import Image

from musc2 import Config, datasets, score
from musc2.errors import InputError
from musc2.inputs import Preparation, list_images, list_masks, prepare_cloud

ORIENTATION = 274  # the EXIF tag


def write_turned(path, image):
    """Write an image stored turned by 90 degrees, with the tag that says so."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    Image.fromarray(np.rot90(image)).save(path, exif=exif, quality=95)


def test_photos_are_read_upright(rng, tmp_path):
    image = parts.images(rng, 1)[0]
    write_turned(tmp_path / "turned.png", image)
    assert np.array_equal(np.asarray(list_images([tmp_path / "turned.png"])[0].read()), image)
    with Image.open(tmp_path / "turned.png") as opened:
        assert np.array_equal(np.asarray(list_images([opened])[0].read()), image)
    assert datasets.contents.image_size(tmp_path / "turned.png") == image.shape[:2]
    write_turned(tmp_path / "mask.png", (image[..., 0] > 128).astype(np.uint8) * 255)
    mask = list_masks([tmp_path / "mask.png"])[0].read()
    assert np.array_equal(mask, image[..., 0] > 128)


def test_a_photo_that_is_stored_turned_scores_like_the_same_photo_upright(rng, tmp_path):
    images = parts.images(rng)
    for index, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{index}.png")
    upright = parts.score_small(tmp_path)
    write_turned(tmp_path / "3.png", images[3])
    parts.same(parts.score_small(tmp_path), upright)


def test_small_maps_keep_their_own_size():
    xyz = np.ones((30, 50, 3)) * np.arange(1, 51)[:, None]
    small = prepare_cloud(xyz, Preparation(size=48))
    assert small.size == (30, 48)
    assert len(small.points) == 30 * 48
    assert prepare_cloud(xyz, Preparation(size=48, enlarge_maps=True)).size == (48, 48)
    assert Config.from_preset("published").scan_enlarge
    assert not Config().scan_enlarge


def test_small_maps_give_maps_of_the_input_s_size(rng):
    small = parts.maps(rng, size=(24, 30), defect=(3, 12, 20))
    alone = parts.score_small(pcd=small)
    assert alone.maps.at("working").shape == (5, 48, 48)
    assert alone.maps.at("input").shape == (5, 24, 30)
    both = parts.score_small(parts.images(rng), small)
    assert both.maps.at("working").shape == (5, 48, 48)
    assert both.maps_3d.at("input").shape == (5, 36, 60)
    assert int(alone.scores.argmax()) == 3


@pytest.mark.parametrize("size", [(50, 60), (100, 120)])
def test_a_defect_of_a_small_map_is_found_where_it_is(rng, size):
    row, column = size[0] // 2 - 2, size[1] // 2 + 8
    scans = parts.maps(rng, 8, size=size, defect=(3, row, column))
    result = score(None, scans, encoder_3d="shape")
    good = torch.cat([result.scores[:3], result.scores[4:]])
    assert result.scores[3] > 4 * good.max()
    peak = divmod(int(result.maps[3].argmax()), size[1])
    assert abs(peak[0] - row) <= 2
    assert abs(peak[1] - column) <= 2


class Network(torch.nn.Module):
    """A network in train mode, whose batch norm and dropout show whether it stays there."""

    def __init__(self):
        super().__init__()
        self.cells = torch.nn.Conv2d(3, 16, 8, 8)
        self.norm = torch.nn.BatchNorm2d(16)
        self.dropout = torch.nn.Dropout(0.5)
        self.norm.eval()

    def forward(self, images):
        assert not any(module.training for module in self.modules())
        return self.dropout(self.norm(self.cells(images))).permute(0, 2, 3, 1)


def test_a_module_runs_in_eval_mode_and_comes_back_as_it_was(rng):
    torch.manual_seed(0)
    network, images = Network(), parts.images(rng)
    modes = [module.training for module in network.modules()]
    first = parts.score_small(images, encoder_2d=network)
    parts.same(parts.score_small(images, encoder_2d=network), first)
    assert [module.training for module in network.modules()] == modes == [True, True, False, True]
    assert int(network.norm.num_batches_tracked) == 0


@pytest.mark.parametrize("layers", [False, True])
def test_channels_first_is_refused_by_name(rng, layers):
    def channels_first(images):
        tokens = parts.colors(images).permute(0, 3, 1, 2).repeat(1, 4, 1, 1)
        return tokens[:, None] if layers else tokens

    advice = r"permute\(0, 1, 3, 4, 2\)" if layers else r"permute\(0, 2, 3, 1\)"
    message = f"score: the encoder channels_first must return channels last, .*{advice}"
    with pytest.raises(InputError, match=message):
        parts.score_small(parts.images(rng), encoder_2d=channels_first)


def test_a_grid_of_the_image_s_aspect_is_taken_whatever_its_channels(rng):
    config = parts.SMALL.replace(input_resize="fit")

    def encoder(images):
        return torch.nn.functional.avg_pool2d(images, 8).permute(0, 2, 3, 1).repeat(1, 1, 1, 2)

    encoder.patch = 8
    result = parts.score_small(parts.images(rng), encoder_2d=encoder, config=config)
    assert result.patch_scores_2d.shape == (5, 4, 6)


def test_an_encoder_may_return_numpy(rng):
    images, maps = parts.images(rng), parts.maps(rng)

    def image_encoder(pixels):
        return parts.colors(pixels).numpy()

    def point_encoder(cloud, groups):
        return parts.spread(cloud, groups).numpy()

    expected = parts.score_small(images, maps)
    given = {"encoder_2d": image_encoder, "encoder_3d": point_encoder}
    parts.same(parts.score_small(images, maps, **given), expected)


@pytest.mark.parametrize("encoders", [("texture", "shape"), (parts.colors, parts.spread)])
def test_default_types_and_autocast_of_the_caller_stay_outside(rng, encoders):
    given = {"encoder_2d": encoders[0], "encoder_3d": encoders[1], "config": parts.SMALL}
    images, maps = parts.images(rng, 3), parts.maps(rng, 3)
    expected = score(images, maps, **given)
    torch.set_default_dtype(torch.float64)
    try:
        parts.same(score(images, maps, **given), expected)
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        parts.same(score(images, maps, **given), expected)
        assert torch.is_autocast_enabled("cpu")
