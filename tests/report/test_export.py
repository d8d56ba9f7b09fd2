import csv
import dataclasses
import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from musc2 import Config, Result
from musc2.inputs import list_clouds
from musc2.maps import Frame, Maps, PatchLayer
from musc2.report import export, part_table, pictures, sources


def made(names, paths=None, encoders=None):
    values = torch.linspace(0, 1, len(names))
    patches = PatchLayer(scores=values[:, None, None].expand(-1, 2, 2).contiguous())
    maps = Maps([patches], [Frame(working=(8, 8), input=(8, 8))] * len(names))
    absent = dict.fromkeys(("maps_3d", "point_scores", "patch_scores_2d", "patch_scores_3d"))
    return Result(
        scores=values,
        raw_scores=values,
        maps=maps,
        maps_2d=maps,
        names=list(names),
        paths=paths or [None] * len(names),
        config=Config(),
        encoders=encoders or {},
        **absent,
    )


def written(folder, *names, **options):
    """Write a result of parts with these names; return the files below ``folder``."""
    export.write(made(names), folder, **options)
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


TABLES = {"manifest.json", "result.json", "result.npz", "scores.csv", "scores.json"}


def test_files_are_named_by_rank_and_name(tmp_path):
    files = written(tmp_path / "out", "good/000", "caf\u00e9", maps=True)
    pictures = {"pictures/1_caf\u00e9.jpg", "pictures/2_good_000.jpg"}
    maps = {"maps/1_caf\u00e9.tiff", "maps/2_good_000.tiff"}
    assert files - {"scores.parquet"} == TABLES | pictures | maps


def test_ranks_have_as_many_digits_as_the_last(tmp_path):
    names = [str(index) for index in range(12)]
    files = written(tmp_path / "out", *names)
    pictures = sorted(name for name in files if name.startswith("pictures/"))
    assert pictures[0] == "pictures/01_11.jpg"
    assert pictures[-1] == "pictures/12_0.jpg"


