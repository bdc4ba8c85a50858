from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from spikeseg_core.config import PipelineConfig
from spikeseg_core.config.overrides import chosen, configured, parsed, shortened, source
from spikeseg_core.config.presets import PRESETS, preset
from spikeseg_core.errors import ConfigError


def test_a_preset_as_it_is() -> None:
    assert configured("quick") == preset("quick")


def test_changes_keep_the_rest_of_the_preset() -> None:
    config = configured(
        "paper", "synthetic", ["train.epochs=5", "presentation.synapse_ms=2.5", "train.seed=1"]
    )
    assert (config.train.epochs, config.train.seed) == (5, 1)
    assert config.train.network == preset("paper").train.network
    assert config.presentation.synapse_ms == 2.5
    assert config.dataset.source == "synthetic"


def test_values_may_be_words_and_lists() -> None:
    assert parsed(["a.b=metis", "a.c=[1, 2]", "d=null"]) == {
        "a": {"b": "metis", "c": [1, 2]},
        "d": None,
    }


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (["train.epochs=0"], r"train\.epochs: .*greater than or equal to 1, not 0"),
        (["train.xyz=3"], r"train\.xyz: there is no such setting; `spikeseg settings` lists them"),
        (
            ["train.epoch=3"],
            r"train\.epoch: there is no such setting; did you mean train\.epochs\?",
        ),
        (["tran.epochs=3"], r"tran: there is no such setting; did you mean train\?"),
        (["tune.rate_min_hz=300"], r"tune: .*rate_min_hz \(300.*must be below"),
        (["deploy.target=moon"], r"deploy\.target: .*'emulator' or 'loihi', not 'moon'"),
        (["epochs"], r"cannot read 'epochs'; write a setting as train\.epochs=5"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(changes: list[str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        configured("quick", "auto", changes)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ConfigError, match=r"(?s)train\.epochs.*tune\.percentile"):
        configured("quick", "auto", ["train.epochs=0", "tune.percentile=101"])


def test_a_path_is_a_folder_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert source(str(tmp_path)) == {"source": "folder", "path": str(tmp_path)}
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert source("~/data") == {"source": "folder", "path": str(tmp_path / "data")}
    with pytest.raises(ConfigError, match="'nowhere' is neither one of auto, isbi2012, synthetic"):
        source("nowhere")


@pytest.mark.parametrize("name", PRESETS)
def test_all_values_of_a_preset_are_the_preset(name: str) -> None:
    assert chosen(name) == preset(name)
    assert chosen(name, settings=preset(name).model_dump()) == preset(name)


@pytest.mark.parametrize(("name", "other"), [("paper", "quick"), ("quick", "paper")])
def test_a_changed_preset_over_the_other_ones_values_is_refused(name: str, other: str) -> None:
    kept = preset(other).model_dump(exclude={"preset"})
    says = f"the preset is '{name}', but .* are values of the preset '{other}'; choose the preset"
    with pytest.raises(ConfigError, match=says):
        chosen(name, settings=kept)
    # Also if the network was changed with it, and something else was touched.
    kept["train"] |= {"network": preset(name).train.network, "epochs": 7}
    with pytest.raises(ConfigError, match=says):
        chosen(name, settings=kept)


def test_another_presets_network_is_refused_and_its_epochs_are_not() -> None:
    with pytest.raises(ConfigError, match=r"is 'quick', but train\.network=paper are values of"):
        configured("quick", "auto", ["train.network=paper"])
    epochs = preset("paper").train.epochs
    assert configured("quick", "auto", [f"train.epochs={epochs}"]).train.epochs == epochs


def test_paper_may_do_without_resets_as_lean_does() -> None:
    without = ["tune.continuous=true", "deploy.continuous_steps=[50,60,70,80]"]
    assert configured("paper", "auto", without).tune == preset("lean").tune
    with pytest.raises(ConfigError, match=r"is 'paper', but train\.network=lean are values of"):
        configured("paper", "auto", ["train.network=lean"])


def test_what_is_said_twice_has_to_be_the_same() -> None:
    assert configured("quick", "synthetic", ["preset=quick", "dataset.source=synthetic"])
    with pytest.raises(ConfigError, match="preset is 'quick', but the settings say preset='paper'"):
        configured("quick", "auto", ["preset=paper"])
    with pytest.raises(
        ConfigError,
        match="source is given twice: 'synthetic' by the dataset and 'isbi2012' by the settings",
    ):
        configured("quick", "synthetic", ["dataset.source=isbi2012"])


@pytest.mark.parametrize(
    "change",
    [
        "deploy.readout_windows=[NaN]",
        "train.learning_rate=Infinity",
        "deploy.early_exit=[-Infinity]",
        f"train.epochs={'[' * 100_000}",
        f"{'a.' * 100_000}b=1",
    ],
)
def test_what_is_no_number_is_refused(change: str) -> None:
    with pytest.raises(ConfigError):
        configured("quick", "synthetic", [change])


def test_a_file_of_other_content_is_refused_in_a_few_lines() -> None:
    found: ValidationError | None = None
    try:
        PipelineConfig.model_validate({f"wrong{i}": i for i in range(3000)})
    except ValidationError as error:
        found = error
    assert found is not None
    lines = shortened(found).splitlines()
    assert len(lines) == 21
    assert lines[-1] == "and 2980 more"
