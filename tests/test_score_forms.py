"""Equal content gives equal bits in every type, layout and container."""

import forms
import numpy as np
import parts
import pytest
import torch

from musc2 import Config, score

CONTENTS, FORMS = 100, 10  # each content in so many forms: 1,000 calls
TINY = Config(input_size=16, group_count=8, group_size=8, group_search=16, group_start=5)


def content(rng):
    """Return rgb, pcd and what makes forms of pcd; one may be None, and clouds come alone."""
    size = rng.integers(5, 25, 2)
    rgb = rng.integers(0, 256, (3, *size, 3), dtype=np.uint8)
    pcd = rng.integers(-50, 50, (3, *size, 3)).astype(np.float32)
    if rng.random() < 0.3:
        rgb[..., 1:] = rgb[..., :1]
    kind = rng.choice(["both", "images", "maps", "clouds"], p=[0.4, 0.3, 0.15, 0.15])
    if kind == "clouds":
        return None, pcd.reshape(3, -1, 3), forms.of_clouds
    return None if kind == "maps" else rgb, None if kind == "images" else pcd, forms.of_maps


def scored(rgb, pcd, config):
    return score(rgb, pcd, encoder_2d=parts.colors, encoder_3d=parts.spread, config=config)


@pytest.fixture
def one_thread():
    """Torch starts no threads for what takes no time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("seed", range(4))
def test_equal_content_scores_equally_in_a_thousand_forms(seed, tmp_path):
    rng = np.random.default_rng(seed)
    for number in range(CONTENTS // 4):
        rgb, pcd, make = content(rng)
        config = TINY.replace(
            input_resample=str(rng.choice(["bicubic", "bilinear"])),
            scan_foreground=str(rng.choice(["nonzero_depth", "nonzero_xyz"])),
        )
        expected = scored(rgb, None if pcd is None else list(pcd), config)
        for form in range(FORMS):
            images, maps = (tmp_path / f"{number}-{form}-{kind}" for kind in ("rgb", "pcd"))
            given_rgb, inside_rgb = (
                (None, None) if rgb is None else forms.of_images(rgb, rng, images)
            )
            given_pcd, inside_pcd = (None, None) if pcd is None else make(pcd, rng, maps)
            before = [
                None if inside is None else inside.copy() for inside in (inside_rgb, inside_pcd)
            ]
            parts.same(scored(given_rgb, given_pcd, config), expected)
            assert np.array_equal(inside_rgb, before[0])
            assert np.array_equal(inside_pcd, before[1])
