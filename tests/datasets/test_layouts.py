"""Odd cases of the folders of each data set, and errors about them."""

import json

import numpy as np
import pytest
import tifffile
from PIL import Image

from musc2 import datasets
from musc2.errors import InputError
from musc2.preprocess import preprocess


def made(tmp_path, name, layout="original", **options):
    return datasets.write(name, tmp_path / "made", count=5, size=32, layout=layout, **options)


def refused(name, root, message):
    with pytest.raises(InputError, match="load: .*" + message):
        datasets.load(name, root)


def replace(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_masks_of_another_size_and_broken_images_are_named(tmp_path):
    root = made(tmp_path, "mvtec_ad")
    bad = next(sample for sample in datasets.load("mvtec_ad", root) if sample.label)
    Image.new("L", (32, 31)).save(bad.mask)
    refused(
        "mvtec_ad",
        root,
        rf"{bad.mask.name} must have the size of .*{bad.rgb.name}, 32 x 32, got 31 x 32",
    )
    bad.mask.write_bytes(b"no picture")
    refused(
        "mvtec_ad", root, rf"{bad.mask.name} must be a readable image, got UnidentifiedImageError"
    )


def test_two_files_of_one_stem_and_files_without_partner_are_named(tmp_path):
    root = made(tmp_path, "mvtec_3d")
    folder = root / "bagel/test/good"
    Image.new("RGB", (32, 32)).save(folder / "rgb/000.jpg")
    refused("mvtec_3d", root, r"000.png must be the only file of its stem, got 000.jpg as well")
    (folder / "rgb/000.jpg").unlink()
    tifffile.imwrite(folder / "xyz/777.tiff", np.ones((32, 32, 3), np.float32), photometric="rgb")
    refused("mvtec_3d", root, r"777.tiff must have an image in rgb of its stem, got none")
    (folder / "xyz/777.tiff").unlink()
    (folder / "xyz/000.tiff").unlink()
    refused("mvtec_3d", root, r"000.png must have its scan 000.\* in .*xyz, got none")


@pytest.mark.parametrize(("name", "layout"), [("mvtec_3d", "on_table"), ("eyecandies", "original")])
def test_preprocessed_data_sets_load_as_the_same_parts(tmp_path, name, layout):
    root = datasets.write(name, tmp_path / "made", count=4, size=96, layout=layout)
    preprocess(name, root, tmp_path / "prepared")
    before, after = datasets.load(name, root), datasets.load(name, tmp_path / "prepared")
    assert (len(after), sum(sample.label for sample in after)) == (4, 2)
    assert sum(sample.label for sample in before) == 2
    for sample in after:
        assert sample.xyz is not None
        assert 0.2 < (datasets.load_cloud(sample)[..., 2] != 0).mean() < 0.6


def test_an_empty_category_is_named(tmp_path):
    root = made(tmp_path, "mvtec_3d")
    (root / "carrot/test").mkdir(parents=True)
    refused("mvtec_3d", root, r"carrot must hold parts of the requested split, got test/")


def test_btad_has_its_own_endings_and_a_folder_around_it(tmp_path):
    root = made(tmp_path, "btad", categories=3)
    endings = {"01": (".bmp", ".png"), "02": (".png", ".png"), "03": (".bmp", ".bmp")}
    for sample in datasets.load("btad", root):
        assert sample.rgb.suffix == endings[sample.category][0]
        assert sample.defect in ("good", "ko")
        assert sample.mask is None or sample.mask.suffix == endings[sample.category][1]
    root.rename(tmp_path / "BTech_Dataset_transformed")
    assert len(datasets.load("btad", tmp_path)) == 15


def test_visa_is_read_alike_from_its_three_layouts(tmp_path):
    forms = [
        datasets.write("visa", tmp_path / form, count=5, size=32, layout=form)
        for form in ("original", "meta", "1cls")
    ]
    samples = [datasets.load("visa", root) for root in forms]
    assert all(sample.rgb.suffix == ".JPG" for sample in samples[0])
    for other in (1, 2):
        assert [sample.label for sample in samples[0]] == [
            sample.label for sample in samples[other]
        ]
        for sample, same in zip(samples[0], samples[other], strict=True):
            assert sample.rgb.read_bytes() == same.rgb.read_bytes()
            assert (datasets.load_mask(sample) == datasets.load_mask(same)).all()
    assert datasets.load("visa", forms[2] / "1cls") == samples[2]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "object,split",
            "thing,split",
            "1cls.csv must have the columns .*, got none called object",
        ),
        (
            "candle/Data/Masks/Anomaly/0000",
            "../Masks/0000",
            "1cls.csv must name files below its folder",
        ),
        (
            "candle/Data/Masks/Anomaly/0000.png",
            "",
            "1cls.csv must name files below its folder, got ''",
        ),
        (
            "Images/Anomaly/0000.JPG",
            "Images/Anomaly/1.JPG",
            "1cls.csv must name files that exist, got .*1.JPG",
        ),
        (",test,", ",eval,", "must hold parts of the split test"),
    ],
)
def test_tables_of_visa_are_checked(tmp_path, old, new, message):
    root = made(tmp_path, "visa")
    rows = (root / "split_csv/1cls.csv").read_text().splitlines()
    number = next(row.split("/")[-1][:4] for row in rows if "anomaly" in row)
    replace(root / "split_csv/1cls.csv", old.replace("0000", number), new)
    refused("visa", root, message)


