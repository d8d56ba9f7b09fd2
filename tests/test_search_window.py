"""A part that is shifted is odd only where patches are compared with the same place."""

import backends
import numpy as np
import parts
import pytest
import torch
from parts import SMALL, colors, score_small
from tolerances import ORACLE
from torch.nn.functional import avg_pool2d

from musc2 import Scorer, score_tokens
from musc2.errors import InputError
from musc2.ops import nearest_patches

SHIFTED = 3
BACKENDS = backends.names("nearest_patches")
CONFIG = SMALL.replace(
    search_window=1, score_unit="distance", rescore=False, aggregate_degrees=(1,)
)


def coarse_colors(pixels):
    """The mean color of each 16 x 16 pixels."""
    return avg_pool2d(pixels, 16).permute(0, 2, 3, 1)


def shifted_parts(rng, samples=7):
    """Parts of which each patch has a color of its own; one is shifted."""
    pattern = rng.integers(0, 200, (1, 6, 6, 3)).repeat(8, 1).repeat(8, 2)
    rgb = (pattern + rng.integers(0, 6, (samples, 48, 48, 3))).astype(np.uint8)
    rgb[SHIFTED] = np.roll(rgb[SHIFTED], 16, axis=1)
    return rgb


def stands_out(scores, part):
    """The score of a part is far above all others."""
    others = torch.cat([scores[:part], scores[part + 1 :]])
    return bool(scores[part] > 5 * others.max())


ENCODERS = {"one": colors, "several": [colors, coarse_colors]}


@pytest.mark.parametrize("encoders", ENCODERS)
def test_among_the_parts_of_a_set(rng, encoders):
    rgb, own = shifted_parts(rng), {"encoder_2d": ENCODERS[encoders]}
    anywhere = score_small(rgb, config=CONFIG.replace(search_window=None), **own)
    assert not stands_out(anywhere.raw_scores, SHIFTED)
    assert stands_out(score_small(rgb, config=CONFIG, **own).raw_scores, SHIFTED)


@pytest.mark.parametrize("encoders", ENCODERS)
def test_against_references(rng, encoders):
    rgb, own = shifted_parts(rng), {"encoder_2d": ENCODERS[encoders]}
    arguments = {"references": {"rgb": rgb[:3]}, **own}
    anywhere = score_small(rgb[3:], config=CONFIG.replace(search_window=None), **arguments)
    assert not stands_out(anywhere.raw_scores, 0)
    assert stands_out(score_small(rgb[3:], config=CONFIG, **arguments).raw_scores, 0)


@pytest.mark.parametrize("encoders", ENCODERS)
def test_against_a_bank(rng, tmp_path, encoders):
    rgb = shifted_parts(rng)
    fitted = Scorer.fit(rgb[:3], encoder_2d=ENCODERS[encoders], config=CONFIG)
    fitted.add(rgb[6:], names=["added"])
    new = rgb[SHIFTED:6]
    assert stands_out(fitted.score(new).raw_scores, 0)
    fitted.save(tmp_path / "bank.musc2")
    loaded = Scorer.load(tmp_path / "bank.musc2", encoder_2d=ENCODERS[encoders])
    assert torch.equal(loaded.score(new).raw_scores, fitted.score(new).raw_scores)


def test_subsets_and_both_modalities(rng):
    rgb, pcd = shifted_parts(rng, 8), parts.maps(rng, 8, size=(48, 48))
    result = score_small(rgb, pcd, config=CONFIG.replace(subset_count=2))
    assert int(result.maps_2d.at("input").flatten(1).amax(1).argmax()) == SHIFTED


def unaligned_parts(rng, samples=12):
    """Parts of the same patches, each in an order of its own."""
    patches = rng.integers(0, 200, (36, 3))
    orders = np.stack([rng.permutation(36) for _ in range(samples)])
    rgb = patches[orders].reshape(samples, 6, 6, 3).repeat(8, 1).repeat(8, 2)
    return (rgb + rng.integers(0, 6, rgb.shape)).astype(np.uint8)


