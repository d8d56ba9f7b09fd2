import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from musc2 import Config, Failure, Result
from musc2.errors import InputError
from musc2.maps import Frame, Maps, PatchLayer, PointLayer


def made(**changes):
    patches = torch.rand(2, 2, 3, generator=torch.Generator().manual_seed(0))
    points = PointLayer(
        scores=[torch.tensor([0.5, 2.0]), torch.tensor([1.0])],
        pixels=[torch.tensor([0, 7]), torch.tensor([3])],
        sizes=[(2, 4), (4, 4)],
        sigma=4.0,
        quantized=True,
    )
    masks = [torch.tensor([[True, False], [True, True]]), torch.tensor([[True, False, True]])]
    frames = [
        Frame(working=(4, 4), input=(8, 6), mask=masks[0]),
        Frame(working=(4, 4), input=(5, 3), mask=masks[1]),
    ]
    image = PatchLayer(scores=patches)
    values = {
        "scores": torch.tensor([0.25, 1.5]),
        "raw_scores": torch.tensor([0.5, 1.0]),
        "maps": Maps([image, points], frames),
        "maps_2d": Maps([image], frames),
        "maps_3d": Maps([points], frames),
        "point_scores": [torch.rand(7), torch.rand(3)],
        "patch_scores_2d": patches,
        "patch_scores_3d": torch.rand(2, 6),
        "names": ["left", "right"],
        "paths": [Path("a/left.png"), None],
        "config": Config.from_preset("published"),
        "timings": {"mutual": 0.5, "maps": 0.25},
        "failures": [Failure(index=2, name="torn", path=Path("torn.png"), message="unreadable")],
    }
    return Result(**{**values, **changes})


def test_a_result_tells_what_it_holds():
    text = (
        "Result(2 parts, scores 0.25 to 1.5, highest 'right', 1 failed, preset 'published', 0.75 s)"
    )
    assert repr(made()) == text
    assert len(made()) == 2


def test_a_result_survives_saving(tmp_path):
    before = made()
    before.save(tmp_path / "deep" / "er")
    after = Result.load(tmp_path / "deep" / "er")
    for field in dataclasses.fields(Result):
        own, loaded = getattr(before, field.name), getattr(after, field.name)
        if isinstance(own, torch.Tensor):
            assert torch.equal(own, loaded)
        elif field.name.startswith("maps") or field.name == "point_scores":
            assert all(torch.equal(a, b) for a, b in zip(own, loaded, strict=True))
        else:
            assert own == loaded


def test_what_a_result_lacks_stays_missing(tmp_path):
    names = ("maps", "maps_2d", "maps_3d", "patch_scores_2d", "patch_scores_3d", "point_scores")
    made(**dict.fromkeys(names)).save(tmp_path)
    after = Result.load(tmp_path)
    assert all(getattr(after, name) is None for name in names)


def test_a_saved_result_does_not_grow_with_the_images(tmp_path):
    small = [Frame(working=(4, 4), input=(8, 8))] * 2
    large = [Frame(working=(4, 4), input=(3000, 4000))] * 2
    sizes = []
    for frames in (small, large):
        patches = PatchLayer(scores=torch.rand(2, 2, 3))
        made(maps=Maps([patches], frames), maps_2d=Maps([patches], frames), maps_3d=None).save(
            tmp_path
        )
        sizes.append((tmp_path / "result.npz").stat().st_size)
    assert sizes[0] == sizes[1] < 20_000  # mostly the settings; a map takes 48,000,000


def test_the_json_file_is_for_people(tmp_path):
    made().save(tmp_path)
    about = json.loads((tmp_path / "result.json").read_text())
    assert about["names"] == ["left", "right"]
    assert about["scores"] == [0.25, 1.5]
    assert about["paths"] == ["a/left.png", None]
    assert about["failures"][0]["message"] == "unreadable"


