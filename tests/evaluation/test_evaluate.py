import csv
import dataclasses
import json
import os
import shutil
import xml.etree.ElementTree as ElementTree
import zipfile

import numpy as np
import parts
import pytest
import torch
from PIL import Image

import musc2
from musc2 import Config, datasets, evaluation, metrics
from musc2.errors import InputError

SMALL = Config(input_size=48, group_count=32, group_size=16, group_search=32, group_start=10)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return datasets.write("mvtec_3d", tmp_path_factory.mktemp("made") / "root", categories=2, count=6, size=64)


def evaluated(root, **changes):
    given = {"dataset": "mvtec_3d", "config": SMALL, "encoder_2d": parts.colors, "encoder_3d": parts.spread}
    return evaluation.evaluate(root=root, **given | changes)


def test_a_category_is_scored_and_compared_with_what_is_known_of_its_parts(root):
    bagel, gland = evaluated(root, protocol="exact")
    assert [bagel.category, gland.category] == ["bagel", "cable_gland"]
    assert (bagel.parts, bagel.defective) == (6, 3)
    found = datasets.load("mvtec_3d", root, categories="bagel")
    scores = musc2.score(
        [one.rgb for one in found],
        [one.xyz for one in found],
        config=SMALL,
        encoder_2d=parts.colors,
        encoder_3d=parts.spread,
    )
    truth = [datasets.load_mask(one) for one in found]
    by_image = musc2.metrics.image_metrics(scores.image, np.array([one.label for one in found]))
    by_pixel = musc2.metrics.pixel_metrics(scores.maps, np.stack(truth))
    expected = {"I-AUROC": by_image["auroc"], "I-F1": by_image["f1_max"], "I-AP": by_image["ap"]}
    expected |= {"P-AUROC": by_pixel["auroc"], "P-F1": by_pixel["f1_max"], "P-AP": by_pixel["ap"]}
    expected |= {"AUPRO": by_pixel["aupro@0.3"]} | {f"AUPRO@{x}": by_pixel[f"aupro@{x}"] for x in (0.1, 0.05, 0.01)}
    assert bagel.figures == pytest.approx({name: 100 * value for name, value in expected.items()}, rel=1e-12)


def test_the_published_protocol_compares_at_the_working_size(root):
    bagel, _ = evaluated(root)
    assert bagel.asked["protocol"] == "published"
    assert tuple(bagel.figures) == evaluation.NAMES
    found = datasets.load("mvtec_3d", root, categories="bagel")
    given = [one.rgb for one in found], [one.xyz for one in found]
    config = SMALL.replace(map_size="working")
    scores = musc2.score(*given, config=config, encoder_2d=parts.colors, encoder_3d=parts.spread)
    assert scores.maps.shape == (6, 48, 48)
    masks = [Image.fromarray(datasets.load_mask(one)).convert("L").resize((48, 48), Image.BILINEAR) for one in found]
    known = np.stack([np.asarray(mask) / 255 > 0.5 for mask in masks])
    assert bagel.figures["AUPRO"] == pytest.approx(100 * musc2.metrics.aupro_published(scores.maps, known))
    assert bagel.figures["P-AUROC"] == pytest.approx(100 * musc2.metrics.auroc(scores.maps, known))


def test_published_figures_stand_beside_those_of_their_modality(root):
    both, _ = evaluated(root)
    assert (both.published["I-AUROC"], both.published["AUPRO"]) == (96.13, 98.75)
    images, _ = evaluated(root, modality="2d")
    assert images.published == {}
    mean = evaluation.mean(evaluated(root))
    assert mean.published["I-AUROC"] == pytest.approx((96.13 + 73.89) / 2)
    assert mean.figures["I-AP"] == pytest.approx(np.mean([one.figures["I-AP"] for one in evaluated(root)]))


