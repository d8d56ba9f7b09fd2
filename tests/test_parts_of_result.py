"""A result as a sequence of parts, with a verdict, a table, a figure and pictures."""

import builtins
import sys
import types

import numpy as np
import pytest
import torch
from PIL import Image

from musc2 import Config, Result
from musc2.errors import InputError
from musc2.maps import Frame, Maps, PatchLayer

HOSTILE = ["<script>alert(1)</script>", "a\"b'c", "new\nline", "שלום", "$x^2$", "../up", "\udcff"]


def made(count=12, *, names=None, paths=None, maps=True, **changes):
    """Return a result whose last part has a defect in a corner."""
    generator = torch.Generator().manual_seed(0)
    patches = torch.rand(count, 4, 4, generator=generator) * 0.2 + 0.9
    patches[-1, 0, 0] = 9.0
    layer = PatchLayer(scores=patches)
    drawn = Maps([layer], [Frame(working=(16, 16), input=(32, 48))] * count) if maps else None
    scores = patches.flatten(1).amax(1)
    values = {
        "scores": scores,
        "raw_scores": scores,
        "maps": drawn,
        "maps_2d": drawn,
        "maps_3d": None,
        "point_scores": None if maps else list(patches.flatten(1)),
        "patch_scores_2d": patches,
        "patch_scores_3d": None,
        "names": names or [f"part {index}" for index in range(count)],
        "paths": paths or [None] * count,
        "config": Config(),
    }
    return Result(**{**values, **changes})


def test_parts_are_looked_up_by_position_and_name():
    result = made()
    assert result[3] == result[np.int64(3)] == result[torch.tensor(3)] == result["part 3"]
    assert result[-1].index == 11
    assert [part.index for part in result[2:8:3]] == [2, 5]
    assert [part.index for part in result] == list(range(12))
    assert len(result) == 12


def test_unknown_parts_are_refused_with_near_names():
    result = made()
    with pytest.raises(InputError, match=r"'port 3' is the name of no part; near: 'part 3'"):
        result["port 3"]
    with pytest.raises(IndexError):
        result[12]
    with pytest.raises(TypeError):
        result[1.5]


def test_a_part_tells_what_the_result_holds():
    result = made()
    part = result[11]
    assert (part.name, part.path, part.rank) == ("part 11", None, 1)
    assert part.score == part.raw_score == pytest.approx(9.0)
    assert part.suspicious
    assert part.map.equal(result.maps[11])
    assert part.map_2d.equal(part.map)
    assert part.map_3d is None
    assert part.point_scores is None
    assert repr(part) == "Part('part 11', score 9, suspicious, rank 1)"


def test_the_verdict_of_a_result():
    result = made()
    assert [part.name for part in result.suspicious] == ["part 11"]
    assert result.labels().tolist() == [False] * 11 + [True]
    assert result.labels(100.0).sum() == 0
    assert result.labels(-1).all()
    assert result.summary.startswith("1 of 12 parts is suspicious: part 11 (1 of 12 parts lies")
    assert sorted(result.rank.tolist()) == list(range(1, 13))
    assert [part.rank for part in result.top(3)] == [1, 2, 3]
    assert len(result.top(99)) == 12
    assert result.top(0) == []


def test_another_threshold_is_saved_with_the_result(tmp_path):
    result = made().with_threshold(0.5)
    assert result.threshold.method == "manual"
    assert len(result.suspicious) == 12
    result.save(tmp_path)
    assert Result.load(tmp_path).threshold.value == 0.5
    assert result.with_threshold(None).threshold == made().threshold
    for wrong in ("0.5", float("nan")):
        with pytest.raises(InputError, match="threshold must be"):
            result.with_threshold(wrong)
        with pytest.raises(InputError, match=r"Result\.labels: threshold must be"):
            result.labels(wrong)


def test_good_references_set_the_threshold():
    references = torch.linspace(0.9, 1.1, 20)
    result = made(references_are_good=True, reference_scores=references)
    assert result.threshold.method == "references"
    assert [part.name for part in result.suspicious] == ["part 11"]


