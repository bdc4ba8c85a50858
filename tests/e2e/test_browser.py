"""The pages of Prefect and MLflow in a real browser, used as a user would.

``SPIKESEG_SCREENSHOTS`` names a folder for screenshots, such as those of docs/how-to/servers.md.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient
from PIL import Image
from playwright.sync_api import Locator, Page, expect, sync_playwright

from tests.e2e.conftest import (
    ENDS,
    ENOUGH,
    SECONDS,
    SECTIONS,
    Prefect,
    Spikeseg,
    Training,
    runs_of,
    until,
)
from tests.e2e.conftest import TINY as SHORT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
BENCHMARK = "benchmark/benchmark"
TINY = {"Batches per epoch": "1", "Tiles per batch": "1"}
QUICKLY = {"repeats": 1, "busy_above": 1}


@pytest.fixture(scope="module")
def browser_page(prefect: Prefect, addresses: dict[str, str]) -> Iterator[Page]:
    """A page of a browser that has been let in by both servers."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(
            f"none of {', '.join(BROWSERS)} is on the PATH; on Debian: apt-get install chromium"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=QUIET)
        user, _, word = prefect.password.partition(":")
        mlflow = addresses["MLFLOW_TRACKING_URI"]  # asks in a window of the browser
        page = browser.new_page(
            viewport={"width": 1280, "height": 800},
            http_credentials={"username": user, "password": word, "origin": mlflow},
        )
        page.set_default_timeout(1000 * SECONDS)
        expect.set_options(timeout=1000 * SECONDS)
        page.goto(prefect.page)
        page.get_by_placeholder("admin:pass").fill(prefect.password)
        page.get_by_role("button", name="Login").click()
        page.wait_for_url("**/dashboard*")
        yield page
        browser.close()


@pytest.fixture(scope="module")
def two_pipelines(operated: Spikeseg) -> None:
    """A network that has been through the whole pipeline, small and quick, and timed twice."""
    settings = {
        "dataset": SECTIONS,
        "train": {**SHORT, "epochs": 1},
        "tune": {**SHORT, "epochs": 1, "spiking_epochs": 0},
        "presentation": {"steps": 20},
        "deploy": {"presentation_steps": [10], "early_exit": []},
    }
    for repeats in (2, 1):
        benchmark = {"benchmark": {**QUICKLY, "repeats": repeats}}
        changes = [f"{name}={json.dumps(each)}" for name, each in (settings | benchmark).items()]
        output = operated.run("run", *(word for change in changes for word in ("--set", change)))
        assert "View run" not in output  # MLflow's own lines, with addresses of another page


def picture(page: Page, name: str) -> None:
    """Save a screenshot with few colours for the documentation."""
    folder = os.environ.get("SPIKESEG_SCREENSHOTS")
    if folder:
        image = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
        path = Path(folder) / f"{name}.png"
        image.quantize(48, dither=Image.Dither.NONE).save(path, optimize=True)


def open_form(page: Page, prefect: Prefect, deployment: str) -> None:
    """Open the form of a deployment's parameters from its page."""
    page.goto(f"{prefect.page}/deployments")
    page.get_by_placeholder("Search deployments").fill(deployment)
    page.get_by_role("link", name=deployment, exact=True).first.click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Custom run").click()
    expect(page.get_by_role("button", name="Submit")).to_be_visible()


def field(page: Page, title: str) -> Locator:
    """Input of the form with that title."""
    label = page.locator(".schema-form-property__label", has_text=re.compile(rf"^{title}\b"))
    return page.locator(".p-label").filter(has=label).last.locator("input, textarea")


def set_switch(switch: Locator, on: bool) -> None:
    """Click until the switch is set, because a busy database may refuse.

    It waits much longer than an answer takes, since a second click would undo a late first one.
    """

    def there() -> bool:
        switch.click()
        try:
            expect(switch).to_have_attribute("aria-checked", str(on).lower(), timeout=20_000)
        except AssertionError:
            return False
        return True

    until(there, f"the switch to be {'on' if on else 'off'}")