@pytest.mark.parametrize("layout", ["original", "meta"])
@pytest.mark.parametrize(
    "category", ["../../escaped", "/absolute", "..", ".", "", "a/b", "a\\\\b", "C:x", "n" * 256]
)
def test_categories_in_tables_of_visa_must_be_plain_names(tmp_path, layout, category):
    root = made(tmp_path, "visa", layout)
    table, start, end = {
        "original": ("split_csv/1cls.csv", "", ",test"),
        "meta": ("meta.json", '": "', '"'),
    }[layout]
    replace(root / table, f"{start}candle{end}", f"{start}{category}{end}")
    refused("visa", root, f"a category in .*{table} must be")


@pytest.mark.parametrize("category", [["candle"], None, 3, "\0"])
def test_categories_in_lists_of_visa_must_be_text(tmp_path, category):
    root = made(tmp_path, "visa", "meta")
    replace(root / "meta.json", '"cls_name": "candle"', f'"cls_name": {json.dumps(category)}')
    refused("visa", root, "a category in .*meta.json must be")


def test_lists_of_visa_are_checked(tmp_path):
    root = made(tmp_path, "visa", "meta")
    whole = json.loads((root / "meta.json").read_text())
    for content in (
        "[",
        "[]",
        '{"test": 3}',
        '{"test": {"candle": [{}]}}',
        '{"train": {}}',
        json.dumps([whole]),
    ):
        (root / "meta.json").write_text(content)
        refused("visa", root, "meta.json must map splits and categories to lists of parts")


def test_depth_of_eyecandies_becomes_the_surface_in_the_world(tmp_path):
    root = made(tmp_path, "eyecandies")
    sample = datasets.load("eyecandies", root)[0]
    assert sample.intrinsics == pytest.approx((711.11 / 16, 711.11 / 16, 16, 16))
    low, high = sample.depth_range
    with Image.open(sample.depth) as image:
        raw = np.array(image)
    raw[4, 7] = 0  # as near as it gets, not missing
    Image.fromarray(raw).save(sample.depth)
    depth = low + raw / 65535 * (high - low)
    here = datasets.load_cloud(sample)
    np.testing.assert_allclose(here[..., 2], depth, rtol=1e-6)
    np.testing.assert_allclose(
        here[4, 7], np.array([(7 - 16) * 16 / 711.11, (4 - 16) * 16 / 711.11, 1]) * depth[4, 7]
    )
    sample.pose.write_text("0 1 0 5\n-1 0 0 0\n0 0 1 -2\n0 0 0 1\n")
    points = datasets.load_cloud(sample)
    x, y, z = np.moveaxis(points, 2, 0)
    np.testing.assert_allclose(np.stack([y + 5, -x, z - 2], 2), here, atol=1e-6)
    sample.pose.write_text("1 2 3")
    with pytest.raises(InputError, match=r"^load_cloud: .*pose.txt must hold a 4 x 4 matrix"):
        datasets.load_cloud(sample)


