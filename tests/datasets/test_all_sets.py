"""Every data set: it loads the files of its own writers, with labels, and names damaged ones."""

import importlib

import numpy as np
import pytest

from musc2 import datasets
from musc2.datasets import synthetic
from musc2.datasets.synthetic.families import FAMILIES
from musc2.errors import InputError

COUNT, SIZE = 9, 40  # 4 of them defective


def module(name):
    return importlib.import_module(f"musc2.datasets.{name}")


LAYOUTS = [(name, layout) for name in datasets.names() for layout in module(name).WRITERS]
IDS = [f"{name}-{layout}" for name, layout in LAYOUTS]


@pytest.fixture(scope="module", params=LAYOUTS, ids=IDS)
def written(request, tmp_path_factory):
    """Return the name, folder and categories of generated parts in a layout."""
    name, layout = request.param
    root = tmp_path_factory.mktemp(f"{name}-{layout}-") / "made"
    several = min(2, len(module(name).CATEGORIES))
    datasets.write(name, root, categories=several, count=COUNT, size=SIZE, seed=3, layout=layout)
    return name, root, module(name).CATEGORIES[:several]


def test_the_known_data_sets_exist():
    expected = {
        "mvtec_3d",
        "eyecandies",
        "mvtec_ad",
        "visa",
        "btad",
        "real3d_ad",
        "folder",
        "synthetic",
    }
    assert expected <= set(datasets.names())
    assert [
        len(module(name).CATEGORIES)
        for name in ("mvtec_3d", "eyecandies", "mvtec_ad", "visa", "btad")
    ] == [
        10,
        10,
        15,
        12,
        3,
    ]


def test_the_test_parts_come_back_sorted_with_their_labels(written):
    name, root, categories = written
    samples = datasets.load(name, root)
    assert len(samples) == COUNT * len(categories)
    assert sorted({sample.category for sample in samples}) == sorted(
        {*categories} if name != "folder" else {"made"}
    )
    assert len({sample.name for sample in samples}) == len(samples)
    for category in {sample.category for sample in samples}:
        parts_of_category = [sample for sample in samples if sample.category == category]
        assert sum(sample.label for sample in parts_of_category) == 4
        assert [sample.name for sample in parts_of_category] == sorted(
            sample.name for sample in parts_of_category
        )
    for sample in samples:
        assert (sample.defect == "good") == (not sample.label)
        assert (sample.mask is None) == (not sample.label)
    assert samples == datasets.load(name, str(root))


def test_files_hold_the_generated_parts(written):
    """Every image, scan and mask is that of one generated part, and no part is missing."""
    name, root, categories = written
    makers = list(FAMILIES.values())
    for number, category in enumerate(categories):
        parts = makers[number](COUNT, size=SIZE, seed=3 + number)
        parts_of_category = [
            sample for sample in datasets.load(name, root) if sample.category in (category, "made")
        ]
        missing = set(range(COUNT))
        for sample in parts_of_category:
            defect, image, cloud = (
                datasets.load_mask(sample),
                datasets.load_image(sample),
                datasets.load_cloud(sample),
            )
            if image is not None:
                gap = np.abs(parts.rgb - np.asarray(image, np.float64)).mean((1, 2, 3))
            else:
                gap = np.array([abs((xyz[..., 2] != 0).sum() - len(cloud)) for xyz in parts.xyz])
                gap = gap + np.array(
                    [
                        np.abs(xyz[xyz[..., 2] != 0].mean(0) - cloud.mean(0)).max()
                        for xyz in parts.xyz
                    ]
                )
            index = int(gap.argmin())
            missing.remove(index)
            assert parts.labels[index] == sample.label
            valid = parts.xyz[index][..., 2] != 0
            mask = parts.masks[index]
            np.testing.assert_array_equal(defect, mask[valid] if image is None else mask)
            if cloud is not None and cloud.ndim == 3:
                z = cloud[..., 2]
                assert "on_table" not in str(root) or (z != 0).all()
                np.testing.assert_allclose(z[valid], parts.xyz[index][valid][:, 2], atol=1e-5)
        assert not missing


def test_other_splits_are_good_and_other_parts(written):
    name, root, _ = written
    if "train" in module(name).SPLITS:
        train = datasets.load(name, root, split="train")
        assert train
        assert not any(sample.label for sample in train)
        paths = {sample.rgb or sample.xyz for sample in train}
        test_files = {
            (sample.rgb or sample.xyz).read_bytes() for sample in datasets.load(name, root)
        }
        assert not test_files & {path.read_bytes() for path in paths}


def test_categories_can_be_chosen(written):
    name, root, categories = written
    chosen = categories[-1] if name != "folder" else "made"
    for form in (chosen, [chosen]):
        assert {sample.category for sample in datasets.load(name, root, categories=form)} == {
            chosen
        }
    with pytest.raises(InputError, match="load: categories must be"):
        datasets.load(name, root, categories="nothing")


