import dataclasses
import json
import os
import shutil

import numpy as np
import parts
import pytest
from PIL import Image

import musc2
from musc2 import datasets, evaluation, metrics
from musc2.errors import InputError
from musc2.evaluation import categories
from musc2.evaluation.results import FILE

SMALL = parts.SMALL


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mvtec_3d") / "root"
    return datasets.write("mvtec_3d", folder, categories=2, count=6, size=64)


@pytest.fixture
def no_score(monkeypatch):
    """Make ``score`` fail the test."""
    monkeypatch.setattr(
        categories, "score", lambda *args, **kw: pytest.fail("it is computed again")
    )


def evaluate(root, **changes):
    options = {
        "dataset": "mvtec_3d",
        "config": SMALL,
        "encoder_2d": parts.colors,
        "encoder_3d": parts.spread,
    }
    return evaluation.evaluate(root=root, **options | changes)


def score(samples):
    """What evaluate compares with the labels of ``samples``."""
    return musc2.score(
        [sample.rgb for sample in samples],
        [sample.xyz for sample in samples],
        config=SMALL,
        encoder_2d=parts.colors,
        encoder_3d=parts.spread,
    )


def test_a_category_is_scored_and_compared_with_its_labels_and_masks(root):
    bagel, gland = evaluate(root, protocol="exact")
    assert [bagel.category, gland.category] == ["bagel", "cable_gland"]
    assert (bagel.parts, bagel.defective) == (6, 3)
    samples = datasets.load("mvtec_3d", root, categories="bagel")
    result = score(samples)
    masks = np.stack([datasets.load_mask(sample) for sample in samples])
    labels = np.array([sample.label for sample in samples])
    by_image = metrics.image_metrics(result.scores, labels)
    by_pixel = metrics.pixel_metrics(result.maps.at("input"), masks)
    image = {"I-AUROC": "auroc", "I-F1": "f1_max", "I-AP": "ap"}
    pixel = {"P-AUROC": "auroc", "P-F1": "f1_max", "P-AP": "ap", "AUPRO": "aupro@0.3"}
    pixel |= {f"AUPRO@{limit}": f"aupro@{limit}" for limit in (0.1, 0.05, 0.01)}
    expected = {column: 100 * by_image[name] for column, name in image.items()}
    expected |= {column: 100 * by_pixel[name] for column, name in pixel.items()}
    assert bagel.metrics == pytest.approx(expected, rel=1e-12)


def test_the_published_protocol_compares_at_the_working_size(root):
    bagel, _ = evaluate(root)
    assert bagel.request["protocol"] == "published"
    assert tuple(bagel.metrics) == evaluation.NAMES
    samples = datasets.load("mvtec_3d", root, categories="bagel")
    maps = score(samples).maps.at("working")
    assert maps.shape == (6, 48, 48)
    masks = []
    for sample in samples:
        image = Image.fromarray(datasets.load_mask(sample)).convert("L")
        masks.append(np.asarray(image.resize((48, 48), Image.Resampling.BILINEAR)) / 255 > 0.5)
    assert bagel.metrics["AUPRO"] == pytest.approx(100 * metrics.aupro_published(maps, masks))
    auroc = metrics.auroc(maps, np.stack(masks))
    assert bagel.metrics["P-AUROC"] == pytest.approx(100 * auroc)


def test_published_metrics_stand_beside_those_of_their_modality(root):
    results = evaluate(root)
    both = results[0]
    assert (both.published["I-AUROC"], both.published["AUPRO"]) == (96.13, 98.75)
    images, _ = evaluate(root, modality="2d")
    assert images.published == {}
    mean = evaluation.mean(results)
    assert mean.published["I-AUROC"] == pytest.approx((96.13 + 73.89) / 2)
    expected = np.mean([result.metrics["I-AP"] for result in results])
    assert mean.metrics["I-AP"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("modality", "keys"), [("2d", {"2d"}), ("3d", {"3d"}), ("2d+3d", {"2d", "3d"})]
)
def test_modalities(root, modality, keys):
    (result,) = evaluate(root, modality=modality, categories=["bagel"])
    assert set(result.encoders) == keys


@pytest.mark.parametrize("dataset", datasets.names())
def test_every_data_set_can_be_evaluated(tmp_path, dataset):
    folder = datasets.write(dataset, tmp_path / "root", count=4, size=64)
    (result,) = evaluate(folder, dataset=dataset)
    assert (result.parts, result.defective) == (4, 2)
    assert all(result.metrics[name] is not None for name in evaluation.NAMES if name != "AUPRO")
    # Points have no regions.
    assert (result.metrics["AUPRO"] is None) == (dataset == "real3d_ad")


def test_a_finished_category_is_not_computed_again(root, tmp_path, no_score, monkeypatch):
    with monkeypatch.context() as allowed:
        allowed.setattr(categories, "score", musc2.score)
        first = evaluate(root, out=tmp_path)
    assert evaluate(root, out=tmp_path) == first
    assert evaluate(root, out=tmp_path, categories="bagel") == first[:1]


