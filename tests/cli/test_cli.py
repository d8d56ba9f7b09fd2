import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import parts
import pytest
import scans
import tifffile
from PIL import Image

from musc2 import Config, Result, cli, datasets, encoders, preprocess
from musc2.cli import method_options, parser, reference
from musc2.config_presets import PRESETS
from musc2.encoders import selection


@pytest.fixture
def folders(tmp_path, rng):
    """Five parts, the fourth with a defect: images and xyz maps."""
    rgb, pcd = tmp_path / "rgb", tmp_path / "xyz"
    rgb.mkdir()
    pcd.mkdir()
    images, maps = (
        parts.images(rng, defect=(3, 20, 40)),
        parts.maps(rng, defect=(3, 20, 40)).astype(np.float32),
    )
    for index in range(5):
        Image.fromarray(images[index]).save(rgb / f"part_{index}.png")
        tifffile.imwrite(pcd / f"part_{index}.tiff", maps[index], photometric="rgb")
    return rgb, pcd


@pytest.fixture(autouse=True)
def tiny_encoders(monkeypatch):
    """Stands two fast encoders in for those that have names."""

    def load(name, **options):
        if name in ("texture", "shape"):
            return (
                selection.custom.image_encoder(parts.colors, 48) if name == "texture" else _points()
            )
        return real(name, **options)

    real = encoders.load
    monkeypatch.setattr(encoders, "load", load)
    monkeypatch.setattr(encoders, "available", lambda name: False)


def _points():
    return selection.custom.point_encoder(parts.spread)


def run(capsys, *arguments):
    code = cli.main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_score_prints_the_parts_the_worst_first(folders, capsys):
    code, out, err = run(capsys, "score", folders[0])
    assert code == 0
    head, first, *_ = out.splitlines()
    assert head.split()[:3] == ["rank", "name", "score"]
    assert first.split()[:2] == ["1", "part_3"]
    assert [line.split()[0] for line in out.splitlines()[1:6]] == ["1", "2", "3", "4", "5"]
    assert re.fullmatch(r"[0-5] of 5 parts (is|are) suspicious.*", out.splitlines()[6])
    assert out.splitlines()[7].startswith("threshold ")
    assert err.count("\n") == 1
    assert "`musc2 weights fetch dinov2-with-registers-base`" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["score", "{none}"], "musc2: score: rgb must be a file or folder that exists"),
        (["score"], "musc2: score: rgb or pcd must be given"),
        (
            ["score", "{rgb}", "--config", "v3"],
            "musc2: --config must be one of musc-v2, published, musc or a .toml or .json file, "
            "got 'v3'",
        ),
        (
            ["score", "{rgb}", "--encoder-2d", "dino-vit8"],
            "musc2: load: name must be one of .*did you mean",
        ),
        (
            ["score", "{rgb}", "--encoder-2d", "texture", "--device", "tpu"],
            "musc2: score: device must be",
        ),
        (
            ["score", "{rgb}", "--set", "blur=2"],
            r"musc2: Config: 'blur' is not a setting \(did you mean 'map_blur'",
        ),
        (
            ["score", "{rgb}", "--set", "map_blur"],
            "musc2: --set must be NAME=VALUE, got 'map_blur'",
        ),
        (
            ["score", "{rgb}", "--set", "map_blur=-1"],
            "musc2: Config: map_blur must be a finite number",
        ),
        (
            ["score", "{rgb}", "--config", "{none}.toml"],
            "musc2: Config: .*none.toml must be a readable file",
        ),
        (["config", "seeed"], r"musc2: Config: 'seeed' is not a setting \(did you mean 'seed'"),
        (["weights", "fetch", "nothing"], "musc2: fetch: name must be one of"),
    ],
)
def test_errors_are_one_line_and_code_2(folders, tmp_path, capsys, arguments, message):
    code, out, err = run(
        capsys, *[part.format(none=tmp_path / "none", rgb=folders[0]) for part in arguments]
    )
    assert code == 2
    assert out == ""
    assert re.match(message, err)
    assert "Traceback" not in err


