from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from mlflow.tracking import MlflowClient
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

from flows import benchmark as module
from flows.benchmark import benchmark
from spikeseg_core.stages import table as registry
from tasks.local import state
from tasks.local.machine import FINGERPRINT, machine_tags
from tasks.mlflow.moved import ALERT_TAG
from tasks.moved import markdown
from tests.fakes import FakeStages
from tests.flows.pages import artifacts


@pytest.fixture
def slower(fakes: FakeStages, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Multiply the energies of the fake benchmark, on a busy machine if wanted."""

    def scale(by: float, busy: bool = False) -> None:
        def function(stage: registry.Stage) -> Any:
            run = fakes.function(stage)

            def scaled(*arguments: Any) -> Any:
                result = run(*arguments)
                if stage.name != "benchmark":
                    return result
                found = [
                    {**f, "mj_per_section": by * f["mj_per_section"], "busy": busy}
                    for f in result.facts["figures"]
                ]
                facts = {**result.facts, "figures": found, "busy": busy, "load": 0.8}
                return replace(result, facts=facts)

            return scaled

        monkeypatch.setattr(registry, "function", function)

    return scale


@pytest.mark.usefixtures("prefect_server")
class TestFlow:
    def test_it_finds_the_last_one_and_says_what_moved(
        self,
        first: dict[str, Any],
        fakes: FakeStages,
        slower: Callable[..., None],
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        client = MlflowClient(state.tracking_uri())

        same = benchmark()
        assert fakes.calls == {"benchmark": 1}
        assert same["previous_mlflow_run_id"] == first["mlflow"]["run_ids"]["benchmark"]
        assert "nothing moved" in same["verdict"]

        ids: list[str] = []
        alerts: list[Any] = []
        monkeypatch.setattr(module, "raise_alert", alerts.append)
        monkeypatch.setattr(module, "_show", lambda result: (ids.append(flow_run.id), show(result)))
        slower(1.5)
        moved = benchmark(first["mlflow"]["run_id"])
        assert moved["previous_mlflow_run_id"] == same["mlflow_run_id"]
        assert "2 of 4 figures moved" in moved["verdict"]
        assert "Loihi, deployed, int8, online, total energy: 1.5 x" in moved["verdict"]
        assert moved["verdict"] in caplog.messages
        run = client.get_run(moved["mlflow_run_id"])
        assert run.data.tags["benchmark.previous"] == same["mlflow_run_id"]
        assert run.data.tags["benchmark.moved"] == "2"
        assert run.data.tags[ALERT_TAG] == moved["verdict"]
        assert run.data.tags[FINGERPRINT] == machine_tags()[FINGERPRINT]
        assert run.data.metrics["moved/Loihi/deployed/int8/online/total energy"] == 1.5
        assert "**moved**" in run.data.tags["mlflow.note.content"]
        assert {"moved.json", "moved.md"} <= {
            item.path for item in client.list_artifacts(moved["mlflow_run_id"])
        }
        with get_client(sync_client=True) as prefect:
            assert prefect.read_flow_run(ids[0]).state_name == "Moved"
        shown = artifacts(ids[0])
        assert "1.500" in str(shown["benchmark-moved"].data)
        assert moved["mlflow_run_id"] in str(shown["benchmark"].data)

        slower(3.0, busy=True)
        disturbed = benchmark()
        assert (disturbed["busy"], disturbed["changes"]) == (True, [])
        assert "not compared" in disturbed["verdict"]
        assert "80% of its CPUs" in disturbed["verdict"]
        assert "**busy**" in markdown(disturbed)
        tags = client.get_run(disturbed["mlflow_run_id"]).data.tags
        assert (tags["benchmark.busy"], tags["benchmark.moved"]) == ("true", "not compared")
        slower(1.5)
        after = benchmark()  # the disturbed one is passed over
        assert after["previous_mlflow_run_id"] == moved["mlflow_run_id"]
        assert "nothing moved" in after["verdict"]
        assert alerts == [moved, disturbed, after]  # which of them is one, is decided there

        monkeypatch.setattr(module, "machine_tags", lambda: {FINGERPRINT: "another"})
        alone = benchmark()
        assert alone["previous_mlflow_run_id"] is None
        assert "nothing to compare with" in alone["verdict"]
        assert "| what | unit | value | basis |" in markdown(alone)


show = module._show