def test_a_value_out_of_its_range_is_refused(browser_page: Page, prefect: Prefect) -> None:
    page = browser_page
    before = prefect.ask("/flow_runs/count", {})
    open_form(page, prefect, "train")
    field(page, "Maximum epochs").fill("0")
    page.get_by_role("button", name="Submit").click()
    refusal = page.get_by_text("'train.epochs'. Failure reason: 0 is less than the minimum of 1")
    expect(refusal.first).to_be_visible()
    picture(page, "prefect-refused")
    expect(page).to_have_url(re.compile("/run"))
    assert prefect.ask("/flow_runs/count", {}) == before


def test_epochs_and_seed_are_changed_and_the_run_is_read(
    browser_page: Page, prefect: Prefect, addresses: dict[str, str]
) -> None:
    page = browser_page
    open_form(page, prefect, "train")
    for title, value in {**TINY, "Maximum epochs": "2", "Seed": "5"}.items():
        field(page, title).fill(value)
    picture(page, "prefect-form")
    page.get_by_role("button", name="Submit").click()
    page.locator("a[href*='/runs/flow-run/']").first.click()
    page.wait_for_url("**/runs/flow-run/*")
    run = prefect.wait_for(page.url.split("/flow-run/")[1].split("?")[0], *ENDS)
    assert run["state"]["type"] == "COMPLETED", run["state"]
    expect(page.get_by_text("train quick for 2 epochs").first).to_be_visible()
    expect(page.get_by_text("Running", exact=True)).to_have_count(0)
    expect(page.get_by_text("Completed", exact=True).first).to_be_visible()
    assert (run["parameters"]["train"]["epochs"], run["parameters"]["train"]["seed"]) == (2, 5)
    picture(page, "prefect-run")

    page.get_by_text("Artifacts", exact=True).click()
    page.locator("a[href*='/artifacts/artifact/']").first.click()
    link = page.locator(f"a[href^='{addresses['MLFLOW_TRACKING_URI']}']").first
    expect(page.get_by_text("pixel accuracy, test").first).to_be_visible()
    with page.context.expect_page() as opened:
        link.click()
    mlflow = opened.value
    expect(mlflow.get_by_text("train/loss").first).to_be_visible()
    expect(mlflow.get_by_text("prefect.flow_run_url").first).to_be_visible()
    picture(mlflow, "mlflow-run")
    mlflow.close()


def test_two_pipelines_are_compared_from_the_printed_address(
    browser_page: Page, operated: Spikeseg, two_pipelines: None
) -> None:
    page = browser_page
    (address,) = re.findall(r"MLflow\s+(http\S+)", operated.run("up"))
    page.goto(address)
    rows = page.get_by_role("checkbox", name=re.compile("toggle row selection"))
    expect(rows).to_have_count(2)
    for figure in ("chip/v_rand", "energy/chip_mj"):
        expect(page.get_by_role("columnheader", name=figure).first).to_be_attached()
    picture(page, "mlflow-table")

    clicks = 0
    page.locator("label", has=page.locator("input[value=CHART]")).click()
    clicks += 1
    expect(page.locator(".barlayer, img[src*='artifact']").first).to_be_attached()
    picture(page, "mlflow-charts")
    seen = {"figures": set[str](), "pictures": set[str]()}

    def all_seen() -> bool:
        """Scroll on, and note what has been on the screen; what is far from it is not drawn."""
        seen["figures"] |= {*page.get_by_role("heading", level=4).all_inner_texts()}
        pictures = page.locator("img[src*='artifact'], img[src^='blob:']")
        seen["pictures"] |= {str(each.get_attribute("src")) for each in pictures.all()}
        page.mouse.move(600, 650)
        page.mouse.wheel(0, 500)
        return len(seen["figures"]) >= 8 and len(seen["pictures"]) >= 6  # three of each run

    until(all_seen, "eight figures and three pictures of each run")
    assert clicks <= 4

    page.goto("about:blank")
    page.goto(address)
    for number in (0, 1):
        rows.nth(number).check()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_text("Comparing 2 Runs from 1 Experiment")).to_be_visible()
    repeats = page.get_by_role("row").filter(has_text="benchmark.repeats").first
    expect(repeats).to_contain_text(re.compile(r"2\D*1|1\D*2"))
    picture(page, "mlflow-compare")


