"""Preprocessing of data sets: files written, files left alone, and errors."""

import json

import numpy as np
import pytest
import scans
import tifffile
from PIL import Image

from musc2.errors import InputError
from musc2.preprocess import Summary, mvtec_3d, preprocess, task_files


def tree(folder):
    """Return the bytes of each file in a folder."""
    return {
        path.relative_to(folder): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def root(tmp_path):
    return tmp_path / "root"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def test_mvtec_3d_keeps_the_part_alone_in_a_square_of_whole_hundreds(rng, root, out):
    boxes = scans.write_mvtec_3d(root, rng, (80, 110))
    before = tree(root)
    assert preprocess("mvtec_3d", root, out) == Summary(made=3, earlier=0)
    assert tree(root) == before
    assert set(tree(out)) == {*before} | {(out / "preprocess.json").relative_to(out)}
    for name, box in boxes.items():
        inside = np.pad(box, [(60, 60), (45, 45)])
        xyz = tifffile.imread(out / name)
        assert (xyz.shape, xyz.dtype) == ((200, 200, 3), np.float32)
        assert np.array_equal((xyz != 0).any(2), inside)
        assert np.array_equal(xyz[inside], tifffile.imread(root / name)[box])
        picture = name.parent.parent / "rgb" / f"{name.stem}.png"
        rgb = np.asarray(Image.open(out / picture))
        assert np.array_equal(rgb.any(2), inside)
        assert np.array_equal(rgb[inside], np.asarray(Image.open(root / picture))[box])
    truth = np.asarray(Image.open(out / "bagel/test/hole/gt/003.png"))
    assert np.array_equal(
        truth > 0,
        np.pad(boxes[next(name for name in boxes if "hole" in str(name))], [(60, 60), (45, 45)]),
    )


def test_eyecandies_become_xyz_maps_of_the_brightest_cluster_in_the_world(rng, root, out):
    bright, _, depth = scans.write_eyecandies(root, rng)
    assert preprocess("eyecandies", root, out).made == 2
    names = [f"Lollipop/{folder}" for folder in ("train/good/{}/00", "test/bad/{}/07")]
    assert set(map(str, tree(out))) == {"preprocess.json"} | {
        name.format(kind) + ending
        for name in names
        for kind, ending in (("rgb", ".png"), ("xyz", ".tiff"), ("gt", ".png"))
    }
    xyz = tifffile.imread(out / "Lollipop/train/good/xyz/00.tiff")
    assert np.array_equal((xyz != 0).any(2), bright)
    row, column = np.nonzero(bright)
    focal, far = 711.11 / 4, depth[bright]
    # The pose shifts by half a meter, then turns the camera's z into minus the world's y.
    seen = np.stack([(column - 64) * far / focal, far, 0.5 - (row - 64) * far / focal], 1)
    np.testing.assert_allclose(xyz[bright], seen, atol=2e-5)
    for kind, name in (("rgb", "image_0"), ("gt", "mask")):
        stored = Image.open(out / f"Lollipop/test/bad/{kind}/07.png")
        assert np.array_equal(stored, Image.open(root / f"Lollipop/test_public/data/07_{name}.png"))


@pytest.mark.parametrize(("category", "kept"), [("Lollipop", "bright"), ("GummyBear", "wall")])
def test_the_far_end_stays_where_parts_reach_as_far(rng, root, out, category, kept):
    """With a light behind the parts, the wall is the brightest cluster unless it is removed."""
    bright, dark, _ = scans.write_eyecandies(root, rng, category)
    picture = root / category / "train/data/00_image_0.png"
    rgb = np.asarray(Image.open(picture)).copy()
    rgb[~bright & ~dark] = 255
    scans.save(picture, rgb)
    preprocess("eyecandies", root, out)
    left = (tifffile.imread(out / category / "train/good/xyz/00.tiff") != 0).any(2)
    assert np.array_equal(left, bright if kept == "bright" else ~bright & ~dark)


def test_a_second_call_makes_only_what_is_missing(rng, root, out):
    scans.write_mvtec_3d(root, rng)
    preprocess("mvtec_3d", root, out)
    whole = tree(out)
    (out / "bagel/test/good/rgb/000.png").unlink()
    (out / "bagel/test/good/xyz/.0123456789abcdef.part").write_bytes(
        b"left by a call that was killed"
    )
    untouched = (out / "bagel/test/hole/xyz/003.tiff").stat().st_mtime_ns
    assert preprocess("mvtec_3d", root, out) == Summary(made=1, earlier=2)
    assert tree(out) == whole
    assert (out / "bagel/test/hole/xyz/003.tiff").stat().st_mtime_ns == untouched


def test_results_do_not_depend_on_the_number_of_jobs_and_progress_is_reported(rng, root, tmp_path):
    scans.write_mvtec_3d(root, rng)
    steps = []
    preprocess("mvtec_3d", root, tmp_path / "a", jobs=1, progress=lambda *step: steps.append(step))
    preprocess("mvtec_3d", root, tmp_path / "b", jobs=3)
    assert tree(tmp_path / "a") == tree(tmp_path / "b")
    assert steps == [("preprocess", 1, 3), ("preprocess", 2, 3), ("preprocess", 3, 3)]
    assert json.loads((tmp_path / "a/preprocess.json").read_text()) == {
        "dataset": "mvtec_3d",
        "seed": 0,
    }


def test_a_failed_write_leaves_no_file(tmp_path):
    with pytest.raises(TypeError):
        task_files.write_image(tmp_path / "a.png", np.zeros((4, 4, 5, 6), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_squares_have_the_map_in_their_middle():
    assert mvtec_3d.pad_to_square(np.ones((100, 300))).shape == (300, 300)
    odd = mvtec_3d.pad_to_square(np.ones((99, 101, 3)))
    assert odd.shape == (200, 200, 3)
    assert np.argwhere(odd).min(0).tolist() == [50, 49, 0]


def test_noise_is_never_the_largest_cluster():
    labels = np.array([[-1, -1, -1], [0, 1, 1]])
    assert mvtec_3d.largest_cluster(labels).tolist() == [[False] * 3, [False, True, True]]
    assert not mvtec_3d.largest_cluster(np.full((2, 2), -1)).any()


@pytest.mark.parametrize("place", ["", "bagel", "../root/deeper", ".."])
def test_nothing_is_preprocessed_in_place(rng, root, place):
    scans.write_mvtec_3d(root, rng)
    before = tree(root)
    with pytest.raises(
        InputError,
        match=r"preprocess: out \(.*\) must be apart from root \(.*\), which is never changed",
    ):
        preprocess("mvtec_3d", root, root / place)
    assert tree(root) == before


def test_a_result_is_begun_in_a_new_folder_and_goes_on_with_the_same_settings(rng, root, out):
    scans.write_mvtec_3d(root, rng)
    preprocess("mvtec_3d", root, out)
    with pytest.raises(
        InputError, match=r'must be new, or begun with .*"seed": 1}, got .*"seed": 0}'
    ):
        preprocess("mvtec_3d", root, out, seed=1)
    (out / "preprocess.json").unlink()
    with pytest.raises(
        InputError, match=r"must be new, empty, or begun by musc2 preprocess, got bagel"
    ):
        preprocess("mvtec_3d", root, out)


@pytest.mark.parametrize("dataset", ["mvtec_3d", "eyecandies"])
def test_a_wrong_root_is_named_with_the_expected_layout(root, out, dataset):
    with pytest.raises(
        InputError, match=r"preprocess: root \(.*\) must be a folder that exists, got none"
    ):
        preprocess(dataset, root, out)
    root.mkdir()
    with pytest.raises(
        InputError, match=r"must be laid out as CATEGORY/\{train.*, got an empty folder"
    ):
        preprocess(dataset, root, out)
    (root / "photos").mkdir()
    with pytest.raises(InputError, match=r"must be laid out as CATEGORY/.*, got photos"):
        preprocess(dataset, root, out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": "mvtec"}, "dataset must be one of mvtec_3d, eyecandies, got 'mvtec'"),
        ({"jobs": 0}, "jobs must be a whole number of at least 1, got 0"),
        ({"seed": 0.5}, "seed must be a whole number of at least 0, got 0.5"),
        ({"jobs": True}, "jobs must be a whole number of at least 1, got True"),
    ],
)
def test_bad_arguments_are_named(root, out, change, message):
    with pytest.raises(InputError, match=f"preprocess: {message}"):
        preprocess(**({"dataset": "mvtec_3d", "root": root, "out": out} | change))


def without_its_border(xyz):
    xyz[:10], xyz[-10:], xyz[:, :10], xyz[:, -10:] = 0, 0, 0, 0
    return xyz


def flat(xyz):
    xyz[..., 2] = 1
    return xyz


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            without_its_border,
            r"the points within 10 pixels of the border of \S*hole\S* "
            "must lie on a plane .*, got 0 points",
        ),
        (flat, "must have 30 points within 0.006 of one above the plane of its border, got none"),
        (np.zeros_like, "must have points with z other than 0, got none"),
        (lambda xyz: np.full_like(xyz, np.nan), "must have points with z other than 0, got none"),
        (lambda xyz: xyz[:40], r"000.png must have the size of 000.tiff, 40 x 80, got 80 x 80"),
        (
            lambda xyz: xyz[:, :, :2],
            r"must be an xyz map \(H, W, 3\), got float32 of shape \(80, 80, 2\)",
        ),
    ],
)
def test_maps_without_a_part_stop_the_call_and_are_named(rng, root, out, spoil, message):
    scans.write_mvtec_3d(root, rng)
    path = root / "bagel/test/hole/xyz/003.tiff"
    spoiled = spoil(tifffile.imread(path))
    tifffile.imwrite(path, spoiled, photometric="rgb" if spoiled.shape[2] == 3 else "minisblack")
    with pytest.raises(InputError, match=message.replace("000", "003")) as raised:
        preprocess("mvtec_3d", root, out, jobs=1)
    assert str(raised.value).startswith("preprocess: ")
    assert "hole" in str(raised.value)
    finished = {str(path) for path in tree(out)}
    assert "bagel/test/good/xyz/000.tiff" in finished
    assert not any("hole" in path for path in finished)


