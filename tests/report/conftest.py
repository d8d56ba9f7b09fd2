"""A small report of parts with hostile names, and a browser to look at it."""

import dataclasses
from types import SimpleNamespace

import browser
import pytest

import musc2

NAMES = [
    "<script>window.hacked = 1</script>",
    "quo\"ted 'name'",
    "line\nbreak",
    "\u202eright to left \u05d0\u05d1\u05d2",
    "</script><img src=x onerror='window.hacked = 1'>",
    "plain 10",
    "plain 9",
    "=half \udcff surrogate & more",
]


@pytest.fixture(scope="session")
def scored():
    """Return parts with defects and their result, of images and scans."""
    parts = musc2.datasets.synthetic.parts(8, size=64)
    config = musc2.Config(input_size=64, group_count=128, group_size=32)
    result = musc2.score(
        parts.rgb, parts.xyz, encoder_2d="texture", encoder_3d="shape", config=config, names=NAMES
    )
    failure = musc2.Failure(index=9, name="<b>torn</b>", path=None, message="<i>unreadable</i>")
    result = dataclasses.replace(result, failures=[failure]).with_threshold(
        float(result.scores.sort().values[-3])
    )
    return SimpleNamespace(parts=parts, result=result)


@pytest.fixture(scope="session")
def page(scored, tmp_path_factory):
    """Return the report's file."""
    return scored.result.report(tmp_path_factory.mktemp("report"), labels=scored.parts.labels)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """Return a browser that all tests share."""
    if browser.CHROMIUM is None:
        pytest.skip("no chromium")
    driver = browser.Browser(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.close()