def test_bad_files_stop_or_are_left_out(folders, capsys):
    (folders[0] / "part_1.png").write_bytes(b"no image")
    arguments = ["score", folders[0], "--encoder-2d", "texture"]
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert "part_1.png" in err
    code, out, _ = run(capsys, *arguments, "--skip-errors")
    assert code == 4
    assert "left out: score: rgb[1]" in out
    assert "part_1 " not in out


def test_preprocess_resumes_where_it_was(tmp_path, rng, capsys):
    scans.write_mvtec_3d(tmp_path / "root", rng)
    arguments = [
        "preprocess",
        "mvtec_3d",
        tmp_path / "root",
        tmp_path / "out",
        "--jobs",
        2,
        "--seed",
        3,
    ]
    assert run(capsys, *arguments) == (0, f"3 parts are in {tmp_path / 'out'}\n", "")
    (tmp_path / "out/bagel/train/good/xyz/000.tiff").unlink()
    assert (
        run(capsys, *arguments)[1] == f"3 parts are in {tmp_path / 'out'}, 2 of them from before\n"
    )
    code, out, err = run(capsys, "preprocess", "mvtec_3d", tmp_path / "root", tmp_path / "root/out")
    assert (code, out) == (2, "")
    assert err.startswith("musc2: preprocess: out (")


def test_the_parser_knows_its_commands(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["help-me"])
    assert stop.value.code == 2
    with pytest.raises(SystemExit) as stop:
        cli.main(["--help"])
    assert stop.value.code == 0
    said = capsys.readouterr().out
    assert all(
        command in said
        for command in ("score", "weights", "synth", "preprocess", "demo", "config", "info")
    )


def test_weights_list_and_info(capsys, monkeypatch):
    monkeypatch.setattr(encoders, "available", lambda name: name == "point-mae")
    code, out, _ = run(capsys, "weights", "list")
    assert code == 0
    assert re.search(r"^point-mae +here +yes +83 MiB +MIT", out, re.MULTILINE)
    assert re.search(r"^dino-vitb8 +not here +yes +330 MiB +Apache-2.0", out, re.MULTILINE)
    assert re.search(r"^dinov3-vitb16 .* DINOv3 license +log in", out, re.MULTILINE)
    assert re.search(r"^clip-\S+ +not here +no .* rules deployment out$", out, re.MULTILINE)
    assert re.search(r"^dinov2-with-registers-base .* recommended download$", out, re.MULTILINE)
    assert "auto for scans: the first that is here of point-mae, shape" in out
    code, out, _ = run(capsys, "info")
    assert code == 0
    assert "instruction set" in out


