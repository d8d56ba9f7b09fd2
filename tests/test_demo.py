"""The demo: what it scores, and the pictures that it writes."""

import numpy as np
from PIL import Image

from musc2 import demo
from musc2.cli import main
from musc2.metrics import auroc


def test_the_demo_scores_three_ways_and_shows_the_highest(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(demo, "COUNT", 5)
    made = demo.run(tmp_path, seed=3)
    assert [row.modality for row in made.rows] == ["2D", "3D", "2D+3D"]
    labels = np.array([kind != "good" for kind in made.kinds])
    assert made.rows[2].auroc == auroc(made.result.scores, labels)
    order = made.result.scores.argsort(descending=True).tolist()
    names = [f"{rank:02d}-{made.kinds[index]}.png" for rank, index in enumerate(order, start=1)]
    assert [path.name for path in made.pictures] == [*names, "overview.png"]
    sizes = []
    for path in made.pictures:
        with Image.open(path) as picture:
            sizes.append(picture.size)
    width, height = sizes[0]
    assert width == 4 * height + 3 * 6  # views and the white between them
    assert sizes[-1] == (width, 4 * (height + 6))

    monkeypatch.setattr(demo, "run", lambda out, seed: made)
    assert main(["demo", "--out", str(tmp_path / "out")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[1:4]] == [
        [row.modality, f"{row.auroc:.3f}"] for row in made.rows
    ]
    assert lines[-1] == f"6 pictures are in {tmp_path / 'out'}; begin with overview.png"


def test_a_surface_is_lit_from_the_upper_left():
    rows, columns = np.meshgrid(np.arange(8.0), np.arange(8.0), indexing="ij")
    light = []
    for slope in (0.01, 0.0, -0.01):
        xyz = np.stack([columns, rows, 5 + slope * (rows + columns)], -1)
        xyz[0, 0] = 0
        shown = demo.relief(xyz.astype(np.float32))
        assert (shown[0, 0] == 0).all()
        assert (shown[4, 4] == shown[4, 4, 0]).all()
        light.append(int(shown[4, 4, 0]))
    assert light[0] > light[1] == 150 > light[2] >= 20
