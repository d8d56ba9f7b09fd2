"""The goldens composed: from raw map and image to the published code's tokens."""

import dataclasses

import numpy as np
import pytest
import random_weights
import torch
from oracle.farthest_points import farthest_points
from oracle.group_points import group_points
from PIL import Image
from tolerances import GOLDEN, ORACLE

from musc2 import Config, encoders, score
from musc2.encoders.vit import Colors
from musc2.errors import InputWarning
from musc2.stages.group import group_clouds, group_settings

PUBLISHED = Config.from_preset("published")
GROUPING = {**group_settings(PUBLISHED), "count": 256}


class Recorder:
    """Passes everything on and keeps what went in and came out."""

    def __init__(self, encoder):
        self.encoder, self.calls = encoder, []

    def __getattr__(self, name):
        return getattr(self.encoder, name)

    def encode(self, *given):
        found = self.encoder.encode(*given)
        self.calls.append((given, found))
        return found


@pytest.fixture(scope="module")
def point_mae(request, tmp_path_factory):
    with np.load(request.path.parent / "goldens/point_transformer.npz") as stored:
        arrays = {key: stored[key] for key in stored.files}
    path = tmp_path_factory.mktemp("weights") / "point_mae.pth"
    torch.save(random_weights.golden_weights(arrays), path)
    return encoders.load("point-mae", weights=path), arrays


def test_points_become_the_published_tokens(point_mae):
    encoder, g = point_mae
    points = torch.from_numpy(g["xyz"])
    [(cloud, groups)] = group_clouds([points], **GROUPING)
    assert cloud.centers.tolist() == g["center_idx"].tolist()
    np.testing.assert_allclose(cloud.curvature, g["curvatures"], *GOLDEN["curvatures"])
    assert np.array_equal(np.sort(groups.index), np.sort(g["ori_idx"]))
    found = encoder.encode(cloud, groups)
    rtol, atol = GOLDEN["point_transformer"]
    for layer in range(3):
        wanted = torch.from_numpy(g[f"feat{layer}_train_nodrop"])
        torch.testing.assert_close(found[layer, ::8], wanted, rtol=rtol, atol=atol)


def test_a_raw_map_becomes_the_published_cloud_groups_and_tokens(golden, point_mae):
    g, recorder = golden("pc_prep"), Recorder(point_mae[0])
    config = PUBLISHED.replace(input_size=64, group_count=64)
    with pytest.warns(InputWarning, match="exact copies"):
        result = score(pcd=np.stack([g["organised"]] * 2), encoder_3d=recorder, config=config)
    assert result.maps.at("input").shape == (2, 96, 96)
    (cloud, groups), tokens = recorder.calls[0]
    pixels, points = g["nonzero_idx_64"], g["normalised_64"].reshape(3, -1).T[g["nonzero_idx_64"]]
    assert cloud.pixels.tolist() == pixels.tolist()
    np.testing.assert_allclose(cloud.points, points, rtol=1e-5, atol=1e-6)
    # From here on from our own points, which differ from the golden's in the last digit.
    points = cloud.points.numpy()
    assert cloud.centers.tolist() == farthest_points(
        points, 64, 0, PUBLISHED.group_skip_radius, np.float32
    )
    settings = [
        PUBLISHED.group_size,
        PUBLISHED.group_start,
        PUBLISHED.group_search,
        PUBLISHED.curvature_threshold,
        PUBLISHED.group_unique,
    ]
    for row, center in enumerate(cloud.centers.tolist()):
        index, curvature = group_points(points, center, *settings)
        np.testing.assert_allclose(cloud.curvature[row], curvature, *ORACLE["group_points"])
        assert sorted(groups.index[row].tolist()) == sorted(index)
    assert tokens.shape == (3, 64, 384)


def test_a_raw_image_becomes_the_published_tokens(golden, tmp_path, rng):
    pytest.importorskip("transformers")
    torch.save(
        random_weights.golden_weights(golden("vit_dino")), tmp_path / "dino_vitbase8_pretrain.pth"
    )
    encoder = encoders.load("dino-vitb8", weights=tmp_path / "dino_vitbase8_pretrain.pth")
    rgb = rng.integers(0, 256, (2, 90, 120, 3), dtype=np.uint8)
    recorder = Recorder(encoder)
    score(rgb, encoder_2d=recorder, config=PUBLISHED.replace(input_size=64))
    ((_, found),) = recorder.calls
    small = np.stack(
        [
            np.asarray(Image.fromarray(image).resize((64, 64), Image.Resampling.BICUBIC))
            for image in rgb
        ]
    )
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    pixels = torch.from_numpy(
        ((small / 255 - mean) / deviation).transpose(0, 3, 1, 2).astype(np.float32)
    )
    # The golden shows that the network does with such pixels what the published one does.
    plain = dataclasses.replace(encoder, colors=Colors(mean=(0, 0, 0), std=(1, 1, 1)))
    rtol, atol = GOLDEN["vit_dino"]
    torch.testing.assert_close(found.tokens, plain.encode(pixels).tokens, rtol=rtol, atol=atol)