def test_weights_fetch_says_where_they_are(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(encoders, "fetch", lambda name: tmp_path / name)
    assert run(capsys, "weights", "fetch", "point-mae")[:2] == (0, f"{tmp_path / 'point-mae'}\n")


def test_weights_add_copies_a_file_to_where_it_is_found(capsys, monkeypatch, tmp_path):
    file = tmp_path / "file.pth"
    monkeypatch.setattr(encoders, "add", lambda path, name: (path, name))
    out = run(capsys, "weights", "add", file, "--as", "point-mae")[1]
    assert out == f"({file!r}, 'point-mae')\n"


def test_weights_of_a_call_are_loaded_from_where_they_are(folders, capsys, monkeypatch):
    loaded = []

    def load(name, *, weights=None, device="cpu", precision="auto", runtime="auto"):
        loaded.append((name, weights))
        return selection.custom.image_encoder(parts.colors, 48)

    monkeypatch.setattr(encoders, "load", load)
    command = ("score", folders[0], "--weights", "dino-vitb8=some/file.pth")
    code, out, err = run(capsys, *command)
    assert (code, err) == (0, "")
    assert loaded == [("dino-vitb8", "some/file.pth")]
    assert "part_3" in out.splitlines()[1]
    code, _, err = run(capsys, *command, "--encoder-2d", "texture")
    assert code == 2
    assert "weights must be of an encoder that is used, got 'dino-vitb8'" in err
    code, _, err = run(capsys, "score", folders[0], "--weights", "dino-vitb8")
    assert code == 2
    assert "--weights must be NAME=FILE, got 'dino-vitb8'" in err
    code, out, _ = run(capsys, *command, "--encoder-2d", "dino-vitb8@40,dino-vitb8")
    assert code == 0


def test_the_command_runs_as_a_module():
    found = subprocess.run(
        [sys.executable, "-m", "musc2", "info"], capture_output=True, text=True, check=True
    )
    assert "musc2" in found.stdout


def test_synth_writes_what_load_reads(tmp_path, capsys):
    arguments = [
        "synth",
        "mvtec_3d",
        tmp_path / "made",
        "--categories",
        3,
        "--count",
        4,
        "--size",
        32,
        "--seed",
        1,
    ]
    code, out, _ = run(capsys, *arguments)
    assert code == 0
    assert out == f"12 parts to test with, 6 of them defective, are in {tmp_path / 'made'}\n"
    found = datasets.load("mvtec_3d", tmp_path / "made")
    assert {sample.category for sample in found} == {"bagel", "cable_gland", "carrot"}
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert "must be new or empty" in err


def test_settings_of_the_command_line_reach_the_result(folders, tmp_path, capsys):
    file = tmp_path / "mine.toml"
    file.write_text('preset = "published"\nmap_blur = 2\n')
    arguments = ["score", folders[0], "--encoder-2d", "texture", "--out", tmp_path / "out"]
    code, _, _ = run(
        capsys, *arguments, "--config", file, "--set", "rescore_neighbors=1,3", "--set", "seed=5"
    )
    assert code == 0
    changes = {"map_blur": 2, "rescore_neighbors": (1, 3), "seed": 5}
    expected = Config.from_preset("published").replace(**changes)
    assert Result.load(tmp_path / "out").config == expected


def test_config_lists_fields_and_presets(tmp_path, capsys):
    code, out, _ = run(capsys, "config")
    assert code == 0
    assert out.splitlines()[0].split() == ["setting", "musc-v2", "published", "musc"]
    for field in dataclasses.fields(Config):
        assert f"\n{field.name} " in out
        assert field.metadata["doc"] in out
    code, out, _ = run(capsys, "config", "search_window", "--set", "search_window=2")
    assert out.splitlines()[0].split() == ["setting", "yours", "musc-v2", "published", "musc"]
    assert out.splitlines()[1].split() == ["search_window", "2", "None", "None", "None"]
    code, out, _ = run(
        capsys, "config", "--config", "musc", "--set", "seed=3", "--out", tmp_path / "a.json"
    )
    assert code == 0
    assert Config.load(tmp_path / "a.json") == Config.from_preset("musc").replace(seed=3)


def test_help_and_version_import_no_torch():
    for argument in ("--help", "--version"):
        program = f"""
import sys
from musc2.cli import main
try:
    main([{argument!r}])
except SystemExit as stop:
    assert stop.code == 0
assert "torch" not in sys.modules
assert "numpy" not in sys.modules
"""
        subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


def test_the_parser_s_own_lists_are_those_of_the_library():
    assert set(parser.DATASETS) == set(datasets.names())
    assert set(parser.PREPROCESSED) == set(preprocess.DATASETS)
    assert tuple(PRESETS) == method_options.PRESETS


@pytest.mark.parametrize("page", ["config", "cli"])
def test_the_generated_pages_are_up_to_date(page):
    file = Path(__file__).parents[2] / f"docs/guide/{page}.md"
    hint = "run `python -m musc2.cli.reference docs/guide`"
    assert file.read_text() == getattr(reference, f"{page}_page")(), hint