def test_files_of_a_part_of_eyecandies_are_required(tmp_path):
    root = made(tmp_path, "eyecandies")
    folder = root / "CandyCane/test_public/data"
    assert {sample.rgb.name[3:] for sample in datasets.load("eyecandies", root)} == {"_image_0.png"}
    bad = next(sample for sample in datasets.load("eyecandies", root) if sample.label)
    assert bad.defect in ("bumps", "colors", "dents")
    start = bad.rgb.name[:3]
    replace(folder / f"{start}_metadata.yaml", "normals: 0", "normals: 1")
    assert {f"{bad.defect}+normals", bad.defect} >= {
        sample.defect for sample in datasets.load("eyecandies", root) if sample.rgb == bad.rgb
    }
    (folder / f"{start}_metadata.yaml").unlink()
    assert {
        sample.defect for sample in datasets.load("eyecandies", root) if sample.rgb == bad.rgb
    } == {"bad"}
    replace(folder / f"{start}_info_depth.yaml", "min: ", "min: e")
    refused("eyecandies", root, f"{start}_info_depth.yaml must say what min is")
    (folder / f"{start}_depth.png").unlink()
    refused("eyecandies", root, rf"data must hold {start}_depth.\*")


def test_clouds_of_real3d_ad_have_a_label_for_each_point(tmp_path):
    root = made(tmp_path, "real3d_ad")
    bad = next(sample for sample in datasets.load("real3d_ad", root) if sample.label)
    cut = bad.xyz.with_stem(bad.xyz.stem + "_cut")
    bad.xyz.rename(cut)
    bad.mask.rename(bad.mask.with_stem(cut.stem))
    again = next(sample for sample in datasets.load("real3d_ad", root) if sample.xyz == cut)
    assert again.defect == bad.defect
    assert datasets.load_mask(again).any()
    assert datasets.load_mask(again).shape == datasets.load_cloud(again).shape[:1]
    cut.with_name("3_good_copy.pcd").write_bytes(cut.read_bytes())
    assert sum(sample.label is False for sample in datasets.load("real3d_ad", root)) == 4
    cut.with_name("9_template.pcd").write_bytes(cut.read_bytes())  # to train with, wherever it is
    assert len(datasets.load("real3d_ad", root)) == 6
    count = len(datasets.load_cloud(again))
    for line, lines, message in (
        (
            "1 2 3 0",
            count - 1,
            f"must hold a line for each of the {count} points of .*, got {count - 1}",
        ),
        ("1 2 3", count, "must hold lines of x, y, z and a label"),
        ("a b c d", count, "must hold lines of x, y, z and a label"),
    ):
        again.mask.write_text(f"{line}\n" * lines)
        with pytest.raises(InputError, match=f"^load_mask: .*{again.mask.name} {message}"):
            datasets.load_mask(again)
    cut.rename(cut.with_name("cloud.pcd"))
    refused("real3d_ad", root, "cloud.pcd must be called NUMBER_good or NUMBER_DEFECT, got cloud")


def test_tables_of_the_synthetic_set_are_checked(tmp_path):
    root = made(tmp_path, "synthetic")
    table = root / "plates/parts.csv"
    whole = table.read_text()
    table.write_text(whole.replace("test_000,test", "test_999,test"))
    refused("synthetic", root, r"test_999.png must have its image test_999.\* in .*rgb")
    table.write_text("\n".join(line for line in whole.splitlines() if "test_000" not in line))
    refused("synthetic", root, r"test_000.png must have an entry in .*parts.csv of its stem")
    table.write_text(whole.replace("name,split,kind", "name,kind"))
    refused("synthetic", root, "parts.csv must have the columns name,split,kind in every row")
    table.unlink()
    refused(
        "synthetic", root, "parts.csv must be a table with the columns name,split,kind, got none"
    )
