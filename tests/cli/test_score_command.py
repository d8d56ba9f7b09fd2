"""What ``musc2 score`` prints, writes and returns."""

import csv
import io
import json
import os
import subprocess
import sys

import numpy as np
import parts
import pytest
import tifffile
from PIL import Image

from musc2 import Result, cli

pytestmark = pytest.mark.usefixtures("quick_encoders")
COUNT = 6
DEFECTIVE = "part_3"


@pytest.fixture
def folder(tmp_path, rng):
    """Return a folder of six images, the fourth with a defect."""
    rgb = tmp_path / "rgb"
    rgb.mkdir()
    for index, image in enumerate(parts.images(rng, COUNT, defect=(3, 20, 40))):
        Image.fromarray(image).save(rgb / f"part_{index}.png")
    return rgb


@pytest.fixture
def run(capsys):
    """Return a function that runs ``musc2 score`` and returns its exit code and output."""

    def call(*arguments):
        code = cli.main(["score", "--encoder-2d", "texture", *map(str, arguments)])
        return code, capsys.readouterr().out

    return call


def test_files_hold_the_verdict_of_every_part(folder, tmp_path, run):
    out = tmp_path / "out"
    code, text = run(folder, "--out", out, "--threshold", "0.0", "--maps")
    assert code == 0
    assert f"are in {out}" in text
    result = Result.load(out)
    rows = list(csv.DictReader(io.StringIO((out / "scores.csv").read_text(encoding="utf-8"))))
    assert [row["name"] for row in rows] == [part.name for part in result.top(COUNT)]
    assert rows[0]["name"] == DEFECTIVE
    assert {row["verdict"] for row in rows} == {"suspicious"}
    assert float(rows[0]["score"]) == pytest.approx(float(result.scores[3]))
    document = json.loads((out / "scores.json").read_text())
    assert document["threshold"] == {"value": 0.0, "method": "manual", "confidence": 1.0}
    for part, row in zip(result.top(COUNT), document["parts"], strict=True):
        assert (row["rank"], row["name"], row["path"]) == (part.rank, part.name, str(part.path))
        assert row["boxes"] == [list(region.box) for region in part.regions]
        with Image.open(out / row["picture"]) as picture:
            assert picture.size[0] == 60
            assert 36 < picture.size[1] < 60  # the map below its caption
        file = out / f"maps/{part.rank}_{part.name}.tiff"
        with tifffile.TiffFile(file) as tiff:
            values = tiff.asarray()
            highest = json.loads(tiff.pages[0].description)["highest"]
        np.testing.assert_allclose(values / 65535 * highest, part.map.numpy(), atol=highest / 65535)


def test_nothing_of_an_earlier_run_stays_beside_the_new_one(folder, tmp_path, run):
    out = tmp_path / "out"
    run(folder, "--out", out, "--maps")
    (out / "mine.txt").write_text("kept")
    (folder / "part_5.png").unlink()
    run(folder, "--out", out)
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert sum(name.startswith("pictures/") for name in names) == COUNT - 1
    assert not any(name.startswith("maps/") or "part_5" in name for name in names)
    assert "mine.txt" in names


@pytest.mark.parametrize("format", ["csv", "json"])
def test_formats_on_the_standard_output_are_what_the_files_hold(folder, tmp_path, run, format):
    _, text = run(folder, "--format", format)
    run(folder, "--out", tmp_path / "out")
    stored = (tmp_path / "out" / f"scores.{format}").read_text()
    if format == "csv":
        rows = [list(csv.DictReader(io.StringIO(content))) for content in (text, stored)]
        assert [row["score"] for row in rows[0]] == [row["score"] for row in rows[1]]
    else:
        assert json.loads(text)["threshold"] == json.loads(stored)["threshold"]


def test_exit_codes_tell_suspicious_parts_and_files_left_out(folder, run, tmp_path):
    assert run(folder, "--threshold", "1e9", "--fail-on-suspicious")[0] == 0
    assert run(folder, "--threshold", "0", "--fail-on-suspicious")[0] == 3
    (folder / "part_0.png").write_bytes(b"none")
    code, text = run(folder, "--skip-errors", "--out", tmp_path / "out")
    assert code == 4
    assert "left out: score: rgb[0]" in text
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out/left_out.csv").read_text())))
    assert [row["name"] for row in rows] == ["part_0"]


