"""Which version becomes challenger or champion in MLflow's registry, and what is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from spikeseg_core.config import PromotionConfig
from spikeseg_core.errors import ConfigError, SpikeSegError
from tasks.folder import Outcome, reference, write_record
from tasks.local import state
from tasks.mlflow import champion
from tasks.mlflow.champion import Standing, consider, promote
from tasks.mlflow.registered import run_of_model
from tasks.mlflow.store import Run, Store, store
from tasks.mlflow.tracking import _note
from tasks.references import StageRef
from tests.tasks.runs import stage_record

RULE = PromotionConfig()


class Deployments:
    """Finished deployments with benchmarks, with all that the registry reads of them."""

    def __init__(self) -> None:
        self.client = MlflowClient(state.tracking_uri())

    def make(
        self, key: str, v_rand: float = 0.95, energy: float = 100.0, source: str = "isbi2012"
    ) -> tuple[StageRef, StageRef]:
        facts = {
            "source": source,
            "synthetic": source == "synthetic",
            "sha256": {"isbi2012": "ab", "folder": "cd"}.get(source, "ef") * 32,
        }
        loihi: dict[str, float | None] = {
            "validation/pixel_accuracy": 0.92,
            "validation/v_rand": v_rand,
            "validation/v_info": 0.97,
            "test/v_rand": 1 - v_rand,
        }
        inputs = {"prepare": source}
        self._stage("prepare", source, {}, Outcome(facts=facts), run=None)
        run = Run.create(store(), "deploy", {"spikeseg.stage": "deploy", "stage": "loihi"}, None)
        model = self.client.create_logged_model(
            store().experiment, "model", source_run_id=run.id, model_type="segmenter"
        )
        from mlflow.entities import LoggedModelOutput

        self.client.log_outputs(run.id, [LoggedModelOutput(model.model_id, 0)])
        deployed = self._stage("deploy", key, inputs, Outcome(metrics={"loihi": loihi}), run)
        outcome = Outcome(metrics={"benchmark": {"energy/loihi_total_mj": energy}})
        benchmarked = self._stage("benchmark", key, {**inputs, "deploy": key}, outcome, None)
        return deployed, benchmarked

    def _stage(
        self, stage: str, key: str, inputs: dict[str, str], outcome: Outcome, run: Run | None
    ) -> StageRef:
        folder = state.current().stage_folder(stage, key)
        folder.mkdir(parents=True, exist_ok=True)
        write_record(folder, stage_record(stage, key, inputs=inputs, outcome=outcome))
        if run is not None:
            _note(folder, run, complete=True)
        return reference(folder, run.id if run is not None else None)

    def aliases(self) -> dict[str, str]:
        return {
            alias: str(version)
            for alias, version in self.client.get_registered_model("paper").aliases.items()
        }


@pytest.fixture
def deployments(home: Path) -> Deployments:
    return Deployments()


def considered(refs: tuple[StageRef, StageRef]) -> Standing:
    found = consider(*refs, RULE)
    assert found is not None
    return found


def test_the_first_is_champion_and_says_why(deployments: Deployments) -> None:
    refs = deployments.make("a")
    standing = considered(refs)
    assert (standing.version, standing.alias, standing.decision.state) == ("1", "champion", "first")
    assert deployments.aliases() == {"champion": "1"}

    version = deployments.client.get_model_version("paper", "1")
    assert version.run_id == refs[0].mlflow_run_id == run_of_model("paper@champion")
    assert version.description == version.tags["promotion.reason"] == standing.decision.reason
    assert "v_rand 0.95" in version.description
    assert not any(tag.startswith("test/") for tag in version.tags)
    tags = deployments.client.get_run(str(refs[0].mlflow_run_id)).data.tags
    assert (tags["model"], tags["promotion"]) == ("paper/1", "first")


def test_a_better_one_takes_its_place_and_a_worse_one_does_not(deployments: Deployments) -> None:
    considered(deployments.make("a"))
    assert considered(deployments.make("b", v_rand=0.94)).alias == "challenger"
    assert deployments.aliases() == {"champion": "1", "challenger": "2"}
    better = considered(deployments.make("c", v_rand=0.98))
    assert (better.alias, better.decision.state) == ("champion", "promoted")
    assert better.decision.reason.endswith("before it: paper/1")
    assert deployments.aliases() == {"champion": "3"}


def test_again_changes_nothing(deployments: Deployments) -> None:
    one, two = deployments.make("a"), deployments.make("b", v_rand=0.98)
    first = [considered(one), considered(two)]
    again = [considered(one), considered(two)]
    assert deployments.aliases() == {"champion": "2"}
    assert len(deployments.client.search_model_versions("name = 'paper'")) == 2
    assert again[1] == first[1]
    assert (again[0].alias, again[0].decision) == (None, first[0].decision)
    computed_again = deployments.make("b", v_rand=0.98)
    assert considered(computed_again).version == "2"


def test_a_deployment_alone_waits_for_its_benchmark(deployments: Deployments) -> None:
    deployed, benchmarked = deployments.make("a")
    waiting = consider(deployed, None, RULE)
    assert waiting is not None
    assert (waiting.alias, waiting.decision.state) == ("challenger", "waiting")
    assert considered((deployed, benchmarked)).alias == "champion"
    assert deployments.aliases() == {"champion": "1"}


def test_data_decide_who_may_be_champion(deployments: Deployments) -> None:
    considered(deployments.make("a"))
    made_up = considered(deployments.make("b", v_rand=1.0, source="synthetic"))
    assert (made_up.version, str(made_up)[:15]) == (None, "not registered:")
    assert "synthetic" in made_up.decision.reason
    others = considered(deployments.make("c", v_rand=1.0, source="folder"))
    assert (others.alias, others.decision.state) == ("challenger", "kept")
    assert "different data" in others.decision.reason
    assert deployments.aliases() == {"champion": "1", "challenger": "2"}


class TestByHand:
    def test_a_reason_makes_it_champion(self, deployments: Deployments) -> None:
        considered(deployments.make("a"))
        considered(deployments.make("b", v_rand=0.9))
        standing = promote("paper@challenger", "seen by an expert", "Ada", RULE)
        assert standing.alias == "champion"
        assert standing.decision.reason == "Ada: seen by an expert; before it: paper/1"
        assert deployments.aliases() == {"champion": "2"}
        assert considered(deployments.make("b", v_rand=0.9)) == standing

    def test_without_one_the_rule_decides_again(self, deployments: Deployments) -> None:
        considered(deployments.make("a"))
        considered(deployments.make("b", v_rand=0.96))
        assert promote("paper/2", None, None, RULE).alias == "challenger"
        looser = PromotionConfig(v_rand=0.004)
        assert promote("paper/2", None, None, looser).decision.state == "promoted"
        assert promote("paper/2", None, None, looser).alias == "champion"

    def test_a_run_that_is_not_registered(self, deployments: Deployments) -> None:
        refs = deployments.make("a", source="synthetic")
        run_id = str(refs[0].mlflow_run_id)
        assert promote(run_id, None, None, RULE).decision.state == "kept"
        assert promote(run_id, "a trial", "Ada", RULE).alias == "champion"

    def test_what_is_not_there(self, deployments: Deployments) -> None:
        with pytest.raises(ConfigError, match="there is no registered model 'paper@champion'"):
            promote("paper@champion", None, None, RULE)
        with pytest.raises(ConfigError, match=r"there is no run '0{32}'"):
            promote("0" * 32, None, None, RULE)


class TestMlflowAway:
    @pytest.fixture
    def away(self, deployments: Deployments, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
        monkeypatch.setattr(champion.Registry, "register", _gone)
        monkeypatch.setattr(champion.Registry, "weigh", _gone)
        yield store()

    def test_the_run_goes_on(self, deployments: Deployments, away: Store) -> None:
        assert consider(*deployments.make("a"), RULE) is None
        assert not away.rests  # other logging goes on

    def test_a_hand_is_told(self, deployments: Deployments, away: Store) -> None:
        run_id = str(deployments.make("a")[0].mlflow_run_id)
        with pytest.raises(SpikeSegError, match="did not promote the model: no answer"):
            promote(run_id, None, None, RULE)


def _gone(*parts: object) -> None:
    raise ConnectionError("no answer")