@pytest.mark.parametrize(("modality", "keys"), [("2d", {"2d"}), ("3d", {"3d"}), ("2d+3d", {"2d", "3d"})])
def test_modalities(root, modality, keys):
    (found,) = evaluated(root, modality=modality, categories=["bagel"])
    assert set(found.encoders) == keys


@pytest.mark.parametrize("dataset", datasets.names())
def test_every_data_set_can_be_evaluated(tmp_path, dataset):
    made = datasets.write(dataset, tmp_path / "root", count=4, size=64)
    (found,) = evaluated(made, dataset=dataset)
    assert (found.parts, found.defective) == (4, 2)
    assert all(found.figures[name] is not None for name in evaluation.NAMES if name != "AUPRO")
    assert (found.figures["AUPRO"] is None) == (dataset == "real3d_ad")  # points have no regions


def test_a_finished_category_is_not_computed_again(root, tmp_path, monkeypatch):
    first = evaluated(root, out=tmp_path)
    again = evaluated(root, out=tmp_path)
    assert again == first
    monkeypatch.setattr("musc2.evaluation.categories.score", lambda **given: pytest.fail("it is computed again"))
    assert evaluated(root, out=tmp_path, categories="bagel") == first[:1]
    with pytest.raises(pytest.fail.Exception):
        evaluated(root, out=tmp_path, config=SMALL.replace(mutual_interval=(0.0, 0.5)))
    (tmp_path / "bagel" / "result.json").write_text("{")
    with pytest.raises(pytest.fail.Exception):
        evaluated(root, out=tmp_path)


@pytest.mark.parametrize("kind", ["rgb", "xyz", "mask"])
def test_a_category_whose_files_changed_is_computed_again(tmp_path, kind):
    root = datasets.write("mvtec_3d", tmp_path / "root", count=6, size=64)
    evaluated(root, out=tmp_path / "out")
    sample = next(one for one in datasets.load("mvtec_3d", root) if one.mask is not None)
    path = getattr(sample, kind)
    before = path.stat()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    asked = [one.asked for one in evaluated(root, out=tmp_path / "out")]
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert asked != [one.asked for one in evaluated(root, out=tmp_path / "out")]


def test_images_replaced_under_the_same_names_are_computed_anew(tmp_path):
    root = datasets.write("mvtec_3d", tmp_path / "root", count=6, size=64)
    before = evaluated(root, out=tmp_path / "out")
    shutil.rmtree(root)
    datasets.write("mvtec_3d", root, count=6, size=64, seed=5)
    after = evaluated(root, out=tmp_path / "out")
    assert after[0].figures == evaluated(root)[0].figures
    assert after[0].figures != before[0].figures


@pytest.mark.parametrize("category", ["../../escaped", "..", "", "a/b"])
def test_an_unsafe_category_is_refused_before_anything_is_written(root, tmp_path, monkeypatch, category):
    samples = datasets.load("mvtec_3d", root)
    odd = [dataclasses.replace(one, category=category) if one.category != "bagel" else one for one in samples]
    monkeypatch.setattr(datasets, "load", lambda *given, **options: odd)
    with pytest.raises(InputError, match="evaluate: a category must be one plain path component"):
        evaluated(root, out=tmp_path / "deep" / "out")
    assert list(tmp_path.iterdir()) == []


def test_maps_and_overlays_lie_in_a_folder_per_category(root, tmp_path):
    evaluated(root, out=tmp_path, categories="bagel")
    for kind, ending in (("maps", "tiff"), ("overlays", "png")):
        assert len(list((tmp_path / "bagel" / kind).rglob(f"*.{ending}"))) == 6
    assert json.loads((tmp_path / "bagel/result.json").read_text())["category"] == "bagel"