def test_quiet_prints_the_verdict_and_top_shortens_the_table(folder, run):
    _, text = run(folder, "-q", "--threshold", "0")
    assert text.count("\n") == 1
    assert text.startswith("6 of 6 parts are suspicious: part_3, ")
    _, text = run(folder, "--top", "2")
    assert "and 4 more parts with lower scores" in text


def test_an_output_folder_that_cannot_be_used_is_refused_before_the_work(folder, tmp_path, capsys):
    file = tmp_path / "file"
    file.touch()
    code = cli.main(["score", str(folder), "--out", str(file), "--encoder-2d", "no such encoder"])
    assert code == 2
    assert "musc2: --out must be a folder that can be written to" in capsys.readouterr().err


def test_a_full_disk_costs_no_table(folder, tmp_path, capsys, monkeypatch):
    from musc2.report import export

    def write(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export, "write", write)
    code = cli.main(
        ["score", str(folder), "--encoder-2d", "texture", "--out", str(tmp_path / "out")]
    )
    streams = capsys.readouterr()
    assert code == 2
    assert "part_3" in streams.out
    assert "No space left" in streams.err


def test_patterns_and_lists_of_files_are_taken(folder, run):
    _, text = run(folder / "part_[0-3].png")
    assert "of 4 parts" in text
    _, text = run(*sorted(folder.glob("*.png"))[:3])
    assert "of 3 parts" in text


def test_folders_below_are_searched_on_request(folder, run, capsys):
    for index in range(COUNT):
        target = folder / ("left" if index % 2 else "right")
        target.mkdir(exist_ok=True)
        (folder / f"part_{index}.png").rename(target / f"{index}.png")
    _, text = run(folder, "--recursive")
    assert "left/3" in text
    assert "of 6 parts" in text
    assert cli.main(["score", str(folder), "--encoder-2d", "texture"]) == 2
    assert "subfolders are not searched without --recursive" in capsys.readouterr().err


def test_references_are_compared_with_and_not_scored(folder, run, tmp_path):
    references = tmp_path / "references"
    references.mkdir()
    for index in range(3):
        (folder / f"part_{index}.png").rename(references / f"part_{index}.png")
    _, text = run(folder, "--references", references)
    assert "of 3 parts" in text


def _main(*arguments, **options):
    script = "import sys; from musc2.cli import main; sys.exit(main())"
    environment = {**os.environ, **options.pop("env", {})}
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        env=environment,
        check=False,
        **options,
    )


def test_a_name_that_the_output_cannot_encode_is_escaped(folder, tmp_path):
    (folder / "part_0.png").rename(folder / "t\u00fcr_\u6b63.png")
    done = _main(
        "score", folder, "--encoder-2d", "texture", "--out", tmp_path / "out",
        env={"PYTHONIOENCODING": "ascii"}, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert rb"t\xfcr_\u6b63" in done.stdout
    assert (tmp_path / "out/scores.csv").exists()


def test_a_closed_pipe_costs_no_files(folder, tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    done = _main(
        "score", folder, "--encoder-2d", "texture", "--out", tmp_path / "out",
        stdout=writer, stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "out/scores.csv").exists()


def test_an_interrupt_is_one_line(folder, monkeypatch, capsys):
    from musc2.cli import score_command

    def interrupt(options):
        raise KeyboardInterrupt

    monkeypatch.setattr(score_command, "run", interrupt)
    assert cli.main(["score", str(folder)]) == 130
    assert capsys.readouterr().err == "\nmusc2: interrupted\n"


def test_control_characters_in_names_reach_no_terminal(folder, run):
    (folder / "part_0.png").rename(folder / "a\x1b[31m\nb.png")
    _, text = run(folder)
    assert "\x1b" not in text
    assert r"a\x1b[31m\nb" in text


def test_control_characters_reach_the_terminal_from_no_command(folder, run, tmp_path, capsys):
    bad = folder / "z\x1b[2J.png"
    bad.write_bytes(b"no image")
    for command in (["check", str(folder)], ["score", str(folder), "--encoder-2d", "texture"]):
        assert cli.main(command) in (1, 2)
        streams = capsys.readouterr()
        assert "\x1b" not in streams.out + streams.err
        assert r"z\x1b[2J.png" in streams.out + streams.err


def test_csv_on_the_standard_output_is_what_the_name_is(folder, run):
    (folder / "part_0.png").rename(folder / "a\u2028b.png")
    _, text = run(folder, "--format", "csv")
    names = {row["name"] for row in csv.DictReader(io.StringIO(text, newline=""))}
    assert "a\u2028b" in names
