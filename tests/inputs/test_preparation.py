"""Resizing, foreground, centering and scaling, docs/method/algorithm.md section 0."""

import math

import numpy as np
import parts
import pytest
import torch
from PIL import Image

from musc2 import inputs
from musc2.errors import InputError
from musc2.inputs import Label, Preparation, clouds
from musc2.inputs.resizing import resize_map, target_size


def prepare_cloud(xyz, size, *, mask=None, label=clouds.PCD, **settings):
    """Prepare a scan by a Preparation of these settings, resized to ``size`` whatever its own."""
    preparation = Preparation(size=size, enlarge_maps=True, **settings)
    return inputs.prepare_cloud(xyz, preparation, mask=mask, label=label)


@pytest.mark.parametrize("resample", ["bicubic", "bilinear"])
@pytest.mark.parametrize("shape", [(50, 70), (11, 9), (32, 32)])
def test_images_are_resized_by_pil_in_eight_bits(rng, resample, shape):
    rgb = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    expected = Image.fromarray(rgb).resize((32, 32), getattr(Image.Resampling, resample.upper()))
    resized = inputs.prepare_image(rgb, Preparation(size=32, resample=resample))
    assert resized.dtype == torch.float32
    assert resized.is_contiguous()
    assert (
        resized.numpy()
        == np.asarray(expected).transpose(2, 0, 1).astype(np.float32) / np.float32(255)
    ).all()


def test_deeper_images_are_resized_without_rounding_and_stay_within_their_range(rng):
    rgb = rng.random((50, 70, 3), dtype=np.float32)
    preparation = Preparation(size=32)
    resized = inputs.prepare_image(rgb, preparation).numpy()
    eight_bit = inputs.prepare_image(np.rint(rgb * 255).astype(np.uint8), preparation).numpy()
    assert 0 < np.abs(resized - eight_bit).max() < 2 / 255
    steps = np.zeros((40, 40), np.float32)
    steps[:, 20:] = 0.9999
    assert inputs.prepare_image(steps, Preparation(size=16)).min() >= 0


@pytest.mark.parametrize(
    ("original", "patch", "expected"),
    [
        ((480, 640), 8, (168, 224)),
        ((640, 480), 14, (224, 168)),
        ((10, 1000), 8, (8, 224)),
        ((100, 99), 1, (224, 222)),
    ],
)
def test_fit_keeps_the_aspect_to_within_half_a_patch(original, patch, expected):
    assert target_size(original, 224, "fit", patch) == expected
    assert target_size(original, 224) == (224, 224)


@pytest.mark.parametrize("size", [64, 112, 224])
def test_golden_published_maps(golden, size):
    g = golden("pc_prep")
    cloud = prepare_cloud(g["organised"], size, foreground="nonzero_xyz")
    assert (cloud.pixels.numpy() == g[f"nonzero_idx_{size}"]).all()
    assert cloud.size == (size, size)
    expected = g[f"normalised_{size}"]
    placed = np.zeros((3, size * size), np.float32)
    placed[:, cloud.pixels] = cloud.points.numpy().T
    placed = placed.reshape(3, size, size)[
        :, :: size // expected.shape[1], :: size // expected.shape[1]
    ]
    foreground = (placed != 0).all(axis=0)
    # the published mean is a float32 sum: it is off by 1.6e-6 over the 28,303 points of the largest
    np.testing.assert_allclose(placed[:, foreground], expected[:, foreground], rtol=0, atol=2e-6)


def test_golden_nearest_resize(golden):
    g = golden("pc_prep")
    for size in (64, 112):
        cloud = prepare_cloud(g["organised"], size)
        xyz = g[f"resized_{size}"].reshape(3, -1).T[cloud.pixels]
        back = cloud.points.double().numpy() * cloud.scale + cloud.center
        np.testing.assert_allclose(back, xyz, rtol=0, atol=1e-7)


