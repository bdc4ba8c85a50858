from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from mlflow.tracking import MlflowClient
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

from flows import research_report as module
from flows.report import SYNTHETIC
from flows.research.content import Picture, Report, Table
from flows.research.evidence import Evidence, gather
from flows.research.render import html, markdown
from flows.research.report import build
from flows.research.stated import BASES, say
from flows.research_report import missing_runs, rebuild, research_report
from spikeseg_core.config import PipelineConfig
from spikeseg_core.config.presets import preset
from spikeseg_core.errors import ConfigError
from spikeseg_core.sweep.definition import Sweep
from tasks.local import state
from tasks.mlflow import models
from tasks.mlflow.reader import records
from tests.fakes import FakeStages
from tests.flows.research.recorded import record_bench, record_pipeline, record_sweep


def seeded(config: PipelineConfig, seed: int) -> PipelineConfig:
    return module._seeded(config, seed)


def ablation(title: str, setting: str, *metrics: str) -> Sweep:
    return Sweep(title=title, preset="paper", grid={setting: (4, 8)}, metrics=metrics)


def small(network: str) -> dict[str, Any]:
    strategy = {
        "cores": 256,
        "chips": 2,
        "interchip_messages": 1225.0,
        "time_per_step_us": 32.6,
        "energy_per_step_uj": 50.1,
        "static_energy_per_step_uj": 11.0,
        "waits_for": "core 3 (layer a)",
    }
    slow = strategy | {"time_per_step_us": 73.8}
    return {"networks": [{"name": network, "strategies": {"greedy": slow, "optimized": strategy}}]}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path) -> dict[str, Any]:
    """A state folder with two seeds of paper, one run of quick, two sweeps and a benchmark."""
    home = tmp_path_factory.mktemp("recorded")
    shutil.copy(mlflow_database, home / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPIKESEG_HOME", str(home))
        patch.setattr(models, "log", lambda *model: None)
        paper = preset("paper")
        runs = [
            record_pipeline(0.96, seeded(paper, 1), mapped=False),
            record_pipeline(0.97, seeded(paper, 0)),
        ]
        quick = record_pipeline(0.90, preset("quick"), mapped=False)
        rates = ablation("Rates", "tune.rate_max_hz", "loihi/spikes/mean_rate_hz")
        bits = ablation("Bits", "quantize.weight_bits", "loihi/test/v_rand")
        sweeps = [
            record_sweep(rates, {"tune.rate_max_hz=4": {0: 17.125}}),
            record_sweep(bits, {"quantize.weight_bits=4": {0: 0.881, 1: 0.883, 2: 0.887}}),
        ]
        bench = record_bench("mapping", small("random"))
    return {"home": home, "paper": runs, "quick": quick, "sweeps": sweeps, "bench": bench}


@pytest.fixture
def recorded(store: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("SPIKESEG_HOME", str(store["home"]))
    return store


def written(preset_name: str = "paper") -> tuple[str, str]:
    with records() as known:
        return rebuild(known, preset_name)


Pages = dict[str, tuple[str, str]]


@pytest.fixture(scope="module")
def built(store: dict[str, Any]) -> dict[str, Report]:
    """The report of each preset."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPIKESEG_HOME", str(store["home"]))
        with records() as known:
            return {name: build(known, name)[0] for name in ("paper", "quick")}


@pytest.fixture(scope="module")
def pages(built: dict[str, Report]) -> Pages:
    """The report of each preset, as HTML and as Markdown."""
    return {name: (html(report), markdown(report)) for name, report in built.items()}


class Page(HTMLParser):
    """Text of a page that is neither a figure with a basis nor a name; and its figures."""

    FREE = ("style", "title", "code")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.stack: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.figures: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("img", "meta"):
            self.stack.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        inside = [attributes for _, attributes in self.stack]
        if any("data-basis" in a for a in inside):
            self.figures += [str(a["data-basis"]) for a in inside if "data-basis" in a]
        elif not any(t in self.FREE for t, _ in self.stack) and not any(
            a.get("class") in ("name", "key") for a in inside
        ):
            self.text.append(data)


class TestThePage:
    @pytest.fixture
    def page(self, pages: Pages) -> str:
        return pages["paper"][0]

    def test_every_figure_in_it_has_a_basis(self, page: str) -> None:
        found = Page(page)
        assert set(found.figures) == set(BASES)
        assert len(found.figures) > 200
        bare = [text for text in found.text if re.search(r"(?<!\w)\d", text)]
        assert bare == []

    def test_it_needs_nothing_else_and_stays_small(self, page: str) -> None:
        assert 'src="http' not in page
        assert "<link" not in page
        assert "<script" not in page
        assert len(page) < 3_000_000

    def test_each_question_has_table_picture_runs_and_what_is_not_known(
        self, built: dict[str, Report]
    ) -> None:
        report = built["paper"]
        assert [section.key for section in report.sections] == ["Q1", "Q2", "Q3", "Q4", "Q5"]
        for section in report.sections:
            assert section.tables, section.key
            assert section.pictures, section.key
            assert section.runs, section.key
            assert section.unknown, section.key
            assert section.answer, section.key
            assert all(table.rows for table in section.tables), section.key

    def test_the_runs_behind_it_are_named(self, page: str, recorded: dict[str, Any]) -> None:
        for run_id in (*recorded["paper"], recorded["quick"], *recorded["sweeps"]):
            assert run_id in page
        assert recorded["bench"] in page

    def test_a_users_text_cannot_become_markup(self) -> None:
        picture = Picture("data:image/png;base64,AA", say("a <b> & c"), ("measured",))
        assert picture.alt == "a &lt;b&gt; &amp; c"
        with pytest.raises(ValueError, match="part of the page"):
            _ = Picture("http://host/x.png", say("a"), ("measured",)).image

    def test_a_row_has_a_cell_for_every_heading(self) -> None:
        with pytest.raises(ValueError, match="2 cells under 1"):
            Table(say("caption"), ["one"], [["a", "b"]])


class TestSeeds:
    def test_the_median_and_every_seed_in_order(self, pages: Pages) -> None:
        _, text = pages["paper"]
        assert "0.9450 [0.9500, 0.9400] (measured)" in text  # the ANN's V_Rand
        assert "One seed" not in text

    def test_of_each_kind_and_seed_the_newest_counts_and_kinds_are_not_mixed(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(models, "log", lambda *model: None)
        paper = preset("paper")
        record_pipeline(0.90, paper, mapped=False)
        mine = record_pipeline(0.96, paper, mapped=False)
        low = paper.model_copy(
            update={"tune": paper.tune.model_copy(update={"rate_max_hz": 150.0})}
        )
        other = record_pipeline(0.95, low, mapped=False)
        made_up = record_pipeline(0.99, paper, synthetic=True, mapped=False)
        with records() as known:
            evidence = gather(known, "paper")
            assert [run.run.id for run in evidence.runs] == [mine]
            assert [run.run.id for run in evidence.others] == [other]
            alone = gather(known, "paper", [made_up])
            assert [run.run.id for run in alone.runs] == [made_up]
            assert alone.others == []
            report, _ = build(known, "paper", [made_up])
            assert report.warning == SYNTHETIC
            with pytest.raises(ConfigError, match="differ in more than their seeds"):
                gather(known, "paper", [mine, other])
            with pytest.raises(ConfigError, match=r"no finished pipeline.*0123"):
                gather(known, "paper", ["0123"])
            with pytest.raises(ConfigError, match="spikeseg run --preset quick"):
                gather(known, "quick")

    def test_runs_are_missing_by_seed(self, recorded: dict[str, Any]) -> None:
        assert [(c.train.seed, c.tune.seed) for c in missing_runs("paper", (1, 7))] == [(7, 7)]
        assert missing_runs("paper", ()) == []
        with pytest.raises(ConfigError, match="unknown preset"):
            missing_runs("none", ())


class TestWhatIsMissing:
    @pytest.fixture
    def evidence(self, recorded: dict[str, Any]) -> Iterator[Evidence]:
        with records() as known:
            yield gather(known, "paper")

    def test_sweeps_and_benchmarks_that_are_there_are_shown(self, pages: Pages) -> None:
        _, text = pages["paper"]
        assert "0.8830 [0.8810, 0.8830, 0.8870] (measured)" in text
        assert "17.1 (measured)" in text
        assert "`spikeseg sweep ablation-bits`" not in text
        assert "`spikeseg sweep ablation-rate-loss`" not in text
        assert "`spikeseg bench mapping" not in text
        assert "73.80 us (modelled)" in text

    def test_the_operating_point_is_told_with_what_it_saves(self, pages: Pages) -> None:
        _, text = pages["paper"]
        assert "uses 45% [45%, 45%] (modelled) of the starting one's energy" in text
        assert "uses 62% [62%, 62%] (modelled) of its energy" in text
        assert "for 9 [9, 9] (set) instead of 16 [16, 16] (set) tiles a section" in text
        assert "51.5 steps [51.5, 51.5] (measured)" in text
        assert "| cpu int8 | total over chips and x86 | 7.10 [7.10, 7.10] (modelled) |" in text

    def test_those_that_are_not_are_named_with_their_command(self, pages: Pages) -> None:
        _, text = pages["paper"]
        assert "`spikeseg sweep operating-point`" in text
        assert "`spikeseg bench energy --preset paper`" in text
        _, text = pages["quick"]
        for command in (
            "report --preset quick --seeds 0,1,2",
            "bench mapping --preset quick",
        ):
            assert f"`spikeseg {command}`" in text

    def test_sweeps_go_to_the_questions_they_bear_on(self, evidence: Evidence) -> None:
        assert [s.definition["title"] for s in evidence.sweeps_over("quantize.")] == ["Bits"]
        assert [s.definition["title"] for s in evidence.sweeps_over("tune.")] == ["Rates"]
        assert evidence.sweeps_over("partition.") == []


def test_without_the_folders_of_the_runs_it_is_the_same(
    recorded: dict[str, Any], pages: Pages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(state.current().stages)
    monkeypatch.setenv("SPIKESEG_HOME", str(tmp_path))  # nothing but the store's address is left
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{recorded['home']}/mlflow.db")
    assert written() == pages["paper"]


@pytest.mark.usefixtures("prefect_server")
class TestTheFlow:
    def test_it_runs_what_is_missing_and_leaves_the_report_in_mlflow_and_prefect(
        self, home: Path, fakes: FakeStages
    ) -> None:
        result = research_report(preset="quick")
        assert fakes.calls["benchmark"] == 1
        assert Path(result["report"]).read_text() == written("quick")[0]
        client = MlflowClient(state.tracking_uri())
        run = client.get_run(result["mlflow_run_id"])
        assert run.data.tags["spikeseg.stage"] == "report"
        assert {item.path for item in client.list_artifacts(run.info.run_id)} == {
            *("research.html", "research.md", "research.json")
        }
        flow_run_id = UUID(run.data.tags["prefect.flow_run_id"])
        filters = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run_id]))
        with get_client(sync_client=True) as prefect:
            shown = {a.key: str(a.data) for a in prefect.read_artifacts(artifact_filter=filters)}
        assert Path(result["report"]).as_uri() in shown["research-report"]
        assert "## Q5" in shown["research-report-text"]

        again = research_report(preset="quick")
        assert fakes.calls["benchmark"] == 1
        assert Path(again["report"]).read_text() == Path(result["report"]).read_text()
