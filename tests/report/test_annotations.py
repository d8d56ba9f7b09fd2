import csv
import json

import pytest
import torch

from musc2 import Config
from musc2.errors import InputError
from musc2.maps import Frame, Maps, PatchLayer
from musc2.report import annotations
from musc2.result import Result


def made(names=None, *, maps=True):
    patches = torch.full((12, 4, 4), 1.0)
    patches += torch.rand(12, 4, 4, generator=torch.Generator().manual_seed(0)) / 10
    patches[0, 1, 2] = 9.0
    layer = PatchLayer(scores=patches)
    drawn = Maps([layer], [Frame(working=(16, 16), input=(20, 40))] * 12) if maps else None
    scores = patches.flatten(1).amax(1)
    absent = dict.fromkeys(("maps_3d", "point_scores", "patch_scores_2d", "patch_scores_3d"))
    return Result(
        scores=scores,
        raw_scores=scores,
        maps=drawn,
        maps_2d=drawn,
        names=names or [f"good/{index}" for index in range(12)],
        paths=[None] * 12,
        config=Config(),
        **absent,
    )


def test_coco_has_all_images_and_the_regions_of_suspicious_parts(tmp_path):
    result = made()
    result.save_annotations(tmp_path / "new" / "coco.json")
    coco = json.loads((tmp_path / "new" / "coco.json").read_text())
    assert [image["file_name"] for image in coco["images"]] == result.names
    assert coco["images"][0] == {"id": 1, "file_name": "good/0", "width": 40, "height": 20}
    (annotation,) = coco["annotations"]
    (region,) = result[0].regions
    assert annotation["image_id"] == 1
    assert annotation["bbox"] == list(region.box)
    assert annotation["area"] == region.area
    xs, ys = annotation["segmentation"][0][::2], annotation["segmentation"][0][1::2]
    x, y, width, height = region.box
    assert (min(xs), max(xs), min(ys), max(ys)) == (x, x + width, y, y + height)
    assert annotation["category_id"] == coco["categories"][0]["id"]


def test_all_parts_have_more_regions_than_the_suspicious():
    few = annotations.coco(made())["annotations"]
    every = annotations.coco(made(), all_parts=True)["annotations"]
    assert len(every) > len(few) == 1
    assert len({row["id"] for row in every}) == len(every)


def test_labelme_has_a_file_per_part(tmp_path):
    made().save_annotations(tmp_path, "labelme")
    assert len(list(tmp_path.glob("good/*.json"))) == 12
    part = json.loads((tmp_path / "good" / "0.json").read_text())
    assert (part["imageHeight"], part["imageWidth"]) == (20, 40)
    assert part["flags"] == {"suspicious": True}
    (shape,) = part["shapes"]
    assert shape["shape_type"] == "polygon"
    assert len(shape["points"]) >= 4
    assert json.loads((tmp_path / "good" / "5.json").read_text())["shapes"] == []


def test_fiftyone_has_fractions_of_the_image(tmp_path):
    result = made()
    result.save_annotations(tmp_path / "f.json", "fiftyone")
    content = json.loads((tmp_path / "f.json").read_text())
    fields = set(content["samples"][0]) - {"_media_type"}
    assert fields == set(content["sample_fields"])
    assert content["num_samples"] == len(content["samples"]) == 12
    (line,) = content["samples"][0]["regions"]["polylines"]
    (region,) = result[0].regions
    x, y, _, height = region.box
    xs, ys = zip(*line["points"][0], strict=True)
    assert min(xs) == pytest.approx(x / 40)
    assert max(ys) == pytest.approx((y + height) / 20)
    assert content["samples"][0]["verdict"]["label"] == "suspicious"


def test_csv_has_a_row_per_region(tmp_path):
    names = ['a,"b"\nc', "\udcff", *map(str, range(10))]
    result = made(names)
    result.save_annotations(tmp_path / "r.csv", "csv", all_parts=True)
    with (tmp_path / "r.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["name"] == names[0]
    assert len(rows) == sum(len(part.regions) for part in result)
    region = result[0].regions[0]
    assert [int(rows[0][key]) for key in ("x", "y", "width", "height")] == list(region.box)


def test_nothing_is_written_for_names_outside_of_the_folder(tmp_path):
    result = made(["../up", *map(str, range(11))])
    with pytest.raises(InputError, match="must be one plain path component"):
        result.save_annotations(tmp_path / "in", "labelme")
    assert list(tmp_path.iterdir()) == []


def test_unknown_formats_and_clouds_are_refused(tmp_path):
    with pytest.raises(InputError, match="format must be one of coco, labelme, fiftyone, csv"):
        made().save_annotations(tmp_path / "x", "voc")
    with pytest.raises(InputError, match="result must have maps, got clouds without pixels"):
        made(maps=False).save_annotations(tmp_path / "x")


def test_no_suspicious_part_gives_no_annotation():
    result = made().with_threshold(100.0)
    assert annotations.coco(result)["annotations"] == []
    assert annotations.table(result).count("\n") == 1


def test_names_that_look_like_formulas_stay_text_in_csv(tmp_path):
    names = ["=cmd|' /C calc'!A0", *[str(index) for index in range(11)]]
    made(names).save_annotations(tmp_path / "regions.csv", "csv")
    _, row = csv.reader((tmp_path / "regions.csv").read_text().splitlines())
    assert row[0] == "'=cmd|' /C calc'!A0"
