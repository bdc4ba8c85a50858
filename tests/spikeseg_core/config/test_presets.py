import pytest

from spikeseg_core.config import PipelineConfig, TrainConfig
from spikeseg_core.config.presets import PRESETS, flat, of_network, preset
from spikeseg_core.errors import ConfigError
from spikeseg_core.network.catalogue import NETWORKS, network


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_names_a_network_and_itself(name) -> None:
    assert preset(name).preset == name
    assert preset(name).train.network in NETWORKS


def test_unknown_names_list_what_there_is() -> None:
    with pytest.raises(ConfigError, match="unknown preset 'papre'; there are quick, paper, lean"):
        preset("papre")
    with pytest.raises(ConfigError, match="unknown network 'unet'; there are quick, paper, lean"):
        network("unet")


def test_forms_offer_the_presets_and_networks_there_are() -> None:
    offered = PipelineConfig.model_json_schema()["properties"]["preset"]["enum"]
    assert offered == list(PRESETS)
    offered = TrainConfig.model_json_schema()["properties"]["network"]["enum"]
    assert offered == list(NETWORKS)


def test_the_preset_of_a_network() -> None:
    assert of_network("paper", otherwise="quick") == "paper"
    assert of_network("lean", otherwise="quick") == "lean"
    assert of_network("a candidate", otherwise="quick") == "quick"


def test_lean_is_paper_with_less_for_the_host_to_do_and_no_resets() -> None:
    paper, lean = (flat(preset(name).model_dump()) for name in ("paper", "lean"))
    assert {name for name in paper if paper[name] != lean[name]} == {
        "preset",
        "train.network",
        "tune.continuous",
        "deploy.continuous_steps",
    }
    paper, lean = network("paper"), network("lean")
    assert lean.neurons_on_chip == paper.neurons_on_chip
    assert 3 * lean.neurons_off_chip == paper.neurons_off_chip
    assert 2 * lean.readout.kernel == paper.readout.kernel


def test_flat_settings_have_dotted_names() -> None:
    assert flat({"a": {"b": {"c": 1}, "d": 2}, "e": 3}) == {"a.b.c": 1, "a.d": 2, "e": 3}
