"""The report of a run as a reader sees it: on a wide and on a narrow screen."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, sync_playwright

from spikeseg_core.figures.run import draw_run
from spikeseg_core.figures.sections import overview_figure
from spikeseg_core.report.render import html
from spikeseg_core.report.run import run_report
from tests.spikeseg_core.report.recorded import figures, short_summary

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SCREENS = 6
HEIGHT = 800


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is on the PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


def whole(summary: dict[str, Any]) -> dict[str, Any]:
    """Fill in what a real run has."""
    names = ("pixel_accuracy", "membrane_iou", "dice", "v_rand", "v_info")
    scores = {f"test/{name}": 0.9 for name in names} | {"spikes/mean_rate_hz": 17.0}
    tags = ("ann", "rate_tuned", "snn_rate", "snn_spiking", "loihi")
    step = {"to": "loihi", **dict.fromkeys(names, -0.002)}
    titles = ("rate tuning", "conversion", "spikes", "a step from layer to layer", "integers")
    mapping = ("neurons_on_chip", "neurons_off_chip", "cores", "chips", "weight_bits")
    return summary | {
        "stages": {tag: dict(scores) for tag in tags},
        "losses": {
            "steps": [{"step": title, "from": "ann", **step} for title in titles],
            "warnings": ["v_rand is 0.0300 below the ANN's"] * 3,
            "tolerance": dict.fromkeys(names, 0.01),
        },
        "mapping": dict.fromkeys(mapping, 1) | {"metrics": summary["mapping"]["metrics"]},
        "energy": {"figures": figures(), "metrics": {}},
        "minutes": dict.fromkeys(summary["minutes"], 1.0),
    }


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    rng = np.random.default_rng(0)
    image, truth = rng.random((256, 256)), rng.random((256, 256)) < 0.2
    found = {"ANN": rng.random((256, 256)), "chip": rng.random((256, 256))}
    summary = whole(short_summary())
    pictures = [
        *(
            overview_figure(image, truth, found, folder / name, columns=columns)
            for name, columns in (("overview.png", 4), ("overview_narrow.png", 2))
        ),
        *draw_run(dict.fromkeys(("prepare", "train", "deploy"), folder), summary, folder),
    ]
    tall = overview_figure(image, truth, found, folder / "energy.png", columns=2)
    report = run_report(summary, {"run": pictures, "benchmark": [tall], "partition": [tall]})
    path = folder / "report.html"
    path.write_text(html(report), encoding="utf-8")
    return path


@pytest.mark.parametrize("width", [1280, 390])
def test_it_fits_the_screen_and_is_short(browser: Browser, page_file: Path, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": HEIGHT})
    page.goto(page_file.as_uri())
    size = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    )
    assert size[0] <= width
    if width == 1280:
        assert size[1] <= SCREENS * HEIGHT
    first = page.locator("img").first.bounding_box()
    assert first is not None
    assert first["y"] < HEIGHT  # the picture comes before a reader scrolls
    assert page.locator("details").count() > 3
    assert page.locator("details[open]").count() == 0
    sources = page.locator("img").first.evaluate("image => image.currentSrc.length")
    assert sources > 1000
    page.close()


def test_a_narrow_screen_shows_the_square_picture(browser: Browser, page_file: Path) -> None:
    shapes = []
    for width in (1280, 390):
        page = browser.new_page(viewport={"width": width, "height": HEIGHT})
        page.goto(page_file.as_uri())
        box = page.locator("img").first.bounding_box()
        assert box is not None
        shapes.append(box["width"] / box["height"])
        page.close()
    assert shapes[0] > 3
    assert shapes[1] < 1.5
