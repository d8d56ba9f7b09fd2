"""What score finds and gives back."""

import io
import json
import multiprocessing
import re

import numpy as np
import parts
import pytest
import torch
from parts import SMALL, score_small
from PIL import Image

import musc2
from musc2 import Config, Result
from musc2.errors import InputError
from musc2.progress import reporting


def test_samples_are_rescored_if_all_encoders_in_use_want_it(rgb, pcd):
    for given, rescored in [((rgb, None), True), ((None, pcd), False), ((rgb, pcd), False)]:
        result = score_small(*given, encoder_3d="shape")
        assert torch.equal(result.scores, result.raw_scores) == (not rescored)
    asked = score_small(None, pcd, encoder_3d="shape", config=SMALL.replace(rescore=True))
    assert not torch.equal(asked.scores, asked.raw_scores)


@pytest.mark.parametrize("modality", ["2d", "3d", "2d3d"])
@pytest.mark.parametrize("preset", ["musc-v2", "published"])
def test_a_planted_defect_is_found_where_it_is(rng, modality, preset):
    row, column = 20, 40
    given = {"rgb": parts.images(rng, defect=(3, row, column))} if "2d" in modality else {}
    given |= {"pcd": parts.maps(rng, defect=(3, row, column))} if "3d" in modality else {}
    config = Config.from_preset(preset).replace(
        input_size=48,
        group_count=64,
        group_size=16,
        group_search=32,
        group_start=10,
        map_blur=1.0,
        scan_enlarge=True,  # the toy encoder, at its own size, marks the flank of this bump
    )
    result = score_small(**given, config=config)
    assert int(result.scores.argmax()) == int(result.raw_scores.argmax()) == 3
    found = divmod(int(result.maps[3].argmax()), result.maps.at("input").shape[2])
    assert abs(found[0] - row) <= 5
    assert abs(found[1] - column) <= 5


def test_the_table_under_the_parts_can_be_left_out(rng):
    lying = parts.on_a_table(parts.maps(rng, samples=5, size=(40, 64), defect=(3, 20, 40)))
    kept, without = (
        score_small(None, lying, config=SMALL.replace(scan_background=how))
        for how in ("keep", "plane")
    )
    assert bool((kept.maps.at("input")[:, :5] > 0).any())
    unblurred = score_small(
        None, lying, config=SMALL.replace(scan_background="plane", map_blur=0.0)
    )
    assert not bool((unblurred.maps.at("input")[:, :8] > 0).any())
    assert int(without.scores.argmax()) == 3
    assert without.config.scan_background == "plane"
    with pytest.raises(
        InputError, match=r"score: pcd\[0\] must have shape \(H, W, 3\) for scan_background"
    ):
        score_small(
            None, list(rng.random((2, 99, 3))), config=SMALL.replace(scan_background="plane")
        )


def test_both_modalities_give_maps_that_add_up(rgb, pcd):
    result = score_small(rgb, pcd)
    assert (
        result.maps.at("input").shape
        == result.maps_2d.at("input").shape
        == result.maps_3d.at("input").shape
        == (5, 36, 60)
    )
    torch.testing.assert_close(
        result.maps.at("input"), result.maps_2d.at("input") + result.maps_3d.at("input")
    )
    assert result.point_scores is None
    assert result.encoders == {"2d": "colors", "3d": "spread"}
    assert result.version == musc2.__version__
    assert result.failures == []
    assert result.config == SMALL
    assert {"inputs", "load", "read", "group", "encode", "aggregate", "mutual", "enhance"} <= set(
        result.timings
    )


def test_timings_add_up_to_the_call(rgb, pcd):
    result = score_small(rgb, pcd)
    assert all(seconds >= 0 for seconds in result.timings.values())
    assert "encoders colors + spread" in repr(result)
    assert len(repr(result)) < 200


