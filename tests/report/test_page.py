"""The report in a browser: everything that a person does with it. Skipped without Chromium."""

import json

import browser
import pytest

WORST = "#rows tr:nth-child(1)"

# The contrast of each text with what is behind it, and what should have 4.5 (3 for large text).
LOW_CONTRAST = """(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (color) => {
    const [r, g, b] = color.map((v) => v / 255)
      .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const color = rgba(getComputedStyle(at).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255, 255];
  };
  const low = [];
  let count = 0;
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((c) => c.nodeType === 3 && c.data.trim());
    if (!own || !node.checkVisibility() || node.closest("svg, script, option, canvas")) continue;
    const style = getComputedStyle(node);
    const a = luminance(rgba(style.color));
    const b = luminance(behind(node));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    count += 1;
    if (ratio < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5)) {
      low.push([node.tagName, node.className, node.textContent.slice(0, 20), ratio]);
    }
  }
  return { low, count };
})()"""


@pytest.fixture
def opened(chromium, page):
    """Return the browser with the report just opened; afterwards it may not have complained."""
    chromium.call("Storage.clearDataForOrigin", origin="file://", storageTypes="all")
    chromium.open(page)
    yield chromium
    assert chromium.problems == []
    outside = [url for url in chromium.requests if not url.startswith(("data:", "about:", "blob:"))]
    assert outside == [page.as_uri()]


def ranks(driver):
    """Return the ranks of the rows that are shown, from the top."""
    rows = "[...document.querySelectorAll('#rows tr')].filter((row) => !row.hidden)"
    return driver.run(f"{rows}.map((row) => Number(row.querySelector('.rank').textContent))")


def text(driver, selector):
    return driver.run(f"document.querySelector({json.dumps(selector)}).textContent.trim()")


def put(driver, selector, value):
    """Set the value of a control as a person does, with its event."""
    driver.run(
        f"""(() => {{
        const node = document.querySelector({json.dumps(selector)});
        node.value = {json.dumps(value)};
        node.dispatchEvent(new Event(node.tagName === "SELECT" ? "change" : "input"));
    }})()"""
    )


def picture(driver, selector):
    """Return the pixels of a canvas as a data url, after the next frame."""
    return driver.run(
        f"""new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() =>
        resolve(document.querySelector({json.dumps(selector)}).toDataURL()))))"""
    )


def await_part(driver, rank):
    driver.wait(
        f"document.querySelector('#part-rank').textContent === '#{rank}' && "
        "document.querySelector('#detail').dataset.shown === "
        "document.querySelector('[aria-current]').dataset.index"
    )


def test_names_are_shown_and_never_run(opened):
    assert opened.run("window.hacked") is None
    names = opened.run("[...document.querySelectorAll('.name')].map((cell) => cell.textContent)")
    assert "<script>window.hacked = 1</script>" in names
    assert "</script><img src=x onerror='window.hacked = 1'>" in names
    assert opened.run("document.querySelectorAll('#rows img:not([src^=data])').length") == 0
    for rank in range(1, 9):
        opened.click(f"#rows tr:nth-child({rank})")
        await_part(opened, rank)
    assert opened.run("window.hacked") is None
    width = opened.run("document.documentElement.scrollWidth")
    assert width <= 1100


def test_the_list_sorts(opened):
    assert ranks(opened) == [1, 2, 3, 4, 5, 6, 7, 8]
    opened.click("th[data-sort=rank] button")
    assert ranks(opened) == [8, 7, 6, 5, 4, 3, 2, 1]
    assert opened.run("document.querySelector('th[data-sort=rank]').ariaSort") == "descending"
    opened.click("th[data-sort=name] button")
    names = opened.run("[...document.querySelectorAll('.name')].map((cell) => cell.textContent)")
    assert names.index("plain 9") < names.index("plain 10")
    opened.click("th[data-sort=score] button")
    assert ranks(opened) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_the_list_filters_by_name_and_verdict(opened):
    put(opened, "#filter", "PLAIN")
    assert len(ranks(opened)) == 2
    put(opened, "#filter", "no such part")
    assert ranks(opened) == []
    assert opened.run("document.querySelector('#empty').hidden") is False
    put(opened, "#filter", "")
    put(opened, "#show", "suspicious")
    assert ranks(opened) == [1, 2]
    put(opened, "#show", "normal")
    assert ranks(opened) == [3, 4, 5, 6, 7, 8]


