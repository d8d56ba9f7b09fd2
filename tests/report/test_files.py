import numpy as np
import pytest
import torch

from musc2 import Config, Scores, inputs
from musc2.errors import InputError
from musc2.report import files


def written(folder, *names):
    """What ``files.write`` makes below ``folder`` of samples with these names."""
    samples = inputs.pair(np.zeros((len(names), 8, 8, 3), np.uint8), names=names)
    values = torch.linspace(0, 1, len(names))
    absent = dict.fromkeys(("maps_2d", "maps_3d", "points", "scores_2d", "scores_3d"))
    maps = values[:, None, None].expand(-1, 8, 8).contiguous()
    result = Scores(image=values, raw=values, maps=maps, names=list(names), config=Config(), **absent)
    files.write(result, samples, folder)
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_names_become_paths_below_the_folder(tmp_path):
    found = written(tmp_path / "out", "good/000", "..a..", "caf\u00e9", "n" * 250)
    expected = {"good/000", "..a..", "caf\u00e9", "n" * 250}
    pictures = {f"overlays/{name}.png" for name in expected} | {f"maps/{name}.tiff" for name in expected}
    assert found == pictures | {"scores.npz", "scores.json"}


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
    with pytest.raises(InputError, match=r"write: names must .*, got two that need .*a\.png"):
        written(tmp_path / "out", "a.png/b", "a")
    assert list(tmp_path.rglob("*")) == []