def test_one_modality_alone_has_its_maps_as_maps(rgb, pcd):
    image, point = score_small(rgb), score_small(pcd=pcd)
    assert torch.equal(image.maps.at("input"), image.maps_2d.at("input"))
    assert torch.equal(point.maps.at("input"), point.maps_3d.at("input"))
    assert image.maps_3d is point.maps_2d is None
    assert image.encoders == {"2d": "colors"}


def test_raw_is_the_highest_value_before_the_maps_are_resized(rgb):
    def highest(maps):
        return maps.flatten(1).amax(1)

    as_it_is = score_small(rgb, config=SMALL.replace(input_size=36))
    assert as_it_is.maps.at("input").shape == (5, 36, 60)
    assert as_it_is.maps.at("working").shape == (5, 36, 36)
    assert torch.equal(as_it_is.raw_scores, highest(as_it_is.maps.at("working")))
    at_size = score_small(
        [Image.fromarray(image).resize((48, 48), Image.Resampling.BICUBIC) for image in rgb]
    )
    assert torch.equal(at_size.raw_scores, highest(at_size.maps.at("input")))
    torch.testing.assert_close(score_small(rgb).raw_scores, at_size.raw_scores)


def test_a_result_survives_saving(rgb, tmp_path):
    result = score_small(
        [*rgb[:4], np.zeros((1, 1, 3), np.uint8)], config=SMALL.replace(on_error="skip")
    )
    result.save(tmp_path)
    back = Result.load(tmp_path)
    parts.same(back, result)
    assert (back.names, back.config, back.timings) == (result.names, result.config, result.timings)
    assert (back.encoders, back.failures, back.version) == (
        result.encoders,
        result.failures,
        result.version,
    )
    assert back.failures[0].index == 4
    assert json.loads((tmp_path / "result.json").read_text())["encoders"] == {"2d": "colors"}


def test_progress_counts_up(rgb):
    seen = []
    score_small(rgb, progress=lambda *news: seen.append(news))
    encoded = [(done, total) for stage, done, total in seen if stage == "encode"]
    assert encoded[-1] == (5, 5)
    assert [done for done, _ in encoded] == sorted(done for done, _ in encoded)
    assert seen[-1][0] == "mutual"
    assert seen[-1][1] == seen[-1][2]


def test_progress_goes_to_the_standard_error_a_line_per_stage(rgb, capsys):
    score_small(rgb, progress=True)
    streams = capsys.readouterr()
    assert streams.out == ""
    assert re.search(rf"^encoding parts {len(rgb)}: [0-9.]+ s$", streams.err, re.MULTILINE)
    assert re.search(r"^comparing layers [0-9]+: [0-9.]+ s$", streams.err, re.MULTILINE)


def test_progress_on_a_terminal_is_one_line_with_the_share_of_the_whole(monkeypatch):
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stderr", terminal)
    with reporting(True) as report:
        report("encode", 5, 10)
        report("encode", 10, 10)
        report("mutual", 2, 2)
    states = terminal.getvalue().split("\r\x1b[K")
    assert states == [
        "",
        " 40%  encoding parts 5 of 10",
        " 70%  encoding parts 10 of 10",
        "100%  comparing layers 2 of 2",
        "",
    ]


def test_results_repeat_and_the_input_is_left_alone(rgb, pcd, over_threads):
    before = rgb.copy(), pcd.copy()
    one, *others = over_threads(lambda: score_small(rgb, pcd))
    for other in others:
        parts.same(one, other)
    assert np.array_equal(rgb, before[0])
    assert np.array_equal(pcd, before[1], equal_nan=True)


def _in_child(queue, given):
    queue.put(score_small(*given).scores.tolist())


def test_a_forked_child_scores_as_its_parent_did(rgb, pcd):
    here = score_small(rgb, pcd).scores.tolist()
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=_in_child, args=(queue, (rgb, pcd)))
    child.start()
    child.join(60)
    hangs = child.is_alive()
    child.kill()
    assert not hangs
    np.testing.assert_allclose(queue.get(), here, rtol=1e-6)
