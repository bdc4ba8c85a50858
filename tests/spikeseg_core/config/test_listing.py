from __future__ import annotations

import pytest

from spikeseg_core.config.listing import alike, search, settings
from spikeseg_core.config.presets import preset
from spikeseg_core.errors import ConfigError


def test_every_setting_says_what_it_is_and_what_it_takes() -> None:
    found = {each.name: each for each in settings()}
    assert len(found) > 60
    for each in found.values():
        assert each.title
        assert each.description
        assert each.kind != "value"
        section, field = each.name.split(".")
        paper = getattr(preset("paper"), section).model_dump(mode="json")
        assert each.values["paper"] == paper[field]
    epochs = found["train.epochs"]
    assert (epochs.kind, epochs.limits, epochs.values) == (
        "whole number",
        "1 to 2000",
        {"quick": 45, "paper": 75, "lean": 75},
    )
    assert found["deploy.target"].kind == "emulator | loihi"
    assert found["train.patience"].kind == "whole number or null"
    assert found["train.patience"].limits == "1 to 2000"
    assert found["deploy.readout_windows"].kind == "list of numbers"
    assert found["deploy.readout_windows"].limits == "above 0 to 1"


def test_search_wants_every_word_somewhere() -> None:
    assert {each.name.partition(".")[0] for each in search("tune.")} == {"tune"}
    assert [each.name for each in search("BITS", "sign")] == ["quantize.weight_bits"]
    with pytest.raises(ConfigError, match=r"no setting matches 'epohcs'; did you mean train\.ep"):
        search("epohcs")


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("train.epoch", ["train.epochs"]),
        ("tran.epochs", ["train.epochs"]),
        ("train.rate_min_hz", ["tune.rate_min_hz"]),
        ("epochs", ["train.epochs", "tune.epochs"]),
        ("presentaton", ["presentation"]),
        ("xyzzy.plugh", []),
    ],
)
def test_the_nearest_names_of_a_misspelt_one(wrong: str, meant: list[str]) -> None:
    assert alike(wrong) == meant