@pytest.mark.parametrize(
    "name",
    [
        "../../../escaped/a", "..", ".", "", "/absolute/a", "a//b", "a/", "a/../b", "x\0y",
        "n" * 251, "n" * 256 + "/a", "\u00e9" * 226, "\ud800", "a\\b", "..\\..\\a", "C:/a", "c:a",
        "a.jpg/b", "\x1b[31m", "CON", "a\nb",
    ],
)  # fmt: skip
def test_no_name_leaves_the_folder_or_cannot_be_written(tmp_path, name):
    files = written(tmp_path / "deep" / "out", "a.jpg", name)
    assert len([file for file in files if file.startswith("pictures/")]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out"]


def test_formulas_in_names_stay_text_in_spreadsheets(tmp_path):
    written(tmp_path / "out", "=cmd|' /C calc'!A0", "+1", "@x", "plain", "-2")
    rows = list(csv.reader(io.StringIO((tmp_path / "out/scores.csv").read_text(encoding="utf-8"))))
    names = {row[1] for row in rows[1:]}
    assert names == {"'=cmd|' /C calc'!A0", "'+1", "'@x", "plain", "'-2"}


def below_caption(part):
    """Return the picture of a part of made(), 8 pixels high, without its caption."""
    return np.asarray(pictures.marked(part, width=2000))[-8:].astype(int)


def test_pictures_are_drawn_over_the_files_of_the_parts(tmp_path):
    Image.fromarray(np.full((8, 8, 3), 200, np.uint8)).save(tmp_path / "image.png")
    rows, columns = np.mgrid[:8, :8] / 8
    np.save(tmp_path / "scan.npy", np.stack([columns, rows, 1 + rows * (rows > 0.4)], -1))
    names = ["0", "1"]
    images = made(names, [tmp_path / "image.png"] * 2, {"2d": "texture"})
    assert (below_caption(images[0]) == 200).all()
    scans = made(names, [tmp_path / "scan.npy"] * 2, {"3d": "shape"})
    relief = below_caption(scans[0])
    assert relief[1, 4, 0] != relief[6, 4, 0]  # the surface is bent in the middle
    assert relief.min() > 0
    assert (below_caption(made(names)[0]) == 0).all()


def test_a_file_that_is_gone_costs_its_picture_alone(tmp_path):
    result = made(["0", "1"], [tmp_path / "gone.png"] * 2, {"2d": "texture"})
    export.write(result, tmp_path / "out")
    assert (below_caption(result[0]) == 0).all()


def test_a_normal_part_keeps_its_colors_and_a_suspicious_one_is_marked(tmp_path):
    Image.fromarray(np.full((8, 8, 3), 100, np.uint8)).save(tmp_path / "image.png")
    paths = [tmp_path / "image.png"] * 2
    result = made(["good", "bad"], paths, {"2d": "texture"}).with_threshold(0.5)
    result.__dict__["map_threshold"] = 0.5  # of the cached property
    assert (below_caption(result[0]) == 100).all()
    assert (below_caption(result[1]) != 100).any()
    corners = [np.asarray(pictures.marked(part, width=2000))[0, 0].tolist() for part in result]
    assert corners == [[40, 40, 40], [130, 20, 20]]


def test_pictures_of_large_maps_are_shrunk(tmp_path):
    patches = PatchLayer(scores=torch.ones(2, 2, 2))
    frames = [Frame(working=(8, 8), input=(300, 400))] * 2
    result = dataclasses.replace(made(["a", "b"]), maps=Maps([patches], frames))
    export.write(result, tmp_path / "out", width=100)
    with Image.open(tmp_path / "out/pictures/1_b.jpg") as picture:
        assert picture.width == 100


def test_a_killed_run_leaves_no_file_that_the_next_does_not_know_of(tmp_path, monkeypatch):
    out = tmp_path / "out"

    def fail(part, *, width):
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(pictures, "marked", fail)
        with pytest.raises(KeyboardInterrupt):
            written(out, "first", "second")
    (out / "pictures/1_second.jpg").touch()  # as if it had been written before the end
    files = written(out, "third", "fourth")
    assert {name for name in files if name.startswith("pictures/")} == {
        "pictures/1_fourth.jpg",
        "pictures/2_third.jpg",
    }


def test_a_record_that_was_changed_removes_nothing_outside(tmp_path):
    precious = tmp_path / "precious.txt"
    precious.touch()
    out = tmp_path / "out"
    written(out, "a", "b")
    (out / "manifest.json").write_text(json.dumps({"files": ["../precious.txt", 3, ".", ""]}))
    written(out, "a", "b")
    assert precious.exists()
    (out / "manifest.json").write_text("no json")
    written(out, "a", "b")


def test_clouds_become_views_and_colored_points(tmp_path):
    generator = np.random.default_rng(0)
    points = generator.random((2, 500, 3)).astype(np.float32) * np.float32([3, 2, 0.1])
    files = [tmp_path / "0.npy", tmp_path / "1.npy"]
    for file, cloud in zip(files, points, strict=True):
        np.save(file, cloud)
    scores = [torch.full((500,), 0.1), torch.linspace(0.05, 0.25, 500)]
    result = dataclasses.replace(
        made(["a", "b"], files, {"3d": "shape"}), maps=None, maps_2d=None, point_scores=scores
    )
    export.write(result, tmp_path / "out", clouds=True)
    with Image.open(tmp_path / "out/pictures/1_b.jpg") as picture:
        view = np.asarray(picture)
    height, width = view.shape[:2]
    assert 320 <= max(height, width) <= 700
    red = view[..., 0].astype(int) - view[..., 2]
    assert (red > 60).any()  # the points with high scores
    cloud = list_clouds([tmp_path / "out/clouds/1_b.ply"])[0].read()
    np.testing.assert_array_equal(cloud, points[1])
    content = (tmp_path / "out/clouds/1_b.ply").read_bytes()
    assert b"property float score" in content
    assert b"property uchar red" in content


def test_pictures_at_a_whole_fraction_are_means_of_squares():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)
    squares = picture.reshape(30, 2, 40, 2, 3).mean((1, 3))
    assert np.abs(sources.reduced(picture, 40) - squares).max() <= 0.5
    assert sources.reduced(picture, 33).shape == (25, 33, 3)


def test_boxes_of_a_suspicious_part_are_those_of_its_regions():
    result = made(["good", "defect"]).with_threshold(0.5)
    first, second = part_table.rows(result)
    assert first["boxes"] == [list(region.box) for region in result["defect"].regions] != []
    assert second["boxes"] == []
