import base64
import dataclasses
import hashlib
import json
import re
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

import musc2
from musc2.errors import InputError
from musc2.report import colors as scale
from musc2.report import surface
from musc2.report.html import _page, _points
from musc2.report.html._histogram import histogram
from musc2.report.text import ranking

BLOCK = re.compile(r'<script type="application/json" id="([\w-]+)">(.*?)</script>', re.DOTALL)


def blocks(page):
    return {name: json.loads(text) for name, text in BLOCK.findall(page.read_text())}


def inflated(text):
    return zlib.decompress(base64.b64decode(text))


def test_the_report_is_one_file_that_asks_for_nothing(page):
    assert [path.name for path in page.parent.iterdir()] == ["index.html"]
    text = page.read_text()
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!data:)""", text.split("<script>")[0])
    assert not re.search(r"https?:|url\(|@import|\bfetch\(|XMLHttpRequest|WebSocket", text)


def test_the_policy_allows_this_script_and_style_alone(page):
    text = page.read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1]
    assert policy.startswith("default-src &#39;none&#39;;")
    for tag in ("script", "style"):
        [content] = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        code = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src &#39;sha256-{code}&#39;" in policy
    assert text.index("Content-Security-Policy") < text.index("<style>")


def test_names_are_text_everywhere(page):
    text = page.read_text()
    assert "<script>window.hacked" not in text
    assert "<img src=x" not in text
    assert "<b>torn" not in text
    assert "<bdi>&lt;script&gt;window.hacked" in text
    names = {part["name"] for part in blocks(page)["about"]["parts"]}
    assert "line\nbreak" in names
    assert "=half ? surrogate & more" in names


def test_the_list_is_sorted_and_has_the_verdicts(page, scored):
    order = scored.result.scores.argsort(descending=True).tolist()
    rows = re.findall(r'<tr data-index="(\d+)">(.*?)</tr>', page.read_text(), re.DOTALL)
    assert [int(index) for index, _ in rows] == order
    verdicts = ["suspicious" in row for _, row in rows]
    assert verdicts == [True, True, *[False] * 6]
    assert sum(verdicts) == len(scored.result.suspicious)


def with_scores(scored, scores, threshold):
    result = dataclasses.replace(scored.result, scores=torch.tensor(scores))
    return result.with_threshold(threshold)


@pytest.mark.parametrize(
    ("factor", "digits"), [(1.0, 4), (1e-3, 6)], ids=["normal unit", "distances"]
)
def test_scores_have_as_many_decimals_everywhere(scored, tmp_path, factor, digits):
    values = [factor * value for value in (12.5, 2.67, 3.104, 1.0, 0.9, 0.8, 0.7, 0.6)]
    result = with_scores(scored, values, 2.0 * factor)
    page = result.report(tmp_path).read_text()
    shown = re.findall(r'<td class="number">([\d.]+)</td>', page)
    assert shown == [f"{value:.{digits}f}" for value in sorted(values, reverse=True)]
    assert f'value="{2 * factor:.{digits}f}"' in page
    lines = ranking(result)[1:9]
    ends = [re.search(r"[\d.]+(?=  (suspicious|normal)$)", line).end() for line in lines]
    assert len(set(ends)) == 1  # points below each other
    numbers = [line.split()[-2] for line in lines]
    assert numbers == shown


def test_maps_are_on_one_scale_with_the_threshold_in_its_middle(page, scored):
    result = scored.result
    block = blocks(page)["part-3"]
    assert set(block["maps"]) == {"2d", "3d"}
    for name, maps in (("2d", result.maps_2d), ("3d", result.maps_3d)):
        width, height = block["maps"][name]["size"]
        levels = np.frombuffer(inflated(block["maps"][name]["data"]), np.uint8)
        values = maps.render(3, "working").numpy()
        assert values.shape == (height, width)
        expected = 255 * values / (values + result.map_threshold)
        np.testing.assert_allclose(levels.reshape(height, width), expected, atol=0.51)
    assert scale.levels(np.array([0.0, 2.0, 6.0, -1.0]), 2.0).tolist() == [0, 128, 191, 0]


def test_matches_have_crops_of_their_parts(page, scored):
    matches = blocks(page)["part-5"]["matches"]
    result = scored.result
    assert [match["part"] for match in matches] == [5, *result.matches.parts[5].tolist()]
    assert matches[0]["distance"] is None
    modalities = {"2d": "image", "3d": "points"}
    shown = [modalities[blocks(page)[f"part-{i}"]["matches"][0]["modality"]] for i in range(8)]
    assert shown == result.matches.modalities
    assert matches[1]["distance"] == pytest.approx(float(result.matches.distances[5, 0]))
    assert base64.b64decode(matches[1]["image"]).startswith(b"\xff\xd8")


def test_the_color_scale_gets_lighter_for_every_kind_of_eye():
    colors = scale.table().astype(float) / 255
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    # Luminance, and cone responses without the red, the green or the blue cones' own.
    views = {
        "all": [0.2126, 0.7152, 0.0722],
        "protan": [0.1121, 0.8853, 0.0026],
        "deutan": [0.2920, 0.7080, 0.0],
    }
    for weights in views.values():
        lightness = (linear @ weights) ** (1 / 3)
        assert (np.diff(lightness) > -0.004).all()
        assert lightness[-1] - lightness[0] > 0.7
        assert lightness[90] < 0.33  # half a threshold stays dark


def test_points_survive_packing():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(500, 3)).astype(np.float32)
    levels = rng.integers(0, 256, 500).astype(np.uint8)
    colors = rng.integers(0, 256, (500, 3)).astype(np.uint8)
    packed = _points.pack(points, levels, colors)
    count = packed["count"]
    assert count == 500
    content = inflated(packed["data"])
    steps = np.frombuffer(content[: 6 * count], "<i2").reshape(3, count).cumsum(1, dtype=np.int16).T
    middle = (points.min(0) + points.max(0)) / 2
    error = steps / 8191 * packed["radius"] + middle - points
    assert np.abs(error).max() < packed["radius"] / 8000
    assert content[6 * count : 7 * count] == levels.tobytes()
    assert content[7 * count :] == colors.T.tobytes()


def test_points_of_the_page_have_the_colors_of_their_pixels(page, scored):
    packed = blocks(page)["part-2"]["points"]
    count = packed["count"]
    content = np.frombuffer(inflated(packed["data"]), np.uint8)
    xyz, rgb = scored.parts.xyz[2], scored.parts.rgb[2]
    inside = xyz[..., 2] != 0
    assert count == inside.sum()
    np.testing.assert_array_equal(content[7 * count :].reshape(3, count).T, rgb[inside])
    values = scored.result.maps[2].numpy()[inside]
    expected = 255 * values / (values + scored.result.map_threshold)
    np.testing.assert_allclose(content[6 * count : 7 * count], expected, atol=0.51)


@pytest.mark.parametrize("shape", [(300, 200), (60_000,)])
def test_large_scans_keep_about_as_many_points_as_allowed(shape):
    inside = np.ones(shape, bool)
    inside.flat[:500] = False
    chosen = _points.choose(inside, 5000)
    assert 4500 <= len(chosen) <= 5100
    assert inside.flat[chosen].all()
    assert len(_points.choose(~inside, 5000)) <= 500


def test_a_relief_shows_a_bump_and_leaves_the_background_dark():
    rows, columns = np.mgrid[0:40, 0:40].astype(np.float32)
    z = 100 - 4 * np.exp(-((rows - 20) ** 2 + (columns - 20) ** 2) / 30)
    xyz = np.stack([columns, rows, z], -1)
    xyz[:5] = 0
    picture = surface.relief(xyz)
    assert (picture[:4] == surface.BACKGROUND).all()
    flat = int(picture[35, 35, 0])
    assert picture[17, 17, 0] > flat + 20 > flat - 20 > picture[23, 23, 0]


def test_a_view_of_a_cloud_puts_points_where_they_are():
    rng = np.random.default_rng(1)
    points = np.column_stack([rng.random((4000, 2)) * (4, 2), rng.normal(size=4000) * 0.01])
    view = surface.view(points.astype(np.float32) + 5)
    height, width = view.picture.shape[:2]
    assert width / height == pytest.approx(2, rel=0.1)
    row, column = view.place(np.array([5 + 3.0, 5 + 1.5, 5.0]))
    assert (row, column) == pytest.approx((0.25, 0.75), abs=0.03)


def test_the_histogram_counts_every_part():
    scores = np.array([0.5, 0.6, 0.6, 3.0, 40.0], np.float32)
    bars = histogram(scores, 1.0)["bars"]
    assert sum(bar["count"] for bar in bars) == 5
    assert max(bar["height"] for bar in bars) == 1
    assert histogram(np.zeros(3, np.float32), 1.0)["bars"][0]["count"] == 3


@pytest.mark.parametrize("labels", [[1, 0], [0, 1, 2, 0, 1, 0, 0, 1], "abcdefgh"])
def test_labels_must_fit_the_parts(scored, tmp_path, labels):
    with pytest.raises(InputError, match="report: labels must be"):
        scored.result.report(tmp_path, labels=labels)


def test_a_loaded_result_shows_the_files_again_upright(tmp_path):
    pictures = np.random.default_rng(0).integers(0, 256, (4, 48, 64, 3)).astype(np.uint8)
    for index, picture in enumerate(pictures):
        exif = Image.Exif()
        exif[0x0112] = 6  # turned by a quarter
        Image.fromarray(picture).save(tmp_path / f"{index}.png", exif=exif)
    config = musc2.Config(input_size=64)
    result = musc2.score(tmp_path, encoder_2d="texture", config=config)
    result.save(tmp_path / "out")
    loaded = musc2.Result.load(tmp_path / "out")
    (tmp_path / "2.png").unlink()
    page = loaded.report(tmp_path / "out")
    assert blocks(page)["part-1"]["size"] == [48, 64]
    assert "2.png" in blocks(page)["part-2"]["problem"]
    assert blocks(page)["part-1"]["problem"] == ""


def test_clouds_and_scores_without_inputs_have_reports_too(tmp_path, scored):
    clouds = [xyz.reshape(-1, 3)[::2] for xyz in scored.parts.xyz[:4]]
    config = musc2.Config(group_count=64, group_size=16)
    page = musc2.score(None, clouds, encoder_3d="shape", config=config).report(tmp_path / "clouds")
    block = blocks(page)["part-0"]
    assert block["points"]["count"] > 300
    assert set(block["maps"]) == {"3d"}
    tokens = torch.rand(3, 1, 4, 4, 8, generator=torch.Generator().manual_seed(0))
    result = musc2.score_tokens(tokens, image_size=(32, 32))
    block = blocks(result.report(tmp_path / "tokens"))["part-0"]
    assert block["size"] == [96, 96]
    assert block["points"] is None


def test_large_images_are_reduced(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, 1200, 1600, 3)).astype(np.uint8)
    config = musc2.Config(input_size=64)
    page = musc2.score(images, encoder_2d="texture", config=config).report(tmp_path)
    assert blocks(page)["part-0"]["size"] == [1000, 750]


def test_scripts_and_styles_cannot_end_their_elements():
    for names in (_page.SCRIPTS, _page.STYLES):
        text = _page._joined(names)
        assert "</s" not in text.lower()
        assert "<!--" not in text