def test_a_category_is_computed_again_for_other_settings(root, tmp_path, no_score, monkeypatch):
    with monkeypatch.context() as allowed:
        allowed.setattr(categories, "score", musc2.score)
        evaluate(root, out=tmp_path)
    with pytest.raises(pytest.fail.Exception):
        evaluate(root, out=tmp_path, config=SMALL.replace(mutual_interval=(0.0, 0.5)))
    (tmp_path / "bagel" / FILE).write_text("{")
    with pytest.raises(pytest.fail.Exception):
        evaluate(root, out=tmp_path)


@pytest.mark.parametrize("kind", ["rgb", "xyz", "mask"])
def test_a_category_whose_files_changed_is_computed_again(tmp_path, kind):
    root = datasets.write("mvtec_3d", tmp_path / "root", count=6, size=64)
    evaluate(root, out=tmp_path / "out")
    sample = next(sample for sample in datasets.load("mvtec_3d", root) if sample.mask is not None)
    path = getattr(sample, kind)
    before = path.stat()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    requests = [result.request for result in evaluate(root, out=tmp_path / "out")]
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert requests != [result.request for result in evaluate(root, out=tmp_path / "out")]


def test_images_replaced_under_the_same_names_are_computed_anew(tmp_path):
    root = datasets.write("mvtec_3d", tmp_path / "root", count=6, size=64)
    before = evaluate(root, out=tmp_path / "out")
    shutil.rmtree(root)
    datasets.write("mvtec_3d", root, count=6, size=64, seed=5)
    after = evaluate(root, out=tmp_path / "out")
    assert after[0].metrics == evaluate(root)[0].metrics
    assert after[0].metrics != before[0].metrics


@pytest.mark.parametrize("category", ["../../escaped", "..", "", "a/b"])
def test_an_unsafe_category_is_refused_before_anything_is_written(
    root, tmp_path, monkeypatch, category
):
    samples = []
    for sample in datasets.load("mvtec_3d", root):
        is_bagel = sample.category == "bagel"
        samples.append(sample if is_bagel else dataclasses.replace(sample, category=category))
    monkeypatch.setattr(datasets, "load", lambda *arguments, **options: samples)
    with pytest.raises(InputError, match="evaluate: a category must be one plain path component"):
        evaluate(root, out=tmp_path / "deep" / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_category_has_a_folder_with_its_result_maps_and_pictures(root, tmp_path):
    (result,) = evaluate(root, out=tmp_path, categories="bagel")
    folder = tmp_path / "bagel"
    for kind, suffix in (("maps", "tiff"), ("pictures", "jpg")):
        assert len(list((folder / kind).rglob(f"*.{suffix}"))) == 6
    saved = json.loads((folder / "metrics.json").read_text())
    assert saved["category"] == "bagel"
    assert saved["metrics"] == result.metrics
    assert len(musc2.Result.load(folder)) == 6


def test_the_result_of_score_and_the_metrics_lie_side_by_side(root, tmp_path):
    evaluate(root, out=tmp_path, categories="bagel")
    names = sorted(path.name for path in (tmp_path / "bagel").iterdir() if path.is_file())
    expected = {"manifest.json", "metrics.json", "result.json", "result.npz"}
    assert set(names) - {"scores.parquet"} == expected | {"scores.csv", "scores.json"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"modality": "rgb"}, r"evaluate: modality must be one of 2d, 3d, 2d\+3d, got 'rgb'"),
        ({"protocol": "paper"}, "evaluate: protocol must be one of published, exact, got 'paper'"),
        ({"categories": "bagels"}, "did you mean 'bagel'"),
        ({"dataset": "mvtec3d"}, "did you mean 'mvtec_3d'"),
        ({"config": {"seed": 1}}, "evaluate: config must be a musc2.Config or one of .*, got dict"),
        ({"config": "musc3"}, "evaluate: config must be a musc2.Config or one of .*, got 'musc3'"),
    ],
)
def test_bad_arguments_are_named(root, changes, message):
    with pytest.raises(InputError, match=message):
        evaluate(root, **changes)


def test_a_modality_that_the_data_set_lacks_is_named(tmp_path):
    folder = datasets.write("mvtec_ad", tmp_path / "root", count=4, size=64)
    message = "evaluate: modality must be what all parts have, 2d, got '3d'"
    with pytest.raises(InputError, match=message):
        evaluate(folder, dataset="mvtec_ad", modality="3d")


def test_a_data_set_without_labels_is_refused(tmp_path, rng):
    for index, pixels in enumerate(parts.images(rng, 2)):
        Image.fromarray(pixels).save(tmp_path / f"{index}.png")
    with pytest.raises(InputError, match="evaluate: root must be a data set that labels"):
        evaluate(tmp_path, dataset="folder")
