"""Xyz maps, clouds and depth of every form and file."""

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from musc2 import inputs
from musc2.errors import InputError


def read(pcd, intrinsics=None):
    return [source.read() for source in inputs.list_clouds(pcd, intrinsics)]


@pytest.fixture
def xyz(rng):
    return rng.random((4, 6, 8, 3), dtype=np.float32) + 1


def test_maps_and_clouds_of_every_container_are_the_same(tmp_path, xyz):
    tifffile.imwrite(tmp_path / "0.tiff", xyz[0], photometric="rgb")
    np.save(tmp_path / "1.npy", xyz[1])
    np.savez(tmp_path / "2.npz", xyz=xyz[2])
    tifffile.imwrite(tmp_path / "3.TIF", xyz[3].transpose(2, 0, 1), photometric="minisblack")
    first = torch.from_numpy(xyz).permute(0, 3, 1, 2)
    for form in (
        xyz,
        list(xyz),
        xyz.astype(np.float64),
        first,
        list(first),
        tmp_path,
        sorted(tmp_path.iterdir()),
    ):
        for cloud, expected in zip(read(form), xyz, strict=True):
            assert (cloud == expected).all()
    clouds = read([xyz[0].reshape(-1, 3), torch.from_numpy(xyz[1].reshape(-1, 3)[:5])])
    assert [cloud.shape for cloud in clouds] == [(48, 3), (5, 3)]
    assert read(xyz[0, 0])[0].shape == (8, 3)
    assert read((100 * xyz).astype(np.int16))[0].dtype == np.int16


def test_depth_becomes_the_map_that_the_camera_saw(tmp_path, rng):
    x, y = np.meshgrid(np.arange(8), np.arange(6))
    depth = rng.integers(500, 2000, (3, 6, 8), dtype=np.uint16)
    depth[:, 2, 3] = 0
    expected = np.stack([(x - 3.5) / 50 * depth, (y - 2.5) / 60 * depth, depth], axis=3)
    camera = (50, 60, 3.5, 2.5)
    for index in range(3):
        Image.fromarray(depth[index]).save(tmp_path / f"{index}.png")
    matrix = np.array([[50, 0, 3.5], [0, 60, 2.5], [0, 0, 1]])
    floating = np.where(depth == 0, np.nan, depth.astype(np.float64))
    negative = np.where(depth == 0, -1.0, depth)
    for form in (
        depth,
        list(depth),
        depth[..., None],
        depth[:, None],
        floating,
        negative,
        tmp_path,
        [*map(Image.fromarray, depth)],
    ):
        for intrinsics in (camera, matrix, torch.from_numpy(matrix)):
            maps = np.stack(read(form, intrinsics))
            np.testing.assert_allclose(maps, expected, rtol=1e-6)
            assert (maps[:, 2, 3] == 0).all()
    assert read(depth[0], camera)[0].shape == (6, 8, 3)
    assert read(np.full((1, 6, 8), np.inf), camera)[0].max() == 0


def write_depth(path, depth):
    if path.suffix in (".png", ".pgm"):
        Image.fromarray(depth).save(path)
    elif path.suffix == ".tiff":
        tifffile.imwrite(path, depth, photometric="minisblack")
    elif path.suffix == ".npy":
        np.save(path, depth)
    else:
        np.savez_compressed(path, depth)


@pytest.mark.parametrize(
    ("ending", "dtype"),
    [
        ("png", np.uint16),
        ("png", np.uint8),
        ("pgm", np.uint16),
        ("tiff", np.uint16),
        ("tiff", np.float32),
        ("tiff", np.float64),
        ("npy", np.uint16),
        ("npy", np.int32),
        ("npy", np.float32),
        ("npy", np.float64),
        ("npz", np.float32),
    ],
)
def test_depth_is_read_as_a_camera_sees_it(tmp_path, rng, ending, dtype):
    """Depth itself equals, to the bit, the z of the map that any camera makes of it."""
    depth = rng.uniform(1, 250, (6, 8)).astype(dtype)
    depth[2, 3] = 0
    if np.dtype(dtype).kind == "f":
        depth[0, :3] = np.nan, np.inf, -1
    if dtype == np.float64:
        depth[1, 1] = 1e300  # infinite in float32
    path = tmp_path / f"a.{ending}"
    write_depth(path, depth)
    expected = read([path], (1, 1, 0, 0))[0][..., 2]
    depth_read = inputs.read_depth(path, op="load_cloud")
    assert depth_read.dtype == expected.dtype == np.float32
    assert np.array_equal(depth_read, expected)
    assert np.array_equal(depth_read, read([path], (50, 60, 3.5, 2.5))[0][..., 2])
    valid = np.ones((6, 8), bool)
    valid[2, 3] = False
    valid[0, :3] &= np.dtype(dtype).kind != "f"
    valid[1, 1] &= dtype != np.float64
    assert np.array_equal(depth_read != 0, valid)
    assert np.array_equal(depth_read[valid], depth[valid].astype(np.float32))