def test_a_tiny_map_by_hand():
    nan, inf = np.nan, np.inf
    xyz = np.array(
        [
            [[0, 0, 1], [4, 0, 1], [2, 3, 0], [nan, 1, 1]],
            [[0, 0, 0], [0, 4, 1], [1, 1, inf], [4, 4, 1]],
        ]
    )
    cloud = prepare_cloud(xyz, 4, resize="fit")
    assert cloud.size == (2, 4)
    assert cloud.pixels.tolist() == [0, 1, 5, 7]  # x = 0 is a surface, z = 0 is not
    assert cloud.center == (2, 2, 1)
    assert cloud.scale == pytest.approx(8**0.5)
    half = 0.5**0.5
    expected = torch.tensor(
        [[-half, -half, 0], [half, -half, 0], [-half, half, 0], [half, half, 0]]
    )
    torch.testing.assert_close(cloud.points, expected)
    assert prepare_cloud(
        np.abs(xyz), 4, resize="fit", foreground="nonzero_xyz"
    ).pixels.tolist() == [7]
    square = prepare_cloud(xyz, 4)
    assert square.pixels.tolist() == [0, 1, 4, 5, 9, 11, 13, 15]  # floor(i * 2 / 4): each row twice


def test_published_foreground_is_found_again_on_the_result():
    xyz = np.array(
        [[[1, 1, 1], [3, 2, 4]], [[2, 4, 2], [2, 1, 1]]], np.float32
    )  # the mean is (2, 2, 2)
    assert prepare_cloud(xyz, 2, foreground="nonzero_xyz").pixels.tolist() == [0]
    assert prepare_cloud(xyz, 2).pixels.tolist() == [0, 1, 2, 3]
    equal = np.ones((2, 2, 3))  # all would drop out: they stay
    assert len(prepare_cloud(equal, 2, foreground="nonzero_xyz").points) == 4


def test_clouds_keep_their_rows_and_a_z_of_0():
    xyz = np.array(
        [[0, 0, 0], [1, 0, 0], [np.nan, 1, 1], [-1, 0, 0], [0, 2, 0], [0, -2, 0]], np.float32
    )
    for foreground in ("nonzero_depth", "nonzero_xyz"):
        cloud = prepare_cloud(xyz, 224, foreground=foreground)
        assert cloud.rows.tolist() == [1, 3, 4, 5]
        assert (cloud.pixels, cloud.size, cloud.scale) == (None, None, 2)
        assert cloud.points.tolist() == [[0.5, 0, 0], [-0.5, 0, 0], [0, 1, 0], [0, -1, 0]]


