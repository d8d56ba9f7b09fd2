"""The metrics of a category from its result, its labels and its masks."""

import numpy as np
import parts
import pytest
import torch
from PIL import Image

from musc2 import datasets, evaluation, metrics
from musc2.evaluation import protocols


class Maps(list):
    """Maps that have the same size everywhere."""

    def at(self, size):
        assert size == "working"
        return torch.stack(self)


def result_of(maps, scores=None):
    """A result with these maps."""
    scores = maps.amax((1, 2)) if scores is None else scores
    return type("Result", (), {"scores": scores, "maps": Maps(maps), "point_scores": None})()


@pytest.mark.parametrize(("protocol", "size"), [("published", (50, 62)), ("exact", (25, 31))])
def test_masks_are_read_once_and_metrics_are_those_of_all_at_once(rng, protocol, size):
    masks = rng.random((4, *size)) < np.array([0.3, 0, 0.2, 0])[:, None, None]
    maps = torch.from_numpy(rng.standard_normal((4, 25, 31)).astype(np.float32))
    labels = [True, False, True, False]
    by_name = protocols.compute(result_of(maps), labels, iter(masks), protocol)
    resized = []
    for mask in masks:
        image = Image.fromarray(mask * np.uint8(255)).resize((31, 25), Image.Resampling.BILINEAR)
        resized.append(np.asarray(image) > 127)
    expected = metrics.pixel_metrics(maps, resized, only=metrics.names("pixel"))
    aupro = "aupro_published" if protocol == "published" else "aupro@0.3"
    assert by_name["AUPRO"] == pytest.approx(100 * expected[aupro])
    assert by_name["P-AP"] == pytest.approx(100 * expected["ap"])


def test_a_defect_too_small_for_the_working_size_leaves_pixel_metrics_undefined():
    masks = [np.zeros((64, 64), bool) for _ in range(3)]
    masks[0][5, 5] = True
    maps = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0))
    result = result_of(maps, scores=torch.tensor([0.9, 0.1, 0.2]))
    by_name = protocols.compute(result, [True, False, False], masks, "published")
    assert by_name["I-AUROC"] == 100
    assert by_name["P-AUROC"] is None
    assert by_name["AUPRO"] is None


def test_without_masks_only_image_metrics_are_defined():
    maps = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0))
    for protocol in protocols.PROTOCOLS:
        by_name = protocols.compute(result_of(maps), [True, False, False], [None] * 3, protocol)
        defined = {name for name, value in by_name.items() if value is not None}
        assert defined == set(protocols.IMAGE)


def test_metrics_that_are_not_defined_are_dashes_in_the_table(tmp_path):
    folder = datasets.write("mvtec_ad", tmp_path / "root", categories=["bottle"], count=4, size=64)
    for path in (folder / "bottle/test").iterdir():
        if path.name != "good":
            path.rename(folder / path.name)
    (result,) = evaluation.evaluate("mvtec_ad", folder, encoder_2d=parts.colors)
    assert set(result.metrics.values()) == {None}
    head, line = evaluation.rows([result])
    columns = dict(zip(head, line, strict=True))
    assert all(columns[name] == "-" for name in evaluation.NAMES)