def test_single_files_are_named_by_the_function_that_reads_them(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    np.save(tmp_path / "a.npy", np.ones((4, 5, 3)))
    for read_file, name, message in (
        (
            inputs.read_image,
            "a.png",
            r"rgb \(.*a.png\) must be readable as an image",
        ),
        (inputs.read_depth, "a.png", r"depth \(.*a.png\) must be readable, got Unidentified"),
        (inputs.read_depth, "a.npy", r"depth \(.*a.npy\) must be depth of shape \(H, W\)"),
        (inputs.read_depth, "a.ply", r"depth \(.*a.ply\) must end in .*, .png, .pgm, got .ply"),
        (inputs.read_cloud, "a.png", r"xyz \(.*a.png\) must end in .*, .txt, got .png"),
        (inputs.read_cloud, "b.npy", r"xyz \(.*b.npy\) must be readable, got FileNotFound"),
    ):
        with pytest.raises(InputError, match=f"^inspect: {message}"):
            read_file(tmp_path / name, op="inspect")


@pytest.mark.parametrize(
    ("pcd", "intrinsics", "message"),
    [
        (
            np.zeros((5, 6, 8)),
            None,
            r"pcd must be a list or .*, got \(5, 6, 8\); depth needs intrinsics=",
        ),
        (
            np.zeros((5, 6, 3)),
            None,
            r"pcd must be a list .*\(5, 6, 3\); pass list\(pcd\) for clouds .*, pcd\[None\] for",
        ),
        (
            np.zeros((5, 6, 8, 2)),
            None,
            r"pcd must be a list or have shape \(N, H, W, 3\) or \(P, 3\), got \(5, 6, 8, 2\)",
        ),
        (
            [np.zeros((6, 8))],
            None,
            r"pcd\[0\] must have shape \(H, W, 3\) or \(P, 3\), got \(6, 8\); depth needs",
        ),
        (
            [np.ones((6, 8, 3)), np.zeros((6, 8, 2))],
            None,
            r"pcd\[1\] must have shape .*, got \(6, 8, 2\)$",
        ),
        (np.zeros((2, 0, 8, 3)), None, r"pcd\[0\] must not be empty, got \(0, 8, 3\)"),
        ([np.zeros((0, 3))], None, r"pcd\[0\] must not be empty, got \(0, 3\)"),
        (
            np.zeros((2, 1, 1, 3)),
            None,
            r"pcd\[0\] must be a map of at least 2 x 2 pixels, got 1 x 1",
        ),
        (
            np.zeros((2, 6, 8, 3), bool),
            None,
            r"pcd\[0\] must hold whole or floating numbers, got bool",
        ),
        (
            ["a.las"],
            None,
            r"pcd\[0\] \(a.las\) must end in .tif, .tiff, .npy, .*, .csv, .txt, got .las$",
        ),
        (["a.ply"], (1, 1, 0, 0), r"pcd\[0\] \(a.ply\) must end in .*, .png, .pgm, got .ply$"),
        (["a.png"], None, r"pcd\[0\] \(a.png\) must end in .*, got .png$"),
        (["a"], None, r"pcd\[0\] \(a\) must end in .*, got no ending$"),
        (["a.tiff"], None, r"pcd\[0\] \(a.tiff\) must be readable, got FileNotFoundError"),
        (
            np.ones((5, 6, 8, 3)),
            (1, 1, 0, 0),
            r"pcd must be depth of shape \(N, H, W\) when intrinsics are given, got",
        ),
        (
            [np.ones((6, 8, 3))],
            (1, 1, 0, 0),
            r"pcd\[0\] must be depth of shape \(H, W\) when intrinsics are given, got",
        ),
        (
            np.ones((5, 6, 8)),
            (0, 1, 0, 0),
            r"intrinsics must be \(fx, fy, cx, cy\) or a 3 x 3 matrix .*, got \[0.0, 1.0",
        ),
        (np.ones((5, 6, 8)), (1, 1, 0), "intrinsics must be"),
        (np.ones((5, 6, 8)), "camera", "intrinsics must be .* got 'camera'"),
        (np.ones((5, 6, 8)), np.ones((3, 3)), "intrinsics must be .* without skew"),
        (np.ones((5, 6, 8)), (1, np.nan, 0, 0), "intrinsics must be"),
    ],
)
def test_unusable_scans_are_named(pcd, intrinsics, message):
    with pytest.raises(InputError, match="score: " + message):
        read(pcd, intrinsics)