def test_the_regions_of_a_part_lie_where_its_map_is_high():
    result = made()
    (region,) = result["part 11"].regions
    assert region.peak[0] < 8
    assert region.peak[1] < 8
    assert region.score == pytest.approx(float(result.maps[11].max()))
    assert result.regions(11, threshold=100) == []
    assert len(result.regions("part 11", threshold=-1)) == 1
    y, x = np.mgrid[0:32, 0:48].astype(np.float32)
    (measured,) = result.regions(11, xyz=np.stack([x, y, x * 0 + 5], 2))
    assert measured.area_mm2 == pytest.approx(measured.area, rel=1e-5)


def test_masks_that_leave_nothing_give_no_regions():
    layer = PatchLayer(scores=torch.rand(3, 4, 4))
    nothing = torch.zeros(4, 4, dtype=torch.bool)
    frames = [Frame(working=(8, 8), input=(8, 8), mask=nothing)] * 3
    result = made(3, scores=torch.zeros(3), maps_2d=None)
    result.maps.layers[:], result.maps.frames[:] = [layer], frames
    assert result.map_threshold == 0.0
    assert all(part.regions == [] for part in result)
    assert result.suspicious == []


def test_clouds_without_maps_have_no_regions():
    result = made(maps=False)
    points = np.concatenate([result.point_scores[part.index] for part in result.top(12)[6:]])
    assert result.map_threshold == pytest.approx(float(np.quantile(points, 0.995)))
    assert result[11].map is None
    assert result[11].regions == []
    assert len(result[11].point_scores) == 16
    assert result[11].suspicious


def test_two_parts_and_equal_scores_have_a_verdict_without_suspects():
    for scores in (torch.tensor([1.0, 50.0]), torch.full((12,), 3.0), torch.zeros(12)):
        count = len(scores)
        result = made(count, scores=scores)
        assert result.suspicious == []
        assert f"0 of {count} parts are suspicious" in result.summary


def test_tensors_go_to_other_libraries_without_a_copy():
    result = made()
    array = np.from_dlpack(result.scores)
    assert array.ctypes.data == result.scores.data_ptr()


def test_a_notebook_shows_names_as_text_and_pictures_of_files(tmp_path):
    file, text_file = tmp_path / "a.png", tmp_path / "b.png"
    Image.new("RGBA", (300, 20), (255, 0, 0, 128)).save(file)
    text_file.write_text("no picture")
    count = len(HOSTILE)
    paths = [file, text_file, tmp_path / "missing.png", *[None] * (count - 3)]
    html = made(count, names=HOSTILE, paths=paths)._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert html.count("<img") == 1
    assert html.count("<tr>") == count + 1
    assert "<p>and 2 more with lower scores</p>" in made()._repr_html_()


def test_to_pandas_has_a_row_per_part():
    pandas = pytest.importorskip("pandas")
    result = made(names=None)
    table = result.to_pandas()
    assert isinstance(table, pandas.DataFrame)
    assert list(table) == ["rank", "name", "path", "score", "raw_score", "suspicious"]
    assert table["name"].tolist() == result.names
    assert table[table.suspicious]["name"].tolist() == ["part 11"]


def test_to_pandas_passes_columns_of_equal_length(monkeypatch):
    module = types.ModuleType("pandas")
    module.DataFrame = dict
    monkeypatch.setitem(sys.modules, "pandas", module)
    columns = made().to_pandas()
    assert {len(column) for column in columns.values()} == {12}
    assert columns["rank"][11] == 1


@pytest.mark.parametrize(("method", "package"), [("to_pandas", "pandas"), ("plot", "matplotlib")])
def test_a_missing_package_is_named_with_the_line_that_installs_it(monkeypatch, method, package):
    own = builtins.__import__

    def without(name, *arguments, **options):
        if name.partition(".")[0] == package:
            raise ModuleNotFoundError(name=package)
        return own(name, *arguments, **options)

    monkeypatch.setattr("importlib.import_module", without)
    arguments = [0] if method == "plot" else []
    with pytest.raises(InputError, match=f"{method}: needs .* {package}; pip install {package}"):
        getattr(made(), method)(*arguments)


@pytest.mark.parametrize("maps", [True, False])
def test_plot_draws_a_part(maps, tmp_path):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    file = tmp_path / "a.png"
    Image.new("RGB", (48, 32)).save(file)
    result = made(names=["$bad", *map(str, range(11))], paths=[file] * 12, maps=maps)
    for key in (0, 11):
        figure = result.plot(key)
        figure.savefig(tmp_path / "figure.png")
        assert figure.get_suptitle().startswith(result.names[key])
        matplotlib.pyplot.close(figure)
