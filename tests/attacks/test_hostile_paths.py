"""Files that are no files, bombs, links, and texts that other programs would run."""

import csv
import io
import json
import os
import threading
import time
import xml.dom.minidom
import zipfile

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

import musc2
from musc2 import datasets, encoders, inputs
from musc2.cli import main
from musc2.errors import InputError
from musc2.evaluation import CategoryResult, tables
from musc2.evaluation.results import load_saved
from musc2.inputs.limits import Limits
from musc2.inputs.ordered_map import ordered_map
from musc2.report import tables as spreadsheet

SMALL = {"pixels": 100, "bytes": 5000}
ZEROS = np.zeros((40, 50, 3), np.float32)


def images(folder, count=2):
    """Write a few images and return their paths."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number}.png" for number in range(count)]
    for path in paths:
        Image.fromarray(rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(path)
    return paths


@pytest.fixture
def pipe(tmp_path):
    """Return a named pipe that nobody writes to: opening it would block."""
    os.mkfifo(tmp_path / "pipe.png")
    return tmp_path / "pipe.png"


@pytest.mark.parametrize("argument", ["rgb", "masks", "pcd"])
def test_pipes_are_refused_by_name(argument, pipe, tmp_path):
    rgb = images(tmp_path / "b", 3)
    pipe = pipe.rename(pipe.parent / "2.png")
    values = {"rgb": rgb, argument: [*rgb[:2], pipe]}
    camera = {"intrinsics": (9, 9, 4, 4)} if argument == "pcd" else {}
    with pytest.raises(InputError, match=r"2.png\) must be a regular file, got a named pipe"):
        musc2.score(**values, **camera, encoder_2d="texture", encoder_3d="shape")


def test_devices_are_refused_by_name(tmp_path):
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    with pytest.raises(InputError, match=r"zero.png\) must be a regular file, got a device"):
        musc2.score([*images(tmp_path / "a"), tmp_path / "zero.png"], encoder_2d="texture")


def test_a_pipe_among_the_files_of_a_data_set_is_refused(pipe):
    with pytest.raises(InputError, match="must be a regular file, got a named pipe"):
        datasets.load_mask(sample := sample_of(pipe))
    with pytest.raises(InputError, match="must be a regular file, got a named pipe"):
        datasets.load_image(sample)


def sample_of(path):
    return datasets.LabeledSample(
        name="a", category="c", label=True, defect="bad", rgb=path, mask=path
    )


@pytest.mark.parametrize("ending", [".npz", ".pth", ".safetensors"])
def test_weights_in_a_pipe_are_refused(ending, tmp_path):
    os.mkfifo(tmp_path / f"a{ending}")
    with pytest.raises(InputError, match="no regular file"):
        encoders.load("point-mae", weights=tmp_path / f"a{ending}")


def test_a_reader_that_hangs_does_not_keep_the_caller():
    release, started = threading.Event(), threading.Event()

    def read(number):
        if number == 0:
            msg = "unreadable"
            raise InputError(msg)
        started.set()
        release.wait(60)

    begin = time.monotonic()
    with pytest.raises(InputError, match="unreadable"):
        list(ordered_map(read, range(4), threads=2, ahead=4))
    assert time.monotonic() - begin < 30
    release.set()


@pytest.fixture
def large(tmp_path):
    """Return a file of each kind that holds more than SMALL allows, by ending."""
    paths = {ending: tmp_path / f"a{ending}" for ending in (".png", ".tiff", ".npy", ".npz")}
    Image.fromarray(ZEROS.astype(np.uint8)).save(paths[".png"])
    tifffile.imwrite(paths[".tiff"], ZEROS, photometric="rgb", compression="zlib")
    np.save(paths[".npy"], ZEROS)
    np.savez_compressed(paths[".npz"], ZEROS)
    paths[".xyz"] = tmp_path / "a.xyz"
    paths[".xyz"].write_text("1 2 3\n" * 2000)
    return paths


@pytest.mark.parametrize("ending", [".png", ".tiff", ".npy", ".npz", ".xyz"])
def test_files_beyond_the_limits_are_refused_before_they_are_unpacked(large, ending):
    path = large[ending]
    modality = "rgb" if ending == ".png" else "pcd"
    for name, limit in SMALL.items():
        limits = Limits(**{"pixels": None, "bytes": None, name: limit})
        [sample] = inputs.pair(**{modality: [path]}, limits=limits)
        source = sample.image or sample.cloud
        if name == "pixels" and ending in (".npy", ".npz", ".xyz"):  # counted in bytes alone
            source.read()
            continue
        with pytest.raises(InputError, match=f"of at most|at most {limit} pixels"):
            source.read()
    [sample] = inputs.pair(**{modality: [path]})
    (sample.image or sample.cloud).read()


def test_score_keeps_the_limits_of_its_config(tmp_path):
    paths = images(tmp_path)
    small = musc2.Config(max_pixels=1000)
    with pytest.raises(InputError, match=r"0.png\) must have at most 1000 pixels.*got 32 x 32"):
        musc2.score(paths, encoder_2d="texture", config=small)
    arrays = [np.zeros((32, 32, 3), np.uint8), np.full((32, 32, 3), 9, np.uint8)]
    with pytest.raises(InputError, match=r"references: rgb\[0\].*at most 1000 pixels"):
        musc2.score(arrays, references={"rgb": paths}, encoder_2d="texture", config=small)


def test_images_of_pixels_beyond_pillows_limit_are_refused(tmp_path):
    Image.new("1", (14000, 13000)).save(tmp_path / "a.png")  # 182 Mpx in a few kilobytes
    for config in (musc2.Config(), musc2.Config(max_pixels=None)):
        [sample] = inputs.pair([tmp_path / "a.png"], limits=Limits(pixels=config.max_pixels))
        with pytest.raises(InputError, match=r"must be readable, got DecompressionBombError"):
            sample.image.read()


def test_weights_that_unpack_to_far_more_than_their_size_are_refused(tmp_path):
    np.savez_compressed(tmp_path / "w.npz", a=np.zeros(10_000_000, np.float32))
    with pytest.raises(InputError, match="must unpack to at most 100 times its size"):
        encoders.load("point-mae", weights=tmp_path / "w.npz")


def test_a_result_that_unpacks_to_far_more_than_its_size_is_refused(tmp_path):
    np.savez_compressed(tmp_path / "result.npz", about=np.array("{}"), scores=np.zeros(10_000_000))
    with pytest.raises(InputError, match="must unpack to at most 100 times its size"):
        musc2.Result.load(tmp_path)


def test_a_checkpoint_inside_itself_is_refused(tmp_path):
    state = {}
    state["model"] = state
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(InputError, match="one inside itself"):
        encoders.load("point-mae", weights=tmp_path / "a.pth")


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_links_out_of_a_folder_of_parts_are_refused(kind, tmp_path):
    images(tmp_path / "outside")
    [first, second] = images(tmp_path / "root")
    first.unlink()
    if kind == "file":
        first.symlink_to(tmp_path / "outside" / "0.png")
    else:
        (tmp_path / "root" / "more").symlink_to(tmp_path / "outside")
    pattern = str(tmp_path / "root" / "**" / "*.png") if kind == "file" else None
    for root in filter(None, [tmp_path / "root" if kind == "file" else None, pattern]):
        with pytest.raises(InputError, match="not behind a link out of it"):
            datasets.load("folder", root)
    if kind == "folder":
        with pytest.raises(InputError, match="not behind a link out of it"):
            datasets.load("folder", str(tmp_path / "root" / "*" / "*.png"))
    assert second.exists()


def test_links_inside_a_folder_of_parts_are_followed(tmp_path):
    images(tmp_path / "root")
    (tmp_path / "root" / "2.png").symlink_to("1.png")
    assert len(datasets.load("folder", tmp_path / "root")) == 3


HOSTILE = ["a\x01b|c\nd", "=cmd|' /C calc'!A0", "\x1b[2Jgone", "@SUM(1)", "plain"]


def test_hostile_texts_stay_one_cell_of_every_table():
    rows = [["category", "value"], *([text, 1.5] for text in HOSTILE)]
    lines = spreadsheet.markdown(rows).splitlines()
    assert len(lines) == 2 + len(HOSTILE)
    assert all(line.replace("\\|", "").count("|") == 3 for line in lines)
    assert all(line.isprintable() for line in lines)
    for row in list(csv.reader(io.StringIO(spreadsheet.csv(rows))))[1:]:
        assert not row[0].startswith(("=", "+", "-", "@"))


def test_hostile_texts_leave_a_workbook_readable():
    pytest.importorskip("xlsxwriter")
    content = spreadsheet.xlsx([["category"], *([text] for text in HOSTILE)])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            if name.endswith(".xml"):
                xml.dom.minidom.parseString(archive.read(name))
        assert b"<f>" not in archive.read("xl/worksheets/sheet1.xml")


@pytest.mark.parametrize(
    "content",
    ["object,split,label,image,mask\ncandle,test,normal," + "a" * 200_000 + ",\n", "\0,\n"],
)
def test_absurd_tables_of_visa_are_refused(content, tmp_path):
    (tmp_path / "split_csv").mkdir()
    (tmp_path / "split_csv" / "1cls.csv").write_text(content)
    with pytest.raises(InputError, match=r"1cls\.csv"):
        datasets.load("visa", tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000,
        json.dumps({"test": {"c": [dict(cls_name=[], img_path=[], mask_path="", anomaly=0)]}}),
        json.dumps({"test": {"c": [dict(cls_name="c", img_path=None, mask_path="", anomaly=0)]}}),
        json.dumps({"test": 3}),
        "{",
    ],
)
def test_absurd_listings_of_visa_are_refused(content, tmp_path):
    (tmp_path / "meta.json").write_text(content)
    with pytest.raises(InputError, match=r"meta\.json"):
        datasets.load("visa", tmp_path)


def test_settings_nested_too_deep_are_refused(tmp_path):
    for name, content in (("a.json", "[" * 100_000), ("a.toml", "a = " + "[" * 100_000)):
        (tmp_path / name).write_text(content)
        with pytest.raises(InputError, match=name):
            musc2.Config.load(tmp_path / name)


def test_a_finished_category_that_was_tampered_with_is_computed_again(tmp_path):
    result = CategoryResult(
        category="c", parts=2, defective=1, metrics={"AUROC": 50.0}, published={}, encoders={},
        seconds=1.0, timings={}, request={"a": 1},
    )  # fmt: skip
    result.save(tmp_path)
    assert load_saved(tmp_path, {"a": 1}) == result
    file = tmp_path / "metrics.json"
    sound = json.loads(file.read_text())
    for change in (
        {"metrics": "abc"}, {"metrics": {"AUROC": "abc"}}, {"seconds": None}, {"parts": -1},
        {"timings": [1]}, {"encoders": 3},
    ):  # fmt: skip
        file.write_text(json.dumps(sound | change))
        assert load_saved(tmp_path, {"a": 1}) is None
    file.write_text("[" * 100_000)
    assert load_saved(tmp_path, {"a": 1}) is None


def test_tables_are_replaced_as_a_whole(tmp_path, monkeypatch):
    (tmp_path / "table.md").write_text("earlier")
    monkeypatch.setattr(spreadsheet, "csv", lambda rows: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tables.write([], tmp_path)
    assert (tmp_path / "table.md").read_text() == "earlier"


@pytest.mark.parametrize(
    "arguments", [["synth", "mvtec_3d", "OUT", "--seed", "-1"], ["demo", "--seed", "-1"]]
)
def test_negative_seeds_are_an_error_of_one_line(arguments, tmp_path, capsys):
    out = str(tmp_path / "made")
    assert main([out if word == "OUT" else word for word in arguments]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "seed must be a whole number of at least 0, got -1" in error


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mutual_interval", (0, 10**30)), ("seed", 2**64), ("threshold", 10**400),
        ("group_count", 10**9), ("group_count", 2**63), ("map_blur", 1e300), ("map_blur", 3000),
        ("memory", 10**30), ("group_size", 1025), ("aggregate_degrees", (10**9 + 1,)),
        ("input_size", 10**6), ("rescore_neighbors", (10**30,)), ("scan_max_points", 2**63),
    ],
)  # fmt: skip
def test_settings_beyond_what_can_be_computed_are_refused(name, value):
    with pytest.raises(InputError, match=f"Config: {name} must be"):
        musc2.Config(**{name: value})
