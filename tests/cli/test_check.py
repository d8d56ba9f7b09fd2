"""``musc2 check`` and the option --intrinsics."""

import json

import numpy as np
import parts
import pytest
from PIL import Image

from musc2 import cli
from musc2.cli import intrinsics
from musc2.errors import InputError


@pytest.fixture
def folders(tmp_path, rng):
    """Five images, and the depth of the same parts in 16-bit files."""
    images, depth = tmp_path / "rgb", tmp_path / "depth"
    images.mkdir()
    depth.mkdir()
    for index, image in enumerate(parts.images(rng)):
        Image.fromarray(image).save(images / f"{index}.png")
        values = rng.integers(900, 1000, (36, 60)).astype(np.uint16)
        Image.fromarray(values).save(depth / f"{index}.png")
    return images, depth


def run(capsys, *arguments):
    code = cli.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out.splitlines(), captured.err


def test_a_sound_set_is_described(folders, capsys):
    code, lines, _ = run(capsys, "check", folders[0])
    assert code == 0
    assert lines[:3] == ["5 parts", "image sizes: 36 x 60 (5)", "image kinds: color (5)"]
    assert lines[-1] == "0 problems, 1 note or warning"
    code, lines, _ = run(capsys, "check", "--pcd", folders[1], "--intrinsics", "50,50,30,18")
    assert code == 0
    assert "xyz map sizes: 36 x 60 (5)" in lines


def test_images_much_larger_than_encoders_see_are_noted(tmp_path, capsys):
    for index in range(2):
        Image.new("RGB", (2400, 300), (index, 0, 0)).save(tmp_path / f"{index}.png")
    _, lines, _ = run(capsys, "check", tmp_path)
    [note] = [line for line in lines if "small marks vanish" in line]
    assert note.startswith("note: images of up to 300 x 2400 are scored at a few hundred pixels")
    for index in range(2):
        Image.new("RGB", (2000, 300), (index, 0, 0)).save(tmp_path / f"{index}.png")
    _, lines, _ = run(capsys, "check", tmp_path)
    assert not any("small marks vanish" in line for line in lines)


def test_one_of_a_kind_is_named_in_the_singular(tmp_path, capsys):
    Image.new("RGB", (20, 30)).save(tmp_path / "0.png")
    _, lines, _ = run(capsys, "check", tmp_path)
    assert lines[0] == "1 part"
    assert lines[-1] == "1 problem, 1 note or warning"


def test_every_problem_is_listed_and_sets_the_exit_code(folders, capsys):
    for name in ("1.png", "3.png"):
        (folders[0] / name).write_text("hello")
    (folders[0] / "5.dng").write_bytes(b"x")
    code, lines, _ = run(capsys, "check", folders[0])
    assert code == 1
    assert sum(line.startswith("problem: check: rgb[") for line in lines) == 2
    assert f"warning: 1 file is left out of rgb ({folders[0]}): .dng (1)" in lines
    assert lines[-1].startswith("2 problems")


@pytest.mark.parametrize("case", ["one", "none", "stems", "mixed"])
def test_what_score_would_refuse_is_a_problem(folders, tmp_path, capsys, case):
    arguments = ["check", folders[0]]
    if case == "one":
        arguments = ["check", folders[0] / "0.png"]
    elif case == "none":
        arguments = ["check", tmp_path / "nowhere"]
    elif case == "stems":
        (folders[1] / "4.png").rename(folders[1] / "5.png")
        arguments += ["--pcd", folders[1], "--intrinsics", "50 50 30 18"]
    else:
        scans = tmp_path / "scans"
        scans.mkdir()
        np.save(scans / "0.npy", np.ones((9, 3)))
        np.save(scans / "1.npy", np.ones((9, 9, 3)))
        arguments = ["check", "--pcd", scans]
    code, lines, _ = run(capsys, *arguments)
    assert code == 1
    assert any(line.startswith("problem: ") for line in lines)


def test_depth_is_scored_with_intrinsics(folders, tmp_path, capsys):
    command = ("score", "--pcd", folders[1], "--encoder-3d", "shape", "--set", "group_size=16")
    code, _, err = run(capsys, *command)
    assert code == 2
    assert "must end in" in err or "must hold files" in err
    file = tmp_path / "camera.txt"
    file.write_text("50 0 30\n0 50 18\n0 0 1\n")
    for option in ("50,50,30,18", file):
        code, lines, _ = run(capsys, *command, "--intrinsics", option)
        assert code == 0
        assert len(lines) == 1 + 5 + 2  # the head, the parts, the verdict


MATRIX = [[50.0, 0.0, 30.0], [0.0, 51.0, 18.0], [0.0, 0.0, 1.0]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50,51,30,18", [50, 51, 30, 18]),
        ("50 51 30 18\n", [50, 51, 30, 18]),
        ("[50, 51, 30, 18]", [50, 51, 30, 18]),
        ('{"fx": 50, "fy": 51, "cx": 30, "cy": 18, "width": 60}', [50, 51, 30, 18]),
        (json.dumps(MATRIX), MATRIX),
        ("50 0 30\n0 51 18\n0 0 1\n", MATRIX),
    ],
)
def test_intrinsics_are_numbers_or_a_file(tmp_path, text, expected):
    (tmp_path / "camera").write_text(text)
    assert intrinsics.parse(str(tmp_path / "camera")) == expected
    assert intrinsics.parse(text) == expected
    assert intrinsics.parse(None) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("50,51,30", "got 3 numbers"),
        ("", "got 0 numbers"),
        ("camera.txt", "got 'camera.txt'"),
        ('{"fx": 50}', "without 'fy'"),
        ("50,51,30,x", "got '50,51,30,x'"),
    ],
)
def test_other_intrinsics_are_refused(text, message):
    with pytest.raises(InputError, match=rf"--intrinsics must be fx,fy,cx,cy, .*{message}"):
        intrinsics.parse(text)