def changed(folder, **changes):
    with np.load(folder / "result.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    about = json.loads(str(arrays["about"]))
    for name, value in changes.items():
        if name in arrays:
            arrays[name] = value
        else:
            about[name] = value
    arrays["about"] = np.array(json.dumps(about))
    np.savez(folder / "result.npz", **arrays)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"names": ["left"]}, "scores must be one for each of the 1 names, got 2"),
        ({"names": [{"a": 1}, "right"]}, "names must be strings"),
        (
            {"scores": np.array([np.nan, 1], np.float32)},
            "scores must be finite float32 of rank 1, got NaN or infinity",
        ),
        (
            {"scores": np.ones((2, 2), np.float32)},
            r"scores must be finite float32 of rank 1, got torch.float32 of shape \(2, 2\)",
        ),
        ({"raw_scores": np.ones(2, np.int64)}, "raw_scores must be finite float32 of rank 1"),
        ({"raw_scores": np.full(2, np.inf, np.float32)}, "raw_scores must be finite float32"),
        ({"patch_scores_2d": np.ones((2, 6), np.float32)}, "patch_scores_2d must be .* rank 3"),
        ({"patch_scores_3d": np.ones((2, 2, 3), np.float32)}, "patch_scores_3d must be .* rank 2"),
        ({"point_scores": np.full(10, np.nan, np.float32)}, "point_scores must be finite"),
        ({"timings": [1.0]}, "timings must map stages to float"),
        ({"encoders": {"2d": 3}}, "encoders must map stages to str"),
        ({"raw_scores": np.ones(3, np.float32)}, "raw_scores must be one for each of the 2 names"),
        ({"map_working": np.ones((3, 2), np.int64)}, "must hold a saved result, got ValueError"),
        ({"point_scores_lengths": np.array([-5, 9])}, "must hold a saved result, got"),
        ({"failures": "abc"}, "must hold a saved result, got TypeError"),
        ({"config": {"blur": 3}}, "'blur' is not a setting"),
    ],
)
def test_a_damaged_result_is_refused(tmp_path, changes, message):
    made().save(tmp_path)
    changed(tmp_path, **changes)
    with pytest.raises(InputError, match=message):
        Result.load(tmp_path)


def test_a_folder_without_a_result_is_refused(tmp_path):
    with pytest.raises(
        InputError, match=r"Result\.load: .* must hold a saved result, got FileNotFound"
    ):
        Result.load(tmp_path)
    (tmp_path / "result.npz").write_bytes(b"PK no archive")
    with pytest.raises(InputError, match="must hold a saved result"):
        Result.load(tmp_path)


def test_a_failed_save_leaves_the_earlier_result(tmp_path, monkeypatch):
    made().save(tmp_path)

    def full(file, **arrays):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        made(scores=torch.tensor([7.0, 8.0])).save(tmp_path)
    assert Result.load(tmp_path).scores.tolist() == [0.25, 1.5]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result.json", "result.npz"]


SAVING = """
import sys, torch
from musc2 import Config, Result
def made(value):
    names = [str(value)] * 5000
    scores = torch.full((5000,), float(value))
    return Result(scores=scores, raw_scores=scores, maps=None, maps_2d=None, maps_3d=None,
        point_scores=None, patch_scores_2d=torch.full((5000, 20, 20), float(value)),
        patch_scores_3d=None, names=names, paths=[None] * 5000, config=Config())
made(0).save(sys.argv[1])
print("saved", flush=True)
value = 0
while True:
    value += 1
    made(value).save(sys.argv[1])
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_killed_run_leaves_one_whole_result(tmp_path, rng):
    child = subprocess.Popen(
        [sys.executable, "-c", SAVING, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout.readline() == "saved\n"
        for _ in range(20):  # reads between and during writes
            result = Result.load(tmp_path)
            (value,) = set(result.scores.tolist())
            assert set(result.names) == {str(int(value))}
            assert result.patch_scores_2d.eq(value).all()
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
    result = Result.load(tmp_path)
    assert set(result.scores.tolist()) == {float(result.names[0])}