@pytest.mark.parametrize("name", datasets.names())
def test_a_wrong_root_is_named_with_its_content(tmp_path, name):
    with pytest.raises(InputError, match=r"load: root \(.*nowhere\) must be a folder that exists"):
        datasets.load(name, tmp_path / "nowhere")
    (tmp_path / "unrelated").mkdir()
    with pytest.raises(InputError, match=r"load: root \(.*\) must .*, got .*unrelated/"):
        datasets.load(name, tmp_path)


@pytest.mark.parametrize("name", datasets.names())
def test_a_wrong_split_says_which_there_are(tmp_path, name):
    with pytest.raises(
        InputError, match=f"load: split must be one of test.* for {name}, got 'tets'"
    ):
        datasets.load(name, tmp_path, split="tets")


def test_emptied_files_are_named(written):
    name, root, _ = written
    for kind in ("rgb", "xyz", "depth", "mask"):
        sample = next(sample for sample in datasets.load(name, root) if sample.label)
        path = getattr(sample, kind)
        if path is not None:
            content = path.read_bytes()
            path.write_bytes(b"")
            with pytest.raises(InputError, match=path.name):
                datasets.load(name, root)
            path.write_bytes(content)


def test_lost_files_are_named(written):
    """Without any of its files, a part is missing or an error names a partner."""
    name, root, _ = written
    before = datasets.load(name, root)
    for kind in ("rgb", "xyz", "depth", "mask"):
        sample = next(sample for sample in before if sample.label)
        path = getattr(sample, kind)
        if path is None:
            continue
        path.rename(path.with_suffix(".lost"))
        if name == "folder" and kind == "mask":
            assert sum(sample.label for sample in datasets.load(name, root)) == 3
        elif name == "real3d_ad" and kind == "xyz":
            assert len(datasets.load(name, root)) == len(before) - 1
        else:
            with pytest.raises(InputError, match=path.stem.removesuffix("_mask")[-8:]):
                datasets.load(name, root)
        path.with_suffix(".lost").rename(path)


def test_names_and_places_of_writing_are_checked(tmp_path):
    with pytest.raises(
        InputError,
        match=r"load: name must be one of .*, got 'mvtec3d' \(did you mean 'mvtec_3d'\?\)",
    ):
        datasets.load("mvtec3d", tmp_path)
    for arguments, message in (
        (
            {"categories": 11},
            "categories must be 1 to 10 or a list of some of bagel, .* for mvtec_3d, got 11",
        ),
        ({"categories": -1}, "categories must be 1 to 10 .*, got -1"),
        ({"categories": True}, "categories must be 1 to 10 .*, got True"),
        ({"categories": "bagel"}, "categories must be 1 to 10 .*, got 'bagel'"),
        ({"categories": []}, "categories must be 1 to 10"),
        ({"count": 0}, "count must be a whole number of at least 1, got 0"),
        ({"size": 16}, "size must be a whole number of at least 32, got 16"),
        ({"seed": -1}, "seed must be a whole number of at least 0, got -1"),
        ({"categories": 0}, "categories must be 1 to 10"),
        ({"categories": ["bun"]}, "categories must be 1 to 10"),
        ({"layout": "flat"}, "layout must be one of original, on_table for mvtec_3d, got 'flat'"),
    ):
        with pytest.raises(InputError, match="write: " + message):
            datasets.write("mvtec_3d", tmp_path / "new", **arguments)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/data.txt").write_text("mine")
    with pytest.raises(
        InputError, match=r"write: root \(.*full\) must be new or empty, got data.txt"
    ):
        datasets.write("mvtec_3d", tmp_path / "full")


@pytest.mark.parametrize("family", FAMILIES)
def test_defects_of_a_family_show_where_their_kinds_say(family):
    make = FAMILIES[family]
    parts, intact = make(16, defective=1, size=64, seed=1), make(16, defective=0, size=64, seed=1)
    assert set(parts.kinds) == set(synthetic.KINDS)
    for index, kind in enumerate(parts.kinds):
        assert parts.masks[index].any()
        assert (parts.rgb[index] != intact.rgb[index]).any() == (synthetic.KINDS[kind] != "3d"), (
            kind
        )
        assert (parts.xyz[index] != intact.xyz[index]).any() == (synthetic.KINDS[kind] != "2d"), (
            kind
        )
    valid = parts.xyz[..., 2] != 0
    assert (parts.xyz[~valid] == 0).all()
    assert 0.2 < valid.mean() < 0.5
    later = make(4, defective=0, size=64, seed=1, first=12)
    np.testing.assert_array_equal(later.rgb, intact.rgb[12:])
    assert (make(1, size=64, seed=2).rgb != intact.rgb[:1]).any()
