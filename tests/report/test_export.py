import numpy as np
import pytest
import torch
from PIL import Image

from musc2 import Config, Result
from musc2.errors import InputError
from musc2.maps import Frame, Maps, PatchLayer
from musc2.report import export


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


def written(folder, *names):
    """Write a result of parts with these names; return the files below ``folder``."""
    export.write(made(names), folder)
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_names_become_paths_below_the_folder(tmp_path):
    found = written(tmp_path / "out", "good/000", "..a..", "caf\u00e9", "n" * 250)
    expected = {"good/000", "..a..", "caf\u00e9", "n" * 250}
    pictures = {f"overlays/{name}.png" for name in expected} | {
        f"maps/{name}.tiff" for name in expected
    }
    assert found == pictures | {"result.npz", "result.json"}


@pytest.mark.parametrize(
    "name",
    [
        "../../../escaped/a", "..", ".", "", "/absolute/a", "a//b", "a/", "a/../b", "x\0y",
        "n" * 251, "n" * 256 + "/a", "\u00e9" * 126, "\ud800", "a\\b", "..\\..\\a", "C:/a", "c:a",
    ],
)  # fmt: skip
def test_unsafe_names_are_refused_before_anything_is_written(tmp_path, name):
    with pytest.raises(InputError, match=r"write: .*names"):
        written(tmp_path / "deep" / "out", "a", name)
    assert list(tmp_path.rglob("*")) == []


def test_a_name_that_needs_the_picture_of_another_as_a_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"write: names must .*, got two for .*a\.png"):
        written(tmp_path / "out", "a.png/b", "a")
    assert list(tmp_path.rglob("*")) == []


def test_overlays_are_drawn_over_the_files_of_the_parts(tmp_path):
    rgb = np.full((8, 8, 3), 200, np.uint8)
    Image.fromarray(rgb).save(tmp_path / "image.png")
    xyz = np.ones((8, 8, 3)) * np.linspace(1, 2, 8)[:, None, None]
    np.save(tmp_path / "scan.npy", xyz)
    names = ["0", "1"]
    images = made(names, [tmp_path / "image.png"] * 2, {"2d": "texture"})
    assert (export.read_picture(images, 0) == 200).all()
    scans = made(names, [tmp_path / "scan.npy"] * 2, {"3d": "shape"})
    shade = export.read_picture(scans, 0)
    assert int(shade[0, 0, 0]) == 255
    assert 0 < int(shade[-1, 0, 0]) < 100
    assert (export.read_picture(made(names), 0) == 0).all()
    assert export.write(images, tmp_path / "out", lambda index: rgb // (index + 2)) == 4
    low = np.asarray(Image.open(tmp_path / "out/overlays/0.png"))
    assert (low == 100).all()