def test_masks_of_any_size_leave_out_more(rng):
    xyz = rng.random((20, 30, 3)) + 1
    mask = np.zeros((10, 15), bool)
    mask[2:4, 5:10] = True
    cloud = prepare_cloud(xyz, 40, mask=mask)
    assert set((cloud.pixels // 40).tolist()) == set(range(8, 16))
    assert set((cloud.pixels % 40).tolist()) == {
        column for column in range(40) if 5 <= column * 15 // 40 < 10
    }
    rows = prepare_cloud(xyz.reshape(-1, 3), 40, mask=np.arange(600) % 2).rows
    assert rows.tolist() == list(range(1, 600, 2))


def test_far_away_scans_keep_their_digits(rng):
    xyz = rng.random((500, 3))
    torch.testing.assert_close(
        prepare_cloud(xyz + 5e6, 8).points, prepare_cloud(xyz, 8).points, rtol=0, atol=1e-7
    )


def test_points_that_are_all_equal_lie_in_the_middle():
    cloud = prepare_cloud(np.full((5, 3), 7.0), 8)
    assert (cloud.points == 0).all()
    assert cloud.scale == 0
    assert prepare_cloud(np.ones((1, 3)), 8).points.shape == (1, 3)


def test_equal_points_of_any_value_lie_in_the_middle():
    for value in ([0.1, 1e-9, 700.3], [-0.1, 3e-300, 1e17]):
        for dtype in (np.float32, np.float64):
            cloud = prepare_cloud(np.full((1001, 3), value, dtype), 8)
            assert (cloud.points == 0).all()
            assert cloud.scale == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_mean_is_exact_and_knows_no_order(rng, dtype):
    xyz = (rng.normal(size=(3000, 3)) * [1e-3, 1, 1e5] + [7, -1e6, 0]).astype(dtype)
    cloud = prepare_cloud(xyz, 8)
    exact = np.array([math.fsum(column) / len(xyz) for column in xyz.T])
    assert (np.abs(cloud.center - exact) <= 2e-15 * np.abs(xyz).max(axis=0)).all()
    order = rng.permutation(len(xyz))
    shuffled = prepare_cloud(xyz[order], 8)
    assert (shuffled.center, shuffled.scale) == (cloud.center, cloud.scale)
    assert torch.equal(shuffled.points, cloud.points[order])


@pytest.mark.parametrize("shape", [(7, 9), (7, 9, 3)])
def test_maps_are_resized_to_the_nearest_pixel_whatever_their_strides(rng, shape):
    values = rng.random(shape)
    fortran = np.asfortranarray(values)
    for size in ((7, 9), (3, 5), (20, 11)):
        expected = np.empty((*size, *shape[2:]))
        for row, column in np.ndindex(size):
            expected[row, column] = values[row * 7 // size[0], column * 9 // size[1]]
        for given in (values, fortran, values[::-1][::-1]):
            assert np.array_equal(resize_map(given, size), expected)


def test_without_the_plane_of_the_border_only_the_part_is_foreground(rng):
    xyz = parts.on_a_table(parts.maps(rng, samples=1))[0]
    before = xyz.copy()
    kept = prepare_cloud(xyz, 60, resize="fit")
    cloud = prepare_cloud(xyz, 60, resize="fit", background="plane")
    inner = np.zeros((36, 60), bool)
    inner[10:-10, 10:-10] = True
    assert cloud.pixels.tolist() == np.flatnonzero(inner).tolist()
    assert len(kept.pixels) == 36 * 60
    assert cloud.scale < kept.scale
    assert np.array_equal(xyz, before)
    in_millimeters = prepare_cloud(
        1000 * xyz, 60, resize="fit", background="plane", plane_distance=5
    )
    assert torch.equal(in_millimeters.pixels, cloud.pixels)
    torch.testing.assert_close(in_millimeters.points, cloud.points)
    masked = prepare_cloud(
        xyz, 60, resize="fit", background="plane", mask=np.indices((36, 60))[0] < 18
    )
    assert masked.pixels.tolist() == [pixel for pixel in cloud.pixels.tolist() if pixel < 18 * 60]


@pytest.mark.parametrize(
    ("xyz", "arguments", "message"),
    [
        (
            np.ones((9, 3)),
            {"background": "plane"},
            r"pcd must have shape \(H, W, 3\) for .*, got \(9, 3\)",
        ),
        (
            np.zeros((4, 4, 3)),
            {"background": "plane"},
            "the points within 10 pixels of the border of pcd must .* got 0 points",
        ),
        (
            np.mgrid[:9, :9, :1].reshape(3, 9, 9) + 1.0,
            {"background": "plane"},
            "pcd must have foreground, got",
        ),
        (
            np.zeros((4, 4, 3)),
            {},
            r"pcd must have foreground, got background only \(64 of 64 points\)",
        ),
        (
            np.full((4, 4, 3), np.nan),
            {"label": Label(op="score", text="pcd[3] (a.tiff)")},
            r"pcd\[3\] \(a.tiff\) must have foreground",
        ),
        (
            np.full((5, 3), np.inf),
            {},
            r"pcd must have foreground, got background only \(5 of 5 points\)",
        ),
        (np.ones((1, 1, 3)), {}, "pcd must be a map of at least 2 x 2 pixels, got 1 x 1"),
        (np.full((4, 4, 3), 1e19), {}, r"pcd must have coordinates of at most 1e18, got 1e\+19"),
        (np.full((4, 4, 3), 1e60), {"foreground": "nonzero_xyz"}, "pcd must have foreground"),
        (np.ones((4, 4, 3)), {"mask": np.zeros((4, 4))}, "mask of pcd must leave some foreground"),
        (
            np.ones((4, 4, 3)),
            {"mask": np.ones(16)},
            r"mask of pcd must have shape \(H, W\) for a map, got \(16,\)",
        ),
        (
            np.ones((9, 3)),
            {"mask": np.ones(8)},
            r"mask of pcd must have shape \(9,\) as the cloud, got \(8,\)",
        ),
    ],
)
def test_scans_without_foreground_are_named(xyz, arguments, message):
    with pytest.raises(InputError, match="score: " + message):
        prepare_cloud(xyz, 8, **arguments)