def test_points_that_are_missing_or_not_finite_are_background(rng, root, out):
    boxes = scans.write_mvtec_3d(root, rng)
    name = next(iter(boxes))
    xyz = tifffile.imread(root / name)
    xyz[0, 0], xyz[40, 40], xyz[40, 41] = np.nan, np.inf, 0
    tifffile.imwrite(root / name, xyz, photometric="rgb")
    preprocess("mvtec_3d", root, out)
    boxes[name][40, 40:42] = False
    assert np.array_equal((tifffile.imread(out / name) != 0).any(2)[10:90, 10:90], boxes[name])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("depth.png", b"no picture", "00_depth.png must be readable, got UnidentifiedImageError"),
        ("image_0.png", b"", "00_image_0.png must be readable"),
        (
            "info_depth.yaml",
            b"normalization:\n  min: 1\n",
            "00_info_depth.yaml must say what max is, got nothing",
        ),
        ("info_depth.yaml", b"min: 1e\nmax: 2\n", "must say what min is, got 1e"),
        ("pose.txt", b"1 0 0", "00_pose.txt must hold an invertible 4 x 4 matrix, got 1 0 0"),
        ("pose.txt", b"0 " * 16, "00_pose.txt must hold an invertible 4 x 4 matrix, got 0 0"),
        ("pose.txt", None, "00_depth.png must have 00_pose.txt in"),
    ],
)
def test_damaged_and_missing_files_are_named(rng, root, out, name, content, message):
    scans.write_eyecandies(root, rng)
    path = root / "Lollipop/train/data" / f"00_{name}"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(InputError, match=f"preprocess: .*{message}"):
        preprocess("eyecandies", root, out)


def test_a_truncated_tiff_is_named(rng, root, out):
    scans.write_mvtec_3d(root, rng)
    path = root / "bagel/train/good/xyz/000.tiff"
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(
        InputError, match=r"^preprocess: \S*/000.tiff must hold the 76800 bytes .*, got 3000"
    ):
        preprocess("mvtec_3d", root, out)