def test_tables_as_files(root, tmp_path):
    found = evaluated(root)
    evaluation.write(found, tmp_path)
    lines = (tmp_path / "table.md").read_text().splitlines()
    assert len(lines) == 2 + 2 + 1
    assert lines[2].startswith("| bagel | 6 | 3 | ")
    with (tmp_path / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["category"] for row in rows] == ["bagel", "cable_gland", "mean"]
    ours, theirs = float(rows[0]["I-AUROC"]), float(rows[0]["I-AUROC published"])
    assert (ours, theirs) == (found[0].figures["I-AUROC"], 96.13)
    assert float(rows[0]["I-AUROC difference"]) == pytest.approx(ours - theirs)
    sheet = ElementTree.fromstring(zipfile.ZipFile(tmp_path / "table.xlsx").read("sheet.xml"))
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    cells = [["".join(cell.itertext()) for cell in row] for row in sheet.iter(f"{space}row")]
    assert cells == [list(rows[0]), *(list(row.values()) for row in rows)]
    assert json.loads((tmp_path / "table.json").read_text())[-1]["category"] == "mean"


def test_figures_that_are_not_defined_say_so(tmp_path):
    place = datasets.write("mvtec_ad", tmp_path / "root", categories=["bottle"], count=4, size=64)
    for path in (place / "bottle/test").iterdir():
        if path.name != "good":
            path.rename(place / path.name)
    (found,) = evaluated(place, dataset="mvtec_ad")
    assert set(found.figures.values()) == {None}
    head, line = evaluation.rows([found])
    assert all(cell == "-" for name, cell in zip(head, line, strict=True) if name in evaluation.NAMES)


@pytest.mark.parametrize(("protocol", "size"), [("published", (50, 62)), ("exact", (25, 31))])
def test_figures_read_each_mask_once_and_are_those_of_all_at_once(rng, protocol, size):
    masks = rng.random((4, *size)) < np.array([0.3, 0, 0.2, 0])[:, None, None]
    maps = torch.from_numpy(rng.standard_normal((4, 25, 31)).astype(np.float32))
    scores = type("Given", (), {"image": maps.amax((1, 2)), "maps": maps})()
    found = evaluation.protocols.figures(scores, [True, False, True, False], iter(masks), protocol)
    pictures = [Image.fromarray(mask * np.uint8(255)).resize((31, 25), Image.Resampling.BILINEAR) for mask in masks]
    there = [np.asarray(picture) > 127 for picture in pictures]
    expected = metrics.pixel_metrics(maps, there, only=metrics.names("pixel"))
    assert found["AUPRO"] == pytest.approx(
        100 * expected["aupro_published" if protocol == "published" else "aupro@0.3"]
    )
    assert found["P-AP"] == pytest.approx(100 * expected["ap"])


def test_a_defect_too_small_for_the_working_size_leaves_pixel_figures_undefined():
    truth = [np.zeros((64, 64), bool) for _ in range(3)]
    truth[0][5, 5] = True
    image, maps = torch.tensor([0.9, 0.1, 0.2]), torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0))
    scores = type("Given", (), {"image": image, "maps": maps})()
    found = evaluation.protocols.figures(scores, [True, False, False], truth, "published")
    assert found["I-AUROC"] == 100
    assert found["P-AUROC"] is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"modality": "rgb"}, r"modality must be one of 2d, 3d, 2d\+3d, got 'rgb'"),
        ({"protocol": "paper"}, "protocol must be one of published, exact, got 'paper'"),
        ({"categories": "bagels"}, "did you mean 'bagel'"),
        ({"dataset": "mvtec3d"}, "did you mean 'mvtec_3d'"),
    ],
)
def test_bad_arguments_are_named(root, changes, message):
    with pytest.raises(InputError, match=message):
        evaluated(root, **changes)


def test_a_modality_that_is_not_there_is_named(tmp_path):
    place = datasets.write("mvtec_ad", tmp_path / "root", count=4, size=64)
    with pytest.raises(InputError, match="modality must be what all parts have, 2d, got '3d'"):
        evaluated(place, dataset="mvtec_ad", modality="3d")