def test_the_threshold_moves_verdicts_colors_and_errors(opened, scored):
    assert text(opened, "#reject-count") == "2"
    before = picture(opened, ".picture[data-view=map] canvas")
    put(opened, "#cut-slider", "0")
    assert text(opened, "#reject-count") == "8"
    defects = int(scored.parts.labels.sum())
    assert text(opened, "#errors") == f"0 missed defects, {8 - defects} false alarms"
    assert picture(opened, ".picture[data-view=map] canvas") != before
    middle = float(scored.result.scores.sort().values[4])
    put(opened, "#cut-slider", "500")
    assert len(opened.run("document.querySelector('#cut-number').value").split(".")[1]) == 4
    put(opened, "#cut-number", str(middle))
    assert text(opened, "#reject-count") == "3"
    assert text(opened, f"{WORST} .badge") == "suspicious"
    assert text(opened, "#rows tr:nth-child(4) .badge") == "normal"
    opened.click("#cut-reset")
    assert text(opened, "#reject-count") == "2"
    assert picture(opened, ".picture[data-view=map] canvas") == before


def test_the_map_fades_and_splits_into_shares(opened):
    canvas = ".picture[data-view=map] canvas"
    both = picture(opened, canvas)
    put(opened, "#opacity", "0")
    plain = picture(opened, canvas)
    assert plain != both
    assert plain == picture(opened, ".picture[data-view=image] canvas")
    put(opened, "#opacity", "70")
    assert picture(opened, canvas) == both
    seen = {both}
    for button in (2, 3):
        opened.click(f"#shares button:nth-child({button})")
        seen.add(picture(opened, canvas))
    assert len(seen) == 3
    outline = picture(opened, ".picture[data-view=outline] canvas")
    assert outline != picture(opened, ".picture[data-view=image] canvas")


def test_pictures_enlarge_and_close(opened):
    small = opened.run("document.querySelector('.picture').clientWidth")
    opened.click(".picture[data-view=outline]")
    assert opened.run("document.querySelector('#large').open") is True
    assert opened.run("document.querySelector('#large-canvas').clientWidth") > 1.5 * small
    with_outline = picture(opened, "#large-canvas")
    opened.click("#large-outline")
    assert picture(opened, "#large-canvas") != with_outline
    opened.press("Escape")
    assert opened.run("document.querySelector('#large').open") is False


def test_the_reason_names_the_modality_that_drives_the_peak(opened, scored):
    result = scored.result
    assert set(result.matches.modalities) == {"image", "points"}
    words = {"image": "images (2D)", "points": "shapes (3D)"}
    order = result.scores.argsort(descending=True, stable=True).tolist()
    for rank, index in enumerate(order, 1):
        opened.click(f"#rows tr:nth-child({rank})")
        await_part(opened, rank)
        assert text(opened, "#numbers dd") == f"{result.scores[index]:.4f}"
        modality = result.matches.modalities[index]
        assert text(opened, "#why-modality").startswith(f"by their {words[modality]}, which")
        share = opened.run(
            "[...document.querySelectorAll('#numbers div')]"
            ".find((node) => node.textContent.startsWith('At the peak')).textContent"
        )
        percent_3d = int(share.rsplit("3D ", 1)[1].split()[0])
        assert (percent_3d >= 50) == (modality == "points")


def test_matches_lead_to_their_parts(opened):
    assert opened.run("document.querySelectorAll('.match').length") == 6
    name = text(opened, ".match:nth-child(2) bdi")
    opened.click(".match:nth-child(2)")
    opened.wait(f"document.querySelector('#part-name').textContent === {json.dumps(name)}")
    assert text(opened, "[aria-current] .name") == name


SCANS = ("#scan-score", "#scan-color", "#scan-match")


def test_scans_turn_together_by_mouse_touch_and_keys(opened):
    def views():
        return [picture(opened, scan) for scan in SCANS]

    opened.wait("document.querySelector('#scan-score').width > 150")
    opened.wait("document.querySelector('#scan-match').dataset.shown")
    start = views()
    assert len(set(start)) == 3
    opened.drag("#scan-score", 60, 20)
    turned = views()
    assert all(a != b for a, b in zip(start, turned, strict=True))
    opened.touch("#scan-color", -40, 30)
    touched = views()
    assert all(a != b for a, b in zip(turned, touched, strict=True))
    opened.run("document.querySelector('#scan-match').focus()")
    opened.press("ArrowRight")
    assert all(a != b for a, b in zip(touched, views(), strict=True))
    put(opened, "#stretch", "5")
    stretched = views()
    opened.click("#scan-reset")
    assert views() == start != stretched


def test_scans_are_drawn_without_webgl_too(opened):
    opened.run("delete window.WebGL2RenderingContext")
    source = "HTMLCanvasElement.prototype.getContext"
    program = f"""{{ const get = {source};
        {source} = function (kind, ...rest) {{
            return kind === "webgl2" ? null : get.call(this, kind, ...rest);
        }}; }}"""
    added = opened.call("Page.addScriptToEvaluateOnNewDocument", source=program)
    try:
        opened.call("Page.reload")
        opened.wait("document.documentElement.dataset.ready > 0")
        start = picture(opened, "#scan-score")
        assert len(start) > 4000
        opened.drag("#scan-score", 60, 20)
        assert picture(opened, "#scan-score") != start
    finally:
        opened.call("Page.removeScriptToEvaluateOnNewDocument", identifier=added["identifier"])
        opened.requests.remove(opened.requests[0])


