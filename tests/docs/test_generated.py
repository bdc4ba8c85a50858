"""The pages made from the code name everything, and the picture made from it is the one shown."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.prose import DOCS, ROOT


@pytest.fixture(autouse=True)
def scripts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The scripts of the documentation, as Sphinx and users find them."""
    monkeypatch.syspath_prepend(str(DOCS))
    yield
    for name in ("generated", "diagram", "from_run"):
        sys.modules.pop(name, None)


def test_every_command_with_its_options() -> None:
    import generated

    from flows.cli import app

    page = generated.commands()
    for command in app.registered_commands:
        assert command.callback is not None
        assert f"## `spikeseg {command.callback.__name__}`" in page
    assert "`--set NAME=VALUE`" in page
    assert "[bold]" not in page


def test_every_setting() -> None:
    import generated

    from spikeseg_core.config.listing import settings

    page = generated.settings_page()
    for each in settings():
        assert f"| `{each.name}` |" in page


def test_every_artefact() -> None:
    import generated

    from spikeseg_core.stages.artifacts import ARTIFACTS

    page = generated.artefacts()
    for each in ARTIFACTS:
        assert f"| `{each.name}` | {each.kind} |" in page


def test_every_public_module_is_in_the_api_or_left_out_by_name() -> None:
    import generated

    text = "\n".join(page for _, page in generated.api())
    for path in (ROOT / "spikeseg_core").rglob("*.py"):
        module = path.relative_to(ROOT / "spikeseg_core")
        if path.name.startswith("_") or str(module).startswith(generated.NOT_API):
            continue
        assert f"automodule:: spikeseg_core.{str(module)[:-3].replace('/', '.')}\n" in text


def test_pages_are_written_once(tmp_path: Path) -> None:
    import generated

    generated.write_all(tmp_path)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.md")}
    generated.write_all(tmp_path)
    assert written == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.md")}
    assert (tmp_path / "api" / "index.md") in written


def test_every_environment_variable_is_explained() -> None:
    page = (DOCS / "reference" / "environment.md").read_text()
    for room in ("flows", "tasks", "spikeseg_core", "docker"):
        for path in (ROOT / room).rglob("*"):
            if path.suffix in (".py", ".yaml") or path.name == "Dockerfile":
                for name in re.findall(r"\bSPIKESEG_[A-Z0-9_]+", path.read_text()):
                    assert f"`{name}`" in page or name in INTERNAL, f"{name} of {path}"


INTERNAL = {"SPIKESEG_COMPLETE"}
"""Set by the shell's completion."""


def test_the_diagram_is_that_of_the_network() -> None:
    import diagram

    assert diagram.PICTURE.read_text() == diagram.diagram()


def test_scores_are_medians_over_runs_and_written_between_the_marks(tmp_path: Path) -> None:
    import from_run

    page = tmp_path / "page.md"
    page.write_text("before\n<!-- scores -->\nold\n<!-- /scores -->\nafter\n")
    runs = []
    for seed, score in enumerate((0.9, 0.95, 0.91)):
        scores = dict.fromkeys(("test/membrane_iou", "test/v_rand", "test/v_info"), 0.5)
        own = scores | {"test/pixel_accuracy": score}
        spiking = own | {"spikes/mean_rate_hz": 20.0 + seed}
        runs.append(tmp_path / str(seed))
        runs[-1].mkdir()
        tags = {"ann": own, "rate_tuned": own, "snn_spiking": spiking, "loihi": spiking}
        import json

        (runs[-1] / "summary.json").write_text(json.dumps({"stages": tags}))
    from_run.scores(page, runs)
    text = page.read_text()
    assert text.startswith("before\n<!-- scores -->\n| network |")
    assert text.endswith("<!-- /scores -->\nafter\n")
    assert "| ANN | .9100 | .500 | .500 | .500 |  |" in text
    assert ".9100 | .500 | .500 | .500 | 21.0 Hz |" in text
    assert "old" not in text


def test_a_cross_validation_is_written_with_its_intervals(tmp_path: Path) -> None:
    import json

    import from_run

    page = tmp_path / "page.md"
    page.write_text("before\n<!-- scores -->\nold\n<!-- /scores -->\nafter\n")
    scores = ("pixel_accuracy", "membrane_iou", "v_rand", "v_info")
    stage = {score: {"mean": 0.95, "low": 0.94, "high": 0.96} for score in scores}
    stages = {"ann": stage, "loihi": stage, "loihi_agglomerated": stage}
    (tmp_path / "cross-validation.json").write_text(json.dumps({"stages": stages}))
    from_run.folds(page, tmp_path)
    lines = page.read_text().splitlines()
    assert lines[2] == "| network | pixel accuracy | membrane IoU | V_Rand | V_Info |"
    assert [line.split(" | ")[0] for line in lines[4:-2]] == [
        "| ANN",
        "| **Loihi, emulated: 8-bit integers**",
        "| Loihi, cells by agglomeration on the host",
    ]
    assert lines[4].endswith("| .9500 [.9400, .9600] " + 3 * "| .950 [.940, .960] " + "|")