def test_auto_is_a_window_for_aligned_parts_and_none_for_others(rng):
    auto = CONFIG.replace(search_window="auto")
    for rgb, window in ((shifted_parts(rng), 2), (unaligned_parts(rng), None)):
        expected = score_small(rgb, config=CONFIG.replace(search_window=window))
        decided = score_small(rgb, config=auto)
        assert decided.config.search_window == window
        assert torch.equal(decided.raw_scores, expected.raw_scores)
        few = score_small(rgb[:1], config=auto, references={"rgb": rgb[1:]})
        assert few.config.search_window == window


def test_auto_is_none_without_images_and_for_one_object_in_the_middle(rng):
    auto = CONFIG.replace(search_window="auto")
    scans = score_small(None, parts.maps(rng), config=auto)
    assert scans.config.search_window is None
    disks = np.zeros((6, 48, 48, 3), np.uint8)
    rows, columns = np.mgrid[:48, :48] - 23.5
    disks[:, rows**2 + columns**2 < 18**2] = 120
    disks += rng.integers(0, 30, disks.shape, np.uint8)
    assert score_small(disks, config=auto).config.search_window is None


def test_auto_is_decided_from_tokens(rng):
    tokens = rng.random((1, 1, 6, 6, 8)).repeat(6, 0) + 0.01 * rng.random((6, 1, 6, 6, 8))
    arguments = {"image_size": (48, 48), "config": CONFIG.replace(search_window="auto")}
    assert score_tokens(tokens.astype(np.float32), **arguments).config.search_window == 2
    noise = rng.random((6, 1, 6, 6, 8), dtype=np.float32)
    assert score_tokens(noise, **arguments).config.search_window is None


def test_a_bank_needs_a_window_of_its_own(rng):
    message = r"Scorer.fit: config.search_window must be None or a number, .*, got auto"
    with pytest.raises(InputError, match=message):
        Scorer.fit(
            shifted_parts(rng), encoder_2d=colors, config=CONFIG.replace(search_window="auto")
        )


def features(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("backend", BACKENDS, indirect=True)
@pytest.mark.parametrize("size", [(3, 9, 11, 70), (2, 4, 3, 200), (5, 6, 6, 5)])
@pytest.mark.parametrize("window", [1, 2, 4])
def test_distances_in_a_window_have_the_bits_of_those_to_all(backend, rng, size, window):
    samples, height, width, channels = size
    z = features(rng, samples, height * width, channels)
    z[1, 1::3] = z[0, 1::3]
    grid = (height, width)
    d, index = nearest_patches(z, precision="float32", return_index=True)
    limited, own_index = nearest_patches(z, search_window=window, grid=grid, return_index=True)
    same = index == own_index
    assert same.float().mean() > 0.1
    one_way = nearest_patches(z, references=z, search_window=window, grid=grid)
    others = ~torch.eye(samples, dtype=torch.bool)[:, None, :].expand_as(one_way)
    assert torch.equal(one_way[others], limited[others])
    if backend in ("emulated", "cuda"):  # where the order of a sum is another one
        rtol, atol = ORACLE["nearest_patches"]
        torch.testing.assert_close(limited[same], d[same], rtol=rtol, atol=atol)
    else:
        assert torch.equal(limited[same], d[same])


@pytest.mark.parametrize("backend", BACKENDS, indirect=True)
@pytest.mark.parametrize("window", [0, 2])
def test_ties_in_a_window_go_to_the_lowest_index(backend, window):
    z = torch.zeros(3, 42, 7)
    _, index = nearest_patches(z, search_window=window, grid=(6, 7), return_index=True)
    y, x = torch.arange(42) // 7, torch.arange(42) % 7
    lowest = (y - window).clamp(min=0) * 7 + (x - window).clamp(min=0)
    for i, j in [(0, 1), (1, 0), (2, 0), (1, 2)]:
        assert index[i, :, j].tolist() == lowest.tolist()


def test_thread_counts_give_equal_bits_in_a_window(rng, over_threads):
    z = features(rng, 6, 99, 50)
    first, *repeats = over_threads(
        lambda: nearest_patches(z, search_window=2, grid=(9, 11), return_index=True)
    )
    assert all(torch.equal(first[k], repeat[k]) for repeat in repeats for k in (0, 1))
