from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pandas as pd
import pytest
from mlflow.tracking import MlflowClient
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.sweep import dask, run_sweep, sweep
from spikeseg_core.errors import ConfigError
from spikeseg_core.sweep.definition import Choice, Goal, NamedPoint, Picture, Search, Sweep
from tests.fakes import FakeStages

BITS = Sweep(
    title="Bits",
    grid={"quantize.weight_bits": (4, 8)},
    seeds=(0, 1),
    metrics=("loihi/test/v_rand",),
    picture=Picture(
        x=Goal(metric="loihi/spikes/mean_rate_hz", goal="minimize"),
        y=Goal(metric="loihi/validation/v_rand"),
    ),
    choice=Choice(),
    until="deploy",
)


@pytest.mark.usefixtures("prefect_server")
class TestInThisProcess:
    def test_points_share_stages_and_mlflow_has_one_level_below_the_sweep(
        self, home: Path, fakes: FakeStages
    ) -> None:
        summary = sweep(own=BITS, workers=1)
        # The seeds differ in training, the bits only from the quantize stage on.
        assert fakes.calls["prepare"] == 1
        assert fakes.calls["train"] == fakes.calls["convert"] == 2
        assert fakes.calls["quantize"] == fakes.calls["deploy"] == 4
        assert fakes.calls["benchmark"] == 0
        assert summary["failed"] == []
        assert summary["chosen"] == "quantize.weight_bits=4"
        table = pd.read_parquet(summary["table"])
        assert table["seeds"].tolist() == [2, 2]
        assert table["loihi/test/v_rand"].tolist() == [0.97, 0.97]

        client = MlflowClient(summary["mlflow"]["tracking_uri"])
        parent = client.get_run(summary["mlflow"]["run_id"])
        assert parent.info.status == "FINISHED"
        assert parent.data.metrics["sweep/points"] == 2
        runs = client.search_runs(["1"], max_results=100)
        parents = Counter(run.data.tags.get("mlflow.parentRunId") for run in runs)
        kinds = Counter(run.data.tags["spikeseg.stage"] for run in runs)
        assert kinds["sweep"] == 1
        assert kinds["sweep-point"] == 4
        assert parents == {None: 1, parent.info.run_id: len(runs) - 1}
        point = next(run for run in runs if run.data.tags["spikeseg.stage"] == "sweep-point")
        assert point.data.params.keys() == {"quantize.weight_bits", "seed"}
        assert point.data.metrics["loihi/test/v_rand"] == 0.97
        names = {item.path for item in client.list_artifacts(parent.info.run_id)}
        assert names == {
            *("points.parquet", "runs.parquet", "pareto.png", "definition.json", "sweep.md"),
            "provenance.json",
        }

    def test_a_failed_point_is_a_row_and_the_rest_goes_on(
        self, home: Path, fakes: FakeStages
    ) -> None:
        fakes.fail_once["quantize"] = RuntimeError("the disk is full")
        asked = Sweep(grid=BITS.grid, seeds=(0, 1), metrics=("ann/test/v_rand",), until="quantize")
        summary = sweep(own=asked, workers=1)
        assert summary["failed"] == ["quantize.weight_bits=4"]
        row = summary["points"][0]
        assert row["status"] == "seed 0: failed: RuntimeError: the disk is full"
        assert row["seeds"] == 1
        assert summary["points"][1]["seeds"] == 2

    def test_a_network_that_does_not_fit_is_never_trained(
        self, home: Path, fakes: FakeStages
    ) -> None:
        points = (
            NamedPoint(name="one chip", settings={"quantize.chips": 1}),
            NamedPoint(name="two chips", settings={"quantize.chips": 2}),
        )
        asked = Sweep(points=points, preset="paper", until="train", metrics=("ann/test/v_rand",))
        summary = sweep(own=asked, workers=1)
        assert fakes.calls["train"] == 1
        one, two = summary["points"]
        assert one["status"].startswith("does not fit: ")
        assert one["status"].endswith("cores needed, the board has 128")
        assert (two["status"], two["cores_needed"]) == ("done", one["cores_needed"])

    def test_a_search(self, home: Path, fakes: FakeStages) -> None:
        search = Search.model_validate(
            {"ranges": {"presentation.steps": {"low": 20, "high": 60}}, "trials": 3, "at_once": 2}
        )
        picture = Picture(
            x=Goal(metric="snn_spiking/spikes/mean_rate_hz", goal="minimize"),
            y=Goal(metric="snn_spiking/validation/v_rand"),
        )
        metrics = ("snn_spiking/test/v_rand",)
        asked = Sweep(search=search, picture=picture, metrics=metrics, until="convert")
        summary = sweep(own=asked, workers=1)
        assert len(summary["points"]) == 3
        assert summary["front"]
        assert fakes.calls["train"] == 1

    def test_the_command_line(
        self,
        home: Path,
        fakes: FakeStages,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        file = tmp_path / "rates.yaml"
        file.write_text("title: Rates\ngrid: {train.learning_rate: [0.001, 0.002]}\nuntil: train\n")
        summary = run_sweep(str(file), 1, "synthetic", [4], ["train.epochs=2"])
        assert [row["point"] for row in summary["points"]] == [
            *("train.learning_rate=0.001", "train.learning_rate=0.002")
        ]
        said = capsys.readouterr().out
        assert "Rates" in said
        assert summary["mlflow"]["run_id"] in said
        written = json.loads(Path(summary["report"]).with_name("definition.json").read_text())
        assert written["fixed"] == {"train.epochs": 2, "dataset.source": "synthetic"}
        assert written["seeds"] == [4]
        with pytest.raises(ConfigError, match="varies"):
            run_sweep(str(file), 1, "auto", [], ["train.learning_rate=0.1"])


def test_the_workers_obey_this_process_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import Security
    from distributed.comm import connect

    async def knock(address: str, stranger: Security) -> None:
        """Connect as a client does, without the threads of one."""
        secrets = stranger.get_connection_args("client")
        await (await connect(address, timeout=2, **secrets)).close()

    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
    nowhere = temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"})
    with nowhere, dask(2) as runner:
        assert runner is not None
        assert runner.client.submit(abs, -3).result(timeout=120) == 3
        workers = runner.client.scheduler_info(n_workers=-1)["workers"]
        addresses = [runner.client.scheduler.address, *workers]
        assert [address.partition("://")[0] for address in addresses] == ["tls"] * 3
        for stranger in (Security(), Security(require_encryption=True), Security.temporary()):
            for address in (addresses[0], addresses[0].replace("tls", "tcp")):
                with pytest.raises((OSError, TypeError, RuntimeError)):
                    asyncio.run(knock(address, stranger))
        asyncio.run(knock(addresses[0], runner.client.security))
        page = runner.client.cluster.scheduler.http_server.port
        with pytest.raises(HTTPError, match="404"):
            urlopen(f"http://127.0.0.1:{page}/info/main/workers.html", timeout=10)