def test_a_schedule_is_made_and_fires_and_its_change_is_read(
    browser_page: Page, prefect: Prefect, mlflow: MlflowClient, two_pipelines: None
) -> None:
    page = browser_page
    deployment = prefect.deployment(BENCHMARK)
    # Without any tolerance, the times have always moved.
    changed = {"benchmark": QUICKLY, "tolerance": {"timed": 0}}
    prefect.ask(f"/deployments/{deployment['id']}", {"parameters": changed}, "PATCH")
    page.goto(f"{prefect.page}/deployments/deployment/{deployment['id']}")
    page.get_by_role("button", name="Schedule", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.locator("input[type=number]").first.fill("1")  # every minute
    dialog.get_by_role("button", name="Save").click()
    picture(page, "prefect-schedule")

    def fired(*states: str) -> list[dict[str, Any]]:
        which = {
            "deployments": {"id": {"any_": [deployment["id"]]}},
            "flow_runs": {"state": {"type": {"any_": states}}},
            "sort": "START_TIME_ASC",
        }
        return list(prefect.ask("/flow_runs/filter", which))

    started = ("PENDING", "RUNNING", *ENDS)
    run = until(lambda: fired(*started), "the schedule to fire")[0]
    for switch in page.get_by_role("switch").all():
        if switch.get_attribute("aria-checked") == "true":
            set_switch(switch, False)
    (weekly, own) = sorted(prefect.deployment(BENCHMARK)["schedules"], key=lambda s: not s["slug"])
    assert (weekly["active"], own["active"]) == (False, False)
    page.goto("about:blank")  # what moves on the page takes time from the benchmark
    for late in fired("SCHEDULED"):
        cancelled = {"state": {"type": "CANCELLED"}}
        prefect.ask(f"/flow_runs/{late['id']}/set_state", cancelled)
    run = prefect.wait_for(run["id"], *ENDS)
    assert run["auto_scheduled"]
    assert run["state"]["type"] == "COMPLETED", run["state"]
    assert run["state"]["name"] == "Moved"

    page.goto(f"{prefect.page}/runs/flow-run/{run['id']}")
    expect(page.get_by_text("Moved", exact=True).first).to_be_visible()
    (now,) = runs_of(mlflow, run["id"])
    before = now.data.tags["benchmark.previous"]
    assert mlflow.get_run(before).data.tags["spikeseg.stage"] == "benchmark"
    assert f"moved beyond their tolerance since run {before}" in now.data.tags["benchmark.alert"]
    moved = {n: v for n, v in now.data.metrics.items() if n.startswith("moved/loihi")}
    ratios = {n: v for n, v in moved.items() if "host" not in n}  # priced like the CPU's time
    assert ratios
    assert all(ratio == 1 for ratio in ratios.values())  # modelled: the same chips, the same spikes
    assert {"moved.json", "moved.md"} <= {a.path for a in mlflow.list_artifacts(now.info.run_id)}
    page.get_by_text("Artifacts", exact=True).click()
    page.get_by_text("benchmark-moved").first.click()
    expect(page.get_by_text("ratio").first).to_be_visible()
    picture(page, "prefect-moved")


def test_the_cancel_button_stops_the_training(
    browser_page: Page, prefect: Prefect, train: Callable[[int], Training]
) -> None:
    page = browser_page
    training = train(3)  # a seed of its own: test_operation.py's trainings go on where theirs ended
    training.wait_for_epoch(ENOUGH)
    assert training.processes()
    page.goto(f"{prefect.page}/runs/flow-run/{training.run}")
    cancelled = page.get_by_text("Cancelled", exact=True)
    expect(page.get_by_text("Running", exact=True).first).to_be_visible()
    expect(cancelled).to_have_count(0)
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Confirm").click()
    state = prefect.wait_for(training.run, *ENDS)["state"]
    assert state["type"] == "CANCELLED", state
    assert not training.processes()
    expect(cancelled.first).to_be_visible()
