"""The files that the arguments of ``musc2 score`` stand for, and what is wrong with others."""

import argparse

import pytest

from musc2.cli import intrinsics, parts_of
from musc2.errors import InputError


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Return a function that makes empty files; paths are relative to their folder."""
    monkeypatch.chdir(tmp_path)

    def make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    return make


def select(*rgb, pcd=None, masks=None, recursive=True):
    values = {"pcd": pcd, "masks": masks}
    others = {
        name: None if value is None else parts_of.Path(value) for name, value in values.items()
    }
    paths = [parts_of.Path(name) for name in rgb]
    return parts_of.select(argparse.Namespace(rgb=paths, recursive=recursive, **others))


def test_folders_below_are_searched_and_hidden_or_other_files_are_not(make):
    make("rgb/b/1.PNG", "rgb/a/2.jpg", "rgb/.cache/3.png", "rgb/a/notes.txt", "rgb/a/.4.png")
    make("xyz/a/2.tiff", "xyz/b/1.ply", "masks/a/2.png", "masks/b/1_mask.png")
    parts = select("rgb", pcd="xyz", masks="masks")
    assert parts.names == ["a/2", "b/1"]
    assert list(map(str, parts.rgb)) == ["rgb/a/2.jpg", "rgb/b/1.PNG"]
    assert list(map(str, parts.pcd)) == ["xyz/a/2.tiff", "xyz/b/1.ply"]
    assert list(map(str, parts.masks)) == ["masks/a/2.png", "masks/b/1_mask.png"]


@pytest.mark.parametrize(
    ("files", "options", "message"),
    [
        (["rgb/1.png"], {"rgb": ["rgb", "more"]}, "FOLDER must be one folder with --recursive"),
        (["rgb/1.png"], {"rgb": ["rgb/1.png"]}, "FOLDER must be one folder with --recursive"),
        (
            ["rgb/1.png", "rgb/1.jpg"],
            {},
            r"FOLDER must hold one file of a stem, got rgb/1\.jpg and rgb/1\.png",
        ),
        (["rgb/1.txt"], {}, r"FOLDER must hold files that end in \.png, .*, got none in rgb"),
        (
            ["rgb/1.png", "xyz/2.ply"],
            {"pcd": "xyz"},
            "--pcd must hold a file for '1', got none",
        ),
        (
            ["rgb/1.png", "xyz/1.ply", "xyz/2.ply"],
            {"pcd": "xyz"},
            "--pcd must hold a file per part, got '2' without counterpart",
        ),
    ],
)
def test_folders_that_do_not_fit_are_named(make, files, options, message):
    make(*files)
    options = {"rgb": ["rgb"]} | options
    with pytest.raises(InputError, match=message):
        select(*options.pop("rgb"), **options)


def test_a_pattern_stands_for_its_files_in_order(make):
    make("b.png", "a.png", "c.jpg", "d.png/e.txt")
    parts = select("c.jpg", "*.png", recursive=False)
    assert list(map(str, parts.rgb)) == ["c.jpg", "a.png", "b.png"]
    assert select("d.png", recursive=False).rgb == parts_of.Path("d.png")
    assert select("missing.png", recursive=False).rgb == parts_of.Path("missing.png")
    with pytest.raises(InputError, match=r"FOLDER must match at least one file, got '\*\.bmp'"):
        select("a.png", "*.bmp", recursive=False)


def test_files_that_hold_no_intrinsics_are_refused(tmp_path):
    (tmp_path / "large").write_text("1 " * 40_000)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00\x81")
    for name, message in (("large", "got a file of 80000 bytes"), ("binary", "binary': 'utf-8'")):
        with pytest.raises(InputError, match=f"--intrinsics must be .*{message}"):
            intrinsics.parse(str(tmp_path / name))