def test_keys_walk_decide_and_open(opened):
    opened.run("document.querySelector('#rows tr').focus()")
    opened.press("ArrowDown")
    await_part(opened, 2)
    opened.press("b")
    assert text(opened, "#rows tr:nth-child(2) .decision") == "✓ bad"
    opened.press("ArrowDown")
    await_part(opened, 3)
    opened.press("g")
    opened.press("ArrowUp")
    await_part(opened, 2)
    assert opened.run("document.querySelector('#bad').ariaPressed") == "true"
    outline = opened.run("getComputedStyle(document.activeElement).outlineWidth")
    assert outline == "3px"
    opened.press("Enter")
    assert opened.run("document.querySelector('#large').open") is True
    opened.press("Escape")
    opened.press("/")
    opened.press("g")
    assert opened.run("document.querySelector('#filter').value") == "g"


def test_decisions_are_kept_and_exported(opened, page, scored):
    opened.click("#bad")
    opened.open(page)
    assert text(opened, f"{WORST} .decision") == "✓ bad"
    put(opened, "#show", "bad")
    assert ranks(opened) == [1]
    program = """new Promise((resolve) => {
        const create = URL.createObjectURL;
        URL.createObjectURL = (blob) => { blob.text().then(resolve); return create(blob); };
        HTMLAnchorElement.prototype.click = () => {};
        document.querySelector("#export").click();
    })"""
    lines = opened.run(program).split("\r\n")
    assert lines[0] == "rank,name,path,score,threshold,verdict,decision"
    assert lines[1].startswith("1,")
    assert lines[1].endswith("suspicious,bad")
    assert lines[8].endswith("normal,")
    assert any('"quo""ted \'name\'"' in line for line in lines)
    assert any(line.startswith("\"'=half", 2) for line in lines)  # no formula


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(opened, page, scheme):
    opened.open(page, prefers_color_scheme=scheme)
    opened.run("document.querySelector('details').open = true")
    opened.press("b")
    result = opened.run(LOW_CONTRAST)
    assert result["count"] > 100
    assert result["low"] == []


def test_a_phone_shows_the_list_then_the_part(opened, page):
    opened.open(page, width=390, height=800)
    assert opened.run("document.querySelector('#detail').hidden") is True
    assert opened.run("document.documentElement.scrollWidth") == 390
    opened.click(f"{WORST} .name")
    await_part(opened, 1)
    assert opened.run("document.querySelector('#detail').scrollWidth") <= 390
    opened.click("#back")
    assert opened.run("document.querySelector('#detail').hidden") is True


def test_the_list_needs_no_javascript(chromium, page):
    chromium.scripts(allowed=False)
    try:
        chromium.size(1000, 800)
        chromium.call("Page.navigate", url=page.as_uri())
        count = 0
        for _ in range(200):  # frames, which wait() counts, need scripts
            count = chromium.run("document.querySelectorAll('#rows tr').length")
            if count == 8 and chromium.run("document.readyState") == "complete":
                break
        assert count == 8
        assert chromium.run("document.querySelector('#rows').checkVisibility()") is True
        assert chromium.run("document.querySelector('.tools').checkVisibility()") is False
        assert chromium.run("document.querySelectorAll('.bar.above').length") > 0
    finally:
        chromium.scripts(allowed=True)


def test_an_old_browser_shows_the_list(chromium, page):
    source = "delete window.DecompressionStream"
    added = chromium.call("Page.addScriptToEvaluateOnNewDocument", source=source)
    try:
        chromium.problems.clear()
        chromium.call("Page.navigate", url=page.as_uri())
        chromium.wait("document.querySelector('#old')?.checkVisibility()")
        assert chromium.run("document.querySelector('#rows').checkVisibility()") is True
        assert chromium.run("document.querySelector('.tools').checkVisibility()") is False
        assert chromium.problems == []
    finally:
        chromium.call("Page.removeScriptToEvaluateOnNewDocument", identifier=added["identifier"])


def test_motion_and_print_styles_follow_the_reader(opened, page):
    opened.open(page, prefers_reduced_motion="reduce")
    duration = "getComputedStyle(document.querySelector('button')).transitionDuration"
    assert opened.run(duration) == "0s"
    opened.open(page, prefers_reduced_motion="no-preference")
    assert opened.run(duration) != "0s"
    opened.call("Emulation.setEmulatedMedia", media="print")
    assert opened.run("document.querySelector('.tools').checkVisibility()") is False
    assert opened.run("document.querySelector('#rows').checkVisibility()") is True
    opened.call("Emulation.setEmulatedMedia", media="")


def test_chromium_is_what_was_started(chromium):
    assert browser.CHROMIUM is not None
    assert "Chrom" in chromium.call("Browser.getVersion")["product"]
