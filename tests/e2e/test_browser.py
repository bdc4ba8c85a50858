"""The pages of Prefect and MLflow in a real browser, used as a user would.

``SPIKESEG_SCREENSHOTS`` names a folder for screenshots, such as those of docs/how-to/servers.md.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect, sync_playwright

from tests.e2e.conftest import ENDS, ENOUGH, SECONDS, Prefect, Spikeseg, Training, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
BENCHMARK = "benchmark/benchmark"
TINY = {"Batches per epoch": "1", "Tiles per batch": "1"}


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
def first_run(operated: Spikeseg) -> Iterator[subprocess.Popen[str]]:
    """A training from the command line, which runs meanwhile; for the comparison."""
    settings = ("train.epochs=1", "train.steps_per_epoch=1", "train.batch_size=1")
    process = operated.start("stage", "train", *(w for s in settings for w in ("--set", s)))
    yield process
    process.kill()
    process.wait()


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


def test_a_value_out_of_its_range_is_refused(
    browser_page: Page, prefect: Prefect, first_run: subprocess.Popen[str]
) -> None:
    page = browser_page
    before = prefect.ask("/flow_runs/count", {})
    open_form(page, prefect, "train")
    field(page, "Maximum epochs").fill("0")
    page.get_by_role("button", name="Submit").click()
    refusal = page.get_by_text("'train.epochs'. Failure reason: 0 is less than the minimum of 1")
    expect(refusal.first).to_be_visible()
    picture(page, "prefect-refused")
    expect(page).to_have_url(re.compile("/run"))
    assert prefect.ask("/flow_runs/count", {}) <= before + 1  # the first run's, perhaps


def test_the_schedule_is_switched_on_and_off(browser_page: Page, prefect: Prefect) -> None:
    page = browser_page
    page.goto(f"{prefect.page}/deployments/deployment/{prefect.deployment(BENCHMARK)['id']}")
    switch = page.get_by_role("switch").first
    for on in (True, False):
        set_switch(switch, on)
        said = page.get_by_text(f"Deployment schedule {'' if on else 'in'}active", exact=True)
        expect(said.first).to_be_visible()
        (schedule,) = prefect.deployment(BENCHMARK)["schedules"]
        assert schedule["active"] is on
        if on:
            picture(page, "prefect-schedule")


def test_a_parameter_is_changed_and_the_run_compared_with_another(
    browser_page: Page,
    prefect: Prefect,
    addresses: dict[str, str],
    first_run: subprocess.Popen[str],
) -> None:
    page = browser_page
    open_form(page, prefect, "train")
    for title, value in {**TINY, "Maximum epochs": "2"}.items():
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
    assert run["parameters"]["train"]["epochs"] == 2
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
    assert first_run.wait(SECONDS) == 0, first_run.communicate()[0]

    mlflow.goto(mlflow.url.split("/runs/")[0] + "/runs?searchFilter=tags.stage%20%3D%20'ann'")
    rows = mlflow.get_by_role("checkbox", name=re.compile("toggle row selection"))
    expect(rows.nth(1)).to_be_visible()
    for number in (0, 1):
        rows.nth(number).check()
    mlflow.get_by_role("button", name="Compare").click()
    expect(mlflow.get_by_text("Comparing 2 Runs from 1 Experiment")).to_be_visible()
    epochs = mlflow.get_by_role("row").filter(has_text="train.epochs").first
    expect(epochs).to_contain_text(re.compile(r"2\D*1|1\D*2"))
    picture(mlflow, "mlflow-compare")
    mlflow.close()


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
